"""What is said of the workers that are alive."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

_NAMED = 3  # workers
NO_WORKERS = "NO workers alive: no edit is processed, and no batch ends, until you start one (celery -A workers worker)"


def workers_hint(workers: Collection[str]) -> str:
    """What to do if no worker is alive; empty if one is."""
    return "" if workers else NO_WORKERS


def full_memory(info: Mapping[str, object]) -> str:
    """What to do where Redis (its ``INFO``) has no memory left; empty: it has.

    Workers that live cannot say so then, so that it looks as if there were none.
    """
    most, used, beside = (_number(info.get(name)) for name in ("maxmemory", "used_memory", "mem_not_counted_for_evict"))
    if not most or used - beside < most:
        return ""
    return (
        f"Redis has no memory left ({used / 1e6:,.0f} MB are used, maxmemory is {most / 1e6:,.0f} MB): it refuses all"
        " writes, also those of workers, which wait. Raise its maxmemory; nothing is lost, and all goes on by itself"
    )


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


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
