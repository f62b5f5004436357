"""What people decide about edits: a retry asks the API first about what it took; a cancel holds."""

from __future__ import annotations

import pytest

from retouch.causes import Fared
from retouch.ledger import Claim, Retried, Seen, Settled, Settlement, Strike
from retouch.states import EditState
from tests.ledger_bench import DEADLINE_MS, LEASE_MS, POLLED, SUBMITTING, Bench


def failed(bench: Bench, code: str = "deadline") -> None:
    """An edit that the API took and that failed for this reason."""
    bench.at_the_api(1)
    claims = bench.edits()
    bench.begin_polls(claims)
    error = f'{{"code":"{code}","message":"x"}}'
    bench.ledger.worker.settle([Settlement(c, POLLED, EditState.FAILED, error=error) for c in claims])
    assert bench.counts() == {"failed": 1}


def unknown(bench: Bench, claim: Claim, *, last: bool = False) -> Settled:
    """The API does not know the edit."""
    seen = (Seen("status", bench.clock.now, Fared.REFUSED, "404"),)
    strike = Strike("status", 1000, last)
    [fate] = bench.ledger.worker.settle(
        [Settlement(claim, POLLED, EditState.WAITING, delay_ms=500, seen=seen, strike=strike, error='{"code":"lost"}')]
    )
    return fate


def split(bench: Bench) -> tuple[int, int]:
    """How many edits of the batch were recovered, and sent anew, by retries."""
    view = bench.ledger.reader.batch("b")
    assert view is not None
    return view.recovered, view.sent_anew


@pytest.mark.parametrize("code", ["deadline", "lost", "result_gone", "poison"])
def test_a_retry_asks_for_the_result_first(bench: Bench, code: str) -> None:
    """The API took it: its result may be there, paid for. It has its whole time again, and takes no place."""
    failed(bench, code)
    bench.later(10**6)
    assert bench.ledger.producer.retry("b") == Retried(asked=1, sent=0)
    assert bench.counts() == {"waiting": 1}
    assert list(bench.ledger.reader.results("b")) == []
    assert bench.ledger.reader.provider().places_used == 0
    claims = bench.edits()
    [begun] = bench.begin_polls(claims)
    assert begun is not None
    assert begun.provider_id == "p"
    assert begun.deadline == begun.now + DEADLINE_MS
    bench.ledger.worker.settle([Settlement(c, POLLED, EditState.COMPLETED) for c in claims])
    assert split(bench) == (1, 0)
    assert bench.ledger.reader.batch("b").duplicates == 0  # type: ignore[union-attr]


@pytest.mark.parametrize("way", ["the API failed it", "anew", "cancelled before it was sent"])
def test_a_retry_sends_what_nobody_can_be_asked_about(bench: Bench, way: str) -> None:
    """A failure of the API's own, one that a person wants anew, and one that was never taken are submitted."""
    if way.startswith("cancelled"):
        bench.fill(1)
        bench.ledger.producer.cancel("b")
    else:
        failed(bench, "failure" if way.startswith("the API") else "lost")
    states = [EditState.FAILED, EditState.CANCELLED]
    assert bench.ledger.producer.retry("b", states, anew=way == "anew") == Retried(asked=0, sent=1)
    assert bench.counts() == {"queued": 1}
    edit = bench.ledger.reader.edit("b", "c0")
    assert edit is not None
    assert (edit.provider_id, edit.submitted_at, edit.asked) == (None, None, False)
    assert None not in bench.intend(bench.edits())


@pytest.mark.parametrize("last", [True, False])
def test_an_edit_that_the_api_has_no_longer_is_sent_anew(bench: Bench, last: bool) -> None:
    """It is unknown five times while others are known, or once after its time: it is queued instead of lost."""
    failed(bench)
    bench.ledger.producer.retry("b")
    fates = []
    for number in range(1 if last else 5):
        claims = bench.edits(submits=0)
        bench.begin_polls(claims)
        fates.append(unknown(bench, claims[0], last=last))
        bench.later(500)
        bench.ledger.worker.observe(good={"status": bench.clock.now})
        assert number < 4 or fates[-1] is Settled.SENT_ANEW
    assert fates == [Settled.DONE] * (0 if last else 4) + [Settled.SENT_ANEW]
    assert split(bench) == (0, 1)
    [submit] = bench.edits()
    assert bench.intend([submit]) == [2]
    bench.accept([submit])
    bench.later(1000)
    [poll] = bench.edits()
    assert None not in bench.begin_polls([poll])
    assert unknown(bench, poll, last=True) is Settled.STRUCK_OUT


def test_an_edit_asked_about_in_a_cancelled_batch_is_not_sent_anew(bench: Bench) -> None:
    """The cancel holds: what the API has no longer ends."""
    failed(bench)
    bench.ledger.producer.retry("b")
    bench.ledger.producer.cancel("b")
    claims = bench.edits()
    bench.begin_polls(claims)
    unknown(bench, claims[0], last=True)
    assert bench.counts() == {"cancelled": 1}


@pytest.mark.parametrize("when", ["before it is claimed", "while it is claimed", "while it is sent"])
def test_a_cancel_holds_for_what_may_have_been_sent(bench: Bench, when: str) -> None:
    """It is not sent again, and ends as cancelled, saying that the API may have taken it."""
    bench.fill(1)
    claims = bench.edits()
    bench.intend(claims)
    if when == "before it is claimed":
        bench.ledger.worker.settle([Settlement(c, SUBMITTING, EditState.SUBMITTING, delay_ms=1000) for c in claims])
        assert bench.ledger.producer.cancel("b") == 1
    elif when == "while it is claimed":
        bench.later(LEASE_MS)
        claims = bench.edits()
        assert bench.ledger.producer.cancel("b") == 0
        assert bench.intend(claims) == [None]
    else:
        assert bench.ledger.producer.cancel("b") == 0
        bench.ledger.worker.settle([Settlement(c, SUBMITTING, EditState.SUBMITTING, delay_ms=1000) for c in claims])
    assert bench.counts() == {"cancelled": 1}
    [result] = bench.ledger.reader.results("b")
    assert result["error"]["code"] == "unanswered"
    assert bench.ledger.reader.provider().places_used == 0
    bench.later(10 * LEASE_MS)
    assert bench.edits() == []


def test_a_submit_of_a_dead_worker_in_a_cancelled_batch_is_not_sent_again(bench: Bench) -> None:
    """Its lease ends after the cancel: the claim that meets it ends it."""
    bench.fill(1)
    bench.intend(bench.edits())
    bench.ledger.producer.cancel("b")
    bench.later(LEASE_MS)
    assert bench.edits() == []
    assert bench.counts() == {"cancelled": 1}


def test_what_is_being_sent_is_kept_if_the_api_takes_it(bench: Bench) -> None:
    """A cancel in that moment does not throw away what is paid for."""
    bench.fill(1)
    claims = bench.edits()
    bench.intend(claims)
    bench.ledger.producer.cancel("b")
    bench.accept(claims)
    assert bench.counts() == {"waiting": 1}


def test_a_retry_of_what_was_cancelled_unanswered_marks_it(bench: Bench) -> None:
    """It may be paid for twice then, and the batch is open again."""
    bench.fill(1)
    claims = bench.edits()
    bench.intend(claims)
    bench.ledger.worker.settle([Settlement(c, SUBMITTING, EditState.SUBMITTING, delay_ms=1000) for c in claims])
    bench.ledger.producer.cancel("b")
    assert bench.ledger.producer.retry("b", [EditState.CANCELLED]) == Retried(asked=0, sent=1)
    assert bench.intend(bench.edits()) == [2]
    assert bench.ledger.reader.batch("b").duplicates == 1  # type: ignore[union-attr]
