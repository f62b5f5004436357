"""A sink that takes nothing is left alone but for one delivery now and then, and no other sink notices."""

from __future__ import annotations

from typing import Any

import pytest

from retouch.causes import Outcome
from retouch.ledger import Claim, Delivery, DeliverySettled, Named, Sink
from tests.contract.test_ledger_sinks import A, B, happen, sinks_of
from tests.ledger_bench import LEASE_MS, Bench

FIRST_MS, LONGEST_MS = 5000, 300_000  # between two probes


def settle(bench: Bench, claims: list[Claim], outcome: Outcome, *, wait_ms: int = 0) -> list[DeliverySettled]:
    """End these claims; one that is made again is due in an hour."""
    reason = "" if outcome is Outcome.DELIVERED else "503"
    return bench.ledger.worker.settle_deliveries([Delivery(c, outcome, reason, 3_600_000, wait_ms) for c in claims])


def sink(bench: Bench, name: str = A) -> Sink:
    """How a sink stands."""
    [found] = [one for one in bench.ledger.reader.sinks() if one.name == name]
    return found


@pytest.fixture
def held(bench: Bench) -> Bench:
    """Of A's thirty deliveries five have failed in a row; B took all of its own."""
    bench.show(A, B)
    happen(bench, 30)
    settle(bench, bench.deliveries(B), Outcome.DELIVERED)
    assert settle(bench, bench.deliveries(A, deliveries=5), Outcome.AGAIN)[-2:] == [
        DeliverySettled.DONE,
        DeliverySettled.HELD,
    ]
    return bench


def test_what_a_dead_sink_is_told_waits_and_keeps_its_tries(held: Bench) -> None:
    """One delivery is made after 5 s, the next after 10 s more, then at twice the time, five minutes at most."""
    assert held.deliveries(A) == []
    wait_ms = FIRST_MS
    for _ in range(8):
        held.clock.now += wait_ms - 1
        assert held.deliveries(A) == []
        held.clock.now += 1
        held.later(0)
        [probe] = held.deliveries(A)
        settle(held, [probe], Outcome.AGAIN)
        wait_ms = min(wait_ms * 2, LONGEST_MS) if wait_ms != FIRST_MS or _ else FIRST_MS
    assert sink(held).held == "503"
    assert sink(held).waiting == 30


def test_other_sinks_go_on_meanwhile(held: Bench) -> None:
    """B is told of what happens as before."""
    happen(held, 3, batch="later")
    assert sinks_of(held.deliveries(A, B)) == [B]


def test_one_delivery_that_is_taken_ends_it(held: Bench) -> None:
    """All that waits is made then, also what was put off by its own schedule."""
    held.clock.now += FIRST_MS
    [probe] = held.deliveries(A)
    assert settle(held, [probe], Outcome.DELIVERED) == [DeliverySettled.BACK]
    assert sink(held).held is None
    claims = held.deliveries(A)
    assert len(claims) == 29
    assert sorted(map(held.tries, claims)) == [0] * 24 + [1] * 5


def test_what_is_under_way_is_not_made_twice_when_it_ends(held: Bench) -> None:
    """A delivery that another worker makes keeps its lease."""
    held.clock.now += FIRST_MS
    [first] = held.deliveries(A)
    held.ledger.worker.begin([first], 60_000, nonce="n")
    held.clock.now += FIRST_MS
    [second] = held.deliveries(A)
    settle(held, [second], Outcome.DELIVERED)
    assert first.member not in {claim.member for claim in held.deliveries(A)}


def test_failures_with_successes_in_between_hold_nothing(bench: Bench) -> None:
    """An event that a receiver does not like is that event's trouble."""
    bench.show(A)
    happen(bench, 30)
    for _ in range(6):
        claims = bench.deliveries(A, deliveries=5)
        settle(bench, claims[:4], Outcome.AGAIN)
        settle(bench, claims[4:], Outcome.DELIVERED)
    assert (sink(bench).held, sink(bench).delivered, sink(bench).undelivered) == (None, 6, 24)


def test_a_sink_that_asks_to_wait_is_left_alone_as_long(bench: Bench) -> None:
    """With its first such answer, for all its deliveries; then one finds out."""
    bench.show(A)
    happen(bench, 3)
    claims = bench.deliveries(A, deliveries=1)
    assert settle(bench, claims, Outcome.AGAIN, wait_ms=60_000) == [DeliverySettled.HELD]
    bench.clock.now += 59_999
    assert bench.deliveries(A) == []
    bench.clock.now += 1
    assert len(bench.deliveries(A)) == 1


@pytest.mark.parametrize("way", ["a worker starts", "redelivered", "replayed"])
def test_a_person_can_have_it_tried_at_once(held: Bench, way: str) -> None:
    """A worker that starts may have other settings; a person may know that the receiver is back."""
    if way == "a worker starts":
        held.show(A, name="new", started=True)
    elif way == "redelivered":
        held.ledger.producer.redeliver(A)
    else:
        held.ledger.producer.replay(A, held.clock.now)
    assert len(held.deliveries(A)) >= 25


def test_what_a_sink_took_and_its_last_error_are_kept(bench: Bench) -> None:
    """The error stays when later ones are taken, with its time."""
    bench.show(A)
    happen(bench, 3)
    claims = bench.deliveries(A)
    settle(bench, claims[:1], Outcome.AGAIN)
    failed_at = bench.clock.now
    bench.clock.now += 100
    settle(bench, claims[1:], Outcome.DELIVERED)
    found = sink(bench)
    assert (found.delivered, found.error) == (2, "503")
    assert found.error_at
    assert round(found.error_at.timestamp() * 1000) == failed_at


def test_a_sink_is_told_of_the_types_that_it_asks_for(bench: Bench) -> None:
    """The others are not even queued for it."""
    bench.ledger.worker.see_worker("w", {A: Named("a", ["edit.failed", "batch.completed"]), B: Named("b")})
    happen(bench, 2)
    bench.fill(1, batch="other")
    bench.ledger.producer.cancel("other")
    assert [sink(bench, name).waiting for name in (A, B)] == [0, 3]
    bench.ledger.worker.see_worker("w", {A: Named("a", ["edit.cancelled"]), B: Named("b")})
    bench.fill(1, batch="more")
    bench.ledger.producer.cancel("more")
    assert [sink(bench, name).waiting for name in (A, B)] == [1, 4]
    assert sink(bench).types == ("edit.cancelled",)


def test_a_type_is_not_its_end_alone(bench: Bench) -> None:
    """``paused`` asks for no type that ends so."""
    bench.ledger.worker.see_worker("w", {A: Named("a", ["completed"])})
    happen(bench, 1)
    assert sink(bench).waiting == 0


# --- dropped -------------------------------------------------------------------------------------


def test_a_sink_is_dropped_with_all_that_waits_for_it(bench: Bench) -> None:
    """Not while a live worker has it; then nothing of it is left, and nothing is told to it any more."""
    bench.show(A, name="a")
    happen(bench, 3)
    [claim] = bench.deliveries(A, deliveries=1)
    assert bench.ledger.producer.drop_sink(A) is False
    assert bench.ledger.producer.drop_sink("other") is None
    bench.clock.now += 10_000
    bench.show(B, name="b")
    assert bench.ledger.producer.drop_sink(A) is True
    happen(bench, 1, batch="later")
    settle(bench, [claim], Outcome.AGAIN)  # it was under way
    assert [one.name for one in bench.ledger.reader.sinks()] == [B]
    assert [key for key in bench.client.scan_iter("*") if A in key] == []
    assert len(bench.deliveries(B)) == 1


def test_the_hash_of_a_delivery_ends_with_its_event(bench: Bench) -> None:
    """Whatever becomes of its sink."""
    bench.show(A)
    happen(bench)
    [claim] = bench.deliveries(A)
    assert 0 < bench.client.pttl(bench.keys.delivery(claim.member)) <= 7 * 86_400_000
    assert LEASE_MS < 86_400_000


def event(subject: str, ms: int) -> dict[Any, Any]:
    """One entry of the stream."""
    return {"type": "retouch.paused", "subject": subject, "time": ms, "data": "{}"}


# --- replayed ------------------------------------------------------------------------------------


def test_events_are_delivered_again_since_a_time(bench: Bench) -> None:
    """Those that were taken too, under their ids; what waits is counted once."""
    bench.show(A, B)
    happen(bench, 2)
    first = bench.deliveries(A)
    settle(bench, first, Outcome.DELIVERED)
    settle(bench, bench.deliveries(B), Outcome.DELIVERED)
    happen(bench, 1, batch="later")
    assert bench.ledger.producer.replay(A, 0) == 2
    again = bench.deliveries(A)
    assert {claim.stream_id for claim in first} < {claim.stream_id for claim in again}
    assert len(again) == 3
    assert len(bench.deliveries(B)) == 1
    late = max(int(claim.stream_id.partition("-")[0]) for claim in again)
    settle(bench, again, Outcome.DELIVERED)
    assert bench.ledger.producer.replay(A, late + 1) == 0
    assert bench.ledger.producer.replay(A, late) >= 1
    assert bench.ledger.producer.replay("other", 0) == 0


def test_a_replay_has_what_the_sink_asks_for(bench: Bench) -> None:
    """It is no way around the filter."""
    bench.ledger.worker.see_worker("w", {A: Named("a", ["edit.cancelled"])})
    happen(bench, 2)
    bench.fill(1, batch="other")
    bench.ledger.producer.cancel("other")
    settle(bench, bench.deliveries(A), Outcome.DELIVERED)
    assert bench.ledger.producer.replay(A, 0) == 1


def test_thousands_are_replayed_page_by_page(bench: Bench) -> None:
    """Each once, also where many are of one millisecond."""
    bench.show(A)
    ms = bench.clock.now + 60_000
    with bench.client.pipeline(transaction=False) as pipe:
        for n in range(1020):
            pipe.xadd(bench.keys.events, event(f"s{n}", bench.clock.now), id=f"{ms}-{n}")
        pipe.execute()
    assert bench.ledger.producer.replay(A, ms) == 1020
    assert bench.ledger.producer.replay(A, ms) == 0


def test_what_is_replayed_is_not_removed_before_it_is_delivered(bench: Bench) -> None:
    """For a day, even events that are days old, whose batch leaves meanwhile."""
    bench.show(A)
    old = bench.clock.now - 3 * 86_400_000
    bench.client.xadd(bench.keys.events, event("s", old), id=f"{old}-0")
    assert bench.ledger.producer.replay(A, old) == 1
    [claim] = bench.deliveries(A)
    bench.client.zadd(bench.keys.chores, {"no-batch": 0})
    bench.claim(deliveries=0)
    assert [one.stream_id for one in bench.ledger.reader.events()] == [f"{old}-0"]
    settle(bench, [claim], Outcome.DELIVERED)
    bench.clock.now += 86_400_001
    bench.client.zadd(bench.keys.chores, {"no-batch": 0})
    bench.claim(deliveries=0)
    assert bench.ledger.reader.events() == []
