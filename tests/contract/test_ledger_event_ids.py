"""What an event is called: one name wherever it is told, which no other event in the world has."""

from __future__ import annotations

import redis

from retouch.ledger import Ledger, Origin
from tests.ledger_bench import Bench, entries


def ids(ledger: Ledger) -> list[str]:
    """The ids of all its events."""
    origin = ledger.reader.origin()
    return [event.cloudevent(origin)["id"] for event in ledger.reader.events()]


def cancelled(ledger: Ledger, count: int = 1) -> None:
    """So many edits are enqueued and cancelled, before any worker was there."""
    ledger.producer.enqueue("b", entries(count))
    ledger.producer.cancel("b")


def test_two_installations_have_no_id_in_common(bench: Bench, redis_client: redis.Redis) -> None:
    """Although their events have the same place in their streams: the installation is part of the id."""
    other = Ledger(redis_client, bench.clock, namespace="other")
    for ledger in (bench.ledger, other):
        cancelled(ledger, 50)
    places = {event.stream_id for event in bench.ledger.reader.events()}
    for place in places:  # as when both wrote in the same millisecond
        assert bench.ledger.reader.origin().event_id(place) != other.reader.origin().event_id(place)
    assert len({*ids(bench.ledger), *ids(other)}) == 100


def test_an_id_stays_when_the_first_worker_comes(bench: Bench) -> None:
    """Events of before any worker have the installation's name already; the workers keep it."""
    cancelled(bench.ledger)
    before, source = ids(bench.ledger), bench.ledger.reader.origin().source
    bench.show()
    assert (ids(bench.ledger), bench.ledger.reader.origin().source) == (before, source)
    assert before[0].startswith(f"evt-{source.removeprefix('/retouch/')}-")


def test_an_installation_that_has_a_name_keeps_it(bench: Bench) -> None:
    """A worker made it before the first event."""
    bench.show()
    name = bench.stored(bench.keys.state, "deployment")
    cancelled(bench.ledger)
    assert ids(bench.ledger)[0].startswith(f"evt-{name}-")


def test_events_of_before_keep_their_ids(bench: Bench) -> None:
    """They may be delivered a second time after an upgrade; what happens since has the longer id."""
    cancelled(bench.ledger)
    bench.client.hdel(bench.keys.state, "named_from")
    [event] = bench.ledger.reader.events()
    old = f"evt-{event.stream_id}"
    bench.show()
    bench.fill(1, batch="new")
    bench.ledger.producer.cancel("new")
    first, second = ids(bench.ledger)
    assert first == old
    deployment = bench.stored(bench.keys.state, "deployment")
    assert second.startswith(f"evt-{deployment}-")


def test_places_are_compared_as_numbers() -> None:
    """The tenth event of a millisecond comes after the ninth."""
    origin = Origin("d", "100-9")
    assert [origin.event_id(i) for i in ("99-10", "100-8", "100-9", "100-10", "1000-0")] == [
        *("evt-99-10", "evt-100-8", "evt-d-100-9", "evt-d-100-10", "evt-d-1000-0"),
    ]
