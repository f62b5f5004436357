"""The edits of a batch that have ended, from Redis, or from S3 where the batch has left Redis."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from retouch import object_keys
from retouch.cli.counting import counting
from retouch.cli.loop import run_loop
from retouch.cli.stores import open_store
from retouch.edit import check_batch_id
from retouch.edit_result import Result
from retouch.errors import InputError, LostObjectError
from retouch.queue import EditQueue
from retouch.states import TERMINAL, EditState


class Ended:
    """Results that can be read several times. ``left``: how many edits have not ended yet."""

    def __init__(self, lines: IO[bytes], left: int) -> None:
        self._lines = lines
        self.left = left

    def results(self) -> Iterator[Result]:
        """The results, in the batch's order, from the first on."""
        self._lines.seek(0)
        for line in self._lines:
            yield Result(json.loads(line))


@contextmanager
def ended_edits(queue: EditQueue, batch: str, bucket: str, prefix: str) -> Iterator[Ended]:
    """What has ended by now, kept in a temporary file; raises InputError if neither Redis nor S3 has the batch."""
    check_batch_id(batch)
    with _temporary_file() as lines:
        try:
            left = _write(lines, queue, batch, bucket, prefix)
            lines.flush()
        except OSError as error:
            place = f"{error.strerror or error} in {tempfile.gettempdir()}"
            raise InputError(
                f"the results cannot be kept in a temporary file: {place}; set TMPDIR to a folder with more space"
            ) from None
        yield Ended(lines, left)


def ended_once(queue: EditQueue, batch: str, bucket: str, prefix: str) -> Iterator[Result]:
    """The same results, to be read once: nothing is kept of those in Redis."""
    if queue.find(check_batch_id(batch)):
        yield from queue.results(batch)
        return
    with ended_edits(queue, batch, bucket, prefix) as ended:
        yield from ended.results()


def parse_states(text: str) -> frozenset[EditState]:
    """Read ``completed,failed``; empty: all states of edits that have ended. Raises InputError."""
    names = {name.strip() for name in text.split(",") if name.strip()}
    if unknown := sorted(names - {state.value for state in TERMINAL}):
        known = ", ".join(state.value for state in EditState if state in TERMINAL)
        raise InputError(f"--only: an edit does not end as {unknown[0][:80]!r}; there are {known}")
    return frozenset(EditState(name) for name in names) or TERMINAL


@contextmanager
def _temporary_file() -> Iterator[IO[bytes]]:
    lines = tempfile.TemporaryFile(prefix="retouch-")  # noqa: SIM115 - closed below
    try:
        yield lines
    finally:
        with suppress(OSError):  # closing tries again to write what could not be written, which was told
            lines.close()


def _write(lines: IO[bytes], queue: EditQueue, batch: str, bucket: str, prefix: str) -> int:
    """Write the results; returns how many edits have not ended."""
    view = queue.find(batch)
    if view is None:
        run_loop(_from_s3(lines, batch, bucket, prefix))
        return 0
    with counting(f"reading the results of {batch}") as on_progress:
        for place, result in enumerate(queue.results(batch), 1):
            lines.write(json.dumps(result.to_json()).encode() + b"\n")
            on_progress(place, max(place, view.ended))
    return view.total - view.ended


async def _from_s3(lines: IO[bytes], batch: str, bucket: str, prefix: str) -> None:
    if not bucket:
        raise InputError(
            f"there is no batch {batch!r} in Redis; check the name. If it ended long ago, set RETOUCH_BUCKET (and"
            " RETOUCH_PREFIX): its results are in S3"
        )
    store, key = open_store(bucket), object_keys.manifest(prefix, batch)
    try:
        async for chunk in store.chunks(key):
            lines.write(chunk)
    except LostObjectError:
        raise InputError(f"there is no batch {batch!r} in Redis, and no {store.uri(key)}; check the name") from None
