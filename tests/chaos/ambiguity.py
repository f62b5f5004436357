"""Submits that were sent and not answered, under each of the three policies, with workers that die on top."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field

from tests.chaos.judge import Finding, nothing_is_paid_twice_untold
from tests.chaos.outages import command_line
from tests.chaos.stage import Run

POINTS = ("post.sent", "post.after", "settle.waiting.before", "begin_submit.after")
TROUBLE = (
    {"fault": "drop_after_accept", "probability": 0.15},
    {"fault": "drop_before_accept", "probability": 0.05},
    {"fault": "status", "status": 502, "probability": 0.05},
    {"fault": "status_after_accept", "status": 500, "probability": 0.3, "times": 6},
    {"fault": "instant", "probability": 0.2},
)
EDITS = 60


@dataclass
class Decided:
    """What became of one policy's edits, as ``retouch status`` says it before and after a person's decision."""

    before: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    money_before: Finding | None = None


def unanswered(run: Run, rng: random.Random) -> Decided:
    """Two batches under the run's policy; with ``hold`` a person retries the held of one and cancels the other's."""
    run.api.rules(*TROUBLE)
    batches = [run.enqueue(EDITS), run.enqueue(EDITS)]
    steady = run.worker(lease=1, max_in_flight=40)
    for point in POINTS:
        doomed = run.worker(lease=1, max_in_flight=40, crash=f"{point}={rng.randint(1, 2)}")
        run.dies(doomed, point, lambda: not _open(run, batches))
        doomed.kill()
    run.until(lambda: not _open(run, batches), "what is not held has ended")
    outcome = Decided()
    if run.policy == "hold":
        outcome.before = _status(run, batches)[0]
        outcome.money_before = nothing_is_paid_twice_untold(run.evidence())
        run.api.rules()
        _decide(run, "retry", batches[0])
        _decide(run, "cancel", batches[1])
        run.policy = "resubmit"  # a person has decided: from here on a second submit is marked, not forbidden
    run.finish()
    outcome.after, outcome.duplicates = _status(run, batches)
    steady.kill()
    return outcome


def _open(run: Run, batches: list[str]) -> int:
    """How many edits are neither ended nor held."""
    views = [run.ledger.reader.batch(batch) for batch in batches]
    return sum(v.total - v.ended - v.counts.get("held", 0) for v in views if v)  # type: ignore[call-overload]


def _decide(run: Run, verb: str, batch: str) -> None:
    code, said = _say(run, verb, batch, "--held")
    if code:
        raise AssertionError(f"retouch {verb} {batch} --held: exit {code}: {said}")


def _say(run: Run, *arguments: str) -> tuple[int, str]:
    with command_line(run, *arguments) as process:
        return process.end()[:2]


def _status(run: Run, batches: list[str]) -> tuple[dict[str, int], int]:
    """The counts that the command line shows, of all batches together."""
    counts: dict[str, int] = {}
    duplicates = 0
    for batch in batches:
        code, said = _say(run, "status", batch, "--json")
        assert code == 0, said
        shown = json.loads(said)
        duplicates += shown["possible_duplicates"]
        for state, n in shown["counts"].items():
            counts[state] = counts.get(state, 0) + n
    return counts, duplicates
