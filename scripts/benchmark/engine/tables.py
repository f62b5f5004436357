"""The outcome as text for people: Markdown tables, and the aims."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from scripts.benchmark.engine.figures import Cell, Cells, Pieces, Served
from scripts.benchmark.engine.report import Report
from scripts.benchmark.engine.traffic import USUAL
from scripts.benchmark.engine.ways import LOOP
from scripts.benchmark.markdown import Row, table

NONE = "-"


def text(report: Report) -> str:
    """All that was measured, what is missing and why, and the aims."""
    parts = [_counted(report)] if report.counted else []
    for traffic, cells in report.race.items():
        parts += _race(traffic, cells)
    if report.pieces:
        parts += _pieces(report.pieces)
    if report.same:
        rows = [(one.way, one.dtype, f"{one.same} of {one.of}") for one in report.same]
        parts.append(table(("bytes equal alone and beside others", "numbers", "images"), rows))
    if report.served:
        parts.append(_served(report.served))
    remarks = report.remarks | (report.pieces.remarks if report.pieces else {})
    parts.append("\n".join(f"note: {what}: {why}" for what, why in remarks.items()))
    parts.append("\n".join(str(aim) for aim in report.aims()))
    return "\n\n".join(part for part in parts if part)


def _counted(report: Report) -> str:
    header = ("UNet calls, by kinds of parameters", *(str(one.kinds) for one in report.counted))
    rows = [
        (LOOP, *(f"{one.loop:,}" for one in report.counted)),
        ("equal requests merged", *(f"{one.merged:,}" for one in report.counted)),
        ("Retouch, by steps", *(f"{one.by_steps:,}" for one in report.counted)),
    ]
    return table(header, rows)


def _race(traffic: str, cells: Cells) -> Iterator[str]:
    loads = sorted({load for of_way in cells.values() for load in of_way})

    def grid(what: str, value: Callable[[Cell, int], str]) -> str:
        header = (f"{traffic}: {what}", *(f"{load} in flight" for load in loads))
        rows = [(way, *(cell(of_way.get(load), load, value) for load in loads)) for way, of_way in cells.items()]
        return table(header, rows)

    def cell(found: Cell | None, load: int, value: Callable[[Cell, int], str]) -> str:
        return NONE if found is None else value(found, load)

    yield grid("UNet calls", lambda cell, _: f"{cell.calls:,}")
    yield grid("rows of these, with padding", lambda cell, _: f"{cell.rows:,}")
    yield grid("images/s", lambda cell, _: f"{cell.images_per_s:,.2f}")
    if loop := cells.get(LOOP):
        yield grid(f"images/s, times {LOOP}", lambda cell, load: f"{cell.images_per_s / loop[load].images_per_s:.2f}")
    if any(cell.peak_gib is not None for of_way in cells.values() for cell in of_way.values()):
        yield grid("peak memory, GiB", lambda cell, _: NONE if cell.peak_gib is None else f"{cell.peak_gib:.1f}")


def _pieces(pieces: Pieces) -> Iterator[str]:
    rows = sorted({rows for of_variant in pieces.unet.values() for rows in of_variant})
    if rows:
        yield table(("UNet ms, by rows", *map(str, rows)), [_row(name, of, rows) for name, of in pieces.unet.items()])
    if pieces.decode:
        each = {images: ms / images for images, ms in pieces.decode.items()}
        images = sorted(pieces.decode)
        both = [_row("a call", pieces.decode, images), _row("an image", each, images)]
        yield table(("VAE decode ms, by images", *map(str, images)), both)
    if pieces.beside:
        yield table(("beside the UNet", "ms"), [(name, f"{ms:.3f}") for name, ms in pieces.beside.items()])


def _row(name: str, found: dict[int, float], columns: list[int]) -> Row:
    return (name, *(f"{found[column]:.1f}" if column in found else NONE for column in columns))


def _served(served: Served) -> str:
    loads = table(
        ("through the endpoint: images/s", *(f"{load} in flight" for load in served.usual)),
        [(f"{USUAL.steps} steps at {USUAL.strength:g}", *(f"{found:.2f}" for found in served.usual.values()))],
    )
    mixed = table(
        (f"{served.images} edits at once, {served.in_flight} in flight", ""),
        [
            ("ms that the endpoint adds to an image", f"{served.overhead_ms:.1f}"),
            ("of what the engine alone takes", f"{served.overhead:.1%}"),
            ("GPU busy while the first half was made", "not told" if served.busy is None else f"{served.busy:.0%}"),
            ("images/s", f"{served.images_per_s:.2f}"),
        ],
    )
    return f"{loads}\n\n{mixed}"
