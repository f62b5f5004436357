"""Edits that are rejected, told by their mistakes: one that is in every edit is told once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from retouch.plural import count

TOLD_APART = 3  # edits with one mistake in different values
# What differs between two sentences about one mistake: quoted texts (cut ones too), addresses, paths and numbers.
VALUE = re.compile(r'"(?:[^"\\]|\\.)*(?:"|…)|\'[^\']*\'|\S*[/.]\S+|\d+')


class Rejection(NamedTuple):
    """An edit that was not enqueued. ``line``: its line in a manifest, or its place in an iterable, from 1."""

    line: int
    custom_id: str | None
    errors: list[str]

    def __str__(self) -> str:
        return described([self], "edit")


def described(alike: Sequence[Rejection], noun: str, name: str = "") -> str:
    """One mistake, with the first edit that has it, and how many others have it.

    ``noun``: what is counted; ``name``: what the first is called instead, such as the path of its picture.
    """
    line, custom_id, errors = alike[0]
    others = f" and {count(len(alike) - 1, 'other')}" if len(alike) > 1 else ""
    if not name:
        known = (custom_id or "").encode(errors="replace").decode()  # an id that is refused may be no whole text
        return f"{noun} {line}{f' ({known})' if known else ''}{others}: {'; '.join(errors)}"
    shown = " ".join(name.splitlines())
    return f"{shown}{others}: {'; '.join(_without_its_name(error, name) for error in errors)}"


def _without_its_name(error: str, name: str) -> str:
    """The mistake; of a picture whose path stands before it already, without that."""
    start = f"init_image {name}"
    return error.removeprefix(start).lstrip(": ") if error.startswith(start) else error


def by_mistake(rejected: Iterable[Rejection], names: Mapping[int, str] | None = None) -> list[list[Rejection]]:
    """The rejections in groups of one mistake; up to three that differ in a value are told apart.

    ``names``: what edits are called that have no line, by their numbers. It is no difference between them.
    """
    names = names or {}

    def errors(rejection: Rejection) -> str:
        return "; ".join(rejection.errors).replace(names.get(rejection.line) or "\0", "")

    alike: dict[str, list[Rejection]] = {}
    for rejection in rejected:
        alike.setdefault(VALUE.sub("", errors(rejection)), []).append(rejection)
    groups: list[list[Rejection]] = []
    for group in alike.values():
        same = len(set(map(errors, group))) == 1
        groups += [group] if same or len(group) > TOLD_APART else [[rejection] for rejection in group]
    return sorted(groups)
