"""Acts are played in processes of their own, two at a time, each on a stage of its own."""

from __future__ import annotations

import multiprocessing
import random
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.chaos.acts import ALL_ACTS, ALONE
from tests.chaos.play import Play
from tests.chaos.report import Report
from tests.chaos.stage import Stage

LANES = 2  # most acts wait, for a lease or for what was broken
MOST_SAID = 20  # failures of one act


def play_all(acts: Sequence[str], seed: int, *, quick: bool) -> Iterator[tuple[Report, str]]:
    """Play the acts of these names; yields what each found, and its workers' logs."""
    play = partial(_play, seed=seed, quick=quick)
    lanes = 1 if quick else LANES  # a quick run is one among other tests
    with ProcessPoolExecutor(lanes, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(play, [name for name in acts if name not in ALONE])
        for name in (name for name in acts if name in ALONE):
            yield pool.submit(play, name).result()


def _play(name: str, *, seed: int, quick: bool) -> tuple[Report, str]:
    began, about = time.monotonic(), (ALL_ACTS[name].__doc__ or "").strip()
    say(f"{name}: {about}")
    with Stage(seed) as stage:
        play = Play(stage, Report({name.replace("_", " "): about}), random.Random(f"{seed} {name}"), quick)
        try:
            ALL_ACTS[name](play)
        except Exception as error:  # whatever it is: the other acts are played, and this one does not hold
            play.measured(name, f"{type(error).__name__}: {error}", "comes to its end", holds=False)
        logs = stage.nursery.logs()
    for failure in play.report.failures[:MOST_SAID]:
        say(f"DOES NOT HOLD: {name}: {failure}")
    say(f"{name}: {time.monotonic() - began:.0f} s, {len(play.report.failures)} failures")
    return play.report, logs


def say(line: str) -> None:
    """Tell whoever watches the run."""
    print(f"chaos: {line}", file=sys.stderr, flush=True)
