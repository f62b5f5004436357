"""Tables of Markdown that also a terminal shows even."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Row = tuple[str, ...]


def facts(named: Mapping[str, str]) -> str:
    """The machine, the versions and the settings, a line each."""
    width = max(len(name) for name in named)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in named.items())


def table(header: Row, rows: Sequence[Row]) -> str:
    """The first column holds names, the others figures."""
    all_rows = [header, ("---", *["---:"] * (len(header) - 1)), *rows]
    widths = [max(len(row[column]) for row in all_rows) for column in range(len(header))]
    return "\n".join(_line(row, widths) for row in all_rows)


def _line(row: Row, widths: Sequence[int]) -> str:
    name, *values = row
    cells = [f"{name:<{widths[0]}}", *(f"{v:>{width}}" for v, width in zip(values, widths[1:], strict=True))]
    return f"| {' | '.join(cells)} |"
