"""What is said of the workers that are alive."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

_NAMED = 3  # workers
NO_WORKERS = "NO workers alive: no edit is processed, and no batch ends, until you start one (celery -A workers worker)"


def workers_hint(workers: Collection[str]) -> str:
    """What to do if no worker is alive; empty if one is."""
    return "" if workers else NO_WORKERS


def difference_lines(found: Mapping[str, Mapping[str, Sequence[str]]]) -> list[str]:
    """A sentence for each setting in which workers differ: variable → value → the workers that have it."""
    return [
        f"workers differ in {variable}: {', '.join(map(_held_by, values.items()))}; each goes by its own, and of limits"
        " the loosest holds: set them alike"
        for variable, values in found.items()
    ]


def _held_by(held: tuple[str, Sequence[str]]) -> str:
    value, workers = held
    more = f" and {len(workers) - _NAMED} more" if len(workers) > _NAMED else ""
    return f"{value or 'nothing'} ({', '.join(workers[:_NAMED])}{more})"
