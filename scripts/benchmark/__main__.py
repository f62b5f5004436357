"""``python -m scripts.benchmark``: see ``scripts/bench``."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from retouch.errors import RetouchError
from retouch.signals import exit_code, raise_on
from scripts.benchmark import cost, machine, makespan, page, plots, run, table, versions
from scripts.benchmark.arguments import forget_deployment
from scripts.benchmark.report import Report
from scripts.benchmark.sizes import FULL, QUICK, Sizes

PARTS = (*run.ROWS, *(version.name for version in versions.VERSIONS))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code: 0 measured (whatever the targets say), 1 something failed."""
    options = _parse(arguments)
    forget_deployment()
    sizes = QUICK if options.quick else FULL
    report = Report(machine.describe(), _settings(sizes))
    print(table.heading(report), flush=True)
    rows, chosen = run.chosen(options.only)
    failure = None
    try:
        run.Run(sizes, rows, chosen, report).measure()
    except RetouchError as error:
        failure = error
    # What was measured before a failure is not thrown away.
    print(f"\n{table.text(report, machine.cores())}")
    _write(options, report)
    if failure:
        print(f"bench: {failure}", file=sys.stderr)
    return 1 if failure else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure what an edit costs, beside the peers.",
        epilog="scripts/bench --engine measures the endpoint's real model instead, --gateway the gateway and webhooks,"
        " --page the page in Chromium, --ledger Redis under the moves of two revisions: see their --help.",
    )
    parser.add_argument("--only", type=_parts, default=[], help=f"some rows or versions of {','.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: to try the benchmark; figures mean nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same as JSON")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw it")
    parser.add_argument("--docs", action="store_true", help="put table and picture into docs/performance.md")
    return parser.parse_args(arguments)


def _parts(text: str) -> list[str]:
    parts = text.split(",")
    if unknown := [part for part in parts if part not in PARTS]:
        raise argparse.ArgumentTypeError(f"unknown: {unknown[0]!r}; choose from {','.join(PARTS)}")
    return parts


def _settings(sizes: Sizes) -> dict[str, str]:
    service = sizes.service
    return {
        "peers": versions.pinned(),
        "edits": f"retouch {sizes.retouch}, floor {sizes.floor}, each peer {sizes.peer} after {sizes.peer_warm_up};"
        " one image of 60 kB each",
        "workers": f"1 process each, celery_prefork {versions.PROCESSES} children; {versions.THREADS} threads, or 96"
        f" jobs on the loop; RETOUCH_MAX_IN_FLIGHT={cost.IN_FLIGHT}, for the makespan {makespan.IN_FLIGHT}",
        "beside": "Valkey, appendonly everysec; a stand-in for the API and S3 in a process of its own; all on loopback",
        "stretch": f"from {cost.WARM_UP:.0%} to {cost.STEADY_END:.0%} of the calls (peers: all, after the warm-up);"
        f" of {sizes.rounds} rounds (peers {sizes.peer_rounds}) the one with the least CPU",
        "makespan": f"{sizes.paced} edits; {service.places} places at the API, lognormal service times, median"
        f" {service.median_s:g} s, sigma {service.sigma:g}, seed {service.seed}; from a cold start",
        "enqueue": f"retouch {sizes.enqueued}, all validated; each peer {sizes.enqueued_peer}, none validated",
    }


def _write(options: argparse.Namespace, report: Report) -> None:
    outcome = report.to_json(machine.cores())
    if options.json:
        options.json.write_text(json.dumps(outcome, indent=2) + "\n")
    if options.plot:
        plots.draw(outcome, options.plot)
    if options.docs:
        plots.draw(outcome, page.PICTURE)
        page.publish(f"{table.heading(report)}\n\n{table.text(report, machine.cores())}")


if __name__ == "__main__":
    raise_on(signal.SIGTERM)  # an orderly end: processes and folders go with it
    try:
        sys.exit(main())
    except KeyboardInterrupt as interrupt:
        sys.exit(exit_code(interrupt))
