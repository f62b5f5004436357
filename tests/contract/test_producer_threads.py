"""One queue that is used by many threads, and by processes that were forked, with a real Valkey."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Any

import pytest

from retouch import BatchState, EditQueue, EditState
from retouch.ledger import PAGE, Claim, Finish, Ledger, Settlement, Step
from tests.harness.waiting import LIMIT_S
from tests.unit.producing import edit

THREADS = 8


@pytest.fixture
def queue(redis_url: str) -> Iterator[EditQueue]:
    with EditQueue.from_url(redis_url, timeout_s=LIMIT_S) as queue:
        yield queue


@pytest.fixture
def worker(redis_url: str) -> Iterator[None]:
    """Completes whatever comes."""
    ledger, done = Ledger.from_url(redis_url, timeout_s=LIMIT_S), Event()

    def settle(claim: Claim) -> None:
        if claim.step is not Step.FINISH:
            ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), EditState.COMPLETED)])
        elif (view := ledger.reader.batch(claim.member)) and view.state is BatchState.FINISHING:
            ledger.worker.settle_batch(claim, Finish.WRITTEN)
        else:
            ledger.worker.settle_batch(claim, Finish.REMOVED)  # of the end before: there is work for it again

    def work() -> None:
        while not done.wait(0.01):
            for claim in ledger.worker.claim("w", lease_ms=60_000, places=1000).claims:
                settle(claim)

    thread = Thread(target=work)
    thread.start()
    yield
    done.set()
    thread.join()
    ledger.connection.close()


def together(call: Any) -> list[Any]:
    """What each thread's call returns."""
    with ThreadPoolExecutor(THREADS) as threads:
        return [future.result() for future in [threads.submit(call, number) for number in range(THREADS)]]


@pytest.mark.parametrize("collect", [list, iter], ids=["lists", "generators"])
def test_threads_fill_one_batch_while_another_watches_it(queue: EditQueue, worker: None, collect: Any) -> None:
    """Nothing is lost, nothing is there twice, and the batch ends once, when all have sealed it."""
    size = PAGE + 7
    totals, filled = [0], Event()
    queue.enqueue([edit("first")], batch="b")

    def watch() -> None:
        while not filled.is_set():
            queue.wait("b", 60, lambda view: totals.append(view.total))

    watching = Thread(target=watch)
    watching.start()
    try:
        receipts = together(lambda t: queue.enqueue(collect([edit(f"t{t}-{n}") for n in range(size)]), batch="b"))
    finally:
        filled.set()
        watching.join()
    assert [receipt.accepted for receipt in receipts] == [size] * THREADS
    assert queue.wait("b", 60).counts == {EditState.COMPLETED: THREADS * size + 1}
    assert totals == sorted(totals)
    assert len({result.custom_id for result in queue.results("b")}) == THREADS * size + 1


def test_threads_that_enqueue_the_same_add_it_once(queue: EditQueue) -> None:
    """As a web application does with a request that is sent again."""
    receipts = together(lambda _t: queue.enqueue([edit(f"e{n}") for n in range(PAGE + 7)], batch="b"))
    assert sum(receipt.accepted for receipt in receipts) == PAGE + 7
    assert sum(receipt.already for receipt in receipts) == (THREADS - 1) * (PAGE + 7)
    assert queue.status("b").total == PAGE + 7


def test_each_thread_has_a_batch_of_its_own(queue: EditQueue, worker: None) -> None:
    """And waits for that alone."""

    def one(number: int) -> Any:
        queue.enqueue([edit(f"e{n}") for n in range(10)], batch=f"b{number}", defaults={"seed": number})
        return queue.wait(f"b{number}", 60), [result.seed for result in queue.results(f"b{number}")]

    for number, (view, seeds) in enumerate(together(one)):
        assert (view.batch, view.counts, seeds) == (f"b{number}", {EditState.COMPLETED: 10}, [number] * 10)


def test_a_forked_process_has_connections_of_its_own(queue: EditQueue) -> None:
    """The queue was used before the fork, and is used in both after it."""
    queue.enqueue([edit("a")], batch="b")
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=_enqueue, args=(queue, f"c{number}")) for number in range(3)]
    for child in children:
        child.start()
    for number in range(20):
        queue.enqueue([edit(f"p{number}")], batch="b")
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]
    assert queue.status("b").total == 1 + 20 + 3 * 20


def _enqueue(queue: EditQueue, name: str) -> None:
    for number in range(20):
        assert queue.enqueue([edit(f"{name}-{number}")], batch="b").accepted == 1
