"""Arguments that the benchmarks have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence


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
