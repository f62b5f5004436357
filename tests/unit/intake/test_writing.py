"""Writing a batch: pages, slow producers, failures on the way, and the seal at the end."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from threading import Event, Thread
from typing import Any

import pytest

from retouch import Edit, EditQueue, InputError, ServiceError
from retouch.errors import CancelledError, LedgerAwayError
from retouch.intake.writing import LedgerWriter
from retouch.ledger import PAGE, Entry, Ledger, Verdict
from tests.harness.waiting import until


def edit(custom_id: str) -> Edit:
    return Edit(custom_id=custom_id, prompt="a cat", init_image="https://example.com/cat.png")


def test_an_outage_in_the_middle_says_what_is_written(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nobody has to guess whether to run it again."""
    written = ledger.producer.enqueue
    pages: list[int] = []

    def enqueue(batch: str, entries: list[Entry], *of_a_new_batch: Any, **producer: Any) -> list[Verdict]:
        if pages:
            raise LedgerAwayError("gone")
        pages.append(len(entries))
        return written(batch, entries, *of_a_new_batch, **producer)

    monkeypatch.setattr(ledger.producer, "enqueue", enqueue)
    queue = EditQueue(ledger)
    with pytest.raises(ServiceError) as caught:
        queue.enqueue((edit(f"e{n}") for n in range(3 * PAGE)), batch="b")
    [first] = pages  # it has fewer than fit, where two seconds pass before so many are made
    assert f"{first} edits were written for sure" in str(caught.value)


def test_a_page_on_its_way_is_awaited_such_that_an_interrupt_stays_one(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``Future.result`` waits with a Condition, which can make a RuntimeError of Ctrl-C."""
    gate, written, awaited, result = Event(), ledger.producer.enqueue, Future.add_done_callback, Future.result

    def enqueue(*of_a_page: Any, **producer: Any) -> list[Verdict]:
        assert gate.wait(30)
        return written(*of_a_page, **producer)

    def await_(future: Future[Any], tell: Any) -> None:
        awaited(future, tell)
        gate.set()

    def result_(future: Future[Any], timeout: float | None = None) -> Any:
        there = future.done()
        gate.set()
        assert there, "it is not there yet"
        return result(future, timeout)

    monkeypatch.setattr(ledger.producer, "enqueue", enqueue)
    monkeypatch.setattr(Future, "add_done_callback", await_)
    monkeypatch.setattr(Future, "result", result_)
    assert EditQueue(ledger).enqueue([edit("a")], batch="b").accepted == 1


def test_another_limit_of_a_producer_that_was_quicker_is_told(ledger: Ledger) -> None:
    """It made the batch between a look at it and the first page: nothing of that page is written."""

    def edits() -> Iterator[Edit]:
        yield edit("slow")
        EditQueue(ledger).enqueue([edit("quick")], batch="b", max_failures=5)

    queue = EditQueue(ledger)
    with pytest.raises(InputError, match=r"given max_failures 5 before, and not 1%.*\(0 edits were written before\)"):
        queue.enqueue(edits(), batch="b", max_failures="1%")
    view = ledger.reader.batch("b")
    assert view is not None
    assert view.total == 1


def test_a_writer_that_is_left_by_an_exception_does_not_seal(ledger: Ledger) -> None:
    """A producer that failed half-way has not finished its batch."""

    def edits() -> Iterator[Edit]:
        for number in range(PAGE):
            yield edit(f"e{number}")
        raise KeyError

    with pytest.raises(KeyError):
        EditQueue(ledger).enqueue(edits(), batch="b")
    queue = EditQueue(ledger)
    assert queue.status("b").unsealed is not None
    assert [queue.seal("b"), queue.seal("b"), queue.status("b").unsealed] == [True, False, None]


def test_what_a_slow_producer_has_given_is_written_meanwhile(ledger: Ledger) -> None:
    """Its page is far from full; the batch is there, and open."""
    queue = EditQueue(ledger)
    with LedgerWriter(ledger, "b", {}, send_every_s=0.01) as writer:
        for number in range(3):
            writer.add(number, Entry(f"e{number}", "d", "{}", 1, None))
            until(lambda: [view.total for view in queue.batches()] == [number + 1], "it is written")  # noqa: B023 - at once
            assert queue.status("b").unsealed is not None
    assert writer.receipt().accepted == 3
    assert queue.status("b").unsealed is None


def test_a_slow_producer_is_told_of_a_cancellation_with_a_next_edit(ledger: Ledger) -> None:
    """Not when its page is full, or at its end: that may be hours away."""
    queue = EditQueue(ledger)

    def write() -> None:
        with LedgerWriter(ledger, "b", {}, send_every_s=0.01) as writer:
            writer.add(0, Entry("e0", "d", "{}", 1, None))
            until(lambda: queue.batches(), "it is written")
            queue.cancel("b")
            until(lambda: writer.add(1, Entry("e1", "d", "{}", 1, None)), "it is told")

    with pytest.raises(CancelledError, match="1 edit was written"):
        write()


def test_nothing_accepted_makes_no_batch(queue: EditQueue) -> None:
    """Every edit is invalid, or there is none."""
    receipts = [queue.enqueue([], batch="b"), queue.enqueue([{"custom_id": "a"}], batch="b", on_invalid="skip")]
    assert [(r.written, len(r.rejected)) for r in receipts] == [(0, 0), (0, 1)]
    assert queue.batches() == []


def test_two_producers_that_begin_a_batch_at_once_agree_on_its_defaults(ledger: Ledger) -> None:
    """The second, whose edits are written for its own defaults, is told to enqueue again; then they are rewritten."""
    queue = EditQueue(ledger)

    def edits() -> Iterator[Edit]:
        queue.enqueue([edit("theirs")], batch="b")
        yield edit("mine")

    with pytest.raises(InputError, match="at the same moment, with other defaults"):
        queue.enqueue(edits(), batch="b", defaults={"strength": 0.5})
    assert queue.status("b").total == 1
    assert queue.enqueue([edit("mine")], batch="b", defaults={"strength": 0.5}).accepted == 1


def test_what_is_at_hand_and_fits_a_page_is_written_without_a_thread(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Starting two takes longer than all else; a second page is written while the next one is prepared."""
    started: list[Thread] = []
    start = Thread.start

    def begin(thread: Thread) -> None:
        started.append(thread)
        start(thread)

    monkeypatch.setattr(Thread, "start", begin)
    for batch, count, threads in (("small", 3, 0), ("large", PAGE + 1, 1)):
        with EditQueue(ledger).writer(batch, {}, at_hand=True) as writer:
            for number in range(count):
                writer.add(number, Entry(f"e{number}", "d", "{}", 1, None))
        assert (writer.receipt().accepted, len(started)) == (count, threads)
        assert EditQueue(ledger).status(batch).unsealed is None


def test_a_cancellation_of_what_is_at_hand_is_told(ledger: Ledger) -> None:
    """Also where it is the only page."""
    queue = EditQueue(ledger)
    queue.enqueue([edit("a")], batch="b")

    def write() -> None:
        with queue.writer("b", {}, at_hand=True) as writer:
            writer.add(1, Entry("another", "d", "{}", 1, None))
            queue.cancel("b")

    with pytest.raises(CancelledError, match="0 edits were written"):
        write()
