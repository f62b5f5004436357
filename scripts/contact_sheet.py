"""One picture of many edits: before and after side by side, with prompt and strength underneath."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageDraw, ImageFont, ImageOps

COLUMNS = 3
THUMB = 224  # pixels, square
ARROW = 28  # pixels between before and after
PAD = 14  # pixels around the contents of a card
GAP = 22  # pixels between cards, and around the sheet
LINE = 22  # pixels from one line of a prompt to the next
MAX_LINES = 2  # of a prompt
HEADER = 128  # pixels
CARD_WIDTH = 2 * PAD + 2 * THUMB + ARROW

PAPER, CARD_COLOR, MAT = "#efece6", "#ffffff", "#f4f2ee"
INK, GREY, ACCENT = "#22252b", "#7b7f88", "#c4572c"


@dataclass(frozen=True)
class Pair:
    """One edit to show; ``after`` is None if it brought no picture, and ``note`` may say why."""

    before: Image.Image
    after: Image.Image | None
    prompt: str
    strength: float | None
    note: str = ""


def draw(pairs: Sequence[Pair], title: str, subtitle: str) -> Image.Image:
    """Return the sheet: ``COLUMNS`` cards a row, in the order given."""
    captions = [wrap(pair.prompt, 17, CARD_WIDTH - 2 * PAD, MAX_LINES) for pair in pairs]
    card_height = 2 * PAD + THUMB + 10 + LINE * max(map(len, captions), default=1) + 18
    rows = -(-len(pairs) // COLUMNS)
    width = GAP + COLUMNS * (CARD_WIDTH + GAP)
    sheet = Image.new("RGB", (width, HEADER + rows * (card_height + GAP)), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.rectangle((GAP, 30, GAP + 7, 94), fill=ACCENT)
    pen.text((GAP + 24, 26), title, fill=INK, font=_font(36))
    pen.text((GAP + 24, 76), fit(subtitle, 17, width - 3 * GAP), fill=GREY, font=_font(17))
    for index, (pair, caption) in enumerate(zip(pairs, captions, strict=True)):
        row, column = divmod(index, COLUMNS)
        x, y = GAP + column * (CARD_WIDTH + GAP), HEADER + row * (card_height + GAP)
        pen.rounded_rectangle((x, y, x + CARD_WIDTH, y + card_height), 12, fill=CARD_COLOR)
        _card(sheet, pair, caption, x + PAD, y + PAD)
    return sheet


def wrap(text: str, size: int, width: int, lines: int) -> list[str]:
    """Break ``text`` into at most ``lines`` lines of ``width`` pixels; what does not fit ends in an ellipsis."""
    done: list[str] = []
    words = text.split()
    while words and len(done) < lines - 1:
        taken = 1
        while taken < len(words) and _font(size).getlength(" ".join(words[: taken + 1])) <= width:
            taken += 1
        done.append(fit(" ".join(words[:taken]), size, width))
        words = words[taken:]
    return [*done, fit(" ".join(words), size, width)] if words else done


def fit(text: str, size: int, width: int) -> str:
    """Shorten ``text`` with an ellipsis until it is at most ``width`` pixels wide."""
    if _font(size).getlength(text) <= width:
        return text
    while text and _font(size).getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def _card(sheet: Image.Image, pair: Pair, caption: Sequence[str], left: int, top: int) -> None:
    pen = ImageDraw.Draw(sheet)
    right, middle = left + THUMB + ARROW, top + THUMB // 2
    _thumb(sheet, pair.before, left, top)
    tip = left + THUMB + ARROW // 2 + 6
    pen.polygon([(tip - 11, middle - 9), (tip, middle), (tip - 11, middle + 9)], fill=ACCENT)
    if pair.after is not None:
        _thumb(sheet, pair.after, right, top)
    else:
        pen.rectangle((right, top, right + THUMB - 1, top + THUMB - 1), fill=MAT)
        for line, text in enumerate(wrap(pair.note or "no picture", 15, THUMB - 24, 6)):
            pen.text((right + 12, top + 14 + 20 * line), text, fill=ACCENT, font=_font(15))
    y = top + THUMB + 10
    for text in caption:
        pen.text((left, y), text, fill=INK, font=_font(17))
        y += LINE
    if pair.strength is not None:
        pen.text((left, y + 2), f"strength {pair.strength:g}", fill=GREY, font=_font(14))


def _thumb(sheet: Image.Image, picture: Image.Image, x: int, y: int) -> None:
    mat = Image.new("RGB", (THUMB, THUMB), MAT)
    small = ImageOps.contain(picture.convert("RGB"), (THUMB, THUMB), Image.Resampling.LANCZOS)
    mat.paste(small, ((THUMB - small.width) // 2, (THUMB - small.height) // 2))
    sheet.paste(mat, (x, y))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
