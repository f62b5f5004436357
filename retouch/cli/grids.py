"""Arranges a batch's variations: a page for each picture that was edited, rows and columns by two parameters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from retouch.edit_result import Result
from retouch.errors import InputError

MOST_PLACES = 2500  # of one page


@dataclass
class GridPage:
    """The variations of one picture. ``more``: how many others have a place that is taken."""

    rows: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    results: dict[tuple[int, int], Result] = field(default_factory=dict)
    more: int = 0


def arranged(results: Iterable[Result], text: str) -> list[GridPage]:
    """The pages of ``ROWS,COLUMNS``; raises InputError if no edit has such a parameter, or a page is too large."""
    names, known = _names(text), set[str]()
    by_picture: dict[str | None, list[tuple[Result, list[Any]]]] = {}
    for result in results:
        parameters = result.parameters
        known |= parameters.keys()
        values = [parameters.get(name) for name in names]
        by_picture.setdefault(result.uploaded_as or result.init_image, []).append((result, values))
    if unknown := [name for name in names if name not in known]:
        raise InputError(f"--grid: no edit has a parameter {unknown[0][:80]!r}; there are {', '.join(sorted(known))}")
    return [_page(found, names) for found in by_picture.values()]


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not 1 <= len(names) <= 2 or not all(names) or len(set(names)) != len(names):
        raise InputError(f"--grid {text[:80]!r}: name one or two parameters, such as seed,strength")
    return names


def _page(found: Sequence[tuple[Result, list[Any]]], names: Sequence[str]) -> GridPage:
    axes = [_sorted(values[axis] for _, values in found) for axis in range(len(names))]
    if len(names) == 1:
        axes = [[None], axes[0]]
    rows, columns = axes
    if len(rows) * len(columns) > MOST_PLACES:
        raise InputError(f"--grid: {len(rows)} rows of {len(columns)} are too many; a page has {MOST_PLACES} places")
    labels = [_labels(name, axis) for name, axis in zip(names, axes[-len(names) :], strict=True)]
    page = GridPage(labels[0] if len(names) == 2 else [""], labels[-1])
    for result, values in found:
        place = rows.index(values[0] if len(names) == 2 else None), columns.index(values[-1])
        if place in page.results:
            page.more += 1
        else:
            page.results[place] = result
    return page


def _sorted(values: Iterable[Any]) -> list[Any]:
    """Each value once: numbers by size, others as they come."""
    by_text: dict[str, Any] = {}
    for value in values:
        by_text.setdefault(json.dumps(float(value) if isinstance(value, int) else value), value)
    once = list(by_text.values())
    return sorted(once) if all(isinstance(value, int | float) for value in once) else once


def _labels(name: str, values: Sequence[Any]) -> list[str]:
    return [f"{name} {value if isinstance(value, str) else json.dumps(value)}" for value in values]
