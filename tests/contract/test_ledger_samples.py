"""How the API was used, minute by minute; what workers say of themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import count

import pytest

from retouch.ledger import Heartbeat, Latency, RequestSample, Sample, Settlement, WorkerView
from retouch.ledger.constants import SAMPLE_MS, SAMPLED, SAMPLES_KEPT
from retouch.ledger.samples import samples_from_json, samples_to_json
from retouch.states import EditState
from tests.ledger_bench import SUBMITTING, Bench

MINUTE_MS = SAMPLE_MS
_ids = count()


@pytest.fixture(autouse=True)
def on_the_minute(bench: Bench) -> None:
    """The clock stands at the begin of one."""
    bench.clock.now -= bench.clock.now % MINUTE_MS


def beat(
    bench: Bench, worker: str = "w", *, steps: int = 0, took: Mapping[str, int] | None = None, id: str = ""
) -> None:
    """A heartbeat of this worker."""
    says = Heartbeat(id or f"beat-{next(_ids)}", f"host-of-{worker}", "1.2.3", steps, took or {})
    bench.ledger.worker.see_worker(worker, {}, {"RETOUCH_RATE_LIMIT": "1/s"}, says=says)


def counted(bench: Bench, *counts: str, to: EditState = EditState.COMPLETED) -> None:
    """An edit ends, and these requests were made about it."""
    [claim] = bench.edits(submits=1)
    bench.intend([claim])
    assert all(bench.ledger.worker.settle([Settlement(claim, SUBMITTING, to, counts=counts)]))


def samples(bench: Bench) -> list[Sample]:
    """Those that are kept."""
    return bench.ledger.reader.samples()


def test_a_minute_tells_what_has_come_about_in_it(bench: Bench) -> None:
    """Of several workers together, once, by how requests fared."""
    beat(bench)
    bench.fill(4)
    counted(bench, "submit:200", "submit:none", "submit:unreached", "submit:429", "taken")
    counted(bench, "submit:500", "submit:502", "status:404", "status:200", "submit:302", to=EditState.FAILED)
    for worker in ("w", "v"):
        beat(bench, worker, took={"took:submit:2": 2, "took:submit:ms": 100})
    assert samples(bench) == []
    bench.clock.now += MINUTE_MS
    beat(bench)
    [sample] = samples(bench)
    assert sample.at.timestamp() * 1000 == bench.clock.now - MINUTE_MS
    assert sample.submits == RequestSample(good=1, throttled=1, refused=1, broken=2, silent=2, answer_s=0.05)
    assert sample.statuses == RequestSample(good=1, throttled=0, refused=1, broken=0, silent=0, answer_s=None)
    assert (sample.completed, sample.failed, sample.cancelled) == (1, 1, 0)
    bench.clock.now += MINUTE_MS
    beat(bench, "v")
    assert samples(bench)[1].completed == 0


def test_answers_are_told_with_the_minute_in_which_they_were_heard_of(bench: Bench) -> None:
    """Each heartbeat counts once, also if it comes twice."""
    beat(bench)
    for _ in range(2):
        beat(bench, id="twice", took={"took:submit:2": 3, "took:submit:13": 1, "took:submit:ms": 64_000})
    beat(bench, "v", took={"took:status:0": 5, "took:status:ms": 5})
    bench.clock.now += MINUTE_MS
    beat(bench)
    [sample] = samples(bench)
    assert (sample.submits.answer_s, sample.statuses.answer_s) == (16.0, 0.001)
    counts = bench.ledger.reader.figures().counts
    latency = Latency.of(counts, "submit")
    assert (latency.answers, latency.total_s) == (4, 64.0)
    assert latency.within_s(0.75) == 0.025
    assert (latency.within_s(0.95), Latency.of({}, "submit").within_s(0.5)) == (60.0, None)


def test_places_and_pauses_are_those_that_heartbeats_see(bench: Bench) -> None:
    """The mean, the most, how many there may be; the share of the time that was paused."""
    bench.at_the_api(6)
    bench.claim(places=9, submits=0, polls=0)
    beat(bench)
    bench.end(bench.edits(submits=0)[:4])
    beat(bench, "v")
    bench.ledger.worker.pause("submit:person", "lunch")
    beat(bench)
    bench.ledger.worker.resume("submit:person")
    bench.ledger.worker.pause("status:outage", "502")  # not one of submits
    beat(bench, "v")
    bench.clock.now += MINUTE_MS
    beat(bench)
    [sample] = samples(bench)
    assert (sample.places_used, sample.places_most, sample.paused) == (3.0, 6, 0.25)
    assert sample.places == 100


def test_minutes_without_a_worker_are_a_gap_and_lose_nothing(bench: Bench) -> None:
    """A worker dies; what it has settled after its last heartbeat is of that minute."""
    beat(bench)
    bench.fill(1)
    counted(bench, "submit:200")
    bench.clock.now += 7 * MINUTE_MS
    beat(bench, "v")
    bench.clock.now += MINUTE_MS
    beat(bench, "v")
    first, second = samples(bench)
    assert (first.submits.good, second.submits.good) == (1, 0)
    assert (second.at - first.at).total_seconds() == 7 * 60


def test_a_day_is_kept_and_not_more(bench: Bench) -> None:
    """However long it runs; each record is short."""
    beat(bench)
    bench.client.rpush(bench.keys.samples, *[" ".join(["1"] * (6 + len(SAMPLED)))] * (SAMPLES_KEPT + 5))
    bench.clock.now += MINUTE_MS
    beat(bench)
    assert bench.client.llen(bench.keys.samples) == SAMPLES_KEPT
    assert len(samples(bench)) == 1  # the others are of 1970
    bench.clock.now += SAMPLES_KEPT * MINUTE_MS + 1
    assert samples(bench) == []
    assert bench.client.strlen(bench.keys.schema) == 1
    assert len(str(bench.client.lrange(bench.keys.samples, -1, -1)[0])) < 100


def test_a_clock_that_goes_back_does_no_harm(bench: Bench) -> None:
    """What comes about then is told with the time that it has."""
    beat(bench)
    bench.fill(1)
    counted(bench, "submit:200")
    bench.clock.now -= 5 * MINUTE_MS
    beat(bench)
    bench.clock.now += MINUTE_MS
    beat(bench)
    assert [sample.submits.good for sample in samples(bench)] == [0]  # the other minute is still to come
    bench.clock.now += 5 * MINUTE_MS
    found = samples(bench)
    assert [sample.submits.good for sample in found] == [0, 1]
    assert found[0].at < found[1].at


def test_a_minute_that_comes_twice_is_told_once(bench: Bench) -> None:
    """Its clock was set back: charts have one value for each."""
    for step in (0, 1, 1, -1, 1):
        bench.clock.now += step * MINUTE_MS
        beat(bench)
    found = samples(bench)
    assert len({sample.at for sample in found}) == len(found) == 3


def test_a_record_of_another_version_is_read(bench: Bench) -> None:
    """One that says more."""
    began = bench.clock.now
    bench.client.rpush(
        bench.keys.samples, " ".join([str(began), "2", "3", "2", "8", "0", *["0"] * len(SAMPLED), "7", "7"])
    )
    [sample] = samples(bench)
    assert (sample.places_used, sample.places) == (1.5, 8)


def test_samples_travel_as_lists(bench: Bench) -> None:
    """There and back."""
    for _ in range(3):
        beat(bench, took={"took:submit:1": 1, "took:submit:ms": 7})
        bench.clock.now += MINUTE_MS
    found = samples(bench)
    assert len(found) == 2
    told = json.loads(json.dumps(samples_to_json(found)))
    assert samples_from_json(told) == found
    assert told["submits"]["answer_s"][1] == 0.007


def test_workers_say_what_they_are(bench: Bench) -> None:
    """Where they run, since when, and what they have in hand; a start anew is a new beginning."""
    began = bench.clock.now
    bench.ledger.worker.see_worker("old", {})  # one that does not say
    beat(bench, steps=3)
    bench.clock.now += 2000
    beat(bench, steps=4)
    old, w = bench.ledger.reader.crew()
    assert (old.name, old.host, old.version, old.since, old.steps) == ("old", None, None, None, None)
    assert (w.host, w.version, w.steps) == ("host-of-w", "1.2.3", 4)
    assert w.since is not None
    assert [round(at.timestamp() * 1000) - began for at in (w.since, w.seen)] == [0, 2000]
    assert [WorkerView.from_json(one.to_json()) for one in (old, w)] == [old, w]
    says = Heartbeat("anew", "host-of-w", "1.2.4", 0, {})
    bench.ledger.worker.see_worker("w", {}, started=True, says=says)
    assert bench.ledger.reader.crew()[1].since == w.seen
    bench.clock.now += 10_000
    beat(bench, "v")
    assert [one.name for one in bench.ledger.reader.crew()] == ["v"]
    assert set(bench.client.hkeys(bench.keys.crew)) == {"v"}
