"""The way in: ``Intake`` turns what a producer hands in into ledger entries, ``BatchWriter`` writes them page by page.

``EditQueue`` and the command line are both built on these two.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple, Self

from pydantic import ValidationError

from retouch.edit import DEFAULT_MODEL, Edit, ImageKind, explain
from retouch.errors import InputError, LedgerError, ServiceError
from retouch.ledger import PAGE, Entry, Ledger, Verdict
from retouch.net import PrivateHosts, check_url
from retouch.uploads import Inputs

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
            self._stored = self._ledger.producer.open_batch(self._batch, self._defaults, self._weight)
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
        except LedgerError as error:
            raise ServiceError(
                f"Redis failed while batch {self._batch} was being enqueued ({error}): {self.written} edits"
                " are written for sure; enqueuing the same again adds only the rest"
            ) from error


def custom_id_of(raw: Edit | Mapping[str, Any]) -> str | None:
    """The custom_id as it was written, if it is text at all."""
    value = raw.custom_id if isinstance(raw, Edit) else raw.get("custom_id")
    return value[:100] if isinstance(value, str) else None
