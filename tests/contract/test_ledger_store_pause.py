"""No place for results: nothing new is paid for while none can be fetched or stored."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from retouch.causes import Fared
from retouch.ledger import Claim, Seen, Settlement
from retouch.states import EditState
from tests.ledger_bench import POLLED, Bench

STORE, FETCH = "store", "fetch:images.example"
COPYING = (EditState.COPYING,)


def copied(bench: Bench, count: int) -> list[Claim]:
    """So many edits whose images are being copied, beside three that are queued."""
    bench.at_the_api(count, of=count + 3)
    claims = bench.edits(submits=0)
    assert all(bench.begin_polls(claims))
    assert all(bench.ledger.worker.settle([Settlement(c, POLLED, EditState.COPYING, keep=True) for c in claims]))
    return claims


def fail(bench: Bench, claims: Sequence[Claim], kind: str, tries: int = 1, took_ms: int = 0) -> None:
    """Their images were not fetched, or not stored; they are tried again after a second."""
    seen = (Seen(kind, bench.clock.now - took_ms, Fared.FAILED, "no such bucket"),)
    put = {"tries": str(tries)}
    failed = [Settlement(c, COPYING, EditState.COPYING, delay_ms=1000, seen=seen, put=put) for c in claims]
    assert all(bench.ledger.worker.settle(failed))


def again(bench: Bench) -> list[Claim]:
    """The same edits a second later."""
    bench.later(1000)
    claims = bench.edits(submits=0)
    assert all(bench.begin_polls(claims))
    return claims


def store(bench: Bench, kind: str = "store") -> None:
    """An object is stored now: a result, or (``put``) the empty one of a check."""
    bench.ledger.worker.observe(good={kind: bench.clock.now})


@pytest.mark.parametrize("kind", [STORE, FETCH])
def test_three_edits_whose_results_are_not_kept_pause_submits(bench: Bench, kind: str) -> None:
    """Two may be at fault themselves; polls and copies go on in the pause."""
    claims = copied(bench, 3)
    fail(bench, claims[:2], kind)
    assert bench.pauses() == {}
    fail(bench, claims[2:], kind)
    assert bench.pauses() == {"submit:store": "no such bucket"}
    bench.later(1000)
    assert {c.member for c in bench.edits()} == {c.member for c in claims}


@pytest.mark.parametrize("kind", [STORE, FETCH])
def test_one_edit_whose_result_is_not_kept_three_times_is_enough(bench: Bench, kind: str) -> None:
    """It may be all that copies."""
    fail(bench, copied(bench, 1), kind, tries=1)
    fail(bench, again(bench), kind, tries=2)
    assert bench.pauses() == {}
    fail(bench, again(bench), kind, tries=3)
    assert list(bench.pauses()) == ["submit:store"]


def test_a_result_that_is_stored_clears_the_store(bench: Bench) -> None:
    """Two not stored, one stored, two not stored: not three in a row."""
    claims = copied(bench, 4)
    fail(bench, claims[:2], STORE)
    bench.clock.now += 1
    store(bench)
    bench.clock.now += 1
    fail(bench, claims[2:], STORE)
    assert bench.pauses() == {}


def test_a_late_failure_says_nothing_of_a_store_that_works(bench: Bench) -> None:
    """What was begun before another result was stored accuses nobody."""
    claims = copied(bench, 3)
    store(bench)
    fail(bench, claims, STORE, took_ms=1)
    assert bench.pauses() == {}


@pytest.mark.parametrize(("after_ms", "paused"), [(4000, []), (6000, ["submit:store"])])
def test_links_that_fail_while_others_are_fetched_pause_nothing(bench: Bench, after_ms: int, paused: list[str]) -> None:
    """Hosts differ: only when no result at all was kept for five seconds is it everybody's trouble."""
    claims = copied(bench, 3)
    store(bench)
    bench.clock.now += after_ms
    fail(bench, claims, FETCH)
    assert list(bench.pauses()) == paused


@pytest.mark.parametrize(("kind", "good", "paused"), [(STORE, "put", []), (FETCH, "put", ["submit:store"])])
def test_an_empty_object_ends_only_the_store_s_own_pause(bench: Bench, kind: str, good: str, paused: list[str]) -> None:
    """It shows that the store takes objects; it shows nothing of a host of results."""
    fail(bench, copied(bench, 3), kind)
    store(bench, good)
    assert list(bench.pauses()) == paused
    store(bench)
    assert bench.pauses() == {}


@pytest.mark.parametrize("good", ["put", "store"])
def test_what_was_stored_before_the_last_failure_ends_no_pause(bench: Bench, good: str) -> None:
    """A worker's check that began before proves nothing."""
    fail(bench, copied(bench, 3), STORE)
    bench.ledger.worker.observe(good={good: bench.clock.now - 1})
    assert list(bench.pauses()) == ["submit:store"]


@pytest.mark.parametrize(("kind", "probes"), [(STORE, 0), (FETCH, 1)])
def test_only_links_are_tried_with_a_new_edit(bench: Bench, kind: str, probes: int) -> None:
    """A store is checked for nothing; where links fail, one new edit finds out after five seconds."""
    fail(bench, copied(bench, 3), kind)
    bench.clock.now += 5000
    assert len(bench.edits(polls=1, submits=9)) - 1 == probes


@pytest.mark.parametrize(("idle_ms", "paused"), [(5000, []), (5001, ["submit:store"])])
def test_a_worker_that_cannot_store_accuses_only_itself_while_others_can(
    bench: Bench, idle_ms: int, paused: list[str]
) -> None:
    """Its own check failed: submits pause for that only if nobody stored a result lately."""
    store(bench)
    bench.clock.now += idle_ms
    bench.ledger.worker.observe(seen=[Seen(STORE, bench.clock.now, Fared.FAILED, "403")])
    assert list(bench.pauses()) == paused


def test_a_host_that_is_away_holds_back_nobody_whose_results_are_kept(bench: Bench) -> None:
    """Its copies fail again and again; a result that was begun after the pause, and kept, ends it all the same."""
    claims = copied(bench, 3)
    fail(bench, claims, FETCH)
    assert list(bench.pauses()) == ["submit:store"]
    bench.clock.now += 100
    kept_since = bench.clock.now
    claims = again(bench)
    fail(bench, claims, FETCH)
    bench.ledger.worker.observe(good={"store": kept_since})
    assert bench.pauses() == {}
