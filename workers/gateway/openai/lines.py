"""A line of a batch's file as OpenAI's clients write it, and the edit that it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from retouch.errors import InputError
from retouch.intake.manifest import json_text
from retouch.intake.manifest.jsonl import text_of
from retouch.intake.manifest.lines import MAX_LINE, MAX_TEXT, numbered, too_long
from retouch.intake.source import Line
from workers.gateway.openai.shapes import ENDPOINT

AS_BASE64 = "b64_json"  # a response_format; which one an edit is to have is kept in its metadata
FORMAT = "response_format"
_NAMES = {"model": "model_id", "n": "samples"}  # theirs and ours
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
        named: dict[str, Any] = {}
        try:
            line = json_text.parse(text_of(raw, MAX_LINE))
            named = {"custom_id": line.get("custom_id")}
            fields = named | edit_of(line, self._address_of)
        except ValueError as error:
            return Line(number, named, str(error))
        # Only a picture in it makes a line long.
        long = len(raw) - len(str(fields.get("init_image", ""))) > MAX_TEXT
        return Line(number, named if long else fields, too_long(MAX_TEXT) if long else None)


def edit_of(line: dict[str, Any], address_of: AddressOf) -> dict[str, Any]:
    """The fields of an edit, but for its ``custom_id``; raises ValueError, whose sentence begins with the field."""
    if unknown := sorted(line.keys() - {"custom_id", "method", "url", "body"}):
        raise ValueError(f"{unknown[0][:80]!r} is not a part of a line: custom_id, method, url, body are")
    if line.get("method") != "POST":
        raise ValueError("method must be POST")
    if line.get("url") != ENDPOINT:
        raise ValueError(f"url must be {ENDPOINT}, the batch's endpoint")
    body = line.get("body")
    if not isinstance(body, dict):
        raise ValueError("body must be an object: the fields of the edit")  # noqa: TRY004 - the text is wrong
    fields = {name: value for name, value in body.items() if value is not None}
    if "mask" in fields:
        raise ValueError("mask is not possible: the whole picture is edited, as far as strength says")
    for theirs, ours in _NAMES.items():
        if theirs in fields:
            _put(fields, theirs, {ours: fields.pop(theirs)})
    _read_size(fields)
    _read_picture(fields, address_of)
    _read_format(fields)
    return fields


def _put(fields: dict[str, Any], name: str, ours: dict[str, Any]) -> None:
    if twice := sorted(fields.keys() & ours.keys()):
        raise ValueError(f"{name} and {twice[0]} are the same: write one of them")
    fields |= ours


def _read_size(fields: dict[str, Any]) -> None:
    size = fields.pop("size", "auto")
    if size == "auto":
        return
    if not isinstance(size, str) or not (match := _SIZE.fullmatch(size)):
        raise ValueError('size must be WIDTHxHEIGHT in pixels, such as "512x512", or "auto"')
    _put(fields, "size", {"width": int(match[1]), "height": int(match[2])})


def _read_picture(fields: dict[str, Any], address_of: AddressOf) -> None:
    given = {name: fields.pop(name) for name in ("image", "images") if name in fields}
    if len(given) > 1:
        raise ValueError("image and images are the same: write one of them")
    for name, value in given.items():
        if isinstance(value, list):
            if len(value) != 1:
                raise ValueError(f"{name} must have one picture, and has {len(value)}: an edit is of one picture")
            value = value[0]
        _put(fields, name, {"init_image": _address(name, value, address_of)})


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


def _read_format(fields: dict[str, Any]) -> None:
    wanted = fields.pop(FORMAT, "url")
    if wanted not in ("url", AS_BASE64):
        raise ValueError(f'{FORMAT} must be "url" or "{AS_BASE64}"')
    if wanted == AS_BASE64:
        metadata = fields.get("metadata", {})
        if not isinstance(metadata, dict):
            raise ValueError("metadata must be an object of texts")
        fields["metadata"] = {**metadata, FORMAT: wanted}
