"""Whether pictures are where edits say they are: the beginning of each is asked for, and no more."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from retouch.errors import BrokenResultError, GoneError, InputError, ResultError, StoreError
from retouch.media import images

AT_ONCE = 32  # requests
EACH_S = 20.0  # until an answer to one has begun
GIVE_UP_AFTER = 5  # unanswered requests in a row to one host: the rest of it is not asked for


class Beginnings(Protocol):
    """Where pictures are asked for."""

    async def beginning(self, address: str) -> tuple[bytes, int | None]:
        """The first bytes of a picture, and its whole size if that is told.

        Raises GoneError or BrokenResultError if it cannot be had, UnreachableResultError or StoreError if it may be had
        later.
        """


@dataclass(slots=True)
class Found:
    """What is wrong with addresses, and which could not be checked, each with the reason."""

    bad: dict[str, str] = field(default_factory=dict)
    unchecked: dict[str, str] = field(default_factory=dict)


async def check_images(addresses: Iterable[str], pictures: Beginnings, on_progress: Callable[[int], None]) -> Found:
    """Ask for each address once, several at a time; ``on_progress`` is called with how many are done."""
    found, silent = Found(), Counter[str]()
    queue = iter(addresses)
    done = 0

    async def work() -> None:
        nonlocal done
        for address in queue:  # shared: each takes the next
            await _check(address, pictures, found, silent)
            done += 1
            on_progress(done)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return found


async def _check(address: str, pictures: Beginnings, found: Found, silent: Counter[str]) -> None:
    host = urlsplit(address).netloc
    if silent[host] >= GIVE_UP_AFTER:
        found.unchecked[address] = "its host did not answer several times in a row"
        return
    try:
        async with asyncio.timeout(EACH_S):
            start, size = await pictures.beginning(address)
        _look_at(start, size)
    except (GoneError, BrokenResultError, InputError) as error:
        found.bad[address] = _reason(error)
    except (ResultError, StoreError) as error:
        found.unchecked[address] = _reason(error)
        silent[host] += 1
        return
    except TimeoutError:
        found.unchecked[address] = f"it took more than {EACH_S:g} s"
        silent[host] += 1
        return
    silent[host] = 0


def _look_at(start: bytes, size: int | None) -> None:
    if size is not None and size > images.MAX_BYTES:
        raise BrokenResultError(f"it has {size:,} bytes; at most {images.MAX_BYTES:,} are accepted")
    if images.kind_of(start) is None:
        images.Walk(start)  # says what it is


def _reason(error: Exception) -> str:
    return str(error).replace("the result is", "it is", 1)
