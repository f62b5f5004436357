"""What a move must take away with it, what it must bound, and what lessons weigh."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from retouch.ledger import Claim, Entry, Finish, Settlement, Step
from retouch.provider.polling import learn, remember
from retouch.provider.polling.histogram import LATER
from retouch.states import EditState
from tests.contract.servers import on_a_server
from tests.ledger_bench import HOLD, LEASE_MS, POLLED, SUBMITTING, Bench


def rescued(bench: Bench, step: Step) -> Claim:
    """A claim on an edit whose last worker died while it had it in hand."""
    if step is Step.SUBMIT:
        bench.fill(1)
        bench.intend(bench.edits())
    else:
        bench.at_the_api(1)
        bench.begin_polls(bench.edits())
    bench.later(LEASE_MS + 1)
    [claim] = bench.edits()
    assert bench.client.hget(bench.keys.edit("b/c0"), "rescues") == "1"
    return claim


def went_on(bench: Bench) -> None:
    """The next poll goes well."""
    claim = rescued(bench, Step.POLL)
    bench.ledger.worker.settle([Settlement(claim, POLLED, EditState.WAITING)])


def ended(bench: Bench) -> None:
    """The edit is completed."""
    bench.end([rescued(bench, Step.POLL)])


def was_not_taken(bench: Bench) -> None:
    """The API did not take it, and it is queued again."""
    claim = rescued(bench, Step.SUBMIT)
    bench.intend([claim])
    bench.ledger.worker.settle([Settlement(claim, SUBMITTING, EditState.QUEUED, untaken=True)])


def was_held(bench: Bench) -> None:
    """It is set aside for a person."""
    bench.intend([rescued(bench, Step.SUBMIT)], HOLD)


@pytest.mark.parametrize("way", [went_on, ended, was_not_taken, was_held])
def test_work_that_was_done_forgets_the_rescues_before_it(bench: Bench, way: Callable[[Bench], None]) -> None:
    """Only workers that end in a row condemn an edit."""
    way(bench)
    assert bench.client.hmget(bench.keys.edit("b/c0"), "rescues", "begun", "holder") == [None] * 3


def test_an_edit_that_was_taken_is_not_sent_and_unanswered_any_more(bench: Bench) -> None:
    """Neither its intent stays nor the mark that it was sent again."""
    claim = rescued(bench, Step.SUBMIT)
    assert bench.intend([claim]) == [2]
    marks = bench.keys.edit("b/c0"), "intent", "resent"
    assert None not in bench.client.hmget(*marks)
    bench.accept([claim])
    assert bench.client.hmget(*marks) == [None] * 2


def finish_claim(bench: Bench) -> Claim:
    """The one claim that is due for a batch's end."""
    [claim] = [c for c in bench.claim(submits=0).claims if c.step is Step.FINISH]
    return claim


def end_of(bench: Bench) -> list[object]:
    """What the batch says of its end."""
    return list(bench.client.hmget(bench.keys.batch("b"), "state", "stale"))


def test_a_removed_success_is_stale_no_more(bench: Bench) -> None:
    """Once the batch's claim is settled, nothing about it is to be removed; it is open for its new edits."""
    bench.fill(1)
    bench.run_to_completion()
    assert bench.ledger.worker.settle_batch(finish_claim(bench), Finish.WRITTEN)
    bench.write("b", [Entry("later", "d", "{}", 1, None)])
    assert end_of(bench) == ["open", "1"]
    assert bench.ledger.worker.settle_batch(finish_claim(bench), Finish.REMOVED)
    assert end_of(bench) == ["open", None]


@pytest.mark.parametrize("lost", [False, True], ids=["claim held", "claim lost"])
def test_a_success_that_was_written_beside_new_work_is_removed(bench: Bench, lost: bool) -> None:
    """The batch was opened again while its end was written, by whoever: the next claim removes what was written."""
    bench.fill(1)
    bench.run_to_completion()
    claim = finish_claim(bench)
    bench.write("b", [Entry("later", "d", "{}", 1, None)])
    if lost:
        bench.later(2 * LEASE_MS)
        assert bench.ledger.worker.settle_batch(finish_claim(bench), Finish.REMOVED)
        assert end_of(bench) == ["open", None]
    assert bench.ledger.worker.settle_batch(claim, Finish.WRITTEN) is not lost
    assert end_of(bench) == ["open", "1"]
    assert bench.ledger.worker.settle_batch(finish_claim(bench), Finish.REMOVED)
    assert end_of(bench) == ["open", None]


def test_after_an_outage_polls_come_back_gradually_as_well(bench: Bench) -> None:
    """A tenth of those asked for at first, all of them after 12 s."""
    bench.at_the_api(100)
    bench.fail("status")
    bench.ledger.worker.observe(good={"status": bench.clock.now})
    assert len(bench.edits(submits=0, polls=100)) == 10
    bench.later(12_000)
    bench.later(LEASE_MS)
    assert len(bench.edits(submits=0, polls=100)) == 100


def test_two_probes_are_never_further_apart_than_half_a_minute(bench: Bench) -> None:
    """However long the outage: the eighth and later intervals are no longer than the sixth."""
    bench.fill(20)
    claims = bench.edits(submits=5)
    bench.intend(claims)
    bench.refuse(claims, "401")
    gaps = []
    for _ in range(11):
        bench.clock.now = json.loads(bench.stored(bench.keys.pauses, "submit:refused"))["until"]
        assert len(bench.edits(submits=1)) == 1
        gaps.append(json.loads(bench.stored(bench.keys.pauses, "submit:refused"))["until"] - bench.clock.now)
    assert gaps == [500, 1000, 2000, 4000, 8000, 16_000, *[30_000] * 5]


@on_a_server
def test_the_ledger_learns_as_the_histogram_does(bench: Bench) -> None:
    """Lessons come to the same weights in the ledger as by the plain arithmetic, also when they fade and shift."""
    expected: dict[int, float] = {}
    for number in range(330):
        lesson = learn(expected, 900 + number % 7 * 100, 1500 + number % 5 * 400)
        told = {"kind": "k", "keep": lesson.keep, "increments": {str(f): v for f, v in lesson.increments.items()}}
        if number == 0:
            bench.at_the_api(1)
        [claim] = bench.edits()
        assert bench.ledger.worker.settle([Settlement(claim, POLLED, EditState.WAITING, lesson=told)])
        expected = remember(expected, lesson)
    learned = bench.ledger.reader.learned("k")
    assert {f: v for f, v in learned.items() if v > 0.1} == pytest.approx(
        {f: v for f, v in expected.items() if v > 0.1}, rel=0.02, abs=0.05
    )


def test_evidence_of_a_shift_weighs_nothing(bench: Bench) -> None:
    """Only edits count towards the weight that is kept; what they are scaled by scales the evidence too."""
    bench.at_the_api(1)
    bench.client.hset(bench.keys.learned("k"), mapping={"10": 249, str(LATER): 3.5})
    for keep, expected in ((250, {10: 249.5, LATER: 3.5}), (124.75, {10: 125.25, LATER: 1.75})):
        [claim] = bench.edits()
        told = {"kind": "k", "keep": keep, "increments": {"10": 0.5}}
        assert bench.ledger.worker.settle([Settlement(claim, POLLED, EditState.WAITING, lesson=told)])
        assert bench.ledger.reader.learned("k") == pytest.approx(expected)
