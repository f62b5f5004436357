"""How a worker process ends: on request, and when one of its services fails."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence

import pytest
from structlog.testing import capture_logs

from retouch.errors import InputError, SchemaError
from retouch.ledger import SCHEMA, Claim, JobState, Which
from retouch.ledger.constants import JOB_TAKEN_MS
from retouch.price import Price
from tests.harness.staying import HOUR_MS
from tests.harness.waiting import LIMIT_S, until
from tests.unit.worker_stage import Worker
from workers import runtime
from workers.context import Context


@pytest.mark.parametrize(
    ("error", "event"),
    [
        (ValueError("a bug"), "worker.crashed"),
        (SchemaError("newer"), "worker.schema_mismatch"),
        (InputError("another"), "worker.other_price"),
    ],
)
def test_a_failed_service_ends_the_process(error: Exception, event: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its supervisor starts a new one; a worker without its dispatcher or its renewals would do harm."""
    codes: list[int] = []
    monkeypatch.setattr("os._exit", codes.append)

    async def fails() -> None:
        raise error

    async def serve() -> None:
        task = asyncio.create_task(fails(), name="renewal")
        task.add_done_callback(runtime._end_process_on_failure)
        await asyncio.wait([task])
        await asyncio.sleep(0)  # the callback's turn

    with capture_logs() as logs:
        asyncio.run(serve())
    assert (codes, [line["event"] for line in logs]) == ([70], [event])


def test_what_does_not_end_is_left_to_its_lease(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait for all steps together is bounded, and the last line tells how many claims are left."""
    monkeypatch.setattr(runtime, "DRAIN_S", 0.05)
    worker.fill(2)
    claims = worker.edits()

    async def closed() -> None:
        pass

    monkeypatch.setattr(worker.outside, "close", closed, raising=False)

    async def end() -> None:
        begun = asyncio.Event()

        async def never_ends(context: Context, claims: Sequence[Claim]) -> None:
            context.leases.begin(claims, time.monotonic())
            begun.set()
            await asyncio.Event().wait()

        worker.runtime.accept(claims, never_ends)
        worker.runtime._services.append(asyncio.create_task(closed()))
        await begun.wait()
        await worker.runtime._stop()

    with capture_logs() as logs:
        worker.runtime._loop.run_until_complete(end())
    stopped = [line for line in logs if line["event"] == "worker.stopped"]
    assert [line["open_claims"] for line in stopped] == [2]


async def must_not_begin(context: Context, claims: Sequence[Claim]) -> None:
    """The process ends before there is room."""
    raise AssertionError("the chunk has begun")


def waiting(worker: Worker, claims: Sequence[Claim], started: Callable[[], None]) -> threading.Thread:
    """A thread of Celery's that hands claims to a process without room."""

    def hand_over() -> None:
        started()
        worker.runtime.accept(claims, must_not_begin)

    thread = threading.Thread(target=hand_over, daemon=True)
    thread.start()
    return thread


def test_a_thread_that_waits_for_room_does_not_hold_up_the_end(worker: Worker) -> None:
    """Its chunk is given back, so that another worker may have it at once."""
    worker.fill(2)
    claims = worker.edits()
    worker.fill_up(but=0)
    started = threading.Event()
    thread = waiting(worker, claims, started.set)
    assert started.wait(LIMIT_S)
    worker.runtime.drain()
    worker.runtime._loop.run_until_complete(asyncio.sleep(0))
    thread.join(LIMIT_S)
    assert not thread.is_alive()
    assert len(worker.edits()) == len(claims)


def test_it_goes_on_with_a_job_whose_command_was_killed(worker: Worker) -> None:
    """Where there is no gateway nobody else would. It does no more pages once it ends."""
    worker.fill(3)
    jobs, loop = worker.ledger.jobs, worker.runtime._loop
    killed, later = (jobs.count("b", "cancel", Which.of("cancel", None)) for _ in range(2))
    assert killed is not None
    assert later is not None
    jobs.start(killed.id, mine=True)
    worker.clock.now += JOB_TAKEN_MS
    loop.run_until_complete(worker.runtime._upgrade_ledger())
    until(lambda: (found := jobs.job(killed.id)) is not None and found.state is JobState.DONE, "it is done")
    assert worker.counts() == {"cancelled": 3}
    thread = worker.runtime.jobs._thread
    assert thread is not None
    worker.runtime.drain()
    loop.run_until_complete(asyncio.sleep(0))
    thread.join(LIMIT_S)
    assert not thread.is_alive()
    jobs.start(later.id)
    assert jobs.due() == [later.id]


def older_worker(worker: Worker) -> None:
    """A ledger of schema 1, with a worker of it that is alive."""
    worker.client.hset(worker.keys.state, "virtual", "0")
    worker.client.zadd(worker.keys.workers, {"old": worker.clock.now})


def test_it_waits_until_no_older_worker_is_alive(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is claimed, stored or shown before; it says once that it waits, then brings the ledger up to date."""
    monkeypatch.setattr(runtime, "UPGRADE_EVERY_S", 0)
    older_worker(worker)
    upgrade, asked = worker.ledger.worker.upgrade, 0

    def counted() -> int:
        nonlocal asked
        asked += 1
        if asked == 3:
            worker.clock.now += HOUR_MS + 1
        assert not worker.context.store_watch.looked.is_set()
        assert not shown.is_set()
        return upgrade()

    shown = threading.Event()
    monkeypatch.setattr(worker.ledger.worker, "upgrade", counted)
    monkeypatch.setattr(worker.ledger.worker, "see_worker", lambda *_, **__: shown.set())

    async def serve() -> None:
        waiting = (worker.runtime._watch_store, lambda: worker.runtime.presence.run(worker.runtime._upgraded))
        services = [asyncio.create_task(service()) for service in (*waiting, worker.runtime._upgrade_ledger)]
        async with asyncio.timeout(LIMIT_S):
            await worker.context.store_watch.looked.wait()
            assert await asyncio.to_thread(shown.wait, LIMIT_S)
        for service in services:
            service.cancel()

    with capture_logs() as logs:
        asyncio.run(serve())
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["worker.waiting"]
    assert (asked, worker.client.get(worker.keys.schema)) == (3, str(SCHEMA))


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        ({"price": "image 0.01 USD"}, None),
        ({"price": "0.02 USD"}, "RETOUCH_PRICE is 0.02 USD, and the price that holds for all workers is 0.01 USD"),
        ({"daily_budget": "20"}, None),
        ({"daily_budget": "20 EUR"}, "RETOUCH_DAILY_BUDGET is in another currency than the price .0.01 USD."),
    ],
)
def test_a_worker_starts_with_the_price_that_holds(
    make_worker: Callable[..., Worker], settings: dict[str, str], refusal: str | None
) -> None:
    """One that would count with another, or bound the day in another currency, begins nothing."""
    worker = make_worker(**settings)
    worker.ledger.worker.agree_price(Price.parse("0.01 USD"))
    if refusal is None:
        asyncio.run(worker.runtime._upgrade_ledger())
    else:
        with pytest.raises(InputError, match=refusal):
            asyncio.run(worker.runtime._upgrade_ledger())
    assert worker.runtime._upgraded.is_set() is (refusal is None)


def test_a_daily_budget_needs_a_price(make_worker: Callable[..., Worker]) -> None:
    """The worker's own is one, and holds for all from then on."""
    with pytest.raises(InputError, match="RETOUCH_DAILY_BUDGET needs a price of one image"):
        asyncio.run(make_worker(daily_budget="20").runtime._upgrade_ledger())
    worker = make_worker(daily_budget="20 usd", price="0.01 USD")
    asyncio.run(worker.runtime._upgrade_ledger())
    assert worker.ledger.reader.price() == Price.parse("0.01 USD")


def test_a_message_that_comes_twice_ends_no_lease_of_the_first(worker: Worker) -> None:
    """The second one's claims are at work in this process already: it does nothing, and takes no room."""
    worker.fill(2)
    claims = worker.edits()
    free = worker.runtime.edits.free

    async def twice() -> None:
        begun, may_end = asyncio.Event(), asyncio.Event()

        async def work(context: Context, claims: Sequence[Claim]) -> None:
            context.leases.begin(claims, time.monotonic())
            begun.set()
            await may_end.wait()

        worker.runtime.accept(claims, work)
        await begun.wait()
        worker.runtime.accept(claims, must_not_begin)
        await asyncio.sleep(0)
        assert worker.runtime.edits.free == free - len(claims)
        assert worker.context.leases.open() == list(claims)
        may_end.set()
        await asyncio.wait(worker.runtime._chunks)
        assert worker.runtime.edits.free == free

    worker.runtime._loop.run_until_complete(twice())
