"""Whose fault a refused submit is: the edit's, or everybody's. It is told by how others fare."""

from __future__ import annotations

import json

import pytest

from retouch.causes import Fared
from retouch.ledger import Claim, Seen, Settled, Settlement, Strike
from retouch.states import EditState
from tests.ledger_bench import POLLED, SUBMITTING, Bench

PATIENCE_MS = 1000


def begun(bench: Bench, count: int) -> list[Claim]:
    """Claims of so many submits, all of them sent now."""
    claims = bench.edits(submits=count)
    assert len(claims) == count
    assert all(bench.begin(claims))
    return claims


def refuse_last(bench: Bench, claim: Claim, *, patience_ms: int = PATIENCE_MS, sent_ms: int | None = None) -> Settled:
    """The API refuses this submit, which was sent now unless it is said when; what becomes of its edit."""
    seen = (Seen("submit", bench.clock.now if sent_ms is None else sent_ms, Fared.REFUSED, "403"),)
    strike = Strike("submit", patience_ms)
    refused = Settlement(claim, SUBMITTING, EditState.QUEUED, untaken=True, seen=seen, strike=strike, error='{"a":1}')
    [settled] = bench.ledger.worker.settle([refused])
    return settled


def strike_out(bench: Bench, times: int, *, over_ms: int = PATIENCE_MS) -> list[Settled]:
    """The one queued edit is refused so many times, evenly over that time; what became of it each time."""
    fates = []
    for number in range(times):
        if number:
            bench.later(over_ms // (times - 1))
        bench.ledger.worker.resume("submit:refused")
        [claim] = begun(bench, 1)
        fates.append(refuse_last(bench, claim))
    return fates


def taken_elsewhere(bench: Bench) -> None:
    """A submit of somebody is sent now and taken."""
    bench.ledger.worker.observe(good={"submit": bench.clock.now})


def test_what_was_sent_last_and_fared_well_only_rises(bench: Bench) -> None:
    """A late answer to an older request does not set the time of its kind back."""
    for sent in (1000, 3000, 2000):
        bench.ledger.worker.observe(good={"submit": sent, "status": sent + 1})
    assert bench.client.hgetall(bench.keys.worked) == {"submit": "3000", "status": "3001"}


def test_hosts_of_results_are_forgotten_the_oldest_first(bench: Bench) -> None:
    """A hundred hosts leave the newest 64; what is known of the API itself stays."""
    bench.ledger.worker.observe(good={"submit": 1, "status": 1, "store": 1})
    for number in range(100):
        bench.ledger.worker.observe(good={f"fetch:h{number}": 1000 + number})
    hosts = {f"fetch:h{number}" for number in range(36, 100)}
    assert set(bench.client.hkeys(bench.keys.worked)) == hosts | {"submit", "status", "store"}


def test_five_different_edits_refused_in_a_row_pause_submits(bench: Bench) -> None:
    """Four may be at fault themselves; the fifth makes it the account's fault, and every submit waits."""
    bench.fill(9)
    claims = begun(bench, 5)
    bench.refuse(claims[:4], "403: no credit")
    assert bench.pauses() == {}
    bench.refuse(claims[4:], "403: no credit")
    assert bench.pauses() == {"submit:refused": "403: no credit"}
    assert bench.edits() == []


def test_a_submit_that_is_taken_clears_the_suspects(bench: Bench) -> None:
    """Four refused, one taken, four refused: not five in a row."""
    bench.fill(9)
    bench.refuse(begun(bench, 4))
    bench.clock.now += 1
    bench.accept(begun(bench, 1))
    bench.clock.now += 1
    bench.refuse(begun(bench, 4))
    assert bench.pauses() == {}


@pytest.mark.parametrize("one_is_taken", [False, True])
def test_one_edit_refused_twice_with_none_taken_between_pauses_submits(bench: Bench, one_is_taken: bool) -> None:
    """The last edit of a batch is enough to see that the account is refused; unless another was taken meanwhile."""
    bench.fill(1)
    bench.refuse(begun(bench, 1))
    bench.later(1000)
    if one_is_taken:
        taken_elsewhere(bench)
        bench.clock.now += 1
    bench.refuse(begun(bench, 1))
    assert list(bench.pauses()) == ([] if one_is_taken else ["submit:refused"])


def test_a_late_refusal_accuses_nobody(bench: Bench) -> None:
    """What was sent before another submit was taken says nothing of now, however many say it."""
    bench.fill(6)
    claims = begun(bench, 6)
    seen = (Seen("submit", bench.clock.now, Fared.REFUSED, "403"),)
    bench.clock.now += 10
    taken_elsewhere(bench)
    late = [Settlement(c, SUBMITTING, EditState.QUEUED, untaken=True, seen=seen) for c in claims]
    assert all(bench.ledger.worker.settle(late))
    assert bench.pauses() == {}
    assert len(bench.edits()) == 6


def test_an_old_witness_condemns_nobody_once_all_are_refused(bench: Bench) -> None:
    """One was taken after the first refusal, then five others were refused: it may be the account by now."""
    bench.fill(6)
    [first] = begun(bench, 1)
    refuse_last(bench, first)
    bench.clock.now += 1
    taken_elsewhere(bench)
    bench.clock.now += 1
    for claim in begun(bench, 5):
        refuse_last(bench, claim)
    fates = []
    for _ in range(8 * 6):
        bench.later(PATIENCE_MS // 4)
        bench.ledger.worker.resume("submit:refused")
        fates += [refuse_last(bench, claim) for claim in begun(bench, 1)]
    assert set(fates) == {Settled.DONE}
    bench.clock.now += 1
    taken_elsewhere(bench)
    bench.clock.now += 1
    bench.ledger.worker.resume("submit:refused")
    assert refuse_last(bench, begun(bench, 1)[0]) is Settled.STRUCK_OUT


def test_what_was_good_is_heard_before_what_was_not(bench: Bench) -> None:
    """In one settlement of many edits, one that was taken clears the others, wherever it stands in the list."""
    bench.fill(6)
    claims = begun(bench, 6)
    bench.ledger.worker.settle(
        [
            Settlement(
                c,
                SUBMITTING,
                EditState.QUEUED,
                seen=(Seen("submit", bench.clock.now, Fared.REFUSED, "403"),),
                good={"submit": bench.clock.now} if n == 5 else None,
            )
            for n, c in enumerate(claims)
        ]
    )
    assert bench.pauses() == {}


@pytest.mark.parametrize("sent", [-1, 0])
def test_only_what_was_sent_since_the_last_refusal_ends_its_pause(bench: Bench, sent: int) -> None:
    """A good answer to an older submit proves nothing of the account; one to a newer lets everybody go on."""
    bench.fill(5)
    bench.refuse(begun(bench, 5))
    bench.ledger.worker.observe(good={"submit": bench.clock.now + sent})
    assert list(bench.pauses()) == (["submit:refused"] if sent < 0 else [])


def test_a_refused_edit_goes_behind_the_last_of_its_batch(bench: Bench) -> None:
    """It comes back after all that were enqueued, so that its batch moves on."""
    bench.fill(4)
    bench.refuse(begun(bench, 1))
    bench.later(1000)
    assert [c.member for c in bench.edits()] == ["b/c1", "b/c2", "b/c3", "b/c0"]


def test_a_probe_is_an_edit_that_was_not_refused(bench: Bench) -> None:
    """One that was is tried only when there is no other, even if it stands in front."""
    bench.fill(5)
    bench.refuse(begun(bench, 5))
    bench.fill(1, batch="other")
    bench.client.zadd(bench.keys.ready, {"b/c0": -5.0})
    bench.client.zrem(bench.keys.due, "b/c0")
    bench.later(5000)
    probes = []
    for _ in range(2):
        bench.clock.now = max(bench.clock.now, json.loads(bench.stored(bench.keys.pauses, "submit:refused"))["until"])
        [probe] = bench.edits()
        probes.append(probe.member)
    assert probes == ["other/c0", "b/c0"]


def test_an_edit_refused_five_times_over_the_patience_with_a_witness_fails(bench: Bench) -> None:
    """Somebody was taken since its first refusal: it is its own fault, and its last words are its error."""
    bench.fill(1)
    fates = strike_out(bench, 4, over_ms=PATIENCE_MS)
    taken_elsewhere(bench)
    bench.clock.now += 1
    assert [*fates, *strike_out(bench, 1)] == [Settled.DONE] * 4 + [Settled.STRUCK_OUT]
    [result] = bench.ledger.reader.results("b")
    assert (result["state"], result["error"], result["attempts"]) == ("failed", {"a": 1}, 1)
    assert bench.ledger.reader.provider().places_used == 0
    strikes = "strikes", "first_strike", "last_strike", "witness"
    assert bench.client.hmget(bench.keys.edit("b/c0"), strikes) == [None] * 4


def test_what_was_sent_before_its_witness_condemns_nobody(bench: Bench) -> None:
    """The last refusal of a blip was on its way when the API was well again: the edit is asked once more."""
    bench.fill(1)
    fates = strike_out(bench, 4)
    bench.ledger.worker.resume("submit:refused")
    [claim] = begun(bench, 1)
    sent = bench.clock.now
    bench.later(1)
    taken_elsewhere(bench)
    bench.later(10 * PATIENCE_MS)
    fates.append(refuse_last(bench, claim, sent_ms=sent))
    assert fates == [Settled.DONE] * 5
    bench.later(1)
    bench.ledger.worker.resume("submit:refused")
    assert refuse_last(bench, begun(bench, 1)[0]) is Settled.STRUCK_OUT


def test_without_a_witness_no_edit_is_at_fault(bench: Bench) -> None:
    """It may be the account: it is refused any number of times and waits, and says how often."""
    bench.fill(1)
    taken_elsewhere(bench)
    assert strike_out(bench, 30, over_ms=300 * PATIENCE_MS) == [Settled.DONE] * 30
    edit = bench.ledger.reader.edit("b", "c0")
    assert edit is not None
    assert (edit.state, edit.strikes) == (EditState.QUEUED, 30)


@pytest.mark.parametrize(("times", "over_ms"), [(4, 10 * PATIENCE_MS), (9, PATIENCE_MS // 2)])
def test_neither_few_refusals_nor_quick_ones_fail_an_edit(bench: Bench, times: int, over_ms: int) -> None:
    """Four over a long time, and nine over a short one, leave it queued though others were taken meanwhile."""
    bench.fill(1)
    first = strike_out(bench, 1)
    bench.later(1)
    taken_elsewhere(bench)
    bench.later(1)
    assert first + strike_out(bench, times - 1, over_ms=over_ms) == [Settled.DONE] * times


def test_an_edit_that_is_taken_has_no_strikes_any_more(bench: Bench) -> None:
    """Four refusals, one with a witness, then it is taken: its polls begin with a clean record."""
    bench.fill(1)
    strike_out(bench, 2)
    bench.later(1)
    taken_elsewhere(bench)
    bench.later(1)
    strike_out(bench, 2)
    bench.later(1000)
    bench.accept(begun(bench, 1))
    strikes = "strikes", "first_strike", "last_strike", "witness"
    assert bench.client.hmget(bench.keys.edit("b/c0"), strikes) == [None] * 4


def test_a_refused_status_is_the_api_s_last_refusal(bench: Bench) -> None:
    """An API that forgot all that it took holds every place until the deadlines; people see why."""
    bench.at_the_api(1)
    bench.clock.now += 1
    bench.begin_polls(claims := bench.edits())
    seen = (Seen("status", bench.clock.now, Fared.REFUSED, "no edit has this id"),)
    bench.ledger.worker.settle([Settlement(claims[0], POLLED, EditState.WAITING, seen=seen)])
    assert bench.ledger.reader.provider().refusal == "no edit has this id"


def test_refused_statuses_pause_nothing(bench: Bench) -> None:
    """Each edit of an API that forgot all backs off by itself, and ends when it is asked for the last time."""
    bench.at_the_api(6)
    for last in (False, True):
        bench.clock.now += 1
        claims = bench.edits()
        bench.begin_polls(claims)
        seen = (Seen("status", bench.clock.now, Fared.REFUSED, "404"),)
        strike = Strike("status", PATIENCE_MS, last)
        settled = bench.ledger.worker.settle(
            [Settlement(c, POLLED, EditState.WAITING, seen=seen, strike=strike, error='{"a":1}') for c in claims]
        )
        assert settled == [Settled.STRUCK_OUT if last else Settled.DONE] * 6
        assert bench.pauses() == {}
    assert bench.counts() == {"failed": 6}


def test_a_pause_is_announced_once_and_its_end_too(bench: Bench) -> None:
    """Whoever follows the events learns the kind, the cause and the words."""
    bench.fill(7)
    claims = begun(bench, 7)
    bench.refuse(claims[:6], "403: no credit")
    bench.accept(claims[6:])
    told = [(e.type, e.subject, e.data) for e in bench.ledger.reader.events()]
    what = {"kind": "submit", "cause": "refused", "reason": "403: no credit"}
    assert told == [("retouch.paused", "submit:refused", what), ("retouch.resumed", "submit:refused", what)]
