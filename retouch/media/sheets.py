"""One picture of many edits: before and after side by side, or a grid of two parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageOps

from retouch.media.fonts import Typeface, typeface

COLUMNS = 3
THUMB = 224  # pixels, square
ARROW = 28  # pixels between before and after
PAD = 14  # pixels around the contents of a card
GAP = 22  # pixels between cards, and around the sheet
LINE = 22  # pixels from one line of a prompt to the next
MAX_LINES = 2  # of a prompt
HEADER = 128  # pixels
LEAST_THUMB, WIDEST, LEAST_WIDTH = 64, 12_000, 640  # pixels, of a grid: a place, all its places, the whole sheet
CARD_WIDTH = 2 * PAD + 2 * THUMB + ARROW

PAPER, CARD_COLOR, MAT = "#efece6", "#ffffff", "#f4f2ee"
INK, GREY, ACCENT = "#22252b", "#7b7f88", "#c4572c"


@dataclass(frozen=True)
class Place:
    """A picture on a sheet, or a note in its place that says why there is none."""

    picture: Image.Image | None
    note: str = "no picture"


@dataclass(frozen=True)
class Pair:
    """One edit to show, with what it says underneath."""

    before: Place
    after: Place
    prompt: str
    strength: float | None


@dataclass(frozen=True)
class Grid:
    """Edits of one picture by two of their parameters; ``places`` by row and column, those that are there."""

    before: Place
    rows: Sequence[str]
    columns: Sequence[str]
    places: Mapping[tuple[int, int], Place]


def draw(pairs: Sequence[Pair], title: str, subtitle: str) -> Image.Image:
    """Return the sheet: ``COLUMNS`` cards a row, in the order given."""
    notes = [place.note for pair in pairs for place in (pair.before, pair.after) if place.picture is None]
    face = typeface("".join([title, subtitle, *(pair.prompt for pair in pairs), *notes]))
    captions = [wrap(pair.prompt, face, 17, CARD_WIDTH - 2 * PAD, MAX_LINES) for pair in pairs]
    card_height = 2 * PAD + THUMB + 10 + LINE * max(map(len, captions), default=1) + 18
    rows = -(-len(pairs) // COLUMNS)
    width = GAP + COLUMNS * (CARD_WIDTH + GAP)
    sheet, pen = _begun(width, HEADER + rows * (card_height + GAP), face, title, subtitle)
    for index, (pair, caption) in enumerate(zip(pairs, captions, strict=True)):
        row, column = divmod(index, COLUMNS)
        x, y = GAP + column * (CARD_WIDTH + GAP), HEADER + row * (card_height + GAP)
        pen.rounded_rectangle((x, y, x + CARD_WIDTH, y + card_height), 12, fill=CARD_COLOR)
        _card(sheet, face, pair, caption, x + PAD, y + PAD)
    return sheet


def draw_grid(grid: Grid, title: str, subtitle: str) -> Image.Image:
    """Return the sheet: a row and a column for each value, with the picture of before in the corner."""
    thumb = max(LEAST_THUMB, min(THUMB, WIDEST // (len(grid.columns) + 1)))
    step = thumb + PAD
    left, top = GAP + step, HEADER + step
    width, height = left + len(grid.columns) * step + GAP, top + len(grid.rows) * step + GAP
    notes = [place.note for place in (grid.before, *grid.places.values()) if place.picture is None]
    face = typeface("".join([title, subtitle, *grid.rows, *grid.columns, *notes]))
    sheet, pen = _begun(max(width, LEAST_WIDTH), height, face, title, subtitle)
    _place(sheet, face, grid.before, GAP, HEADER, thumb)
    for column, label in enumerate(grid.columns):
        pen.text((left + column * step, top - PAD - LINE), fit(label, face, 17, thumb), fill=INK, font=face.at(17))
    for row, label in enumerate(grid.rows):
        pen.text((GAP, top + row * step), fit(label, face, 17, thumb), fill=INK, font=face.at(17))
        for column in range(len(grid.columns)):
            place = grid.places.get((row, column), Place(None, ""))
            _place(sheet, face, place, left + column * step, top + row * step, thumb)
    return sheet


def wrap(text: str, face: Typeface, size: int, width: int, lines: int) -> list[str]:
    """Break ``text`` into at most ``lines`` lines of ``width`` pixels; what does not fit ends in an ellipsis."""
    done: list[str] = []
    words = face.spelled(text).split()
    while words and len(done) < lines - 1:
        taken = 1
        while taken < len(words) and face.at(size).getlength(" ".join(words[: taken + 1])) <= width:
            taken += 1
        done.append(fit(" ".join(words[:taken]), face, size, width))
        words = words[taken:]
    return [*done, fit(" ".join(words), face, size, width)] if words else done


def fit(text: str, face: Typeface, size: int, width: int) -> str:
    """``text`` in letters that can be drawn, shortened with an ellipsis until it is at most ``width`` pixels wide."""
    text, end, font = face.spelled(text), face.spelled("…"), face.at(size)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + end) > width:
        text = text[:-1]
    return text.rstrip() + end


def _card(sheet: Image.Image, face: Typeface, pair: Pair, caption: Sequence[str], left: int, top: int) -> None:
    pen = ImageDraw.Draw(sheet)
    right, middle = left + THUMB + ARROW, top + THUMB // 2
    _place(sheet, face, pair.before, left, top, THUMB)
    tip = left + THUMB + ARROW // 2 + 6
    pen.polygon([(tip - 11, middle - 9), (tip, middle), (tip - 11, middle + 9)], fill=ACCENT)
    _place(sheet, face, pair.after, right, top, THUMB)
    y = top + THUMB + 10
    for text in caption:
        pen.text((left, y), text, fill=INK, font=face.at(17))
        y += LINE
    if pair.strength is not None:
        pen.text((left, y + 2), f"strength {pair.strength:g}", fill=GREY, font=face.at(14))


def _begun(
    width: int, height: int, face: Typeface, title: str, subtitle: str
) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    sheet = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.rectangle((GAP, 30, GAP + 7, 94), fill=ACCENT)
    pen.text((GAP + 24, 26), fit(title, face, 36, width - 3 * GAP), fill=INK, font=face.at(36))
    pen.text((GAP + 24, 76), fit(subtitle, face, 17, width - 3 * GAP), fill=GREY, font=face.at(17))
    return sheet, pen


def _place(sheet: Image.Image, face: Typeface, place: Place, x: int, y: int, side: int) -> None:
    pen = ImageDraw.Draw(sheet)
    pen.rectangle((x, y, x + side - 1, y + side - 1), fill=MAT)
    if place.picture is None:
        for line, text in enumerate(wrap(place.note, face, 15, side - 24, 6)):
            pen.text((x + 12, y + 14 + 20 * line), text, fill=ACCENT, font=face.at(15))
        return
    small = ImageOps.contain(place.picture.convert("RGB"), (side, side), Image.Resampling.LANCZOS)
    sheet.paste(small, (x + (side - small.width) // 2, y + (side - small.height) // 2))
