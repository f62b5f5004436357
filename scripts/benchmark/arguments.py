"""Arguments that the benchmarks have in common."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path


def parts_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    """What reads ``--only``: some of the known parts, with commas between."""

    def parts(text: str) -> list[str]:
        found = text.split(",")
        if unknown := [part for part in found if part not in known]:
            raise argparse.ArgumentTypeError(f"unknown: {unknown[0]!r}; choose from {','.join(known)}")
        return found

    return parts


def rounds(text: str) -> int:
    """What reads ``--rounds``."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of rounds, 1 or more")
    return int(text)


def read(
    parser: argparse.ArgumentParser, arguments: Sequence[str] | None, parts: Sequence[str], most: int
) -> argparse.Namespace:
    """Read the options of a benchmark of several ``parts``, each measured in ``most`` rounds by default."""
    parser.add_argument("--only", type=parts_of(parts), default=parts, help=f"some parts of {','.join(parts)}")
    parser.add_argument("--rounds", type=rounds, help=f"of which the median counts; default: {most}")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: to try the benchmark; figures mean nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same as JSON")
    parser.add_argument("--docs", action="store_true", help="put the tables into docs/performance.md")
    options = parser.parse_args(arguments)
    if options.docs and options.quick:
        parser.error("--docs publishes figures, and with --quick they mean nothing")
    return options


def forget_deployment() -> None:
    """Drop another deployment's settings from the environment: they must not lead a measured process away."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "RETOUCH_"))]:
        del os.environ[name]
