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

PARTS = ("enqueue", "ordinary", "retouch", "floor")
RUNS = {"ordinary": versions.run_ordinary, "retouch": versions.run_retouch, "floor": versions.run_floor}
EDITS = 3000
FEWER = 5  # the ordinary version gets a fifth of the edits: it takes some ten times as long for each
ENQUEUED_ORDINARY = 2000
BEST_OF = 2  # runs of each version: what disturbs a run only ever adds to its CPU


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
    parser.add_argument("--edits", type=_positive, default=EDITS, help=f"for Retouch and the floor; default {EDITS}")
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
    return max(20, edits // FEWER) if version == "ordinary" else edits


def _settings(options: argparse.Namespace) -> dict[str, str]:
    return {
        "edits": f"{options.edits} (ordinary: {_edits_of('ordinary', options.edits)}), one image of 60 kB each",
        "workers": f"{options.workers} process each; ordinary: {versions.THREADS} threads;"
        f" Retouch: RETOUCH_MAX_IN_FLIGHT={versions.IN_FLIGHT}",
        "beside": "Valkey, appendonly everysec; a stand-in for the API and S3 in a process of its own; all on loopback",
        "stretch": f"from {versions.WARM_UP:.0%} to {versions.STEADY_END:.0%} of the calls"
        f" (ordinary: all after a warm-up of {versions.WARM_UP:.0%}); the run with the least CPU of {BEST_OF}",
    }


def _measure(options: argparse.Namespace, outcome: report.Report) -> None:
    for part in PARTS:
        if part not in options.only:
            continue
        print(f"measuring {part} …", file=sys.stderr, flush=True)
        if part == "enqueue":
            outcome.enqueued = enqueue.measure(report.CLI_EDITS, ENQUEUED_ORDINARY)
        else:
            runs = [RUNS[part](_edits_of(part, options.edits), options.workers) for _ in range(BEST_OF)]
            outcome.stretches[part] = min(runs, key=lambda run: run.cpu_ms)


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(143)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)  # an orderly end: processes and folders go with it
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
