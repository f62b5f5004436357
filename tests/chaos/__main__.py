"""``python -m tests.chaos``: see ``scripts/chaos``."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from pathlib import Path

from scripts.benchmark import machine
from tests.chaos.acts import ACTS, LONG_ACTS, Play
from tests.chaos.report import Report
from tests.chaos.stage import Stage
from workers.stack.child import ROOT

PAGE = ROOT / "docs" / "reliability.md"
ALL_ACTS = ACTS | LONG_ACTS
MOST_SAID = 20  # failures of one act
BEGIN, END = "<!-- made by scripts/chaos --write -->\n", "<!-- end -->\n"


def main() -> int:
    """Play the acts and print what was found; returns 0 if everything holds, else 1."""
    options = _options()
    for name in [name for name in os.environ if name.startswith(("AWS_", "RETOUCH_"))]:
        del os.environ[name]  # another deployment's settings must not lead a worker away
    began = time.monotonic()
    report = Report(options.seed, ", ".join(f"{what} {value}" for what, value in machine.describe().items()))
    with Stage() as stage:
        for name in options.only:
            report.acts[name.replace("_", " ")] = (ALL_ACTS[name].__doc__ or "").strip()
            _say(f"{name}: {report.acts[name.replace('_', ' ')]}")
            _play(name, Play(stage, report, random.Random(f"{options.seed} {name}"), options.quick))
        if options.logs:
            options.logs.write_text(stage.nursery.logs())
    report.seconds = time.monotonic() - began
    print(report.markdown())
    if options.write:
        write(PAGE, report.markdown())
    if not report.failures:
        _say("everything held")
    return 1 if report.failures else 0


def write(page: Path, tables: str) -> None:
    """Put the tables in place of the last run's."""
    before, _, rest = page.read_text().partition(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{tables}\n{END}{rest.partition(END)[2]}")


def _play(name: str, play: Play) -> None:
    began, before = time.monotonic(), set(play.report.failures)
    try:
        ALL_ACTS[name](play)
    except Exception as error:  # whatever it is: the other acts are played, and this one does not hold
        play.measured(name, f"{type(error).__name__}: {error}", "comes to its end", holds=False)
    for failure in [failure for failure in play.report.failures if failure not in before][:MOST_SAID]:
        _say(f"DOES NOT HOLD: {failure}")
    _say(f"{name}: {time.monotonic() - began:.0f} s, {len(play.report.failures)} failures so far")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/chaos", description="Kill, pause, cut and corrupt; then judge.")
    parser.add_argument("--seed", type=int, default=1, help="of every choice of the harness; default 1")
    parser.add_argument("--quick", action="store_true", help="a part of each act, three minutes in all")
    parser.add_argument("--only", type=_acts, default=list(ACTS), metavar="ACT,…", help=f"some of {','.join(ALL_ACTS)}")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.relative_to(ROOT)}")
    parser.add_argument("--logs", type=Path, metavar="FILE", help="keep the workers' logs here")
    return parser.parse_args()


def _acts(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in ALL_ACTS]:
        raise argparse.ArgumentTypeError(f"unknown: {unknown[0]!r}; choose from {','.join(ALL_ACTS)}")
    return names


def _say(line: str) -> None:
    print(f"chaos: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
