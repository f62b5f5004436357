"""What was asked for as a batch, kept in the bucket beside the files; how it stands is in the ledger."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

from pydantic import BaseModel

from retouch import blocking, object_keys
from retouch.access_keys import AccessKey
from retouch.edit import BATCH_PATTERN
from retouch.errors import InputError, LostObjectError
from retouch.media.store import Found, Store
from retouch.media.stores import kept_store
from retouch.results.ended import ended_once
from retouch.states import EditState
from workers.gateway.context import Gateway
from workers.gateway.openai.shapes import Errors, RequestCounts
from workers.gateway.openai.shelf import KEPT_S

_ASKED, _ENDED = "/asked.json", "/ended.json"  # behind a batch's id

M = TypeVar("M", bound=BaseModel)


class Record(BaseModel):
    """A batch as it was asked for. ``total``: its edits, once all are in the ledger; ``errors``: why they are not."""

    id: str
    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str] | None
    created_at: int
    total: int | None = None
    errors: Errors | None = None
    failed_at: int | None = None


class BatchRecords:
    """The records of all batches; a key sees those that it may name. Blocks; raises StoreError if S3 cannot be used."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._folder = object_keys.batch_records(gateway.settings.prefix)

    @property
    def _store(self) -> Store:
        return kept_store(self._gateway.settings.bucket)

    def find(self, key: AccessKey, id: str) -> Record | None:
        """The record of this batch, if there is one that the key may know of."""
        known = bool(BATCH_PATTERN.fullmatch(id)) and key.may_name(id)
        record = self._read(f"{id}{_ASKED}", Record) if known else None
        return None if record is None or record.created_at + KEPT_S < time.time() else record

    def keep(self, record: Record) -> None:
        """Write a record in place of the one before."""
        self._write(f"{record.id}{_ASKED}", record)

    def ids(self, key: AccessKey) -> list[str]:
        """The ids of all batches that the key may know of, the newest first; old records are removed."""
        found = list(blocking.run(self._listed()))
        old = time.time() - KEPT_S
        for one in found:
            if one.written.timestamp() < old:
                blocking.run(self._store.delete(one.key))
        names = [
            (one.written, one.key.removeprefix(self._folder).removesuffix(_ASKED))
            for one in found
            if one.written.timestamp() >= old and one.key.endswith(_ASKED)
        ]
        return [name for _, name in sorted(names, reverse=True) if key.may_name(name)]

    def ended(self, id: str) -> RequestCounts | None:
        """How a batch ended that has left Redis, by its results in S3; None if there are none. Counted once."""
        if known := self._read(f"{id}{_ENDED}", RequestCounts):
            return known
        settings = self._gateway.settings
        try:
            counts = Counter(one.state for one in ended_once(self._gateway.queue, id, settings.bucket, settings.prefix))
        except InputError:
            return None
        found = RequestCounts(
            total=counts.total(), completed=counts[EditState.COMPLETED], failed=counts[EditState.FAILED]
        )
        self._write(f"{id}{_ENDED}", found)
        return found

    def _read(self, name: str, shape: type[M]) -> M | None:
        try:
            return shape.model_validate_json(blocking.run(self._bytes(f"{self._folder}{name}")))
        except LostObjectError:
            return None

    def _write(self, name: str, value: BaseModel) -> None:
        text = value.model_dump_json().encode()
        blocking.run(self._store.put(f"{self._folder}{name}", text, "application/json"))

    async def _bytes(self, key: str) -> bytes:
        return b"".join([bytes(piece) async for piece in self._store.chunks(key)])

    async def _listed(self) -> Iterator[Found]:
        return iter([one async for page in self._store.pages(self._folder) for one in page])
