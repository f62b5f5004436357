"""Workers are killed at every boundary of the code that touches the outside, until each was hit often enough."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.chaos.boundaries import POINTS
from tests.chaos.crew import Hand
from tests.chaos.stage import Run
from tests.chaos.weather import BRISK
from tests.harness.growing import Record
from tests.harness.waiting import LOOK_S

LEASE_S = 1
LIFE_S = 3.0  # a worker that does not come to its point in this time is killed where it stands
HEAD = 2048  # bytes: half of the workers stream every image
AT_WORK = 64  # edits that are always there to be worked on
SIZES = (1, 1, 2, 3, 15)  # of batches: many small ones, since every end of one is a chance to die there
ANYWHERE = "anywhere"
# What brings a worker to a boundary that it seldom comes to.
PROVOKED: dict[str, Record] = {
    "pause": {"fault": "throttle", "retry_after": 0.1, "times": 4},
    "resume": {"fault": "throttle", "retry_after": 0.1, "times": 4},
    "settle.queued": {"fault": "status", "status": 503, "times": 6},
    "settle.submitting": {"fault": "drop_after_accept", "times": 4},
    "settle.failed": {"fault": "failure", "times": 8},
}
UNPROVOKED = tuple(point for point in POINTS if point.rpartition(".")[0] not in PROVOKED)


@dataclass
class Kills:
    """How often a worker was killed at each point."""

    hits: Counter[str] = field(default_factory=Counter)
    plans: dict[str, str] = field(default_factory=dict)  # worker → point

    @property
    def total(self) -> int:
        """All kills."""
        return self.hits.total()

    def missed(self) -> list[str]:
        """Points at which no worker has died yet."""
        return [point for point in POINTS if not self.hits[point]]


def crash_everywhere(
    run: Run, rng: random.Random, kills: int, *, all_points: bool = True, workers: int = 4, within_s: float = 300.0
) -> Kills:
    """Kill ``kills`` workers (with ``all_points`` one at each at least); then others bring everything to its end."""
    run.api.rules(*BRISK)
    outcome, crew = Kills(), list[Hand]()
    tried: Counter[str] = Counter()
    paused = False
    end = time.monotonic() + within_s
    while (outcome.total < kills or (all_points and outcome.missed())) and time.monotonic() < end:
        _feed(run, rng)
        crew = [hand for hand in crew if not _buried(hand, outcome)]
        if paused != bool(run.ledger.reader.pauses()):
            paused = not paused
            run.api.rules(*(() if paused else BRISK))  # else probe after probe meets trouble that was made for others
        while len(crew) < workers:
            crew.append(_doomed(run, rng, outcome, tried, UNPROVOKED if paused else POINTS))
        time.sleep(LOOK_S)
    _bring_home(run, crew)
    return outcome


def _doomed(run: Run, rng: random.Random, outcome: Kills, tried: Counter[str], points: Sequence[str]) -> Hand:
    """A worker that is to die at one of these points, where the fewest have died, or were meant to."""
    fewest = min(outcome.hits[p] + tried[p] / 2 for p in points)
    point = rng.choice([p for p in points if outcome.hits[p] + tried[p] / 2 == fewest])
    tried[point] += 1
    if extra := PROVOKED.get(point.rpartition(".")[0]):
        run.api.rules(extra, *BRISK)
    visit = rng.randint(1, 3) if outcome.hits[point] else 1  # the first death at each point is to come soon
    hand = run.worker(crash=f"{point}={visit}", head=rng.choice((0, HEAD)), lease=LEASE_S, max_in_flight=40)
    outcome.plans[hand.name] = point
    return hand


def _buried(hand: Hand, outcome: Kills) -> bool:
    if not hand.ended.is_set():
        if time.monotonic() - hand.born_at < LIFE_S:
            return False
        hand.kill()
    told = [entry for entry in hand.told() if entry["do"] == "killed"]
    outcome.hits[told[0]["point"] if told else ANYWHERE] += 1
    return True


def _feed(run: Run, rng: random.Random) -> None:
    while run.unfinished() < AT_WORK:
        run.enqueue(rng.choice(SIZES), samples=rng.randint(1, 4))


def _bring_home(run: Run, crew: list[Hand]) -> None:
    for hand in crew:
        hand.kill()
    run.api.rules()
    last = [run.worker(lease=LEASE_S, max_in_flight=64) for _ in range(2)]
    run.ready(*last)
    run.finish()
    for hand in last:
        hand.kill()
