"""A good client of a limited and sometimes sick API: its own record is the judge."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

import pytest
from scene import Api, Record, Scene, until
from servers import Web

from workers.stack.endpoint import Endpoint
from workers.stack.ports import LOOPBACK


def requests(scene: Scene) -> list[Record]:
    """Everything that counts against a rate limit, by arrival."""
    return sorted(scene.api.submits() + scene.api.polls(), key=lambda entry: float(entry["arrived"]))


def test_two_workers_together_keep_a_rate_limit(scene: Scene) -> None:
    """Submits and polls of both: no sliding minute holds more than its limit, and nearly all of it is used."""
    scene.api.trouble("odd_status", times=60)
    for _ in range(2):
        scene.another_worker(rate_limit="600/m,30/s", max_in_flight="60")
    batch = scene.enqueue(60)
    until(lambda: len(requests(scene)) >= 90, "requests flow")
    scene.api.clear()
    scene.finish(batch, 90)
    arrivals = [float(entry["arrived"]) for entry in requests(scene)]
    for seconds, limit in ((1, 30), (60, 600)):
        assert max(bisect_left(arrivals, at + seconds) - n for n, at in enumerate(arrivals)) <= limit
    busy = [at for at in arrivals if at <= arrivals[89]]
    assert len(busy) / (busy[-1] - busy[0]) >= 0.7 * 10  # of 10 a second; the machine may be slow, the limit is not


def test_an_outage_uses_up_nothing(scene: Scene) -> None:
    """While the API answers 503 to everything, hardly anything is sent; afterwards every edit completes, once."""
    scene.another_worker(max_in_flight="40")
    batch = scene.enqueue(60)
    until(lambda: scene.api.accepted(), "the API takes edits")
    scene.api.rules({"fault": "status", "status": 503}, {"fault": "status_poll", "status": 500})
    assert "nothing" not in scene.pause("outage")
    asked = len(requests(scene))
    until(lambda: len(requests(scene)) >= asked + 2, "two probes went")
    [pause] = scene.ledger.reader.pauses()
    assert pause.next_probe is not None
    assert len(requests(scene)) <= asked + 5
    scene.api.clear()
    results = scene.finish(batch, 90)
    assert {(r["state"], r["attempts"], r["possible_duplicate"]) for r in results.values()} == {("completed", 1, False)}
    assert len(scene.api.accepted()) == 60
    assert scene.ledger.reader.pauses() == []


@pytest.mark.parametrize("as_", ["seconds", "date", "body"])
def test_nothing_at_all_is_sent_before_the_time_that_a_429_names(scene: Scene, as_: str) -> None:
    """A poll that is throttled silences submits and the polls of all other edits as well."""
    scene.another_worker(max_in_flight="40")
    scene.api.rules({"fault": "odd_status"})
    waiting = scene.enqueue(5)
    until(lambda: len(scene.api.polls()) >= 5, "each was asked about")
    scene.api.rules({"fault": "throttle_poll", "retry_after": 3, "retry_as": as_, "times": 1})
    scene.pause("throttled")
    refused = next(entry for entry in scene.api.polls() if entry["status"] == 429)
    more = scene.enqueue(5)
    for batch in (waiting, more):
        results = scene.finish(batch, 60)
        assert {(r["state"], r["attempts"]) for r in results.values()} == {("completed", 1)}
    # What was on its way when the 429 came could not know of it.
    later = [e for e in requests(scene) if float(e["arrived"]) > refused["time"] + 0.5]
    assert float(later[0]["arrived"]) >= refused["time"] + (1.9 if as_ == "date" else 2.9)


@pytest.fixture
def slow(tmp_path: Path, pictures: Web) -> Iterator[Endpoint]:
    """An endpoint that takes three seconds for every edit."""
    endpoint = Endpoint(tmp_path, latency="3", capacity=64, private_hosts=LOOPBACK)
    endpoint.start()
    yield endpoint
    endpoint.kill()


def test_polls_come_when_the_result_does(scene: Scene, slow: Endpoint) -> None:
    """When it is known how long a kind of work takes, edits are asked about less than twice, not three times."""
    api = Api(slow.url, slow.api_key)
    hosts = f"{scene.environment['RETOUCH_PRIVATE_HOSTS']},{slow.host}"
    scene.another_worker(api_url=slow.url, api_key=slow.api_key, private_hosts=hosts, max_in_flight="64")
    scene.finish(scene.enqueue(50))
    assert len(api.polls()) >= 120
    [kind] = scene.ledger.reader.kinds()
    assert sum(scene.ledger.reader.learned(kind).values()) >= 40
    fresh_at = time.monotonic() + 4  # plans are made anew every few seconds
    until(lambda: time.monotonic() > fresh_at, "the plan is made")
    rounds = []  # on a busy machine the endpoint is late at times, and what is learned then is what it is
    while not rounds or (rounds[-1] >= 100 and len(rounds) < 4):
        before = len(api.polls())
        scene.finish(scene.enqueue(50))
        rounds.append(len(api.polls()) - before)
    assert rounds[-1] < 100, rounds


def test_the_number_of_places_is_found_out(scene: Scene, tmp_path: Path) -> None:
    """With ``auto`` an API that works on six images at once, and takes no more, is filled and seldom overfilled."""
    six = Endpoint(tmp_path, latency="0.5", capacity=6, max_queue=0, private_hosts=LOOPBACK)
    six.start()
    try:
        api = Api(six.url, six.api_key)
        hosts = f"{scene.environment['RETOUCH_PRIVATE_HOSTS']},{six.host}"
        scene.another_worker(api_url=six.url, api_key=six.api_key, private_hosts=hosts, max_in_flight="auto")
        results = scene.finish(scene.enqueue(60), 90)
        submits = api.submits()
    finally:
        six.kill()
    assert {(r["state"], r["attempts"], r["possible_duplicate"]) for r in results.values()} == {("completed", 1, False)}
    assert sum(entry["status"] == 429 for entry in submits) <= 30
    found = scene.ledger.reader.provider().places
    assert found is not None
    assert 2 <= found <= 9
