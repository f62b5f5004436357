"""The producer: edits go in, and what became of them comes out.

``Intake`` turns what a producer hands in into ledger entries; ``BatchWriter`` puts entries into a batch, page by
page; ``EditQueue`` joins the two and watches batches. The command line is built on the same three.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple, Self

from pydantic import ValidationError
from redis import exceptions as redis_errors
from redis.exceptions import RedisError

from retouch.edit import DEFAULT_MODEL, Edit, ImageKind, check_batch_id, explain
from retouch.errors import InputError, ServiceError
from retouch.ledger import BatchView, Entry, Ledger, Verdict
from retouch.ledger.ledger import PAGE
from retouch.net import PrivateHosts, check_url, without_query
from retouch.states import EditState
from retouch.uploads import Inputs

POLL_MIN_S, POLL_MAX_S = 0.2, 1.0  # how often a batch is looked at: fast while it moves, slower while it does not
CONFLICT = "custom_id exists in the batch with other parameters; choose another custom_id or another batch"

_JSON = json.JSONEncoder(separators=(",", ":"))


class InvalidEditError(InputError):
    """An edit breaks the contract; ``errors`` has a sentence for each field."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


class Rejection(NamedTuple):
    """An edit that was not enqueued. ``line``: its line in a manifest, or its place in an iterable, from 1."""

    line: int
    custom_id: str | None
    errors: list[str]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an enqueue did. ``on_disk``: the server confirmed that all of it is in its append-only file."""

    batch: str
    accepted: int
    already: int
    rejected: list[Rejection] = field(default_factory=list)
    on_disk: bool = False


class Intake:
    """Checks edits and turns them into entries.

    ``defaults`` are fields for edits that do not set them; raises InputError if they break the contract.
    ``inputs`` takes care of local pictures; without it they are refused.
    """

    def __init__(self, defaults: Mapping[str, Any], private_hosts: PrivateHosts, inputs: Inputs | None = None) -> None:
        self._fields = check_defaults(defaults)
        self._private_hosts = private_hosts
        self._inputs = inputs or Inputs(None)
        # What the ledger keeps once for the batch. A local path means nothing there.
        self.defaults = {"model_id": DEFAULT_MODEL} | self._fields
        if "://" not in self.defaults.get("init_image", "://"):
            del self.defaults["init_image"]

    def admit(self, raw: Edit | Mapping[str, Any], *, strict: bool = True) -> Edit:
        """Return the complete edit: defaults applied, its image's address checked; raises InvalidEditError.

        ``strict=False`` reads numbers and truth values from text, as CSV needs.
        """
        try:
            if isinstance(raw, Edit):
                edit = raw if not self._fields else self._complete(raw)
            else:
                edit = Edit.model_validate({**self._fields, **raw} if self._fields else raw, strict=strict)
        except ValidationError as error:
            raise InvalidEditError(explain(error)) from None
        try:
            if edit.image_kind is ImageKind.URL:
                check_url(edit.init_image, self._private_hosts)
            elif edit.image_kind is ImageKind.PATH:
                edit = edit.model_copy(update={"init_image": self._inputs.uri(edit.init_image)})
        except InputError as error:
            raise InvalidEditError([f"init_image {error}"]) from None
        return edit

    def _complete(self, edit: Edit) -> Edit:
        return Edit.model_validate(self._fields | {name: getattr(edit, name) for name in edit.model_fields_set})

    def entry(self, edit: Edit) -> Entry:
        """The edit as the ledger keeps it."""
        return Entry(edit.custom_id, edit.digest, _less(edit.fields, self.defaults), edit.samples or 1, edit.seed)


def check_defaults(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Check batch-wide fields by the rules of an edit's; None is left out. Raises InvalidEditError."""
    if "custom_id" in defaults:
        raise InvalidEditError(["custom_id cannot be the same for all edits"])
    given = {name: value for name, value in defaults.items() if value is not None}
    needed = {"custom_id": "x", "prompt": "x", "init_image": "x"}
    try:
        edit = Edit.model_validate(needed | given)
    except ValidationError as error:
        raise InvalidEditError(explain(error)) from None
    return {name: edit.fields[name] for name in given}


def _less(fields: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """The fields as JSON, less those that equal the batch's; null: the batch sets it and this edit does not."""
    own = {name: value for name, value in fields.items() if name == "extra" or defaults.get(name) != value}
    for name in defaults:
        if name not in fields:
            own[name] = None
    return _JSON.encode(own)


def _rebase(entry: Entry, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Entry:
    """The same edit, written for a batch that was made with other defaults."""
    fields = {name: v for name, v in {**ours, **json.loads(entry.parameters)}.items() if v is not None}
    return entry._replace(parameters=_less(fields, theirs))


class BatchWriter:
    """Writes entries to a batch, a page at a time; a page is under way while the next one is prepared.

    As a context manager: leaving it normally writes the rest, seals the batch and waits for the server's disk.
    If the process dies in the middle, the pages written stay; enqueuing the same edits again adds the rest.
    Raises ServiceError, which says how many were written for sure.
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
            self._stored = self._ledger.open_batch(self._batch, self._defaults, self._weight)
        self._sender = ThreadPoolExecutor(1, "retouch-enqueue")
        return self

    def add(self, line: int, entry: Entry) -> None:
        """Take an entry; written when a page is full, or at the end."""
        if self._stored != self._defaults:
            entry = _rebase(entry, self._defaults, self._stored)
        self._page.append((line, entry))
        if len(self._page) == PAGE:
            self._send()

    @property
    def written(self) -> int:
        """How many edits are in the ledger for sure."""
        return self.accepted + self.already

    def _send(self) -> None:
        self._collect()
        page, self._page = self._page, []
        self._sent_page = page
        self._sent = self._sender.submit(self._ledger.enqueue, self._batch, [entry for _, entry in page])

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
            self._ledger.seal(self._batch)
            self.on_disk = self._ledger.wait_for_disk()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except RedisError as error:
            raise ServiceError(
                f"Redis failed while batch {self._batch} was being enqueued ({_reason(error)}): {self.written} edits"
                " are written for sure; enqueuing the same again adds only the rest"
            ) from error


class EditQueue:
    """Enqueues edits and watches them. Thread-safe; connects at the first use.

    Every method raises ServiceError if Redis cannot be reached, and InputError for a batch id that is none.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        private_hosts: PrivateHosts | None = None,
        inputs: Inputs | None = None,
        address: str = "the address given",
    ) -> None:
        self.ledger = ledger
        self._private_hosts = private_hosts or PrivateHosts()
        self._inputs = inputs
        self.address = address

    @classmethod
    def from_url(cls, redis_url: str, *, private_hosts: str = "", timeout_s: float = 5.0) -> EditQueue:
        """Make a queue on the Redis (or Valkey) at ``redis_url``; raises InputError if that is no Redis URL.

        ``private_hosts``: ``host`` or ``host:port``, comma separated; hosts that ``init_image`` may name though
        they are not public. ``timeout_s`` is how long one command may take.
        """
        ledger = Ledger.from_url(redis_url, timeout_s=timeout_s)
        return cls(ledger, private_hosts=PrivateHosts.parse(private_hosts), address=without_query(redis_url))

    def enqueue(
        self,
        edits: Iterable[Edit | Mapping[str, Any]],
        *,
        batch: str,
        defaults: Mapping[str, Any] | None = None,
        weight: float = 1.0,
    ) -> Receipt:
        """Put edits into a batch, which is made if it is new; a generator is never held in memory.

        Edits (or mappings of the same fields) that break the contract, or whose ``custom_id`` exists with other
        parameters, are left out and named in the receipt; the others are enqueued. An edit that is there already
        is left alone, so that calling this again with the same edits is safe.

        ``defaults`` are fields for edits that do not set them. ``weight``: a batch of weight 2 gets twice the
        turns of one of weight 1. Local pictures are not uploaded here: give a URL or ``s3://bucket/key``.

        Returns when everything is written and, where the server can tell, on its disk. If Redis fails, or the
        process dies, in the middle: what was written stays, and the same call again adds the rest.
        """
        intake = Intake(defaults or {}, self._private_hosts, self._inputs)
        rejected: list[Rejection] = []
        with BatchWriter(self.ledger, check_batch_id(batch), intake.defaults, weight) as writer:
            for place, raw in enumerate(edits, 1):
                try:
                    writer.add(place, intake.entry(intake.admit(raw)))
                except InvalidEditError as error:
                    rejected.append(Rejection(place, custom_id_of(raw), error.errors))
        rejected = sorted(rejected + writer.conflicts)
        return Receipt(batch, writer.accepted, writer.already, rejected, writer.on_disk)

    def status(self, batch: str) -> BatchView:
        """How many of the batch's edits are in each state; raises InputError if there is no such batch."""
        with self.reaching():
            view = self.ledger.batch(check_batch_id(batch))
        if view is None:
            raise InputError(f"there is no batch {batch!r}")
        return view

    def wait(
        self,
        batch: str,
        timeout_s: float | None = None,
        on_progress: Callable[[BatchView], None] | None = None,
        on_outage: Callable[[str | None], None] | None = None,
    ) -> BatchView:
        """Wait until every edit has ended and the batch's files are written; returns its last view.

        ``on_progress`` is called with every view. Once the batch has been seen, Redis going away is waited out:
        ``on_outage`` is called with the reason, and with None when it is back. Raises TimeoutError after
        ``timeout_s`` seconds; the batch goes on.
        """
        end = None if timeout_s is None else time.monotonic() + timeout_s
        view = self.status(batch)
        pause_s = POLL_MIN_S
        while True:
            if on_progress:
                on_progress(view)
            if view.finished:
                return view
            left_s = pause_s if end is None else end - time.monotonic()
            if left_s <= 0:
                raise TimeoutError(f"batch {batch} is still running after {timeout_s:g} s")
            time.sleep(min(pause_s, left_s))
            newer = self._patiently(batch, end, on_outage) or view
            moved = newer.counts != view.counts
            pause_s = POLL_MIN_S if moved else min(pause_s * 1.5, POLL_MAX_S)
            view = newer

    def _patiently(
        self, batch: str, end: float | None, on_outage: Callable[[str | None], None] | None
    ) -> BatchView | None:
        """The batch's view, however long Redis is away; None when the time is up first."""
        told = False
        while True:
            try:
                view = self.ledger.batch(batch)
            except redis_errors.AuthenticationError as error:
                raise ServiceError(self.unreachable(error)) from error
            except (redis_errors.ConnectionError, redis_errors.TimeoutError) as error:
                if on_outage and not told:
                    on_outage(_reason(error))
                told = True
                if end is not None and time.monotonic() >= end:
                    return None
                time.sleep(POLL_MAX_S / 2)
                continue
            if told and on_outage:
                on_outage(None)
            if view is None:
                raise ServiceError(f"batch {batch!r} is no longer in Redis: its data was lost or removed")
            return view

    def results(self, batch: str) -> Iterator[dict[str, Any]]:
        """The results of the edits that have ended, in the batch's order, as lines of ``manifest.jsonl``."""
        self.status(batch)
        with self.reaching():
            yield from self.ledger.results(batch)

    def retry(self, batch: str, states: Iterable[EditState] = (EditState.FAILED,)) -> int:
        """Put the edits in these states (failed, cancelled or held) back into the queue; returns how many."""
        self.status(batch)
        with self.reaching():
            return self.ledger.retry(batch, states)

    def cancel(self, batch: str, states: Iterable[EditState] = (EditState.QUEUED, EditState.HELD)) -> int:
        """Cancel the edits that are not at the API yet; returns how many. What is there is finished and kept."""
        self.status(batch)
        with self.reaching():
            return self.ledger.cancel(batch, states)

    def check(self) -> None:
        """Raise ServiceError unless Redis answers."""
        with self.reaching():
            self.ledger.ping()

    def unreachable(self, error: RedisError) -> str:
        """The sentence for a Redis that cannot be used."""
        return f"cannot use Redis at {self.address} (RETOUCH_REDIS_URL): {_reason(error)}"

    @contextmanager
    def reaching(self) -> Iterator[None]:
        """Turn what Redis raises inside into a ServiceError that names it."""
        try:
            yield
        except RedisError as error:
            raise ServiceError(self.unreachable(error)) from error


def custom_id_of(raw: Edit | Mapping[str, Any]) -> str | None:
    """The custom_id as it was written, if it is text at all."""
    value = raw.custom_id if isinstance(raw, Edit) else raw.get("custom_id")
    return value[:100] if isinstance(value, str) else None


def _reason(error: RedisError) -> str:
    return (str(error).splitlines() or [""])[0].rstrip(".") or type(error).__name__
