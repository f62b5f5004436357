"""``width`` and ``height`` from the picture's own size, and a note where its aspect will change."""

from __future__ import annotations

import asyncio
import itertools
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from retouch.edit import BEST_SIDE, MAX_SIDE
from retouch.edit_fields import API_DEFAULTS
from retouch.errors import BrokenResultError, InputError, LostObjectError, ServiceError, StoreError
from retouch.intake.source import Line, Source
from retouch.media.headers import Size, upright_size

STEP = 8  # pixels: what a diffusion model's sides are multiples of
_PAGE, _AT_ONCE = 500, 32  # lines looked at together, and objects asked for at a time
_SAME = 0.02  # aspects that differ by less look the same
_WANTED = re.compile(r"fit:(\d+)|(\d+)x(\d+)")


class RangeStore(Protocol):
    """The part of ``retouch.media.store.Store`` that reads a header."""

    async def read_range(self, key: str, start: int, length: int) -> tuple[bytes, int]:
        """Some bytes of an object, from ``start`` on, and its whole size; raises LostObjectError if there is none."""


class Wanted(NamedTuple):
    """What ``--size`` asks for: a long side, the picture's own aspect kept, or both sides."""

    long_side: int | None
    sides: Size | None


def parse_size(text: str) -> Wanted:
    """Read ``fit:512`` or ``512x384``; raises InputError."""
    found = _WANTED.fullmatch(text.strip().lower().replace("\N{MULTIPLICATION SIGN}", "x"))
    if not found:
        raise InputError(f"--size {text[:40]}: write fit:{BEST_SIDE} (the long side) or WIDTHxHEIGHT, such as 512x384")
    sides = [int(side) for side in found.groups() if side]
    if not all(STEP <= side <= MAX_SIDE for side in sides):
        raise InputError(f"--size {text[:40]}: a side has {STEP} to {MAX_SIDE} pixels")
    if found[1] and sides[0] % STEP:
        raise InputError(f"--size {text[:40]}: the long side must be a multiple of {STEP}")
    return Wanted(sides[0], None) if found[1] else Wanted(None, Size(*sides))


def fit(picture: Size, long_side: int) -> Size:
    """The picture's own aspect: its long side is ``long_side``, both are multiples of 8."""
    short = round(min(picture) * long_side / max(picture) / STEP) * STEP
    sides = long_side, max(STEP, short)
    return Size(*sides) if picture.width >= picture.height else Size(*reversed(sides))


class Sized:
    """A ``Source`` around another: edits that set neither ``width`` nor ``height`` get both, if a size is wanted.

    ``defaults`` are fields of edits that do not set them. ``folder`` is what local paths are relative to. ``store_of``
    opens a bucket; it raises InputError where that is not possible. Local pictures of another aspect than their results
    are counted, for a note.
    """

    def __init__(
        self,
        source: Source,
        wanted: Wanted | None,
        defaults: Mapping[str, Any],
        folder: Path,
        store_of: Callable[[str], RangeStore],
    ) -> None:
        self._source = source
        self._wanted = wanted
        self._defaults = defaults
        self._folder = folder
        self._store_of = store_of
        self._known: dict[str, Size | str | None] = {}  # by init_image: a size, why there is none, or not looked at
        self._cropped: dict[str, tuple[Size, Size]] = {}

    @property
    def notes(self) -> list[str]:
        """Those of the other source, and one about aspects that change."""
        return self._source.notes + ([self._note()] if self._cropped else [])

    def __iter__(self) -> Iterator[Line]:
        lines = iter(self._source)
        with asyncio.Runner() as runner:
            while page := list(itertools.islice(lines, _PAGE)):
                runner.run(self._look_at(page))
                yield from map(self._sized, page)

    async def _look_at(self, page: list[Line]) -> None:
        places = asyncio.Semaphore(_AT_ONCE)

        async def one(init_image: str) -> None:
            async with places:
                self._known[init_image] = await self._size_of(init_image)

        new = {line.fields.get("init_image") for line in page if not line.problem and self._needs_a_look(line)}
        await asyncio.gather(*(one(image) for image in new if isinstance(image, str) and image not in self._known))

    def _needs_a_look(self, line: Line) -> bool:
        """Whether its own size matters: it is to be kept, or a local picture may be cropped."""
        if self._fits:
            return not _sets_size(line)
        return "://" not in str(line.fields.get("init_image", "://"))

    @property
    def _fits(self) -> int | None:
        return self._wanted.long_side if self._wanted else None

    async def _size_of(self, init_image: str) -> Size | str | None:
        try:
            if init_image.strip()[:5].lower() == "s3://":
                bucket, _, key = init_image.strip()[5:].partition("/")
                return await size_in(self._store_of(bucket), key)
            if "://" in init_image or init_image.startswith("data:"):
                return "its size is only known for local pictures and s3:// objects"
            return await _size_on_disk(self._folder / init_image)
        except BrokenResultError as error:
            return f"it {str(error).removeprefix('the result ')}"
        except StoreError as error:
            raise ServiceError(f"the size of {init_image[:200]} could not be read: {error}") from error
        except (OSError, ValueError):
            return None  # whoever takes the picture says what is wrong with it

    def _sized(self, line: Line) -> Line:
        if line.problem:
            return line
        known = self._known.get(str(line.fields.get("init_image")))
        if self._wanted and not _sets_size(line):
            if self._fits and isinstance(known, str):
                return line._replace(
                    problem=f"has an init_image that --size fit:{self._fits} cannot fit: {known}; set width and height"
                )
            sides = fit(known, self._fits) if self._fits and isinstance(known, Size) else self._wanted.sides
            if sides:
                line = line._replace(fields={**line.fields, "width": sides.width, "height": sides.height})
        if isinstance(known, Size) and not self._fits:
            self._compare(known, {**self._defaults, **line.fields})
        return line

    def _compare(self, known: Size, fields: Mapping[str, Any]) -> None:
        try:
            result = Size(*(int(fields.get(side) or API_DEFAULTS[side]) for side in ("width", "height")))
        except (TypeError, ValueError):  # not a number: it is refused later
            return
        if abs(known.width * result.height / (known.height * max(1, result.width)) - 1) > _SAME:
            self._cropped[str(fields["init_image"])] = known, result

    def _note(self) -> str:
        image, (known, result) = next(iter(self._cropped.items()))
        number = len(self._cropped)
        which = "1 picture changes its aspect" if number == 1 else f"{number} pictures change their aspect"
        return (
            f"{which}, such as {image} from {known} to {result}: the API decides what is cropped or stretched (our"
            f" endpoint crops about the centre). --size fit:{BEST_SIDE} keeps the aspect"
        )


def _sets_size(line: Line) -> bool:
    return any(line.fields.get(side) not in (None, "") for side in ("width", "height"))


async def size_in(store: RangeStore, key: str) -> Size | str:
    """The size of one in S3, or why there is none; raises BrokenResultError if it is no picture, and StoreError."""

    async def read(start: int, length: int) -> bytes:
        data, _whole = await store.read_range(key, start, length)
        return data

    try:
        return await upright_size(read)
    except LostObjectError:
        return "there is no such object"


async def _size_on_disk(path: Path) -> Size | None:
    if not _is_file(path):
        return None
    with path.open("rb") as stream:

        async def read(start: int, length: int) -> bytes:
            stream.seek(start)
            return stream.read(length)

        return await upright_size(read)


def _is_file(path: Path) -> bool:
    return stat.S_ISREG(path.stat().st_mode)  # a pipe would wait for ever
