"""What the claim decides for all workers at once: pace, outages, places that are found out, and shares."""

from __future__ import annotations

import itertools
import json
from collections import Counter

import pytest
import redis

from retouch.causes import Fared
from retouch.ledger import Claim, Intervals, Seen, Settled, Settlement, Step
from retouch.states import EditState
from tests.contract.servers import on_a_server
from tests.ledger_bench import LEASE_MS, POLLED, SUBMITTING, Bench, entries

PACE = Intervals(request_ms=100)


def test_requests_lie_apart_whoever_claims_them(bench: Bench) -> None:
    """Submits and polls of two workers together never come closer than the pace; the rest waits."""
    bench.fill(40)
    moments = []
    for tick in range(20):
        holder = f"w{tick % 2}"
        harvest = bench.ledger.worker.claim(holder, lease_ms=LEASE_MS, places=100, intervals=PACE)
        bench.intend([c for c in harvest.claims if c.step is Step.SUBMIT])
        bench.accept([c for c in harvest.claims if c.step is Step.SUBMIT], delay_ms=100)
        moments += [c.at_ms for c in harvest.claims if c.step in (Step.SUBMIT, Step.POLL)]
        bench.clock.now += 100
    gaps = [b - a for a, b in zip(sorted(moments), sorted(moments)[1:], strict=False)]
    assert set(gaps) == {100}
    assert len(moments) >= 20


def test_workers_with_different_places_count_together_and_go_by_their_own(bench: Bench) -> None:
    """The one with fewer takes nothing while the others fill more; so the loosest limit is the one that holds."""
    bench.fill(10)
    taken = [len(bench.edits(places=places)) for places in (1, 3, 1, 3, 4)]
    assert taken == [1, 2, 0, 0, 1]


def test_a_share_bounds_its_kind_alone(bench: Bench) -> None:
    """With a rate for submits, polls go on at the whole rate."""
    bench.at_the_api(10, of=20)
    harvest = bench.ledger.worker.claim("w", lease_ms=LEASE_MS, places=100, intervals=Intervals(20, 10_000, 0))
    assert Counter(c.step for c in harvest.claims) == {Step.POLL: 10, Step.SUBMIT: 1}


def test_single_troubles_are_no_outage(bench: Bench) -> None:
    """A good answer in between begins the count anew."""
    bench.fill(3)
    claims = bench.edits()
    bench.intend(claims)
    bench.fail(times=4)
    bench.accept(claims[:1])
    bench.fail(times=4)
    assert bench.pauses() == {}
    bench.fail(times=1)
    assert bench.pauses() == {"submit:outage": "503"}


def test_an_outage_of_polls_stops_them_but_for_one_probe(bench: Bench) -> None:
    """One request at a time, at growing intervals up to half a minute."""
    bench.at_the_api(4)
    bench.fail("status")
    assert bench.edits() == []
    probes = []
    for _ in range(600):
        bench.clock.now += 200
        if claims := bench.edits():
            probes.append(bench.clock.now)
            assert len(claims) == 1
            bench.ledger.worker.settle([Settlement(claims[0], POLLED, EditState.WAITING)])
    gaps = [b - a for a, b in itertools.pairwise(probes)]
    assert gaps == sorted(gaps)
    assert 30_000 <= gaps[-1] <= 32_000


def test_polls_that_go_on_take_no_probe_s_place(bench: Bench) -> None:
    """While submits pause, the one that finds out goes at its time, however many polls are due then."""
    bench.at_the_api(5, of=10, delay_ms=1000)
    bench.throttle(1000)
    bench.clock.now += 1000
    assert Counter(claim.step for claim in bench.edits()) == {Step.POLL: 5, Step.SUBMIT: 1}


def test_after_an_outage_the_flow_comes_back_gradually(bench: Bench) -> None:
    """A tenth of the places at first, nine tenths within 15 s."""
    bench.fill(100)
    bench.fail()
    bench.later(2000)
    bench.ledger.worker.observe(good={"submit": bench.clock.now})
    assert len(bench.edits(places=50)) == 5
    bench.later(LEASE_MS)
    bench.later(11_000)
    assert len(bench.edits(places=50)) >= 40


def test_deadlines_do_not_run_during_an_outage_of_polls(bench: Bench) -> None:
    """What it took is added to every deadline, to those of edits accepted before and after it alike."""
    bench.fill(1)
    claims = bench.edits()
    bench.intend(claims)
    accepted_at = bench.clock.now
    bench.accept(claims, delay_ms=0)  # deadline: 9 s
    bench.fail("status")
    bench.later(600_000)
    during = bench.ledger.reader.edit("b", "c0")
    assert during is not None
    assert during.deadline is not None
    assert during.deadline.timestamp() * 1000 == pytest.approx(accepted_at + 9000 + 600_000, abs=1)
    bench.ledger.worker.observe(good={"status": bench.clock.now})
    bench.later(30_000)  # it waits until the next probe would have gone
    (poll,) = bench.edits()
    (progress,) = bench.begin_polls([poll])
    assert progress is not None
    assert progress.deadline == accepted_at + 9000 + 600_000


def test_a_throttled_api_is_left_alone_until_the_time_it_named(bench: Bench) -> None:
    """No poll is claimed before, and then one alone."""
    bench.at_the_api(2)
    bench.throttle(30_000, "status")
    for _ in range(29):
        bench.clock.now += 1000
        assert bench.edits() == []
    bench.clock.now += 1000
    assert len(bench.edits()) == 1


def rounds(bench: Bench, count: int, *, capacity: int) -> list[int]:
    """Claim with places that are found out; an API of that capacity refuses what is beyond. The places in use."""
    used = []
    for _ in range(count):
        claims = [c for c in bench.edits(places=0) if c.step is Step.SUBMIT]
        bench.intend(claims)
        free = max(0, capacity - (bench.ledger.reader.provider().places_used - len(claims)))
        bench.accept(claims[:free], delay_ms=10**6)
        seen = (Seen("submit", bench.clock.now, Fared.THROTTLED, "429", 1),)
        refused = [Settlement(c, SUBMITTING, EditState.QUEUED, untaken=True, seen=seen) for c in claims[free:]]
        if refused:
            bench.ledger.worker.settle(refused)
            bench.ledger.worker.resume("submit:throttled")
        used.append(bench.ledger.reader.provider().places_used)
        waiting = [m for m, _ in bench.client.zscan_iter("{retouch}:due") if "/" in m]
        fences = [int(bench.client.hget(f"{{retouch}}:edit:{m}", "fence") or 0) for m in waiting]
        done = [Claim(m, f, Step.POLL) for m, f in zip(waiting, fences, strict=True)]
        bench.ledger.worker.settle([Settlement(c, POLLED, EditState.FAILED) for c in done])
        bench.clock.now += 2100
    return used


@on_a_server
def test_the_number_of_places_is_found(bench: Bench) -> None:
    """It grows to what the API takes and falls back when it refuses, never to nothing."""
    bench.ledger.producer.open_batch("b")
    for first in range(0, 3000, 500):
        bench.write("b", [e._replace(custom_id=f"c{first + n}") for n, e in enumerate(entries(500))])
    used = rounds(bench, 60, capacity=20)
    assert min(used) >= 1
    assert 10 <= sum(used[30:]) / 30 <= 20
    assert max(used) == 20


def test_ten_edits_behind_fifty_thousand_are_next(bench: Bench) -> None:
    """A small batch enqueued behind a huge one has its first submit in the next claim."""
    huge = {f"huge/c{n}": float(n) for n in range(50_000)}
    bench.fill(1, batch="huge")
    bench.client.zadd("{retouch}:ready", huge)
    bench.client.hset("{retouch}:batch:huge", "virtual", "50000")
    bench.claim(submits=1)
    bench.fill(10, batch="small")
    assert any(c.member.startswith("small/") for c in bench.edits(submits=4))


def test_batches_share_by_their_weights(redis_client: redis.Redis) -> None:
    """Eight batches of weights 1 to 8 get turns within 5 % of their weights, and none starves."""
    bench = Bench(redis_client)
    for weight in range(1, 9):
        bench.ledger.producer.open_batch(f"b{weight}")
        bench.write(f"b{weight}", entries(450), weight)
    turns: Counter[str] = Counter()
    while sum(turns.values()) < 1800:
        claims = bench.edits(submits=40, places=10**6)
        turns.update(c.member.split("/")[0] for c in claims)
    for weight in range(1, 9):
        assert turns[f"b{weight}"] == pytest.approx(1800 * weight / 36, rel=0.05, abs=1)


def test_the_provider_s_state_can_be_read(bench: Bench) -> None:
    """Places in use and allowed, troubles in a row, and how far the pace is booked."""
    bench.fill(4)
    bench.ledger.worker.claim("w", lease_ms=LEASE_MS, places=3, intervals=PACE)
    bench.fail(times=2)
    provider = bench.ledger.reader.provider()
    assert (provider.places_used, provider.places, provider.troubles) == (3, 3, 2)
    assert provider.next_request is not None
    assert json.dumps(provider.to_json())


def test_a_result_whose_submit_time_is_unknown_is_settled(bench: Bench) -> None:
    """How long it took cannot be learned from it; that is no reason to refuse the settlement."""
    bench.fill(1)
    (claim,) = bench.edits()
    bench.intend([claim])
    bench.ledger.worker.settle(
        [Settlement(claim, SUBMITTING, EditState.WAITING)]
    )  # no deadline: no submit time is noted
    (claim,) = bench.edits()
    assert bench.ledger.worker.settle([Settlement(claim, POLLED, EditState.COPYING, keep=True)]) == [Settled.DONE]
    assert bench.ledger.reader.provider().result_s is None
