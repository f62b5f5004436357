"""To whom events are delivered: the sinks of all workers, each by the workers that have it."""

from __future__ import annotations

import pytest

from retouch.causes import Outcome
from retouch.ledger import PAGE, Claim, Delivery, Finish, Step
from retouch.ledger.worker import WORKER_SEEN_MS
from tests.ledger_bench import LEASE_MS, SINK, Bench

A, B = "webhook-aaaaaa", "webhook-bbbbbb"
WEBHOOK = "webhook"  # the one name of older versions
DAY_MS = 86_400_000
GONE = "the receiver at a.test answered 410 Gone"


def happen(bench: Bench, count: int = 1, *, batch: str = "b") -> None:
    """So many edits end, and an event tells of each; no delivery is claimed meanwhile."""
    bench.fill(count, batch=batch)
    claims = bench.edits(deliveries=0)
    assert len(claims) == count
    bench.intend(claims)
    bench.end(claims)


def sinks_of(claims: list[Claim]) -> list[str]:
    return sorted({claim.sink for claim in claims})


def settle(bench: Bench, claims: list[Claim], outcome: Outcome, reason: str = "", delay_ms: int = 0) -> None:
    bench.ledger.worker.settle_deliveries([Delivery(claim, outcome, reason, delay_ms) for claim in claims])


def test_each_event_goes_to_the_sinks_of_all_workers(bench: Bench) -> None:
    """Whatever the worker has that was seen last; one without a sink takes no other's away."""
    bench.show(A, name="a")
    bench.show(B, name="b")
    bench.ledger.worker.see_worker("none", {})
    happen(bench, 3)
    assert len(bench.deliveries(A)) == len(bench.deliveries(B)) == 3


def test_settings_stay_as_long_as_their_workers(bench: Bench) -> None:
    """The next one that is seen removes those of who has ended."""
    for name in ("a", "b"):
        bench.ledger.worker.see_worker(name, {}, {"RETOUCH_LEASE": name})
    assert bench.ledger.reader.differences() == {"RETOUCH_LEASE": {"a": ["a"], "b": ["b"]}}
    bench.ledger.worker.forget_worker("a")
    assert bench.ledger.reader.differences() == {}
    bench.ledger.worker.see_worker("b", {}, {"RETOUCH_LEASE": "b"})
    assert bench.client.hkeys(bench.keys.settings) == ["b"]


def test_a_worker_claims_deliveries_to_its_own_sinks_alone(bench: Bench) -> None:
    """Many of another's sink stand before none of its own, and cost no tries."""
    bench.show(A, name="a")
    happen(bench, 50)
    bench.show(B, name="b")
    happen(bench, 1, batch="later")
    assert bench.claim(sinks=(), submits=0, polls=0).claims == []
    [claim] = bench.deliveries(B, deliveries=5)
    assert claim.sink == B
    assert all(bench.client.hgetall(key) == {} for key in bench.client.scan_iter(bench.keys.delivery(f"{A}/*")))
    assert sinks_of(bench.deliveries(A, deliveries=5)) == [A]


def test_each_sink_of_a_worker_has_room_of_its_own(bench: Bench) -> None:
    """As much as the worker says, whatever waits for another."""
    bench.show(A, B)
    happen(bench, 40)
    claims = bench.ledger.worker.claim("w", lease_ms=LEASE_MS, places=9, submits=0, polls=0, sinks={A: 8, B: 0}).claims
    assert sinks_of(claims) == [A]
    assert len(claims) == 8


@pytest.mark.parametrize("way", ["leaves", "dies"])
def test_events_of_a_gap_between_workers_wait(bench: Bench, way: str) -> None:
    """While the one worker with a sink restarts, what happens is kept for it."""
    bench.show(A, name="a")
    if way == "leaves":
        bench.ledger.worker.forget_worker("a")
    bench.clock.now += 3 * WORKER_SEEN_MS
    bench.ledger.worker.see_worker("other", {})
    assert bench.ledger.reader.workers() == ["other"]
    happen(bench)
    bench.show(A, name="a2", started=True)
    assert sinks_of(bench.deliveries(A)) == [A]


def test_a_sink_that_no_worker_has_any_more_gets_nothing_new_after_a_day(bench: Bench) -> None:
    """It was removed. What waits for it ends with its events, and then it is forgotten."""
    bench.show(A, name="a")
    bench.clock.now += DAY_MS - 1
    bench.show(B, name="b")
    happen(bench, 2)
    bench.clock.now += 1
    bench.show(B, name="b")
    happen(bench, batch="later")
    assert [(sink.name, sink.live, sink.waiting) for sink in bench.ledger.reader.sinks()] == [
        (A, False, 2),
        (B, True, 3),
    ]
    settle(bench, bench.deliveries(B), Outcome.DELIVERED)
    settle(bench, bench.deliveries(A, deliveries=1), Outcome.AGAIN, "503", 1000)
    bench.clock.now += 7 * DAY_MS + 1000
    for _ in range(2):
        bench.show(B, name="b")
    assert [sink.name for sink in bench.ledger.reader.sinks()] == [B]
    left = {key for key in bench.client.scan_iter("*") if A in key}
    assert left == set()


def test_what_is_under_way_ends_only_by_its_claim(bench: Bench) -> None:
    """A worker that lost its claim neither ends the delivery nor counts a try, and one settlement counts once."""
    bench.show()
    happen(bench)
    [late] = bench.deliveries()
    bench.later(LEASE_MS)
    [claim] = bench.deliveries()
    settle(bench, [late], Outcome.DELIVERED)
    settle(bench, [late], Outcome.GONE, GONE)
    assert [sink.gone for sink in bench.ledger.reader.sinks()] == [None]
    for _ in range(2):  # the answer of the first was lost
        settle(bench, [claim], Outcome.AGAIN, "503", 5000)
    assert bench.tries(claim) == 1
    bench.ledger.worker.renew([claim], LEASE_MS)
    bench.later(5000)
    assert [c.fence for c in bench.deliveries()] == [claim.fence + 1]


# --- gone ----------------------------------------------------------------------------------------


def gone(bench: Bench, waiting: int = 2) -> None:
    """The receiver of A said that it is gone; so many events more wait for it."""
    bench.show(A, B)
    happen(bench, 1 + waiting)
    settle(bench, bench.deliveries(A, deliveries=1), Outcome.GONE, GONE)


def test_nothing_is_delivered_to_a_sink_that_is_gone(bench: Bench) -> None:
    """What it has not taken is kept, what happens later too; other sinks go on."""
    gone(bench)
    bench.show(A, B)
    happen(bench, batch="later")
    assert sinks_of(bench.deliveries(A, B)) == [B]
    sink = bench.ledger.reader.sinks()[0]
    assert (sink.gone, sink.waiting, sink.undelivered) == (GONE, 3, 1)
    found = list(bench.ledger.reader.undelivered(sink))
    assert [(one.tries, one.reason, one.next_try) for one in found] == [(1, GONE, None)] + [(0, GONE, None)] * 3


def test_a_worker_that_starts_tries_a_sink_that_is_gone_again(bench: Bench) -> None:
    """With the first that it says of itself, and only if it has that sink."""
    gone(bench)
    bench.show(B, name="new", started=True)
    assert bench.deliveries(A) == []
    bench.show(A, name="new", started=True)
    [one, other] = bench.deliveries(A)
    settle(bench, [one], Outcome.GONE, GONE)
    settle(bench, [other], Outcome.GONE, "later words")
    assert bench.ledger.reader.sinks()[0].gone == GONE


def test_a_person_s_redelivery_tries_a_sink_that_is_gone_again(bench: Bench) -> None:
    """All that it has not taken is delivered, and counted: what it refused, and what was not tried."""
    gone(bench)
    assert bench.ledger.producer.redeliver(A) == 3
    assert len(bench.deliveries(A)) == 3
    assert bench.ledger.reader.sinks()[0].gone is None


# --- undelivered, delivered again ----------------------------------------------------------------


def test_what_is_given_up_is_kept_and_delivered_again_by_hand(bench: Bench) -> None:
    """It is not claimed by itself; by hand it gets a whole new schedule, and then it is delivered like another."""
    bench.show()
    happen(bench)
    [claim] = bench.deliveries()
    settle(bench, [claim], Outcome.AGAIN, "503", 1000)
    bench.later(1000)
    [claim] = bench.deliveries()
    settle(bench, [claim], Outcome.GIVEN_UP, "500")
    bench.clock.now += 2 * DAY_MS
    bench.show()
    assert bench.deliveries() == []
    [sink] = bench.ledger.reader.sinks()
    [one] = bench.ledger.reader.undelivered(sink)
    assert (one.sink, one.tries, one.reason, one.next_try) == (SINK, 2, "500", None)
    assert one.event.subject == "b/c0"
    assert bench.ledger.producer.redeliver(SINK) == 1
    assert bench.tries(claim) == 0
    [again] = bench.deliveries()
    assert (again.member, bench.ledger.producer.redeliver(SINK)) == (claim.member, 0)
    settle(bench, [again], Outcome.DELIVERED)
    assert list(bench.ledger.reader.undelivered(sink)) == []
    assert bench.client.exists(bench.keys.delivery(claim.member), bench.keys.undelivered(SINK)) == 0


def test_what_waits_for_its_next_try_is_undelivered_too(bench: Bench) -> None:
    """With the time of that try; by hand it is made now, and keeps its place in the schedule."""
    bench.show()
    happen(bench, 2)
    first, second = bench.deliveries()
    settle(bench, [first], Outcome.AGAIN, "503", 60_000)
    [sink] = bench.ledger.reader.sinks()
    [one] = bench.ledger.reader.undelivered(sink)
    assert (one.tries, one.reason) == (1, "503")
    assert one.next_try is not None
    assert one.since is not None
    assert (one.next_try.timestamp() - one.since.timestamp()) == pytest.approx(60)
    assert bench.ledger.producer.redeliver(SINK) == 1
    assert [c.member for c in bench.deliveries()] == [first.member]
    assert bench.tries(first) == 1
    settle(bench, [second], Outcome.DELIVERED)


def test_thousands_are_listed_and_delivered_again_page_by_page(bench: Bench) -> None:
    """Each once, the oldest first, also where some thousand are of one millisecond."""
    bench.show()
    count = 2 * PAGE + 20
    happen_at_once(bench, count)
    claims = bench.deliveries(deliveries=count)
    settle(bench, claims, Outcome.GIVEN_UP, "500")
    [sink] = bench.ledger.reader.sinks()
    listed = [one.event.stream_id for one in bench.ledger.reader.undelivered(sink)]
    assert listed == [c.stream_id for c in claims]
    assert len(set(listed)) == count
    assert bench.ledger.producer.redeliver(SINK) == count
    assert len(bench.deliveries(deliveries=count)) == count


def happen_at_once(bench: Bench, count: int) -> None:
    """So many events of one millisecond are written, with a delivery each."""
    ms = bench.clock.now + 60_000  # later than any that the server has named by itself
    with bench.client.pipeline(transaction=False) as pipe:
        for n in range(count):
            pipe.xadd(
                bench.keys.events,
                {"type": "t", "subject": f"s{n}", "time": bench.clock.now, "data": "{}"},
                id=f"{ms}-{n}",
            )
            pipe.zadd(bench.keys.outbox(SINK), {f"{SINK}/{ms}-{n}": bench.clock.now - count + n})
        pipe.execute()


def test_undelivered_events_outlive_their_batch(bench: Bench) -> None:
    """A batch that leaves takes only events that were delivered, or that nobody is to be told."""
    bench.show()
    happen(bench, 1, batch="before")
    settle(bench, bench.deliveries(), Outcome.GIVEN_UP, "500")
    for batch in ("before", "later"):
        if batch == "later":
            happen(bench, 1, batch=batch)
            settle(bench, bench.deliveries(), Outcome.DELIVERED)
        [finish] = [c for c in bench.claim(deliveries=0).claims if c.step is Step.FINISH]
        bench.ledger.worker.settle_batch(finish, Finish.WRITTEN, retention_ms=60_000)
        settle(bench, bench.deliveries(), Outcome.DELIVERED)
    bench.clock.now += 3 * DAY_MS
    bench.claim()
    assert bench.ledger.reader.batches() == []
    [sink] = bench.ledger.reader.sinks()
    assert [one.event.subject for one in bench.ledger.reader.undelivered(sink)] == ["before/c0"]


# --- a ledger of before --------------------------------------------------------------------------


def of_before(bench: Bench) -> list[str]:
    """One outbox, and one name for every webhook: two events wait for it, one of them was tried."""
    bench.ledger.worker.see_worker("old", {})
    bench.client.hset(bench.keys.state, "sinks", "webhook")
    happen(bench, 2)
    ids = [event.stream_id for event in bench.ledger.reader.events()]
    bench.client.delete(bench.keys.outbox("webhook"))
    bench.client.hdel(bench.keys.state, "named_from")
    bench.client.zadd(bench.keys.old_outbox, {f"webhook/{i}": bench.clock.now for i in ids})
    bench.client.hset(bench.keys.delivery(f"webhook/{ids[0]}"), mapping={"fence": 7, "tries": 3, "holder": "old"})
    return ids


def test_what_an_older_version_queued_is_delivered(bench: Bench) -> None:
    """By the first worker with a webhook, with the tries that were made; what happens until it comes as well."""
    ids = of_before(bench)
    bench.ledger.worker.see_worker("none", {})
    happen(bench, 1, batch="later")
    bench.show(WEBHOOK, name="a")
    claims = bench.deliveries(WEBHOOK)
    assert [c.sink for c in claims] == [WEBHOOK] * 3
    assert {c.stream_id for c in claims} > set(ids)
    [tried] = [c for c in claims if c.stream_id == ids[0]]
    assert (tried.fence, bench.tries(tried)) == (8, 3)
    settle(bench, claims, Outcome.DELIVERED)
    assert [sink.name for sink in bench.ledger.reader.sinks()] == [WEBHOOK]
    assert not [key for key in bench.client.scan_iter("*") if "outbox" in key or "delivery" in key]
    happen(bench, 1, batch="last")
    assert len(bench.deliveries(WEBHOOK)) == 1


def test_more_than_a_page_of_an_older_version_is_taken_over(bench: Bench) -> None:
    """A page with each heartbeat."""
    bench.client.zadd(bench.keys.old_outbox, {f"{WEBHOOK}/1-{n}": DAY_MS for n in range(1, PAGE + 10)})
    bench.clock.now = DAY_MS
    bench.show(WEBHOOK)
    assert bench.client.zcard(bench.keys.outbox(WEBHOOK)) == PAGE
    bench.show(WEBHOOK)
    assert bench.client.zcard(bench.keys.outbox(WEBHOOK)) == PAGE + 9


def test_an_older_worker_beside_loses_nothing(bench: Bench) -> None:
    """It puts deliveries to all sinks into the old outbox; they come to the workers that have them."""
    bench.show(A, B)
    bench.clock.now = DAY_MS
    bench.client.zadd(bench.keys.old_outbox, {f"{B}/1795682932870-0": DAY_MS, f"{WEBHOOK}/1795682932870-0": DAY_MS})
    bench.show(A, name="a")
    assert [bench.client.zcard(bench.keys.outbox(sink)) for sink in (A, B, WEBHOOK)] == [0, 1, 1]
    assert {sink.name for sink in bench.ledger.reader.sinks()} == {A, B, WEBHOOK}
