"""A batch's own sink: any worker delivers to it, it hears of its batch alone, and it goes with the batch."""

from __future__ import annotations

from retouch.causes import Outcome
from retouch.ledger import Claim, Delivery, Finish, Sink, Step
from retouch.states import EditState
from tests.contract.test_ledger_sinks import happen
from tests.ledger_bench import Bench, entries

URL = "https://hooks.test/secret-path"
OWN = "notify:b"
ENDS = ("batch.completed", "paused", "resumed")
FLIGHTS, FLIGHT_MS = 10, 30_000  # deliveries to one at a time; after which those of a dead worker count no more


def notify(bench: Bench, batch: str = "b", url: str = URL, types: tuple[str, ...] = ENDS) -> bool:
    return bench.ledger.producer.notify(batch, url, "hooks.test", types)


def deliveries(bench: Bench, most: int = 500) -> list[Claim]:
    """What a worker without a sink of its own claims."""
    return bench.deliveries("none", deliveries=most)


def settle(bench: Bench, claims: list[Claim], outcome: Outcome, delay_ms: int = 1000) -> None:
    bench.ledger.worker.settle_deliveries([Delivery(claim, outcome, "503", delay_ms) for claim in claims])


def own(bench: Bench, batch: str = "b") -> Sink:
    [found] = bench.ledger.reader.batch_sinks(batch)
    return found


def end(bench: Bench, batch: str = "b", retention_ms: int = 60_000) -> None:
    """The batch's files are written."""
    [finish] = [c for c in bench.claim(deliveries=0).claims if c.step is Step.FINISH and c.member == batch]
    bench.ledger.worker.settle_batch(finish, Finish.WRITTEN, retention_ms=retention_ms)


def begun(bench: Bench, types: tuple[str, ...] = ENDS, count: int = 2) -> None:
    """A batch with a sink of its own, and one beside it that has none; all their edits have ended."""
    happen(bench, 2, batch="other")
    bench.write("b", entries(count))
    notify(bench, types=types)
    bench.ledger.producer.seal("b")
    claims = bench.edits(deliveries=0)
    bench.intend(claims)
    bench.end(claims)


def test_it_hears_of_its_batch_alone(bench: Bench) -> None:
    """Of the end, and of the URL as it was given; of no edit that it does not ask for."""
    begun(bench)
    assert deliveries(bench) == []
    end(bench)
    [claim] = deliveries(bench)
    [pending] = bench.ledger.reader.pending([claim])
    assert (claim.sink, pending.url) == (OWN, URL)
    assert pending.event
    assert (pending.event.type, pending.event.subject) == ("retouch.batch.completed", "b")
    settle(bench, [claim], Outcome.DELIVERED)
    assert (own(bench).delivered, own(bench).waiting, own(bench).live) == (1, 0, True)
    assert bench.client.zcard(bench.keys.notifying) == 0


def test_it_may_ask_for_edits(bench: Bench) -> None:
    """Of its own batch."""
    begun(bench, types=("edit.completed",))
    pending = bench.ledger.reader.pending(deliveries(bench))
    assert sorted(one.event.subject for one in pending if one.event) == ["b/c0", "b/c1"]


def test_it_hears_that_too_many_edits_failed(bench: Bench) -> None:
    """Somebody is to decide before the rest is paid for."""
    bench.write("b", entries(3), max_failures="0")
    notify(bench)
    bench.end(bench.edits(submits=1, deliveries=0), EditState.FAILED)
    [pending] = bench.ledger.reader.pending(deliveries(bench))
    assert pending.event
    assert (pending.event.type, pending.event.data["cause"]) == ("retouch.paused", "failures")


def test_a_batch_that_is_not_there_has_none(bench: Bench) -> None:
    """Nothing is kept of it."""
    assert notify(bench) is False
    assert bench.ledger.reader.batch_sinks() == []


def test_it_goes_with_its_batch(bench: Bench) -> None:
    """With what waits for it; a batch of the same name begins without."""
    begun(bench)
    end(bench)
    [claim] = deliveries(bench)
    settle(bench, [claim], Outcome.AGAIN)
    bench.clock.now += 60_001
    bench.claim(deliveries=0)
    assert bench.ledger.reader.batch_sinks() == []
    assert deliveries(bench) == []
    left = [key for key in bench.client.scan_iter("*") if OWN in key]
    assert all(bench.client.pttl(key) > 0 for key in left)


def test_one_under_way_when_its_batch_goes_has_no_address_any_more(bench: Bench) -> None:
    """So that its worker makes nothing of it, and nothing of it comes back."""
    begun(bench)
    end(bench)
    [claim] = deliveries(bench)
    bench.clock.now += 60_001
    bench.claim(deliveries=0, sinks=())
    assert bench.ledger.reader.pending([claim])[0].url is None
    settle(bench, [claim], Outcome.AGAIN)
    assert [key for key in bench.client.scan_iter("*") if OWN in key] == []


def test_a_later_url_takes_the_place_of_the_one_before(bench: Bench) -> None:
    """What waits goes there; what was given up on is tried again."""
    begun(bench)
    end(bench)
    settle(bench, deliveries(bench), Outcome.GONE)
    assert own(bench).gone == "503"
    bench.ledger.producer.redeliver(OWN)
    notify(bench, url="https://new.test/")
    [claim] = deliveries(bench)
    assert bench.ledger.reader.pending([claim])[0].url == "https://new.test/"


def test_one_that_does_not_answer_has_few_under_way(bench: Bench) -> None:
    """However much waits for it; others are told meanwhile. Those of a worker that died count no more after a while."""
    begun(bench, types=("edit.completed",), count=50)
    bench.write("c", entries(1))
    notify(bench, "c", types=("edit.cancelled",))
    assert len(deliveries(bench)) == FLIGHTS
    bench.ledger.producer.cancel("c")
    [of_another] = deliveries(bench)
    assert of_another.sink == "notify:c"
    settle(bench, [of_another], Outcome.DELIVERED)
    assert deliveries(bench) == []
    bench.later(FLIGHT_MS)
    assert len(deliveries(bench)) == FLIGHTS


def test_the_next_come_as_those_under_way_end(bench: Bench) -> None:
    """One for one."""
    begun(bench, types=("edit.completed",), count=30)
    claims = deliveries(bench)
    settle(bench, claims[:3], Outcome.DELIVERED)
    more = deliveries(bench)
    assert len(more) == 3
    assert not {c.member for c in more} & {c.member for c in claims}


def test_a_dead_one_is_left_alone_like_any_sink(bench: Bench) -> None:
    """After five failures in a row it is asked now and then, and costs nothing in between."""
    begun(bench, types=("edit.completed",), count=30)
    settle(bench, deliveries(bench), Outcome.AGAIN, 3_600_000)
    assert own(bench).held == "503"
    assert deliveries(bench) == []
    assert bench.client.zrangebyscore(bench.keys.notifying, "-inf", bench.clock.now) == []
    bench.clock.now += 5000
    [probe] = deliveries(bench)
    settle(bench, [probe], Outcome.DELIVERED)
    assert len(deliveries(bench)) == FLIGHTS


def test_what_waits_for_its_time_is_looked_at_then(bench: Bench) -> None:
    """Not before."""
    begun(bench)
    end(bench)
    settle(bench, deliveries(bench), Outcome.AGAIN, 4000)
    assert bench.client.zscore(bench.keys.notifying, OWN) == bench.clock.now + 4000
    bench.later(3999)
    assert deliveries(bench) == []
    bench.later(1)
    assert len(deliveries(bench)) == 1


def test_room_is_shared_by_all_of_them(bench: Bench) -> None:
    """A worker takes no more than it has room for."""
    for batch in ("b1", "b2", "b3"):
        bench.write(batch, entries(5))
        notify(bench, batch, types=("edit.cancelled",))
        bench.ledger.producer.cancel(batch)
    assert len(deliveries(bench, most=7)) == 7


def test_a_replay_of_it_has_its_batch_alone(bench: Bench) -> None:
    """Since any time, although another's events are of the same types."""
    begun(bench, types=("edit.completed",))
    settle(bench, deliveries(bench), Outcome.DELIVERED)
    assert bench.ledger.producer.replay(OWN, 0) == 2
    pending = bench.ledger.reader.pending(deliveries(bench))
    assert sorted(one.event.subject for one in pending if one.event) == ["b/c0", "b/c1"]


def test_a_person_may_drop_it(bench: Bench) -> None:
    """At any time: no worker has it in its settings."""
    begun(bench)
    assert bench.ledger.producer.drop_sink(OWN) is True
    end(bench)
    assert deliveries(bench) == []
