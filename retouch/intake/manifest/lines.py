"""Lines of a file, as an editor counts them; UTF-16 becomes UTF-8 before anything else looks at it."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from retouch.errors import InputError
from retouch.intake import embedded

MAX_TEXT = 1024 * 1024  # bytes of a line, without a picture in it; an edit has some hundred
MAX_LINE = MAX_TEXT + embedded.MAX_TEXT  # bytes of a line; what is longer is skipped, and not held in memory
BOM = b"\xef\xbb\xbf"
_CHUNK = 64 * 1024
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
# What no text of Windows-1252 has: a word of its accented letters alone, which Cyrillic, Greek, Hebrew and Chinese
# become in it, or a sign within a word, where Windows-1250 has a Polish letter.
_NOT_WESTERN = re.compile(
    r"(?<![A-Za-z\xa1-\xff])(?:[\xc0-\xff]{3,}|[\xa1-\xff]{4,})(?![A-Za-z\xa1-\xff])"
    r"|(?<=[A-Za-z\xc0-\xff])[\xb9\xb3\xbf](?=[A-Za-z\xc0-\xff])"
)
_SHOWN = 20  # characters of a word, on each side of the one that is told


def too_long(most: int) -> str:
    """The end of a sentence about a line."""
    return f"is longer than {most // 1024} KiB" + (", without a picture in it" if most == MAX_TEXT else "")


def numbered(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield number and bytes of each line, with its end (LF, CRLF or CR); one that is too long is cut."""
    number = 0
    while raw := stream.readline(MAX_LINE + 1):
        if len(raw) > MAX_LINE:
            _skip_rest(stream, raw)
        elif raw.find(b"\r", 0, -2) >= 0:
            for line in raw.splitlines(keepends=True):
                number += 1
                yield number, line.removeprefix(BOM) if number == 1 else line
            continue
        number += 1
        yield number, raw.removeprefix(BOM) if number == 1 else raw


def _skip_rest(stream: BinaryIO, raw: bytes) -> None:
    while raw and not raw.endswith(b"\n"):
        raw = stream.readline(_CHUNK)


def texts(stream: BinaryIO, name: str, notes: list[str]) -> Iterator[str]:
    """Yield the lines of a table, with their ends: UTF-8, or Windows-1252, which is said. Raises InputError.

    Windows-1252 is tried last, because nearly any bytes are some text in it; what is none of a Western language is
    refused.
    """
    legacy, plain = False, True
    for number, raw in numbered(stream):
        if len(raw) > MAX_LINE:
            raise InputError(f"{name} line {number} {too_long(MAX_LINE)}")
        if b"\x00" in raw:
            raise InputError(f"{name} line {number} holds a NUL byte")
        if raw.isascii():
            yield raw.decode()
            continue
        text, is_legacy = _decoded(raw, f"{name} line {number}")
        if not plain and is_legacy != legacy:
            raise InputError(f"{name} line {number} has another encoding than the lines before it; save it as UTF-8")
        if is_legacy and (found := _NOT_WESTERN.search(text)):
            word = _word_at(text, found.start())
            raise InputError(
                f"{name} line {number} is neither UTF-8 nor Windows-1252, which would make {word!r} of a word in it;"
                " save it as UTF-8"
            )
        if is_legacy and plain:
            first = _NOT_ASCII.search(text)
            notes.append(
                f"{name} is not UTF-8 and was read as Windows-1252: line {number} has"
                f" {_word_at(text, first.start()) if first else ''!r}; if that is wrong, save it as UTF-8"
            )
        legacy, plain = is_legacy, False
        yield text


def _word_at(text: str, place: int) -> str:
    """The word around a place; a search for a whole one takes the square of its length."""
    before, after = text[max(0, place - _SHOWN) : place], text[place : place + _SHOWN]
    return re.split(r"\W", before)[-1] + (re.match(r"\w+", after) or after[:1])[0]


def _decoded(raw: bytes, where: str) -> tuple[str, bool]:
    try:
        return raw.decode(), False
    except UnicodeDecodeError as error:
        at = error.start
    try:
        return raw.decode("cp1252"), True
    except UnicodeDecodeError:
        raise InputError(
            f"{where} is neither UTF-8 nor Windows-1252: byte 0x{raw[at]:02x} at position {at + 1}; save it as UTF-8"
        ) from None


def utf16_of(head: bytes) -> str | None:
    """The UTF-16 that the file is in: by its mark, or because every other byte of its ASCII is NUL."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    even, odd = head[0:64:2], head[1:64:2]
    if len(odd) < 4 or (b"\x00" in even and b"\x00" in odd):
        return None
    if odd.count(0) > len(odd) * 0.7:
        return "utf-16-le"
    return "utf-16-be" if even.count(0) > len(even) * 0.7 else None


def recoded(stream: BinaryIO, encoding: str, name: str) -> BinaryIO:
    """The stream as UTF-8; raises InputError while it is read, where it is not in ``encoding``."""
    return io.BufferedReader(_Recoded(stream, encoding, name), _CHUNK)


class _Recoded(io.RawIOBase):
    def __init__(self, stream: BinaryIO, encoding: str, name: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._name = name
        self._left = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left and not self._ended:
            raw = self._stream.read(_CHUNK)
            self._ended = not raw
            try:
                self._left = self._decoder.decode(raw, final=self._ended).encode()
            except UnicodeError:
                raise InputError(f"{self._name} is not whole UTF-16; save it as UTF-8") from None
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size
