"""The edits of a batch that have ended, from Redis, or from S3 where the batch has left Redis."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Protocol

from retouch import blocking, object_keys
from retouch.edit import check_batch_id
from retouch.edit_result import Result
from retouch.errors import InputError, LostObjectError, ServiceError, StoreError
from retouch.ledger import BatchView
from retouch.media.stores import kept_store
from retouch.states import TERMINAL, EditState

OnProgress = Callable[[int, int], None]


class Batches(Protocol):
    """The part of ``EditQueue`` that is read. ``remote``: through a gateway, which reads S3 itself."""

    remote: bool

    def find(self, batch: str) -> BatchView | None:
        """The batch, if it is in Redis."""

    def results(self, batch: str) -> Iterator[Result]:
        """What has ended."""


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
def ended_edits(
    queue: Batches, batch: str, bucket: str, prefix: str, on_progress: OnProgress = lambda _done, _total: None
) -> Iterator[Ended]:
    """What has ended by now, kept in a temporary file; raises InputError if neither Redis nor S3 has the batch.

    ``on_progress`` is called with how many results are read, of how many.
    """
    check_batch_id(batch)
    with _temporary_file() as lines:
        try:
            left = _write(lines, queue, batch, bucket, prefix, on_progress)
            lines.flush()
        except OSError as error:
            place = f"{error.strerror or error} in {tempfile.gettempdir()}"
            raise InputError(
                f"the results cannot be kept in a temporary file: {place}; set TMPDIR to a folder with more space"
            ) from None
        yield Ended(lines, left)


def ended_once(queue: Batches, batch: str, bucket: str, prefix: str) -> Iterator[Result]:
    """The same results, to be read once: nothing is kept of those in Redis."""
    if queue.remote or queue.find(check_batch_id(batch)):
        yield from queue.results(batch)
        return
    with ended_edits(queue, batch, bucket, prefix) as ended:
        yield from ended.results()


def states_of(names: Iterable[str], option: str) -> frozenset[EditState]:
    """The states of these names; none: all in which an edit ends. Raises InputError, which names the ``option``."""
    names = set(names)
    if unknown := sorted(str(name) for name in names if name not in TERMINAL):
        known = ", ".join(state.value for state in EditState if state in TERMINAL)
        raise InputError(f"{option}: an edit does not end as {unknown[0][:80]!r}; there are {known}")
    return frozenset(EditState(name) for name in names) or TERMINAL


@contextmanager
def _temporary_file() -> Iterator[IO[bytes]]:
    lines = tempfile.TemporaryFile(prefix="retouch-")  # noqa: SIM115 - closed below
    try:
        yield lines
    finally:
        with suppress(OSError):  # closing tries again to write what could not be written, which was told
            lines.close()


def _write(lines: IO[bytes], queue: Batches, batch: str, bucket: str, prefix: str, on_progress: OnProgress) -> int:
    """Write the results; returns how many edits have not ended."""
    view = queue.find(batch)
    if view is None and not queue.remote:
        _from_s3(lines, batch, bucket, prefix)
        return 0
    ended = view.ended if view else 0
    for place, result in enumerate(queue.results(batch), 1):
        lines.write(json.dumps(result.to_json()).encode() + b"\n")
        on_progress(place, max(place, ended))
    return view.total - ended if view else 0


def _from_s3(lines: IO[bytes], batch: str, bucket: str, prefix: str) -> None:
    if not bucket:
        raise InputError(
            f"there is no batch {batch!r} in Redis; check the name. If it ended long ago, set RETOUCH_BUCKET (and"
            " RETOUCH_PREFIX): its results are in S3"
        )
    try:
        blocking.run(_read(lines, bucket, object_keys.manifest(prefix, batch)))
    except LostObjectError:
        uri = f"s3://{bucket}/{object_keys.manifest(prefix, batch)}"
        raise InputError(f"there is no batch {batch!r} in Redis, and no {uri}; check the name") from None
    except StoreError as error:
        raise ServiceError(f"the results of {batch} cannot be read from S3: {error}") from error


async def _read(lines: IO[bytes], bucket: str, key: str) -> None:
    async for chunk in kept_store(bucket).chunks(key):
        lines.write(chunk)
