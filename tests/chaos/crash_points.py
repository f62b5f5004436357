"""Workers are killed at every boundary of the code that touches the outside, until each was hit often enough."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.boundaries import POINTS
from tests.chaos.crew import Hand
from tests.chaos.stage import Run
from tests.chaos.weather import BRISK
from tests.harness.growing import Record
from tests.harness.waiting import LOOK_S

LEASE_S = 1
LIFE_S = 3.0  # a worker that does not come to its point in this time is killed where it stands
START_S = 15.0  # so long it may take to be ready
HEAD = 2048  # bytes: half of the workers stream every image
AT_WORK = 64  # edits that are always there to be worked on
SIZES = (1, 1, 2, 3, 15)  # of batches: many small ones, since every end of one is a chance to die there
ANYWHERE = "anywhere"
# What brings a worker to a boundary that it seldom comes to.
PROVOKED: dict[str, tuple[Record, ...]] = {
    "settle.queued": ({"fault": "status", "status": 503, "times": 6},),
    "settle.submitting": ({"fault": "drop_after_accept", "times": 4},),
    "settle.failed": ({"fault": "failure", "times": 8},),
    "tell_wait": ({"fault": "throttle", "retry_after": 0.5, "times": 2},),
}
# Those of the acts idempotent_in_progress, with an API that honours keys, and jobs, with what a person has decided.
ELSEWHERE = ("keep_link.before", "keep_link.after", "advance_job.before", "advance_job.after")
HERE = tuple(point for point in POINTS if point not in ELSEWHERE)
ALONE = (
    "observe.before",
    "observe.after",
)  # one of several workers asks in an outage: one alone comes there for certain
AMONG_OTHERS = tuple(point for point in HERE if point not in ALONE)
UNPROVOKED = tuple(point for point in AMONG_OTHERS if point.rpartition(".")[0] not in PROVOKED)
AWAY: tuple[Record, ...] = ({"fault": "page", "status": 502}, {"fault": "page_poll", "status": 502})


@dataclass
class Kills:
    """How often a worker was killed at each point."""

    hits: Counter[str] = field(default_factory=Counter)
    plans: dict[str, str] = field(default_factory=dict)  # worker → point

    @property
    def total(self) -> int:
        """All kills."""
        return self.hits.total()

    def missed(self, points: Sequence[str] = HERE) -> list[str]:
        """Points at which no worker has died yet."""
        return [point for point in points if not self.hits[point]]


def crash_everywhere(
    run: Run, rng: random.Random, kills: int, *, all_points: bool = True, workers: int = 4, within_s: float = 300.0
) -> Kills:
    """Kill ``kills`` workers (with ``all_points`` one at each at least); then others bring everything to its end."""
    run.api.rules(*BRISK)
    outcome, crew = Kills(), list[Hand]()
    tried: Counter[str] = Counter()
    paused = False
    end = time.monotonic() + within_s
    while (outcome.total < kills or (all_points and outcome.missed(AMONG_OTHERS))) and time.monotonic() < end:
        _feed(run, rng)
        crew = [hand for hand in crew if not _buried(hand, outcome)]
        if paused != bool(run.ledger.reader.pauses()):
            paused = not paused
            run.api.rules(*(() if paused else BRISK))  # else probe after probe meets trouble that was made for others
        while len(crew) < workers:
            crew.append(_doomed(run, rng, outcome, tried, UNPROVOKED if paused else AMONG_OTHERS))
        time.sleep(LOOK_S)
    for hand in crew:
        hand.kill()
    for point in ALONE if all_points else ():
        _feed(run, rng)
        _die_alone(run, outcome, point)
    _bring_home(run)
    return outcome


def _die_alone(run: Run, outcome: Kills, point: str) -> None:
    """The API is away, as the only worker finds out, and asks about again and again."""
    run.api.rules(*AWAY)
    hand = run.worker(crash=f"{point}=1", lease=LEASE_S, max_in_flight=40)
    outcome.plans[hand.name] = point
    run.until(hand.ended.is_set, f"a worker dies at {point}")
    _buried(hand, outcome)
    run.api.rules()


def _doomed(run: Run, rng: random.Random, outcome: Kills, tried: Counter[str], points: Sequence[str]) -> Hand:
    """A worker that is to die at one of these points, where the fewest have died, or were meant to."""
    fewest = min(outcome.hits[p] + tried[p] / 2 for p in points)
    point = rng.choice([p for p in points if outcome.hits[p] + tried[p] / 2 == fewest])
    tried[point] += 1
    if extra := PROVOKED.get(point.rpartition(".")[0]):
        run.api.rules(*extra, *BRISK)
    visit = rng.randint(1, 3) if outcome.hits[point] else 1  # the first death at each point is to come soon
    settings: dict[str, Any] = {"lease": LEASE_S, "max_in_flight": 40, "results_parquet": point.startswith("put.table")}
    hand = run.worker(crash=f"{point}={visit}", head=rng.choice((0, HEAD)), **settings)
    outcome.plans[hand.name] = point
    return hand


def _buried(hand: Hand, outcome: Kills) -> bool:
    if not hand.ended.is_set():
        if time.monotonic() - hand.born_at < LIFE_S or not _has_lived(hand):
            return False
        hand.kill()
    told = [entry for entry in hand.told() if entry["do"] == "killed"]
    outcome.hits[told[0]["point"] if told else ANYWHERE] += 1
    return True


def _has_lived(hand: Hand) -> bool:
    """It has had its time since it was ready, which takes long on a machine that has much else to do."""
    ready_at = next((float(entry["t"]) for entry in hand.told() if entry["do"] == "ready"), None)
    return time.monotonic() - (hand.born_at + START_S if ready_at is None else ready_at + LIFE_S) > 0


def _feed(run: Run, rng: random.Random) -> None:
    while run.unfinished() < AT_WORK:
        run.enqueue(rng.choice(SIZES), samples=rng.randint(1, 4))


def _bring_home(run: Run) -> None:
    run.api.rules()
    last = [run.worker(lease=LEASE_S, max_in_flight=64) for _ in range(2)]
    run.ready(*last)
    run.finish()
    for hand in last:
        hand.kill()
