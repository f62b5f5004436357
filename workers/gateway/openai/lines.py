"""A line of a batch's file as OpenAI's clients write it, and the edit that it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO

from retouch.errors import InputError
from retouch.intake.manifest import json_text
from retouch.intake.manifest.jsonl import text_of
from retouch.intake.manifest.lines import MAX_LINE, MAX_TEXT, numbered, too_long
from retouch.intake.source import Line
from workers.gateway.openai.names import ENVELOPE, THEIRS, wording
from workers.gateway.openai.shapes import ENDPOINT

AS_BASE64 = "b64_json"  # a response_format; which one an edit is to have is kept in its metadata
FORMAT = "response_format"
_REFUSED = {
    "mask": "is not possible: the whole picture is edited, as far as strength says",
    "custom_id": "stands beside body, not in it",
}
_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")

AddressOf = Callable[[str], str | None]


class BatchLines:
    """The edits of a file, a ``Source``. ``address_of``: where the picture of a file's id is, None if there is none."""

    def __init__(self, stream: BinaryIO, address_of: AddressOf) -> None:
        self.notes: list[str] = []
        self._stream = stream
        self._address_of = address_of

    def __iter__(self) -> Iterator[Line]:
        empty = True
        for number, raw in numbered(self._stream):
            if raw := raw.strip():
                empty = False
                yield self._line(number, raw)
        if empty:
            raise InputError("the file is empty: it holds no edit")

    def _line(self, number: int, raw: bytes) -> Line:
        try:
            line = json_text.parse(text_of(raw, MAX_LINE))
        except ValueError as error:
            return Line(number, {}, str(error))
        named = {"custom_id": line.get("custom_id")}
        faults = envelope_faults(line)
        body = line.get("body")
        if not isinstance(body, dict):
            return Line(number, named, "body must be an object: the fields of the edit", faults=tuple(faults))
        edit = EditOf(body, self._address_of)
        # Only a picture in it makes a line long.
        if len(raw) - len(str(edit.fields.get("init_image", ""))) > MAX_TEXT:
            return Line(number, named, too_long(MAX_TEXT))
        return Line(number, named | edit.fields, faults=(*faults, *edit.faults), worded=wording(edit.called))


def envelope_faults(line: dict[str, Any]) -> list[str]:
    """What is wrong with a line around its body, each a sentence that begins with the part."""
    parts = ", ".join(ENVELOPE)
    faults = [f"unknown field {name[:80]!r} (a line has {parts})" for name in sorted(line.keys() - set(ENVELOPE))]
    if line.get("method") != "POST":
        faults.append("method must be POST")
    if line.get("url") != ENDPOINT:
        faults.append(f"url must be {ENDPOINT}, the batch's endpoint")
    return faults


class EditOf:
    """The edit that a body is, but for its ``custom_id``.

    ``fields``: under our names; ``called``: what the body calls them; ``faults``: what is wrong, each a sentence that
    begins with the field as it was written.
    """

    def __init__(self, body: dict[str, Any], address_of: AddressOf) -> None:
        self.fields = {name: value for name, value in body.items() if value is not None}
        self.called = {name: name for name in self.fields}
        self.faults: list[str] = []
        self._address_of = address_of
        readers: list[Callable[[], None]] = [
            *(partial(self._refuse, name, why) for name, why in _REFUSED.items()),
            *(partial(self._rename, ours) for ours in ("model_id", "samples")),
            self._read_size,
            self._read_picture,
            self._read_format,
        ]
        for read in readers:
            try:
                read()
            except ValueError as error:
                self.faults.append(str(error))

    def _refuse(self, name: str, why: str) -> None:
        if name in self.fields:
            del self.fields[name]
            raise ValueError(f"{name} {why}")

    def _rename(self, ours: str) -> None:
        if (theirs := THEIRS[ours]) in self.fields:
            self._put(theirs, {ours: self.fields.pop(theirs)})

    def _put(self, name: str, ours: dict[str, Any]) -> None:
        if twice := sorted(self.fields.keys() & ours.keys()):
            raise ValueError(f"{name} and {twice[0]} are the same: write one of them")
        self.fields |= ours
        self.called |= dict.fromkeys(ours, name)

    def _read_size(self) -> None:
        size = self.fields.pop("size", "auto")
        if size == "auto":
            return
        if not isinstance(size, str) or not (match := _SIZE.fullmatch(size)):
            raise ValueError('size must be WIDTHxHEIGHT in pixels, such as "512x512", or "auto"')
        self._put("size", {"width": int(match[1]), "height": int(match[2])})

    def _read_picture(self) -> None:
        given = {name: self.fields.pop(name) for name in ("image", "images") if name in self.fields}
        if len(given) > 1:
            raise ValueError("image and images are the same: write one of them")
        for name, value in given.items():
            self.called.setdefault("init_image", name)  # also if it cannot be read
            if isinstance(value, list):
                if len(value) != 1:
                    raise ValueError(f"{name} must have one picture, and has {len(value)}: an edit is of one picture")
                value = value[0]
            self._put(name, {"init_image": _address(name, value, self._address_of)})

    def _read_format(self) -> None:
        wanted = self.fields.pop(FORMAT, "url")
        if wanted not in ("url", AS_BASE64):
            raise ValueError(f'{FORMAT} must be "url" or "{AS_BASE64}"')
        if wanted == AS_BASE64:
            metadata = self.fields.get("metadata", {})
            if not isinstance(metadata, dict):
                raise ValueError("metadata must be an object of texts")
            self.fields["metadata"] = {**metadata, FORMAT: wanted}


def _address(name: str, picture: Any, address_of: AddressOf) -> str:
    if isinstance(picture, dict):
        keys, address = picture.keys() - {"type"}, picture.get("image_url")
        if isinstance(address, dict) and isinstance(address.get("url"), str):
            address = address["url"]
        if keys == {"image_url"} and isinstance(address, str):
            return address
        picture = picture.get("file_id") if keys == {"file_id"} else None
        if not isinstance(picture, str):
            raise ValueError(f'{name} must be {{"image_url": "https://…"}} or {{"file_id": "file-…"}}')  # noqa: TRY004 - the text is wrong
    if not isinstance(picture, str):
        raise ValueError(f"{name} must be the address of a picture, a data URI, or the id of a file")  # noqa: TRY004 - the text is wrong
    if not picture.startswith("file-"):
        return picture
    if address := address_of(picture):
        return address
    raise ValueError(f'{name} {picture[:80]} is no file of this key with the purpose "vision"')
