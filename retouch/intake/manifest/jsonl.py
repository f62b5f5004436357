"""JSONL: one JSON object a line; and a JSON array of objects, which ``json.dump`` writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from typing import Any, BinaryIO

from retouch.errors import InputError
from retouch.intake.manifest import json_text
from retouch.intake.manifest.columns import Columns, Keys
from retouch.intake.manifest.foreign import shape_of
from retouch.intake.manifest.lines import BOM, MAX_LINE, MAX_TEXT, numbered, too_long
from retouch.intake.source import Line

MAX_ARRAY = 64 * 1024 * 1024  # bytes; an array is held in memory


class Jsonl:
    """An open JSONL manifest, a ``Source``."""

    def __init__(self, stream: BinaryIO, name: str, columns: Columns, *, certain: bool) -> None:
        self.notes: list[str] = []
        self._stream = stream
        self._name = name
        self._keys = Keys(columns, name)
        self._certain = certain  # it begins as JSONL does

    def __iter__(self) -> Iterator[Line]:
        read = objects = unfinished = 0  # the last: the number of the line before, if it ends within an object
        first, begun = "", b""
        known = self._keys.known
        for number, raw in numbered(self._stream):
            if not (raw := raw.strip()):
                continue
            read += 1
            if unfinished and not raw.startswith(b"{"):
                raise InputError(self._pretty(unfinished, begun + b"\n" + raw))
            fields, problem, unfinished = {}, None, 0
            try:
                fields = json_text.parse(text_of(raw, MAX_LINE))
                objects += 1
                if objects == 1 or len(raw) > MAX_TEXT or not fields.keys() <= known:
                    fields = self._odd(number, raw, fields, first=objects == 1)
            except ValueError as error:
                problem = str(error)
                unfinished, begun = (number, raw) if isinstance(error, json_text.Unfinished) else (0, b"")
                first = first or f"line {number} {problem}"
            yield Line(number, fields, problem)
        if not read:
            raise InputError(f"{self._name} is empty: it holds no edit")
        if not objects and not self._certain:
            raise InputError(f"{self._name} is neither JSONL nor a table of edits: {first}")
        self.notes += self._keys.notes()

    def _odd(self, number: int, raw: bytes, fields: dict[str, Any], *, first: bool) -> dict[str, Any]:
        # Only a picture in it makes a line long.
        if len(raw) - len(str(fields.get("init_image", ""))) > MAX_TEXT:
            raise ValueError(too_long(MAX_TEXT))
        return self._keys.read(number, fields, first=first)

    def _pretty(self, number: int, begun: bytes) -> str:
        """What is said of an object over several lines: what it is, if that is known."""
        with suppress(ValueError, RecursionError, json_text.NotAllowedError):
            found, _end = json_text.DECODER.raw_decode((begun + self._stream.read(MAX_TEXT)).decode())
            if shape := shape_of(found):
                return f"{self._name} line {number} {shape}"
        return (
            f"{self._name} line {number} begins an object that goes over several lines; JSONL has one object a line:"
            f" jq -c . {self._name} > lines.jsonl"
        )


def text_of(raw: bytes, most: int) -> str:
    """The line as text, of at most so many bytes; raises ValueError with the end of a sentence about it."""
    if len(raw) > most:
        raise ValueError(too_long(most))
    if b"\x00" in raw:
        raise ValueError("holds a NUL byte")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        at = error.start
    raise ValueError(f"is not UTF-8: byte 0x{raw[at]:02x} at position {at + 1}; save it as UTF-8")


class JsonArray:
    """An open JSON array of objects, a ``Source``; lines are numbered by their place in it. Held in memory whole."""

    def __init__(self, stream: BinaryIO, name: str, columns: Columns) -> None:
        self.notes: list[str] = []
        self._stream = stream
        self._name = name
        self._keys = Keys(columns, name)

    def __iter__(self) -> Iterator[Line]:
        edits = self._read()
        if not edits:
            raise InputError(f"{self._name} is empty: it holds no edit")
        self.notes.append(f"{self._name} is a JSON array: a line in a message is a place in it, from 1")
        for place, fields in enumerate(edits, 1):
            if not isinstance(fields, dict):
                yield Line(place, {}, "is not a JSON object")
                continue
            try:
                yield Line(place, self._keys.read(place, fields, first=place == 1))
            except ValueError as error:
                yield Line(place, fields, str(error))
        self.notes += self._keys.notes()

    def _read(self) -> list[Any]:
        raw = self._stream.read(MAX_ARRAY + 1)
        if len(raw) > MAX_ARRAY:
            raise InputError(
                f"{self._name} is a JSON array of more than {MAX_ARRAY // 1024 // 1024} MiB; write one object a line:"
                f" jq -c '.[]' {self._name} > lines.jsonl"
            )
        try:
            text = text_of(raw.removeprefix(BOM), MAX_ARRAY)
        except ValueError as error:
            raise InputError(f"{self._name} {error}") from None
        try:
            found = json_text.DECODER.decode(text)
        except json.JSONDecodeError as error:
            raise InputError(f"{self._name} line {error.lineno} {_in_array(error)}") from None
        except json_text.NotAllowedError as error:
            raise InputError(f"{self._name} is not allowed: {error}") from None
        except (RecursionError, ValueError):  # the latter: an integer of thousands of digits
            raise InputError(f"{self._name} is nested too deeply, or holds a number that is too long") from None
        return found if isinstance(found, list) else []


class JsonList(JsonArray):
    """The same, of an array that was read as a part of another text."""

    def __init__(self, edits: list[Any], name: str, columns: Columns) -> None:
        super().__init__(BytesIO(), name, columns)
        self._edits = edits

    def _read(self) -> list[Any]:
        return self._edits


def _in_array(error: json.JSONDecodeError) -> str:
    if error.msg == "Extra data":
        return "goes on after the array's end; write one array, or one object a line"
    return json_text.reason(json.JSONDecodeError(error.msg, error.doc, error.pos))
