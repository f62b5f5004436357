"""Why edits of a batch failed, for people: a line a reason."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated

import typer

from retouch.advice.failures import before_retry
from retouch.errors import InputError
from retouch.ledger import OTHER_GROUP, FailureGroup
from retouch.plural import count

SHOWN = 20  # groups
BEFORE_RETRY = 3  # groups

Groups = Annotated[
    str,
    typer.Option(
        "--group",
        metavar="N,…",
        show_default=False,
        help="Only edits that failed for these reasons: their numbers in retouch status BATCH.",
    ),
]


def parse_groups(text: str) -> list[int]:
    """Read ``1,3``; empty: none are named. Raises InputError."""
    names = [name.strip() for name in text.split(",")] if text else []
    for name in names:
        if not (name.isascii() and name.isdigit() and 1 <= int(name) <= OTHER_GROUP):
            raise InputError(
                f"--group {text[:80]!r}: a reason has a number from 1 to {OTHER_GROUP} (retouch status BATCH tells"
                " them); write one, or several as 1,3"
            )
    return sorted({int(name) for name in names})


def group_option(groups: Sequence[int]) -> str:
    """The option that names these groups, with a space before it; empty: none are named."""
    return f" --group {','.join(map(str, groups))}" if groups else ""


def in_groups(groups: Sequence[int]) -> str:
    """In which groups there is nothing, with a space before it; empty: none are named."""
    return f" in group {' or '.join(map(str, groups))}" if groups else ""


def failure_lines(batch: str, groups: Sequence[FailureGroup]) -> list[str]:
    """The groups of a batch's failures, the most frequent first, and how one of several is tried again."""
    lines = [_line(group) for group in groups[:SHOWN]]
    if len(groups) > SHOWN:
        lines.append(f"  and {count(len(groups) - SHOWN, 'further reason')}: retouch status {batch} --json")
    if len(groups) > 1:
        lines.append(f"to try those of one group again: retouch retry {batch} --group {groups[0].group}")
    return lines


def reason_lines(batch: str, groups: Sequence[FailureGroup], only: Collection[int]) -> list[str]:
    """Why those failed that are tried again, with what speaks against that; ``only``: these groups, empty: all."""
    chosen = [group for group in groups if not only or group.group in only]
    lines = []
    for group in chosen[:BEFORE_RETRY]:
        lines.append(_line(group))
        if advice := before_retry(batch, group.group, group.code):
            lines.append(f"    {advice}")
    if others := chosen[BEFORE_RETRY:]:
        number = sum(group.count for group in others)
        lines.append(f"  and {number:,} for {count(len(others), 'further reason')}: retouch status {batch}")
    return lines


def _line(group: FailureGroup) -> str:
    state = f"failed ({group.code})" if group.code else "failed"
    such_as = "such as " if group.count > 1 else ""
    example = f"{such_as}{group.example}; " if group.example else ""
    line = f"  {group.count:,} {state}: {group.words or 'no reason was given'} ({example}group {group.group})"
    masked = group.example and group.message and group.message.casefold() != group.words
    return f"{line}\n    {group.example}: {group.message}" if masked else line
