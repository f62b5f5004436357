"""``python -m tests.chaos``: see ``scripts/chaos``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from scripts.benchmark import machine
from tests.chaos.acts import ACTS, ALL_ACTS
from tests.chaos.playing import play_all, say
from tests.chaos.report import Report
from workers.stack.child import ROOT

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- made by scripts/chaos --write -->\n", "<!-- end -->\n"


def main() -> int:
    """Play the acts and print what was found; returns 0 if everything holds, else 1, or 130 after Ctrl-C."""
    options = _options()
    for name in [name for name in os.environ if name.startswith(("AWS_", "RETOUCH_"))]:
        del os.environ[name]  # another deployment's settings must not lead a worker away
    began, described = time.monotonic(), ", ".join(f"{what} {value}" for what, value in machine.describe().items())
    say(f"seed {options.seed}")
    report, logs = Report(), ""
    try:
        for part, its_logs in play_all(options.only, options.seed, quick=options.quick):
            report.add(part)
            logs += its_logs
    except KeyboardInterrupt:
        say("stopped")
        return 130
    tables = report.markdown(f"Seed {options.seed}, {(time.monotonic() - began) / 60:.1f} minutes, on {described}.")
    print(tables)
    if options.write:
        write(PAGE, tables)
    if options.logs:
        options.logs.write_text(logs)
    if not report.failures:
        say("everything held")
    return 1 if report.failures else 0


def write(page: Path, tables: str) -> None:
    """Put the tables in place of the last run's."""
    before, _, rest = page.read_text().partition(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{tables}\n{END}{rest.partition(END)[2]}")


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


if __name__ == "__main__":
    sys.exit(main())
