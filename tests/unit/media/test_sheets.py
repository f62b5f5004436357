"""The contact sheet shows each edit's pictures and words, whatever their shape."""

from __future__ import annotations

import pytest
from PIL import Image

from retouch.media import fonts, sheets
from retouch.media.sheets import Pair, Place
from tests.harness.pictures import field

PNG = field("palette.png")
PROMPT = "an oil painting of hills at sunset, thick impasto strokes, warm light, long shadows, evening calm, swallows"
FACE = fonts.typeface(PROMPT)


def shown(color: str, size: tuple[int, int] = (64, 64)) -> Place:
    return Place(Image.new("RGB", size, color))


def colors(sheet: Image.Image) -> set[float | tuple[int, ...]]:
    return {color for _, color in sheet.getcolors(maxcolors=1 << 24) or []}


def test_every_pair_is_on_the_sheet() -> None:
    """Before and after of each pair can be found, in rows of three."""
    pairs = [Pair(shown(f"#0000{n:02x}"), shown(f"#00{n:02x}00"), "x", 0.5) for n in range(100, 105)]
    sheet = sheets.draw(pairs, "title", "subtitle")
    assert {(0, 0, n) for n in range(100, 105)} | {(0, n, 0) for n in range(100, 105)} <= colors(sheet)
    taller = sheets.draw([*pairs, pairs[0], pairs[0]], "title", "subtitle")
    assert (sheet.width, sheet.height) < (taller.width, taller.height)
    assert sheet.width == taller.width


def test_before_stands_left_of_after() -> None:
    """The eye reads from what went in to what came out."""
    sheet = sheets.draw([Pair(shown("#ff0000"), shown("#0000ff"), "x", 0.5)], "", "")
    y = sheets.HEADER + sheets.PAD + sheets.THUMB // 2
    row = [sheet.getpixel((x, y)) for x in range(sheet.width)]
    assert row.index((255, 0, 0)) < row.index((0, 0, 255))


@pytest.mark.parametrize("size", [(512, 128), (128, 512), (1, 1)])
def test_pictures_keep_their_shape(size: tuple[int, int]) -> None:
    """A picture that is not square is fitted into its place, not stretched or cut."""
    sheet = sheets.draw([Pair(shown("#ffffff"), shown("#ff0000", size), "x", None)], "", "")
    box = Image.eval(sheet, lambda value: value).convert("RGB")
    red = [(x, y) for x in range(box.width) for y in range(box.height) if box.getpixel((x, y)) == (255, 0, 0)]
    width = max(x for x, _ in red) - min(x for x, _ in red) + 1
    height = max(y for _, y in red) - min(y for _, y in red) + 1
    assert width / height == pytest.approx(size[0] / size[1], rel=0.05)
    assert max(width, height) == sheets.THUMB


def test_an_edit_without_a_picture_says_why() -> None:
    """A failed edit takes its place on the sheet, with words in it."""
    silent = sheets.draw([Pair(shown("#00ff00"), Place(None, " "), "x", 0.5)], "", "")
    speaking = sheets.draw([Pair(shown("#00ff00"), Place(None, "the API refused it"), "x", 0.5)], "", "")
    assert silent.tobytes() != speaking.tobytes()


def test_no_pairs_make_a_sheet_all_the_same() -> None:
    """Nothing to show is not an error."""
    assert sheets.draw([], "title", "subtitle").height > 0


@pytest.mark.parametrize("lines", [1, 2, 3])
@pytest.mark.parametrize("width", [60, 200, 476])
def test_wrapped_text_stays_within_its_lines_and_width(lines: int, width: int) -> None:
    """No line is wider than asked, and there are no more than asked."""
    wrapped = sheets.wrap(PROMPT, FACE, 17, width, lines)
    assert 1 <= len(wrapped) <= lines
    assert all(sheets.fit(line, FACE, 17, width) == line for line in wrapped)


def test_wrapped_text_loses_no_word_where_there_is_room() -> None:
    """Only what does not fit is cut, and an ellipsis says so."""
    assert " ".join(sheets.wrap(PROMPT, FACE, 17, 476, 9)) == PROMPT
    assert sheets.wrap(PROMPT, FACE, 17, 476, 1)[0].endswith("…")


@pytest.mark.parametrize("where", ["prompt", "note", "title"])
def test_letters_that_no_font_has_are_not_drawn_as_boxes(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """In each text of a sheet: what stands there is what can be drawn of it."""
    monkeypatch.setattr(fonts, "INSTALLED", ())

    def drawn(text: str) -> bytes:
        words = {"prompt": "x", "note": "x", "title": "x"} | {where: text}
        pair = Pair(shown("#00ff00"), Place(None, words["note"]), words["prompt"], 0.5)
        grid = sheets.Grid(Place(None, words["note"]), [words["prompt"]], [words["prompt"]], {})
        sheet = sheets.draw([pair], words["title"], "x")
        return sheet.tobytes() + sheets.draw_grid(grid, words["title"], "x").tobytes()

    assert drawn("Ä猫") == drawn("A?")


def test_a_grid_has_each_picture_in_its_row_and_column() -> None:
    """Rows from above, columns from the left, the picture of before in the corner."""
    places = {(row, column): shown(f"#{row + 1:02x}{column + 1:02x}00") for row in range(2) for column in range(3)}
    grid = sheets.Grid(shown("#0000ff"), ["r0", "r1"], ["c0", "c1", "c2"], places)
    sheet = sheets.draw_grid(grid, "title", "subtitle")
    found = {sheet.getpixel((x, y)): (x, y) for x in range(0, sheet.width, 4) for y in range(0, sheet.height, 4)}
    where = {place: found[place[0] + 1, place[1] + 1, 0] for place in places}
    assert len({x for x, _ in where.values()}) == 3
    assert len({y for _, y in where.values()}) == 2
    assert sorted(places, key=lambda place: (where[place][1], where[place][0])) == sorted(places)
    assert found[0, 0, 255] < min(where.values())


def test_a_wide_grid_stays_a_picture_that_can_be_opened() -> None:
    """Its places are smaller."""
    grid = sheets.Grid(shown("#0000ff"), ["r"], [str(n) for n in range(100)], {(0, 99): shown("#ff0000")})
    sheet = sheets.draw_grid(grid, "", "")
    assert sheet.width < sheets.WIDEST * 1.2
    assert (255, 0, 0) in colors(sheet)
