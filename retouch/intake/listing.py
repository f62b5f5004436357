"""Which pictures there are: those of a folder, or those that were named."""

from __future__ import annotations

import os
import shlex
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from retouch.errors import InputError
from retouch.plural import are, count

TAKEN = frozenset({".png", ".jpg", ".jpeg", ".jfif", ".webp"})
_OTHERS = {
    **{".heic": "HEIC", ".heif": "HEIC", ".avif": "AVIF", ".tif": "TIFF", ".tiff": "TIFF", ".gif": "GIF"},
    **{".bmp": "BMP", ".jxl": "JPEG XL", ".jp2": "JPEG 2000", ".psd": "PSD", ".svg": "SVG"},
    **dict.fromkeys((".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2"), "camera RAW"),
}
_NOT_OURS = frozenset({"__MACOSX", "@eaDir"})  # what macOS and Synology put beside pictures: no pictures of anybody


class PictureFile(NamedTuple):
    """A picture: where it is, and its path relative to its folder (``/`` between parts, NFC), which names it."""

    path: Path
    relative: str


class Listing(NamedTuple):
    """The pictures in the order of their names, and what people are to be told about the others."""

    pictures: list[PictureFile]
    notes: list[str]


def is_picture_name(name: str) -> bool:
    """Whether a file of this name is a picture, of a kind that is taken or not."""
    return Path(name).suffix.lower() in TAKEN | _OTHERS.keys()


def list_folder(folder: Path, matches: Sequence[str] = (), *, recursive: bool = False) -> Listing:
    """The pictures of a folder; raises InputError if it has none, or cannot be read.

    ``matches``: only these, as shells write it; a pattern without ``/`` is compared with the name alone. Hidden files
    are left out, and links to folders are not followed.
    """
    notes: list[str] = []
    found = [file for file in _files(folder, recursive, notes) if _fits(file.relative, matches)]
    listing = _sorted_out(found, notes)
    if listing.pictures:
        return listing
    which = f" that matches {' or '.join(map(repr, matches))}" if matches else ""
    told = "".join(f". {note}" for note in listing.notes)
    raise InputError(f"{folder} holds no picture (PNG, JPEG, WebP){which}{told}")


def list_named(paths: Sequence[str]) -> Listing:
    """The pictures of these paths, named by their names alone; raises InputError if none is of a kind that is taken."""
    listing = _sorted_out([PictureFile(Path(path), _nfc(Path(path).name)) for path in dict.fromkeys(paths)], [])
    if not listing.pictures:
        raise InputError(listing.notes[0])
    return listing


def _files(folder: Path, recursive: bool, notes: list[str]) -> Iterator[PictureFile]:
    links = unread = 0
    for base, folders, names in os.walk(folder, onerror=_cannot_read):
        kept = sorted(name for name in folders if not _is_hidden(name))
        linked = sum(os.path.islink(Path(base, name)) for name in kept)
        if recursive:
            links += linked
            folders[:] = kept
        else:
            unread = len(kept) - linked
            folders.clear()
        for name in names:
            if is_picture_name(name) and not _is_hidden(name):
                path = Path(base, name)
                yield PictureFile(path, _nfc(path.relative_to(folder).as_posix()))
    if links:
        notes.append(f"links to folders are not followed: {links} in {folder}")
    if unread:
        them = "it" if unread == 1 else "them"
        notes.append(f"{count(unread, 'subfolder')} {are(unread)} not read (--recursive reads {them})")


def _cannot_read(error: OSError) -> None:
    raise InputError(f"cannot read {error.filename}: {error.strerror}") from None


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in _NOT_OURS


def _fits(relative: str, matches: Sequence[str]) -> bool:
    """Compare without regard to case, as the extensions are."""
    names = (relative.lower(), relative.lower().rpartition("/")[2])
    patterns = [_nfc(pattern).lower() for pattern in matches]
    return not patterns or any(fnmatchcase(names["/" not in pattern], pattern) for pattern in patterns)


def _sorted_out(files: list[PictureFile], notes: list[str]) -> Listing:
    """The files that may be pictures which the API takes, and a note about pictures of other kinds."""
    others = Counter[str]()
    first, pictures = "", []
    for file in sorted(files, key=lambda file: file.relative):
        kind = _OTHERS.get(Path(file.relative).suffix.lower())
        if kind:
            others[kind] += 1
            first = first or file.relative
        else:
            pictures.append(file)
    if others:
        notes = [*notes, _about_others(others, first)]
    return Listing(pictures, notes)


def _about_others(others: Counter[str], first: str) -> str:
    kinds = ", ".join(f"{number} {kind}" for kind, number in others.most_common())
    return (
        f"{kinds} left out, such as {first}: the API takes PNG, JPEG and WebP. Convert them first, for example with"
        f" ImageMagick: magick {shlex.quote(first)} picture.jpg"
    )


def _nfc(text: str) -> str:
    """One spelling of accents: macOS writes them as signs of their own."""
    return unicodedata.normalize("NFC", text)
