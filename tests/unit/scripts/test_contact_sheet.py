"""The contact sheet shows each edit's pictures and words, whatever their shape."""

from __future__ import annotations

import pytest
from PIL import Image

from scripts import contact_sheet
from scripts.contact_sheet import Pair

PROMPT = "an oil painting of hills at sunset, thick impasto strokes, warm light, long shadows, evening calm, swallows"


def solid(color: str, size: tuple[int, int] = (64, 64)) -> Image.Image:
    return Image.new("RGB", size, color)


def colors(sheet: Image.Image) -> set[float | tuple[int, ...]]:
    return {color for _, color in sheet.getcolors(maxcolors=1 << 24) or []}


def test_every_pair_is_on_the_sheet() -> None:
    """Before and after of each pair can be found, in rows of three."""
    pairs = [Pair(solid(f"#0000{n:02x}"), solid(f"#00{n:02x}00"), "x", 0.5) for n in range(100, 105)]
    sheet = contact_sheet.draw(pairs, "title", "subtitle")
    assert {(0, 0, n) for n in range(100, 105)} | {(0, n, 0) for n in range(100, 105)} <= colors(sheet)
    taller = contact_sheet.draw([*pairs, pairs[0], pairs[0]], "title", "subtitle")
    assert (sheet.width, sheet.height) < (taller.width, taller.height)
    assert sheet.width == taller.width


def test_before_stands_left_of_after() -> None:
    """The eye reads from what went in to what came out."""
    sheet = contact_sheet.draw([Pair(solid("#ff0000"), solid("#0000ff"), "x", 0.5)], "", "")
    y = contact_sheet.HEADER + contact_sheet.PAD + contact_sheet.THUMB // 2
    row = [sheet.getpixel((x, y)) for x in range(sheet.width)]
    assert row.index((255, 0, 0)) < row.index((0, 0, 255))


@pytest.mark.parametrize("size", [(512, 128), (128, 512), (1, 1)])
def test_pictures_keep_their_shape(size: tuple[int, int]) -> None:
    """A picture that is not square is fitted into its place, not stretched or cut."""
    sheet = contact_sheet.draw([Pair(solid("#ffffff"), solid("#ff0000", size), "x", None)], "", "")
    box = Image.eval(sheet, lambda value: value).convert("RGB")
    red = [(x, y) for x in range(box.width) for y in range(box.height) if box.getpixel((x, y)) == (255, 0, 0)]
    width = max(x for x, _ in red) - min(x for x, _ in red) + 1
    height = max(y for _, y in red) - min(y for _, y in red) + 1
    assert width / height == pytest.approx(size[0] / size[1], rel=0.05)
    assert max(width, height) == contact_sheet.THUMB


def test_an_edit_without_a_picture_says_why() -> None:
    """A failed edit takes its place on the sheet, with words in it."""
    silent = contact_sheet.draw([Pair(solid("#00ff00"), None, "x", 0.5, note=" ")], "", "")
    speaking = contact_sheet.draw([Pair(solid("#00ff00"), None, "x", 0.5, note="the API refused it")], "", "")
    assert silent.tobytes() != speaking.tobytes()


def test_no_pairs_make_a_sheet_all_the_same() -> None:
    """Nothing to show is not an error."""
    assert contact_sheet.draw([], "title", "subtitle").height > 0


@pytest.mark.parametrize("lines", [1, 2, 3])
@pytest.mark.parametrize("width", [60, 200, 476])
def test_wrapped_text_stays_within_its_lines_and_width(lines: int, width: int) -> None:
    """No line is wider than asked, and there are no more than asked."""
    wrapped = contact_sheet.wrap(PROMPT, 17, width, lines)
    assert 1 <= len(wrapped) <= lines
    assert all(contact_sheet.fit(line, 17, width) == line for line in wrapped)


def test_wrapped_text_loses_no_word_where_there_is_room() -> None:
    """Only what does not fit is cut, and an ellipsis says so."""
    assert " ".join(contact_sheet.wrap(PROMPT, 17, 476, 9)) == PROMPT
    assert contact_sheet.wrap(PROMPT, 17, 476, 1)[0].endswith("…")
