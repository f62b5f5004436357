"""``python -m scripts.benchmark``: see ``scripts/bench``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from retouch.errors import RetouchError
from scripts.benchmark import enqueue, machine, report, versions
from scripts.benchmark.meter import Stretch

PARTS = ("enqueue", "ordinary", "retouch", "floor")
RUNS = {"ordinary": versions.run_ordinary, "retouch": versions.run_retouch, "floor": versions.run_floor}
EDITS = 3000
FEWER, MORE = 5, 2  # times fewer edits for the ordinary version, more for the floor: it takes 2 s for 3000
ENQUEUED_ORDINARY = 2000
ROUNDS = 3  # of which each version's best counts: what disturbs a run only ever adds to its CPU


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code: 0 measured (whatever the targets say), 1 something failed."""
    options = _parse(arguments)
    # Another deployment's settings must not lead a measured process away.
    for name in [name for name in os.environ if name.startswith(("AWS_", "RETOUCH_"))]:
        del os.environ[name]
    outcome = report.Report(machine.describe(), _settings(options))
    print(report.heading(outcome), flush=True)
    try:
        _measure(options, outcome)
    except RetouchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(f"\n{report.table(outcome)}")
    if options.json:
        options.json.write_text(json.dumps(outcome.to_json(), indent=2) + "\n")
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure what an edit costs, three ways.")
    parser.add_argument("--edits", type=_positive, default=EDITS, help=f"for Retouch; default {EDITS}")
    parser.add_argument("--only", type=_parts, default=list(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--workers", type=_positive, default=1, help="worker processes; the floor has one always")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same as JSON")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _parts(text: str) -> list[str]:
    parts = text.split(",")
    if unknown := [part for part in parts if part not in PARTS]:
        raise argparse.ArgumentTypeError(f"unknown: {unknown[0]!r}; choose from {','.join(PARTS)}")
    return parts


def _edits_of(version: str, edits: int) -> int:
    if version == "ordinary":
        return max(20, edits // FEWER)
    return edits * MORE if version == "floor" else edits


def _settings(options: argparse.Namespace) -> dict[str, str]:
    return {
        "edits": ", ".join(f"{name} {_edits_of(name, options.edits)}" for name in RUNS) + "; one image of 60 kB each",
        "workers": f"{options.workers} process each; ordinary: {versions.THREADS} threads;"
        f" Retouch: RETOUCH_MAX_IN_FLIGHT={versions.IN_FLIGHT}",
        "beside": "Valkey, appendonly everysec; a stand-in for the API and S3 in a process of its own; all on loopback",
        "stretch": f"from {versions.WARM_UP:.0%} to {versions.STEADY_END:.0%} of the calls"
        f" (ordinary: all, after {versions.WARM_UP_ORDINARY} edits of warm-up); the run with the least CPU of {ROUNDS}",
    }


def _measure(options: argparse.Namespace, outcome: report.Report) -> None:
    if "enqueue" in options.only:
        print("measuring enqueue …", file=sys.stderr, flush=True)
        outcome.enqueued = enqueue.measure(report.CLI_EDITS, ENQUEUED_ORDINARY)
    measured = [version for version in RUNS if version in options.only]
    # Round by round, so that what disturbs the machine for a while disturbs all versions alike.
    runs: dict[str, list[Stretch]] = {version: [] for version in measured}
    for number in range(1, ROUNDS + 1):
        for version in measured:
            print(f"measuring {version}, round {number} of {ROUNDS} …", file=sys.stderr, flush=True)
            runs[version].append(RUNS[version](_edits_of(version, options.edits), options.workers))
    outcome.stretches = {version: min(stretches, key=lambda s: s.cpu_ms) for version, stretches in runs.items()}


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(143)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)  # an orderly end: processes and folders go with it
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
