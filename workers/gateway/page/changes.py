"""What differs between two states of what a page shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PIECE = 64  # bytes that are compared at once: most of them are alike
NEAR = 8  # changes with fewer bytes between them are told as one

Ranges = list[tuple[int, str]]


def ranges(before: bytes, after: bytes) -> Ranges:
    """The places from which on bytes differ, each with the bytes that are there now, as letters of Latin-1."""
    if before == after:
        return []
    found: list[list[int]] = []
    before = before.ljust(len(after), b"\xff") if len(before) < len(after) else before
    for first in range(0, len(after), PIECE):
        old, new = before[first : first + PIECE], after[first : first + PIECE]
        if old == new:
            continue
        for place, (was, is_) in enumerate(zip(old, new, strict=False), first):
            if was == is_:
                continue
            if found and place - found[-1][1] <= NEAR:
                found[-1][1] = place
            else:
                found.append([place, place])
    return [(first, after[first : last + 1].decode("latin-1")) for first, last in found]


def records(before: Mapping[str, Any], after: Mapping[str, Any], most: int) -> list[tuple[str, Any]]:
    """The event that tells which batches are new or changed, and which are gone; none if all are alike.

    Of the newest ``most`` are looked at: one that others have pushed out is still there.
    """
    changed = [record for batch, record in after.items() if before.get(batch) != record]
    seen_from = min((record["created"] or "" for record in after.values()), default="") if len(after) >= most else ""
    gone = [name for name, record in before.items() if name not in after and (record["created"] or "") >= seen_from]
    return [("batches", {"batches": changed, "gone": gone})] if changed or gone else []
