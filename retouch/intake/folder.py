"""A folder of pictures as a source of edits: one edit a picture, named by its path."""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from retouch.errors import InputError
from retouch.intake.custom_ids import custom_id_for
from retouch.intake.listing import Listing, PictureFile
from retouch.intake.source import Line, Source
from retouch.intake.template import Template

NAMES = ("stem", "folder", "name", "caption", "n")  # in a prompt
ID_NAMES = ("stem", "folder", "name")  # ``n`` changes when a picture is added, ``caption`` when it is edited
TEMPLATES = ("prompt", "negative_prompt")
_CAPTIONS = (".txt", ".caption", ".TXT")
_MAX_CAPTION = 64 * 1024  # bytes
_SHOWN = 3


@dataclass
class Folder:
    """A ``Source`` of one edit for each picture of a listing, without prompts; ``Filled`` puts them in.

    ``id_template``: what an id is made of, instead of the path. Raises InputError for two pictures with one id, and for
    names that are not known.
    """

    listing: Listing
    id_template: str = ""
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.notes += self.listing.notes
        self._id = Template(self.id_template, ID_NAMES) if self.id_template else None
        first: dict[str, PictureFile] = {}
        for picture in self.listing.pictures:
            if (other := first.setdefault(self._custom_id(picture), picture)) is not picture:
                raise InputError(
                    f"{other.path} and {picture.path} would both have the id {self._custom_id(picture)!r};"
                    f" {self._way_out(other, picture)}"
                )

    def __iter__(self) -> Iterator[Line]:
        for number, picture in enumerate(self.listing.pictures, 1):
            path = str(picture.path)
            fields = {"custom_id": self._custom_id(picture), "init_image": path}
            name = path.encode(errors="surrogateescape").decode(errors="replace")
            yield Line(number, fields, None if name == path else "has a file name that is not UTF-8", name=name)

    def _custom_id(self, picture: PictureFile) -> str:
        stem = picture.relative.removesuffix(PurePosixPath(picture.relative).suffix)
        return custom_id_for(self._id.fill(_names(picture)) if self._id else stem, picture.relative)

    def _way_out(self, one: PictureFile, other: PictureFile) -> str:
        if one.relative == other.relative and one.path.name != other.path.name:
            return "their names differ only in how Unicode writes accents (NFC and NFD), so rename one"
        if one.path.name != other.path.name and self.id_template != "{name}":
            return "to keep the extension in the ids: --id '{name}'"
        return "rename one, or put the folder's name into the ids: --id '{folder}-{name}'"


class Filled:
    """A ``Source`` around a folder's edits: fills the names in their prompts.

    ``prompts`` are those of edits that have none. ``check`` comes first.
    """

    def __init__(self, source: Source, pictures: Sequence[PictureFile], prompts: Mapping[str, str]) -> None:
        self._source = source
        self._pictures = pictures
        self._prompts = prompts
        self._templates: dict[str, Template] = {}

    @property
    def notes(self) -> list[str]:
        """Those of the other source."""
        return self._source.notes

    def check(self, more: Sequence[str] = ()) -> None:
        """Check the templates, ``more`` that edits bring along, and that captions are there; raises InputError."""
        for text in (*self._prompts.values(), *more):
            self._templates[text] = Template(text, NAMES)
        if any({"caption"} in template.choices for template in self._templates.values()):
            _check_captions(self._pictures)

    def __iter__(self) -> Iterator[Line]:
        number, values = 0, dict[str, str]()
        for line in self._source:
            if line.problem:
                yield line
                continue
            if line.number != number:
                number, picture = line.number, self._pictures[line.number - 1]
                values = _names(picture) | {"n": str(number), "caption": _caption(picture) or ""}
            texts = {**self._prompts, **{name: line.fields[name] for name in TEMPLATES if name in line.fields}}
            filled = {name: self._templates[text].fill(values) for name, text in texts.items()}
            yield line._replace(fields={**line.fields, **filled})


def folder_identity(folder: Path, asked: Mapping[str, Any]) -> str:
    """What the batch of a folder is named after: where it is and what is asked for, without the pictures.

    So pictures that are added later belong to the same batch.
    """
    text = json.dumps([str(folder.resolve()), asked], sort_keys=True)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def _names(picture: PictureFile) -> dict[str, str]:
    path = PurePosixPath(picture.relative)
    folder = unicodedata.normalize("NFC", picture.path.parent.resolve().name)
    return {"stem": path.stem, "name": path.name, "folder": folder}


def _check_captions(pictures: Sequence[PictureFile]) -> None:
    without = [str(picture.path) for picture in pictures if not _caption(picture)]
    if without:
        more = f" and {len(without) - _SHOWN} more" if len(without) > _SHOWN else ""
        have = "has" if len(without) == 1 else "have"
        raise InputError(
            f"{{caption}} is the text of a .txt file beside the picture; {len(without)} of {len(pictures)} pictures"
            f" {have} none: {', '.join(without[:_SHOWN])}{more}. {{caption|stem}} takes the file's name then"
        )


def _caption(picture: PictureFile) -> str | None:
    for suffix in _CAPTIONS:
        path = picture.path.with_suffix(suffix)
        if os.path.isfile(path):  # False also where the folder may only be listed
            return _read_text(path)
    return None


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_CAPTION + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    if len(data) > _MAX_CAPTION:
        raise InputError(f"{path} is too long for a caption: more than {_MAX_CAPTION // 1024} KiB")
    try:
        return data.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text; save it as UTF-8") from None
