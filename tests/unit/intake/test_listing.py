"""Which pictures of a folder are taken, and what is said about the others."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from retouch.errors import InputError
from retouch.intake.listing import list_folder, list_named


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with pictures and with what lies beside pictures."""
    names = ["b.JPG", "a.png", "c.webp", "d.jpeg", "notes.txt", ".hidden.jpg", "._a.png", "Thumbs.db", "x.pdf"]
    for name in [*names, "sub/e.jpg", "sub/a.png", "__MACOSX/f.jpg", ".git/g.jpg", "@eaDir/a.png"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def names(folder: Path, *matches: str, recursive: bool = False) -> list[str]:
    return [file.relative for file in list_folder(folder, matches, recursive=recursive).pictures]


def test_pictures_are_taken_in_the_order_of_their_names(folder: Path) -> None:
    """By extension, whatever its case; nothing hidden, and no subfolder."""
    assert names(folder) == ["a.png", "b.JPG", "c.webp", "d.jpeg"]


def test_recursive_reads_subfolders(folder: Path) -> None:
    """But none that is hidden, or that a system puts there."""
    assert names(folder, recursive=True) == ["a.png", "b.JPG", "c.webp", "d.jpeg", "sub/a.png", "sub/e.jpg"]


@pytest.mark.parametrize(
    ("matches", "found"),
    [
        (["*.jpg"], ["b.JPG", "sub/e.jpg"]),
        (["a.*", "c*"], ["a.png", "c.webp", "sub/a.png"]),
        (["sub/*"], ["sub/a.png", "sub/e.jpg"]),
    ],
)
def test_matches_are_as_a_shell_writes_them(folder: Path, matches: list[str], found: list[str]) -> None:
    """A pattern with a slash is compared with the path, another one with the name."""
    assert names(folder, *matches, recursive=True) == found


def test_pictures_of_other_kinds_are_told_once_with_their_number(folder: Path) -> None:
    """Not silently left out, and not one line each."""
    for name in ("1.heic", "2.HEIC", "3.avif", "4.tiff", "5.gif", "6.bmp", "7.NEF"):
        (folder / name).touch()
    listing = list_folder(folder)
    assert len(listing.pictures) == 4
    [_subfolders, note] = listing.notes
    assert note.startswith("2 HEIC, 1 AVIF, 1 TIFF, 1 GIF, 1 BMP, 1 camera RAW left out, such as 1.heic")
    assert "PNG, JPEG and WebP" in note


def test_links_to_folders_are_not_followed(folder: Path) -> None:
    """One may lead back, without end; a link to a picture is a picture."""
    (folder / "sub/back").symlink_to(folder)
    (folder / "link.png").symlink_to(folder / "a.png")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    listing = list_folder(folder, recursive=True)
    assert [file.relative for file in listing.pictures if "l" in file.relative] == ["link.png", "loop.png"]
    assert len(listing.pictures) == 8
    assert listing.notes == [f"links to folders are not followed: 1 in {folder}"]


def test_subfolders_that_are_not_read_are_counted_once(folder: Path) -> None:
    """Half of the pictures would be missed in the morning; what nobody wants read is not counted."""
    (folder / "more").mkdir()
    (folder / "link").symlink_to(folder / "sub")
    assert list_folder(folder).notes == ["2 subfolders are not read (--recursive reads them)"]
    assert "not read" not in str(list_folder(folder, recursive=True).notes)


@pytest.mark.parametrize(
    ("there", "matches", "words"),
    [
        ([], [], "holds no picture"),
        (["x.txt"], [], "holds no picture"),
        (["sub/a.png"], [], r"holds no picture .*\. 1 subfolder is not read \(--recursive reads it\)"),
        (["a.png"], ["*.jpg"], r"that matches '\*\.jpg'"),
        (["a.heic"], [], "1 HEIC left out"),
    ],
)
def test_a_folder_without_pictures_says_what_to_do(
    tmp_path: Path, there: list[str], matches: list[str], words: str
) -> None:
    """Nothing to do is a mistake."""
    for name in there:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=words):
        list_folder(tmp_path, matches)


def test_a_folder_that_cannot_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A subfolder that is left out would be missed only in the morning."""

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(InputError, match=r"cannot read .*: Permission denied"):
        list_folder(folder)


def test_accents_have_one_spelling(tmp_path: Path) -> None:
    """macOS writes them as signs of their own; the id of a picture is the same everywhere."""
    (tmp_path / unicodedata.normalize("NFD", "é.jpg")).touch()
    assert names(tmp_path) == [unicodedata.normalize("NFC", "é.jpg")]


def test_named_pictures_are_named_by_their_names_alone(tmp_path: Path) -> None:
    """So another one beside them changes no id; one that is given twice is one."""
    paths = [str(tmp_path / name) for name in ("b.jpg", "x/a.JPG", "b.jpg")]
    listing = list_named(paths)
    assert [(file.relative, str(file.path)) for file in listing.pictures] == [("a.JPG", paths[1]), ("b.jpg", paths[0])]


def test_named_pictures_of_other_kinds_alone_are_refused() -> None:
    """With the kind."""
    with pytest.raises(InputError, match="2 HEIC left out"):
        list_named(["a.heic", "b.heic"])
