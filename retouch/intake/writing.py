"""Writing a batch: entries go to the ledger page by page, and the receipt says what was written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from retouch.errors import BatchCancelledError, CancelledError, LedgerError, ServiceError
from retouch.intake.admission import Rejection, rebase
from retouch.ledger import PAGE, Entry, Ledger, Verdict

CONFLICT = "custom_id exists in the batch with other parameters; choose another custom_id or another batch"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of an enqueue. ``on_disk``: the server confirmed that everything is in its append-only file."""

    batch: str
    accepted: int
    already: int
    rejected: list[Rejection] = field(default_factory=list)
    on_disk: bool = False


class BatchWriter:
    """Writes entries to a batch, a page at a time; a page is sent while the next one is prepared.

    As a context manager: leaving it normally writes the rest, seals the batch and waits for the server's disk.
    If the process dies in the middle, the pages written stay; enqueuing the same edits again adds the rest.
    Raises ServiceError, which says how many edits are surely written.
    """

    def __init__(self, ledger: Ledger, batch: str, defaults: Mapping[str, Any], weight: float = 1.0) -> None:
        self._ledger = ledger
        self._batch = batch
        self._defaults = dict(defaults)
        self._weight = weight
        self._page: list[tuple[int, Entry]] = []
        self._sent: Future[list[Verdict]] | None = None
        self._sent_page: list[tuple[int, Entry]] = []
        self.accepted = self.already = 0
        self.on_disk = False
        self.conflicts: list[Rejection] = []

    def __enter__(self) -> Self:
        with self._telling():
            self._stored = self._ledger.producer.open_batch(self._batch, self._defaults, self._weight)
        self._sender = ThreadPoolExecutor(1, "retouch-enqueue")
        return self

    def add(self, line: int, entry: Entry) -> None:
        """Add an entry; it is written when its page is full, or at the end."""
        if self._stored != self._defaults:
            entry = rebase(entry, self._defaults, self._stored)
        self._page.append((line, entry))
        if len(self._page) == PAGE:
            self._send()

    @property
    def written(self) -> int:
        """How many edits are in the ledger for sure."""
        return self.accepted + self.already

    def receipt(self, rejected: Iterable[Rejection] = ()) -> Receipt:
        """What was written; ``rejected`` are the edits that the caller left out. Only after the context has ended."""
        everything = sorted([*rejected, *self.conflicts])
        return Receipt(self._batch, self.accepted, self.already, everything, self.on_disk)

    def _send(self) -> None:
        self._collect()
        page, self._page = self._page, []
        self._sent_page = page
        self._sent = self._sender.submit(self._ledger.producer.enqueue, self._batch, [entry for _, entry in page])

    def _collect(self) -> None:
        if self._sent is None:
            return
        with self._telling():
            verdicts = self._sent.result()
        self._sent = None
        self.accepted += verdicts.count(Verdict.ACCEPTED)
        self.already += verdicts.count(Verdict.ALREADY)
        for (line, entry), verdict in zip(self._sent_page, verdicts, strict=True):
            if verdict is Verdict.CONFLICT:
                self.conflicts.append(Rejection(line, entry.custom_id, [CONFLICT]))

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        with self._sender:
            if kind is None:
                self._finish()

    def _finish(self) -> None:
        if self._page:
            self._send()
        self._collect()
        with self._telling():
            self._ledger.producer.seal(self._batch)
            self.on_disk = self._ledger.producer.wait_for_disk()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except BatchCancelledError:
            raise CancelledError(
                f"batch {self._batch} was cancelled while it was being enqueued: {self.written} edits were written"
                " before, and nothing more is added; to go on all the same, enqueue it again"
            ) from None
        except LedgerError as error:
            raise ServiceError(
                f"Redis failed while batch {self._batch} was being enqueued ({error}): {self.written} edits"
                " are written for sure; enqueue the same again to add the rest"
            ) from error
