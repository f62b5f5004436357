"""Workers that die, are stopped and wake up, or are told to end, under load."""

from __future__ import annotations

import random
import signal
import threading
import time
from dataclasses import dataclass
from typing import Any

from tests.chaos.boundaries import POISON
from tests.chaos.crew import Hand
from tests.chaos.stage import Run
from tests.harness.waiting import LIMIT_S

IN_FLIGHT = 1000
LONG_STEPS = (
    {"fault": "hang", "seconds": 1.5},
    {"fault": "hang_poll", "seconds": 1.5},
    {"fault": "odd_status", "probability": 0.7},
)


@dataclass(frozen=True)
class Times:
    """How long something took, in seconds."""

    seconds: list[float]

    def __str__(self) -> str:
        if not self.seconds:
            return "none"
        p50, p99 = self.quantile(0.5), self.quantile(0.99)
        return f"{len(self.seconds):,}: p50 {p50:.2f} s, p99 {p99:.2f} s, longest {max(self.seconds):.2f} s"

    def quantile(self, share: float) -> float:
        """The value that this share stays under."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def rescue(run: Run, *, in_flight: int = IN_FLIGHT) -> Times:
    """SIGKILL for one of two workers with so many edits in flight: how long until others go on with its steps.

    It dies as it begins a step, and so leaves one at least.
    """
    run.api.rules(*LONG_STEPS)
    doomed = run.worker(crash="armed@begin_poll.after", max_in_flight=in_flight)
    other = run.worker(max_in_flight=in_flight)
    run.ready(doomed, other)
    run.enqueue(in_flight + in_flight // 2)
    run.until(lambda: run.ledger.reader.provider().places_used >= in_flight, f"{in_flight} edits are in flight")
    share = in_flight // 20
    run.until(lambda: len(orphaned(run, doomed.name, time.monotonic())) >= share, f"{doomed.name} has {share} steps")
    doomed.arm()  # how many it has when it dies is another number, and read when nothing of it moves any more
    run.until(doomed.ended.is_set, f"{doomed.name} dies as it begins a step")
    orphans = orphaned(run, doomed.name, doomed.killed_at())
    run.until(lambda: not _unrescued(run, orphans), "every orphan is taken up, or had ended")
    run.api.rules()
    run.finish(180)
    return Times([at - doomed.killed_at() for at in _taken_up(run, orphans).values()])


def orphaned(run: Run, dead: str, killed_at: float) -> dict[str, int]:
    """The steps that died with a worker: edit → fence. Begun by it, or given out and begun by nobody since."""
    open_: dict[str, int] = {}
    begun: dict[tuple[str, int], str] = {}
    for entry in run.trace():
        if entry.get("step") not in ("submit", "poll"):
            continue
        member, fence = entry["member"], entry["fence"]
        if entry["do"] == "begin":
            begun[member, fence] = entry["worker"]
        elif entry["t"] <= killed_at and entry["do"] == "claim":
            open_[member] = fence
        elif entry["t"] <= killed_at and entry["do"] == "settle" and entry["ok"] and not entry["keep"]:
            open_.pop(member, None)
    return {m: f for m, f in open_.items() if begun.get((m, f), dead) == dead}


def _taken_up(run: Run, orphans: dict[str, int]) -> dict[str, float]:
    """When each orphan was first begun again, on the monotonic clock."""
    found: dict[str, float] = {}
    for entry in run.trace():
        if entry["do"] == "begin" and entry["fence"] > orphans.get(entry["member"], 1 << 60):
            found.setdefault(entry["member"], entry["t"])
    return found


def _unrescued(run: Run, orphans: dict[str, int]) -> set[str]:
    """Those that nobody has begun again. One whose worker died before it could tell its settlement may have ended."""
    ended = {delivery.subject for delivery in run.deliveries()}
    return orphans.keys() - _taken_up(run, orphans).keys() - ended


# --- those that wake up --------------------------------------------------------------------------

STOPS = (
    *("begin_submit.after", "begin_submit.before", "post.after", "begin_poll.after"),
    *("settle.waiting.before", "settle.completed.before"),
    *("put.image.before", "settle_batch.before", "put.manifest.after", "claim.after"),
)


MOST_BATCHES, BATCH_S = 40, 3.0
OVERSLEEP_S = 1.5  # beyond any lease here, and so long after others took over that a late POST is told from a slow one


def zombies(
    run: Run,
    rng: random.Random,
    *,
    bug: str = "",
    stops: tuple[str, ...] = STOPS,
    lease: float = 1,
    within_s: float = LIMIT_S,
) -> int:
    """Workers stop at a boundary, sleep until others have what they had, and wake up. Returns how many did.

    When the last is awake, all must end within ``within_s`` seconds.
    """
    woken = 0
    steady = [run.worker(lease=lease, max_in_flight=40, bug=bug)]
    run.ready(*steady)
    for point in stops:
        sleeper = run.worker(crash=f"stop@{point}={rng.randint(1, 2)}", lease=lease, max_in_flight=40, bug=bug)
        run.ready(sleeper)
        if _stopped(run, sleeper):
            _oversleep(run, sleeper)
            sleeper.signal(signal.SIGCONT)
            woken += 1
            steady.append(sleeper)
        else:
            sleeper.kill()
        while len(steady) > 2:
            steady.pop(0).kill()
    run.finish(within_s)
    return woken


def _stopped(run: Run, hand: Hand) -> bool:
    """Give out small batches, of which any worker may get the next, until this one has stopped itself."""
    for _ in range(MOST_BATCHES):
        run.enqueue(4)
        try:
            run.until(lambda: _has_stopped(hand) or run.unfinished() < 4, "it stops, or there is no work left", BATCH_S)
        except TimeoutError:
            continue  # with a planted bug a batch may never end
        if _has_stopped(hand):
            return True
    return False


def _has_stopped(hand: Hand) -> bool:
    return any(entry["do"] == "stopped" for entry in hand.told())


def _oversleep(run: Run, hand: Hand) -> None:
    """Let it sleep until what it had is another's (or until nothing is left to do)."""
    had = [e for e in run.trace() if e["do"] in ("claim", "begin") and e["worker"] == hand.name]
    settled = {(e["member"], e["fence"]) for e in run.trace() if e["do"] == "settle" and not e["keep"]}
    left = dict({(e["member"], e["fence"]) for e in had if e["step"] in ("submit", "poll")} - settled)

    def others_have_it() -> bool:
        given = {e["member"] for e in run.trace() if e["do"] == "claim" and e["fence"] > left.get(e["member"], 1 << 60)}
        return given == left.keys() or not run.unfinished()

    run.until(others_have_it, f"others have what {hand.name} had")
    threading.Event().wait(OVERSLEEP_S)


def poison(run: Run) -> dict[str, int]:
    """An edit ends each worker that comes to store its image, among others; a supervisor starts new ones. The ends."""
    batch = run.enqueue(40)
    run.expect("poisonous", 1)
    run.enqueued["poisonous"] = {POISON: 1}
    run.queue.enqueue([run.edits(1)[0] | {"custom_id": POISON}], batch="poisonous")
    crew = [run.worker(lease=1, max_in_flight=20) for _ in range(2)]

    def all_told() -> bool:
        for hand in [hand for hand in crew if hand.ended.is_set()]:
            crew[crew.index(hand)] = run.worker(lease=1, max_in_flight=20)
        return not run.unfinished()

    run.until(all_told, "every end is told, among workers that die of one edit", 2 * LIMIT_S)
    deaths = sum(entry["do"] == "killed" for entry in run.trace())
    results = [*run.queue.results(batch), *run.queue.results("poisonous")]
    failed = [r for r in results if r["state"] == "failed"]
    assert [(r["custom_id"], r["error"]["code"]) for r in failed] == [(POISON, "poison")], failed
    return {"workers ended by it": deaths, "others completed": len(results) - 1}


# --- those that are told to end ------------------------------------------------------------------

CALL_S = 0.8


def rolling_restarts(run: Run, *, restarts: int = 20) -> Times:
    """SIGTERM for one worker after the other under load, with a lease too long to wait for; how long each drained."""
    run.api.rules({"fault": "hang", "seconds": CALL_S}, {"fault": "odd_status", "probability": 0.3})
    settings: dict[str, Any] = {"lease": 240, "max_in_flight": 60}
    crew = [run.worker(**settings), run.worker(**settings)]
    run.ready(*crew)
    drains = []
    for _ in range(restarts):
        if run.unfinished() < 100:
            run.enqueue(100)
        crew.append(run.worker(**settings))
        run.ready(crew[-1])
        leaving = crew.pop(0)
        told_at = time.monotonic()
        leaving.signal(signal.SIGTERM)
        leaving.end()
        drains.append(time.monotonic() - told_at)
        if leaving.code != 0:
            raise AssertionError(f"{leaving.name} ended with {leaving.code}")
    run.api.rules()
    run.finish(100)
    return Times(drains)
