"""JSONL: one JSON object a line; and a JSON array of objects, which ``json.dump`` writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from retouch.errors import InputError
from retouch.intake.manifest import json_text
from retouch.intake.manifest.columns import Columns, Keys
from retouch.intake.manifest.lines import BOM, MAX_LINE, MAX_TEXT, numbered, too_long
from retouch.intake.source import Line

MAX_ARRAY = 64 * 1024 * 1024  # bytes; an array is held in memory


class Jsonl:
    """An open JSONL manifest, a ``Source``."""

    exact = True

    def __init__(self, stream: BinaryIO, name: str, columns: Columns, *, certain: bool) -> None:
        self.notes: list[str] = []
        self._stream = stream
        self._name = name
        self._keys = Keys(columns, name)
        self._certain = certain  # it begins as JSONL does

    def __iter__(self) -> Iterator[Line]:
        read = objects = unfinished = 0  # the last: the number of the line before, if it ends within an object
        first = ""
        for number, text, problem in self._lines():
            read += 1
            if unfinished and not problem and not text.startswith("{"):
                raise InputError(self._pretty(unfinished))
            unfinished = 0
            fields: dict[str, Any] = {}
            if not problem:
                try:
                    fields = json_text.parse(text)
                    objects += 1
                    if len(text) > MAX_TEXT:
                        _check_length(text, fields)
                    fields = self._keys.read(number, fields)
                except ValueError as error:
                    problem = str(error)
                    unfinished = number if isinstance(error, json_text.UnfinishedError) else 0
            first = first or f"line {number} {problem}"
            yield Line(number, fields, problem)
        if not read:
            raise InputError(f"{self._name} is empty: it holds no edit")
        if not objects and not self._certain:
            raise InputError(f"{self._name} is neither JSONL nor a table of edits: {first}")
        self.notes += self._keys.notes()

    def _lines(self) -> Iterator[tuple[int, str, str | None]]:
        """Yield number, text and problem of each line that is not blank."""
        for number, raw in numbered(self._stream):
            if len(raw) > MAX_LINE:
                yield number, "", too_long(MAX_LINE)
            elif raw := raw.strip():
                yield number, *_decoded(raw)

    def _pretty(self, number: int) -> str:
        return (
            f"{self._name} line {number} begins an object that goes over several lines; JSONL has one object a line:"
            f" jq -c . {self._name} > lines.jsonl"
        )


def _check_length(text: str, fields: dict[str, Any]) -> None:
    """Only a picture in it makes a line long; raises ValueError."""
    if len(text) - len(str(fields.get("init_image", ""))) > MAX_TEXT:
        raise ValueError(too_long(MAX_TEXT))


def _decoded(raw: bytes) -> tuple[str, str | None]:
    if b"\x00" in raw:
        return "", "holds a NUL byte"
    try:
        return raw.decode(), None
    except UnicodeDecodeError as error:
        return "", f"is not UTF-8: byte 0x{raw[error.start]:02x} at position {error.start + 1}; save it as UTF-8"


class JsonArray:
    """An open JSON array of objects, a ``Source``; lines are numbered by their place in it. Held in memory whole."""

    exact = True

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
                yield Line(place, self._keys.read(place, fields))
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
        text, problem = _decoded(raw.removeprefix(BOM))
        if problem:
            raise InputError(f"{self._name} {problem}")
        try:
            found = json_text.DECODER.decode(text)
        except json.JSONDecodeError as error:
            raise InputError(f"{self._name} line {error.lineno} {_in_array(error)}") from None
        except json_text.NotAllowedError as error:
            raise InputError(f"{self._name} is not allowed: {error}") from None
        except (RecursionError, ValueError):  # the latter: an integer of thousands of digits
            raise InputError(f"{self._name} is nested too deeply, or holds a number that is too long") from None
        return found if isinstance(found, list) else []


def _in_array(error: json.JSONDecodeError) -> str:
    if error.msg == "Extra data":
        return "goes on after the array's end; write one array, or one object a line"
    return json_text.reason(json.JSONDecodeError(error.msg, error.doc, error.pos))
