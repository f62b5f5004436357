"""Batches that do not move: paused by a person, or because their edits are refused in the same words."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from retouch.causes import BatchPause, Fared
from retouch.errors import BatchCancelledError
from retouch.ledger import PAGE, Claim, Entry, Run, Seen, Settlement, Step, Strike
from retouch.states import EditState
from tests.contract.servers import on_a_server
from tests.ledger_bench import DEADLINE_MS, LEASE_MS, SUBMITTING, Bench, entries

RUN = 20


def refuse(
    bench: Bench,
    claims: Sequence[Claim],
    words: str = "no such model",
    *,
    definite: bool = True,
    delay_ms: int = 10**6,
) -> None:
    """The API refuses them in these words; definite: they fail at once, else they are sent again after the delay."""
    fared, to = (Fared.ANSWERED, EditState.FAILED) if definite else (Fared.REFUSED, EditState.QUEUED)
    seen = (Seen("submit", bench.clock.now, fared, f"{words} (request 7)"),)
    run, strike = Run(words, definite), None if definite else Strike("submit", 10**9)
    bench.ledger.worker.settle(
        [Settlement(c, SUBMITTING, to, delay_ms=delay_ms, seen=seen, run=run, strike=strike) for c in claims]
    )
    bench.ledger.worker.resume("submit:refused")


def begun(bench: Bench, count: int) -> list[Claim]:
    """Claims of so many submits, all of them sent now."""
    claims = bench.edits(submits=count)
    assert len(claims) == count
    assert all(bench.begin(claims))
    return claims


def paused(bench: Bench, batch: str = "b") -> dict[str, str]:
    """The causes for which the batch is paused, each with its reason."""
    view = bench.ledger.reader.batch(batch)
    assert view is not None
    return {pause.cause: pause.reason for pause in view.paused}


def pause(bench: Bench, batch: str = "b") -> None:
    """A person pauses the batch."""
    assert bench.ledger.producer.pause(batch, BatchPause.PERSON, "by hand")


def test_twenty_definite_refusals_in_the_same_words_pause_the_batch(bench: Bench) -> None:
    """Nineteen do not; the pause says the words as the API did."""
    bench.fill(30)
    claims = begun(bench, RUN)
    refuse(bench, claims[:-1])
    assert paused(bench) == {}
    refuse(bench, claims[-1:])
    assert paused(bench) == {"refusals": "no such model (request 7)"}
    assert bench.edits() == []


@pytest.mark.parametrize("between", ["other words", "one is taken"])
def test_a_run_is_broken_by_other_words_and_by_one_that_is_taken(bench: Bench, between: str) -> None:
    """Nineteen, a break, nineteen: no run of twenty."""
    bench.fill(60)
    refuse(bench, begun(bench, RUN - 1))
    if between == "other words":
        refuse(bench, begun(bench, 1), "too large")
    else:
        bench.accept(begun(bench, 1))
    refuse(bench, begun(bench, RUN - 1))
    assert paused(bench) == {}
    refuse(bench, begun(bench, 1))
    assert list(paused(bench)) == ["refusals"]


@pytest.mark.parametrize("taken", [None, "b", "other"])
def test_refusals_that_are_not_definite_pause_a_batch_only_beside_another(bench: Bench, taken: str | None) -> None:
    """They may be the account's fault, unless an edit of another batch was taken meanwhile."""
    bench.fill(40)
    refuse(bench, begun(bench, 10), definite=False)
    bench.clock.now += 1
    if taken == "b":
        bench.accept(begun(bench, 1))
    elif taken:
        bench.ledger.worker.observe(good={"submit": bench.clock.now})
    bench.clock.now += 1
    refuse(bench, begun(bench, 10), definite=False)
    assert list(paused(bench)) == (["refusals"] if taken == "other" else [])


@on_a_server
def test_one_that_is_taken_ends_the_run_also_within_a_move(bench: Bench) -> None:
    """Whatever was said of the others in the same move, before and after it."""
    bench.fill(6)

    def settle(*verdicts: str) -> None:
        good = {"submit": bench.clock.now}
        run = Run("no such model", definite=True)
        settled = [
            Settlement(claim, SUBMITTING, EditState.WAITING, delay_ms=10**6, good=good, deadline_ms=DEADLINE_MS)
            if verdict == "taken"
            else Settlement(claim, SUBMITTING, EditState.FAILED, untaken=True, run=run)
            for claim, verdict in zip(begun(bench, len(verdicts)), verdicts, strict=True)
        ]
        assert all(bench.ledger.worker.settle(settled))

    settle("taken", "refused")
    assert bench.stored(bench.keys.batch("b"), "run") == "1"
    settle("taken", "refused", "taken")
    assert bench.client.hget(bench.keys.batch("b"), "run") is None


def test_one_edit_refused_often_is_no_run(bench: Bench) -> None:
    """Each edit counts once in its batch's run."""
    bench.fill(1)
    for _ in range(RUN + 5):
        bench.ledger.worker.observe(good={"submit": bench.clock.now})
        bench.clock.now += 1
        refuse(bench, begun(bench, 1), definite=False, delay_ms=1000)
        bench.later(1000)
    assert paused(bench) == {}


def test_two_batches_have_their_own_runs(bench: Bench) -> None:
    """Ten refusals of each pause neither."""
    bench.fill(10)
    bench.fill(10, batch="other")
    refuse(bench, begun(bench, 20))
    assert (paused(bench), paused(bench, "other")) == ({}, {})


def test_a_paused_batch_lets_others_pass(bench: Bench) -> None:
    """Its queued edits leave the order as they are met; what it has at the API goes on."""
    bench.at_the_api(1, of=9)
    bench.fill(2, batch="other")
    pause(bench)
    assert {c.member for c in bench.edits()} == {"b/c0", "other/c0", "other/c1"}
    assert bench.client.zcard(bench.keys.parked("b")) == 8
    assert bench.counts() == {"waiting": 1, "queued": 8}


def test_a_claim_parks_a_page_at_most(bench: Bench) -> None:
    """No move touches a whole batch: the next claim goes on, until another batch's edit is met."""
    for batch, count in (("b", 1200), ("other", 1)):
        bench.ledger.producer.open_batch(batch)
        for first in range(0, count, 400):
            part = [Entry(f"c{n}", "d", "{}", 1, None) for n in range(first, min(first + 400, count))]
            bench.write(batch, part)
    bench.client.zadd(bench.keys.ready, {"other/c0": 10.0**6})
    pause(bench)
    parked, found = [], []
    for _ in range(3):
        found += bench.edits()
        parked.append(bench.client.zcard(bench.keys.parked("b")))
    assert parked == [500, 1000, 1200]
    assert [c.member for c in found] == ["other/c0"]


def test_a_resumed_batch_has_its_order_back(bench: Bench) -> None:
    """Edits return to their places, page by page."""
    bench.ledger.producer.open_batch("b")
    for first in range(0, 600, 300):
        part = [Entry(f"c{n}", "d", "{}", 1, None) for n in range(first, first + 300)]
        bench.write("b", part)
    before = bench.client.zrange(bench.keys.ready, 0, -1)
    pause(bench)
    for _ in range(2):
        assert bench.edits() == []
    assert bench.client.zcard(bench.keys.ready) == 0
    assert bench.ledger.producer.resume("b")
    assert not bench.ledger.producer.resume("b")
    assert bench.client.zrange(bench.keys.ready, 0, -1) == before
    assert paused(bench) == {}


def test_a_resumed_batch_begins_its_run_anew(bench: Bench) -> None:
    """A person lifts the pause: it takes twenty more refusals to pause it again."""
    bench.fill(60)
    refuse(bench, begun(bench, RUN))
    bench.ledger.producer.resume("b")
    refuse(bench, begun(bench, RUN - 1))
    assert paused(bench) == {}
    refuse(bench, begun(bench, 1))
    assert list(paused(bench)) == ["refusals"]


def test_parked_edits_can_be_cancelled(bench: Bench) -> None:
    """Nothing of them is left to come back with a resume, and the batch ends."""
    bench.fill(3)
    pause(bench)
    assert bench.edits() == []
    assert bench.ledger.producer.cancel("b") == 3
    assert bench.client.exists(bench.keys.parked("b")) == 0
    bench.ledger.producer.resume("b")
    assert [c.step for c in bench.claim().claims] == [Step.FINISH]
    assert bench.counts() == {"cancelled": 3}


def test_a_claim_of_a_batch_that_was_paused_since_is_not_sent(bench: Bench) -> None:
    """It goes back to the queue without a submit spent, and is parked."""
    bench.fill(1)
    claims = bench.edits()
    pause(bench)
    assert bench.intend(claims) == [None]
    assert bench.edits() == []
    assert bench.ledger.reader.provider().places_used == 0
    bench.ledger.producer.resume("b")
    assert bench.intend(bench.edits()) == [1]


def test_an_unanswered_edit_of_a_paused_batch_waits(bench: Bench) -> None:
    """It is not sent again before the batch is resumed, and keeps its intent."""
    bench.fill(1)
    bench.intend(bench.edits())
    pause(bench)
    bench.later(10 * LEASE_MS)
    assert bench.edits() == []
    bench.ledger.producer.resume("b")
    bench.later(LEASE_MS)
    assert bench.intend(bench.edits()) == [2]


def test_a_paused_batch_takes_more_edits(bench: Bench) -> None:
    """They are parked like the others; a batch that nobody opened cannot be paused."""
    bench.fill(1)
    pause(bench)
    bench.write("b", entries(3))
    assert bench.edits() == []
    assert bench.client.zcard(bench.keys.parked("b")) == 3
    assert not bench.ledger.producer.pause("none", BatchPause.PERSON, "by hand")
    assert bench.ledger.reader.batch("none") is None


def test_a_batch_is_paused_once_for_each_cause(bench: Bench) -> None:
    """A person and refusals may both hold it; the first words stay; one resume lifts both, with an event for each."""
    bench.fill(30)
    claims = begun(bench, RUN)
    pause(bench)
    assert not bench.ledger.producer.pause("b", BatchPause.PERSON, "again")
    refuse(bench, claims)
    assert paused(bench) == {"person": "by hand", "refusals": "no such model (request 7)"}
    bench.ledger.producer.resume("b")
    told = [(e.type, e.subject, e.data["cause"]) for e in bench.ledger.reader.events() if "edit" not in e.type]
    assert told[:2] == [("retouch.paused", "b", "person"), ("retouch.paused", "b", "refusals")]
    assert sorted(told[2:]) == [("retouch.resumed", "b", "person"), ("retouch.resumed", "b", "refusals")]


def test_a_producer_of_a_cancelled_batch_is_refused_until_it_opens_it_again(bench: Bench) -> None:
    """A person cancelled it while it was being filled: the next page adds nothing."""
    bench.ledger.producer.open_batch("b")
    bench.write("b", entries(1))
    bench.ledger.producer.cancel("b")
    with pytest.raises(BatchCancelledError):
        bench.write("b", entries(3))
    assert bench.counts() == {"cancelled": 1}
    bench.write("b", entries(3), cancelled=bench.ledger.producer.open_batch("b").cancelled)
    assert bench.counts() == {"cancelled": 1, "queued": 2}


def test_a_resume_that_is_cut_off_is_completed_by_the_workers(bench: Bench) -> None:
    """The command ended after the first page of a large batch: no edit stays behind."""
    bench.fill(2 * PAGE + 1)
    pause(bench)
    while bench.client.zcard(bench.keys.ready):
        bench.claim()
    assert bench.client.zcard(bench.keys.parked("b")) == 2 * PAGE + 1
    bench.ledger.connection.run("resume_batch", "b", "", "")
    for _ in range(3):
        bench.claim(submits=0)
    assert bench.client.zcard(bench.keys.parked("b")) == 0
    assert bench.client.zcard(bench.keys.ready) == 2 * PAGE + 1


def test_a_batch_that_is_held_is_not_submitted_before_it_is_whole(bench: Bench) -> None:
    """Not one edit: the hold comes with the first page, in the same moment; then all go, in their order."""
    bench.write("b", entries(PAGE), held="it arrives")
    assert paused(bench) == {"arriving": "it arrives"}
    assert bench.edits(submits=5) == []
    more = [e._replace(custom_id=f"more-{e.custom_id}") for e in entries(3)]
    bench.write("b", more, held="it arrives")
    assert bench.edits(submits=5) == []
    assert bench.ledger.producer.release("b")
    assert not bench.ledger.producer.release("b")
    assert paused(bench) == {}
    ready = bench.client.zrange(bench.keys.ready, 0, -1)
    assert ready == [f"b/{e.custom_id}" for e in [*entries(PAGE), *more]]
    events = [(event.type, event.data["cause"]) for event in bench.ledger.reader.events()]
    assert events == [("retouch.paused", "arriving"), ("retouch.resumed", "arriving")]


def test_a_batch_that_a_person_has_paused_meanwhile_stays_paused(bench: Bench) -> None:
    """When it is whole."""
    bench.write("b", entries(2), held="it arrives")
    pause(bench)
    assert bench.edits(submits=5) == []
    assert bench.ledger.producer.release("b")
    assert paused(bench) == {"person": "by hand"}
    assert bench.edits(submits=5) == []
    bench.ledger.producer.resume("b")
    assert len(bench.edits(submits=5)) == 2


def test_moves_that_run_as_one_run_on_a_server_that_forgot_them(bench: Bench) -> None:
    """After its restart, as each move alone does."""
    bench.write("a", entries(1), held="it arrives")
    bench.client.script_flush()
    bench.write("b", entries(1), held="it arrives")
    assert paused(bench) == {"arriving": "it arrives"}
    bench.client.script_flush()
    assert bench.ledger.producer.release("b")
    assert bench.counts() == {"queued": 1}
