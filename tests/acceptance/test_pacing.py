"""A good client of a limited and sometimes sick API: its own record is the judge."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.harness.api import Api
from tests.harness.growing import Record
from tests.harness.scene import Scene
from tests.harness.waiting import until


def arrivals(scene: Scene, *kinds: str) -> list[float]:
    """When the requests came that count against a rate limit: submits and status requests, or these kinds alone."""
    return sorted(float(entry["arrived"]) for entry in scene.api.requests(*(kinds or ("submit", "status"))))


@pytest.mark.slow
def test_two_workers_together_keep_a_rate_limit(scene: Scene) -> None:
    """Submits and polls of both: no sliding minute holds more than its limit, and nearly all of it is used."""
    scene.api.trouble("odd_status", times=60)
    for _ in range(2):
        scene.another_worker(rate_limit="600/m,30/s", max_in_flight="60")
    batch = scene.enqueue(60)
    scene.until(lambda: len(arrivals(scene)) >= 90, "requests flow")
    scene.api.clear()
    scene.finish(batch)
    came = arrivals(scene)
    for seconds, limit in ((1, 30), (60, 600)):
        assert max(bisect_left(came, at + seconds) - n for n, at in enumerate(came)) <= limit
    assert 90 / (came[89] - came[0]) >= 1  # of 10 a second; the machine may be slow, the limit is not


def test_an_outage_uses_up_nothing(scene: Scene) -> None:
    """While the API answers errors to everything hardly anything is sent; afterwards every edit completes, once."""
    scene.another_worker(max_in_flight="60")
    scene.api.trouble("odd_status")
    taken = scene.enqueue(30)
    scene.until(lambda: len(scene.api.polls()) >= 30, "the API works on some")
    scene.api.rules({"fault": "status", "status": 503}, {"fault": "status_poll", "status": 500})
    queued = scene.enqueue(30)
    scene.pause("submit:outage")
    scene.pause("status:outage")
    begun, submits = len(arrivals(scene)), len(scene.api.submits())
    scene.until(lambda: len(came := arrivals(scene)) > begun + 3 and came[-1] - came[-4] >= 2, "only probes are sent")
    assert len(arrivals(scene)) - begun <= 60 + 8  # what was on its way, and the probes until then
    assert len(scene.api.submits()) - submits <= 30
    scene.api.clear()
    for batch in (taken, queued):
        ended = {(r["state"], r["attempts"], r["possible_duplicate"]) for r in scene.finish(batch).values()}
        assert ended == {("completed", 1, False)}
    assert len(scene.api.accepted()) == 60
    assert scene.ledger.reader.pauses() == []


FAULTS = {"submit": "throttle", "status": "throttle_poll"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "as_"), [("status", "seconds"), ("status", "date"), ("status", "body"), ("submit", "seconds")]
)
def test_nothing_of_a_kind_is_sent_before_the_time_that_a_429_names(scene: Scene, kind: str, as_: str) -> None:
    """A throttled poll holds back the polls of all edits, a throttled submit all submits; the other kind goes on."""
    scene.another_worker(max_in_flight="40", poll_max="1")
    working: Record = {"fault": "odd_status"}
    scene.api.rules(working)
    waiting = scene.enqueue(5)
    scene.until(lambda: len(scene.api.polls()) >= 5, "each was asked about")
    scene.api.rules({"fault": FAULTS[kind], "retry_after": 12, "retry_as": as_, "times": 1}, working)
    more = scene.enqueue(5)
    scene.pause(f"{kind}:throttled")
    held_back = scene.enqueue(5)
    refused = next(float(entry["time"]) for entry in scene.api.requests(kind) if entry["status"] == 429)
    [other] = FAULTS.keys() - {kind}
    scene.until(lambda: arrivals(scene, other)[-1] > refused, f"a {other} request is sent meanwhile")
    scene.api.clear()
    for batch in (waiting, more, held_back):
        results = scene.finish(batch)
        assert {(r["state"], r["attempts"]) for r in results.values()} == {("completed", 1)}
    # What was on its way when the 429 came could not know of it; the machine may be slow.
    later = [at for at in arrivals(scene, kind) if at > refused + 5]
    assert later[0] >= refused + (10.9 if as_ == "date" else 11.9)
    assert any(refused < at < refused + 10 for at in arrivals(scene, other))


@contextmanager
def special(scene: Scene, folder: Path, *options: str, **settings: str) -> Iterator[Api]:
    """An endpoint with options of its own, and a worker that works with it."""
    api = Api(folder, *options)
    api.start()
    hosts = f"{scene.environment['RETOUCH_PRIVATE_HOSTS']},{api.host}"
    scene.another_worker(api_url=api.url, api_key=api.key, private_hosts=hosts, **settings)
    yield api
    api.child.kill()


@pytest.mark.slow
def test_polls_come_when_the_result_does(scene: Scene, tmp_path: Path) -> None:
    """When it is known how long a kind of work takes, edits are asked about less than twice each."""
    with special(scene, tmp_path, "--latency", "3", "--capacity", "64", max_in_flight="64") as api:
        scene.finish(scene.enqueue(50))
        assert len(api.polls()) >= 50
        [kind] = scene.ledger.reader.kinds()
        assert sum(scene.ledger.reader.learned(kind).values()) >= 40
        fresh_at = time.monotonic() + 4  # plans are made anew every few seconds
        until(lambda: time.monotonic() > fresh_at, "the plan is made")
        rounds: list[
            int
        ] = []  # on a busy machine the endpoint is late at times, and what is learned then is what it is
        while not rounds or (rounds[-1] >= 100 and len(rounds) < 12):
            before = len(api.polls())
            scene.finish(scene.enqueue(50))
            rounds.append(len(api.polls()) - before)
    assert rounds[-1] < 100, rounds


@pytest.mark.slow
def test_the_number_of_places_is_found_out(scene: Scene, tmp_path: Path) -> None:
    """With ``auto`` an API that works on six images at once, and takes no more, is filled and seldom overfilled."""
    options = ("--latency", "0.5", "--capacity", "6", "--max-queue", "0")
    with special(scene, tmp_path, *options, max_in_flight="auto") as api:
        results = scene.finish(scene.enqueue(60))
        submits = api.submits()
    assert {(r["state"], r["attempts"], r["possible_duplicate"]) for r in results.values()} == {("completed", 1, False)}
    refused = sum(entry["status"] == 429 for entry in submits)
    assert refused <= 30
    # Where the number stands at the end depends on how soon the polls saw what had finished.
    assert (scene.ledger.reader.provider().places or 0) >= 2
    assert scene.redis.hexists(scene.ledger.connection.keys.state, "cut_at") == (refused > 0)
