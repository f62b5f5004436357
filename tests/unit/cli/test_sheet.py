"""``retouch sheet``: pages of before and after, and grids of variations."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from retouch.cli.grids import MOST_PLACES, arranged
from retouch.edit_result import Result
from retouch.errors import InputError
from retouch.media import sheets
from retouch.states import EditState
from tests.unit.cli.conftest import Run, Worker, picture
from tests.unit.outside import Bucket

Manifest = Callable[..., str]
BEFORE = "s3://bucket/before.png"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: Bucket) -> Path:
    """An empty folder that commands run in; in S3 is a picture to edit, which is blue."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    blue = tmp_path / "blue.png"
    Image.new("RGB", (8, 8), (0, 0, 255)).save(blue)
    bucket.objects["before.png"] = blue.read_bytes()
    return folder


def colors(path: Path) -> set[float | tuple[int, ...]]:
    """All colours of a picture."""
    with Image.open(path) as sheet:
        return {color for _, color in sheet.convert("RGB").getcolors(maxcolors=1 << 24) or []}


def reds(path: Path) -> list[int]:
    """The shades of red of a picture."""
    return sorted(int(c[0]) for c in colors(path) if isinstance(c, tuple) and c[1:] == (0, 0) and c[0])


def test_before_and_after_are_on_the_sheet(run: Run, manifest: Manifest, worker: Worker, here: Path) -> None:
    """Each image of each edit; where it was saved is said."""
    run("enqueue", manifest(*({"init_image": BEFORE} for _ in range(3))), "--batch", "b")
    worker.complete(3, images=2)
    ended = run("sheet", "b")
    assert (ended.code, ended.out, ended.err) == (0, "", "saved: b.png\n")
    assert (0, 0, 255) in colors(here / "b.png")
    assert reds(here / "b.png") == [1, 2, 3, 4, 5, 6]


def test_a_page_holds_so_many_pictures(
    run: Run, manifest: Manifest, worker: Worker, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next ones are on the next page; no page is empty."""
    monkeypatch.setattr("retouch.cli.sheet_pages.PICTURES_A_PAGE", 2)
    run("enqueue", manifest(*({"init_image": BEFORE} for _ in range(4))), "--batch", "b")
    worker.complete(4)
    assert run("sheet", "b", "-o", "x.png").err == "saved: x.png\nsaved: x-2.png\n"
    assert [reds(here / name) for name in ("x.png", "x-2.png")] == [[1, 2], [3, 4]]


def test_a_file_is_replaced_only_if_it_was_named(run: Run, manifest: Manifest, worker: Worker, here: Path) -> None:
    """The name of a batch may be that of a picture; what is replaced is told."""
    run("enqueue", manifest({"init_image": BEFORE}), "--batch", "b")
    worker.complete(1)
    (here / "b.png").write_bytes(b"mine")
    ended = run("sheet", "b")
    assert (ended.code, (here / "b.png").read_bytes()) == (2, b"mine")
    assert "b.png is there already; to replace it: -o b.png" in ended.err
    assert run("sheet", "b", "-o", "b.png").err == "replaced: b.png\n"
    assert reds(here / "b.png") == [1]


def test_a_later_page_replaces_nothing_either(
    run: Run, manifest: Manifest, worker: Worker, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pages before it stay."""
    monkeypatch.setattr("retouch.cli.sheet_pages.PICTURES_A_PAGE", 1)
    run("enqueue", manifest(*({"init_image": BEFORE} for _ in range(2))), "--batch", "b")
    worker.complete(2)
    (here / "b-2.png").write_bytes(b"mine")
    ended = run("sheet", "b")
    assert (ended.code, (here / "b-2.png").read_bytes()) == (2, b"mine")
    assert "saved: b.png\nretouch: b-2.png is there already; to replace it: -o b.png" in ended.err


def test_a_picture_that_cannot_be_had_is_a_note(
    run: Run, manifest: Manifest, worker: Worker, here: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link where nothing follows links, an object that is gone or no picture, an edit that failed."""
    monkeypatch.setitem(sys.modules, "retouch.media.fetch", None)
    notes: list[str] = []

    def place(shown: Image.Image | None, note: str = "") -> sheets.Place:
        notes.append(note)
        return sheets.Place(shown, note)

    monkeypatch.setattr("retouch.cli.pictures.Place", place)
    run("enqueue", manifest({}, {"init_image": "s3://bucket/gone.png"}, {"init_image": BEFORE}), "--batch", "b")
    worker.complete(2)
    worker.complete(1, images=0, state=EditState.FAILED)
    bucket.objects["b/e1/0.png"] = b"no picture"
    assert run("sheet", "b").code == 0
    told = [note for note in notes if note]
    assert any("links are followed where aiohttp is installed" in note for note in told)
    assert any("there is no object s3://bucket/gone.png" in note for note in told)
    assert any("it cannot be shown" in note for note in told)
    assert "no" in told
    assert len(told) == 4


def test_states_are_chosen_and_nothing_is_drawn_of_nothing(
    run: Run, manifest: Manifest, worker: Worker, here: Path
) -> None:
    """It says so, and leaves no file."""
    run("enqueue", manifest({"init_image": BEFORE}), "--batch", "b")
    worker.complete(1)
    ended = run("sheet", "b", "--only", "failed")
    assert "nothing was drawn" in ended.err
    assert list(here.iterdir()) == []


def test_variations_are_a_grid_for_each_picture(
    run: Run, manifest: Manifest, worker: Worker, here: Path, bucket: Bucket
) -> None:
    """A page each."""
    bucket.objects["other.png"] = picture(200)
    edits = [
        {"seed": seed, "strength": strength, "init_image": uri}
        for uri in (BEFORE, "s3://bucket/other.png")
        for seed in (10, 9)
        for strength in (0.4, 0.6)
    ]
    run("enqueue", manifest(*edits), "--batch", "b")
    worker.complete(8)
    assert run("sheet", "b", "--grid", "seed,strength").err == "saved: b.png\nsaved: b-2.png\n"
    assert reds(here / "b.png") == [2, 3, 4, 5]
    assert reds(here / "b-2.png") == [6, 7, 8, 9, 200]


def made(**parameters: object) -> Result:
    return Result({"custom_id": "c", "state": "completed", "parameters": parameters, "init_image": "a.png"})


def test_a_grid_is_sorted_and_labelled() -> None:
    """Numbers by size, words as they come; a missing place is empty, a taken one counts."""
    results = [made(seed=s, prompt=p) for s, p in ((10, "oil"), (9, "oil"), (10, "ink"), (10.0, "oil"))]
    [page] = arranged(results, "seed,prompt")
    assert (page.rows, page.columns) == (["seed 9", "seed 10"], ["prompt oil", "prompt ink"])
    assert sorted(page.results) == [(0, 0), (1, 0), (1, 1)]
    assert page.results[1, 0] is results[0]
    assert page.more == 1


def test_one_parameter_is_one_row() -> None:
    """For a row of seeds."""
    [page] = arranged([made(seed=2), made(seed=1), made()], "seed")
    assert (page.rows, page.columns) == ([""], ["seed 2", "seed 1", "seed null"])
    assert sorted(page.results) == [(0, 0), (0, 1), (0, 2)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sede", "no edit has a parameter 'sede'; there are seed"),
        ("seed,seed", "name one or two parameters"),
        ("seed,", "name one or two parameters"),
        ("a,b,c", "name one or two parameters"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(text: str, said: str) -> None:
    """With what there is."""
    with pytest.raises(InputError, match=said):
        arranged([made(seed=1)], text)


def test_a_grid_that_no_picture_holds_is_refused() -> None:
    """Before anything is fetched."""
    side = int(MOST_PLACES**0.5) + 1
    with pytest.raises(InputError, match="too many"):
        arranged([made(seed=n, strength=n) for n in range(side)], "seed,strength")


def test_without_pillow_it_says_what_to_install(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch, manifest: Manifest
) -> None:
    """Exit code 2."""
    monkeypatch.setitem(sys.modules, "retouch.cli.sheet_pages", None)
    ended = run("sheet", "b")
    assert ended.code == 2
    assert "'pillow>=" in ended.err


def test_a_file_that_is_no_picture_is_refused(run: Run, manifest: Manifest, here: Path) -> None:
    """By its name."""
    run("enqueue", manifest({}), "--batch", "b")
    assert "name a picture, such as sheet.png" in run("sheet", "b", "-o", "sheet.txt").err
