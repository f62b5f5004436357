"""From a body to a batch: checked whole, as the command line does, and then written; all of it, or nothing."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import quote

from retouch import object_keys
from retouch.access_keys import AccessKey, Scope
from retouch.edit import Edit
from retouch.errors import InputError
from retouch.events.sinks.spec import parse_notify
from retouch.intake.admission import Intake
from retouch.intake.checked import CheckedEdits
from retouch.intake.mistakes import Rejection, by_mistake, described
from retouch.intake.remote import RemoteInputs
from retouch.intake.source import Source
from retouch.intake.spooled import SpooledEntries, SpooledPlaces
from retouch.intake.uploads import Inputs, upload_pending
from retouch.intake.writing import BatchWriter, Receipt
from retouch.ledger import PAGE
from retouch.media.stores import kept_store
from retouch.net.addresses import PrivateHosts
from retouch.plural import are, count
from retouch.queue import EditQueue
from retouch.senders import KEY
from workers.gateway.problems import Kind, ProblemError

TOLD = 100  # faults in an answer
DIGITS = 16  # of the hash in a batch's id: all batches of a key have the same name before it
ARRIVING = "a gateway writes it, and not all of it is there yet"

_COLUMN = r"--column ('[^']*'|[\w.]+=[^\s,;:)]+)"
_COLUMNS = re.compile(f"{_COLUMN}(?: {_COLUMN})*")
_UNKNOWN = re.compile(r"unknown field '([^']*)'")

T = TypeVar("T")


@dataclass(frozen=True)
class Terms:
    """What a batch is given beside its edits, as ``EditQueue.writer`` takes it."""

    weight: float = 1.0
    max_failures: str | None = None
    notify: str | None = field(default=None, repr=False)
    open_until: datetime | None = None
    origin: Mapping[str, str] | None = None
    budget: str | None = None


@dataclass(frozen=True)
class Order:
    """What a request asks for. ``batch`` empty: its id is made of its edits. ``noun``: what a source counts.

    ``fields``: with which of these a sentence about a mistake may begin. ``advice``: what to do with a local picture.
    ``named``: of edits that are done again, the pictures that the caller names; the others are those of the edits.
    ``dry_run``: nothing is written.
    """

    source: Source
    batch: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    terms: Terms = field(default_factory=Terms)
    noun: str = "line"
    fields: frozenset[str] = frozenset(Edit.model_fields)
    advice: str = "upload the picture first (POST /v1/uploads)"
    named: Sequence[Any] | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class Taken:
    """What became of an order."""

    receipt: Receipt
    estimate: dict[str, Any]
    notes: list[str]


class Desk:
    """Takes orders of callers with keys; blocks, so it is called on a thread."""

    def __init__(self, queue: EditQueue, bucket: str, prefix: str, private_hosts: PrivateHosts) -> None:
        self._queue = queue
        self._bucket = bucket
        self._prefix = prefix
        self._private_hosts = private_hosts

    def check_notify(self, url: str) -> None:
        """Raise InputError unless events of a batch may be posted there."""
        parse_notify(url, self._private_hosts)

    def take(self, key: AccessKey, order: Order, *, confirm: bool = True) -> Taken:
        """Check all edits, and write them; raises ProblemError that tells what is wrong, and nothing is written then.

        ``confirm``: wait until all is on the disk of Redis; the receipt says whether it is. Raises ServiceError if
        Redis or S3 fails, and CancelledError if a person cancels the batch meanwhile. The same order again does then
        what is left of it.
        """
        own = f"s3://{self._bucket}/{object_keys.uploads(self._prefix, key.owner)}"
        files = f"s3://{self._bucket}/{object_keys.files(self._prefix, key.owner)}"
        with (
            RemoteInputs(self._bucket, self._prefix, own, (files, *key.inputs), order.advice) as inputs,
            SpooledEntries() as entries,
            SpooledPlaces() as places,
        ):
            try:
                intake = Intake(order.defaults, self._private_hosts, inputs)
                if order.named is not None:
                    _check_named(intake, order.named)
                    inputs.trust()
                stem = key.prefix.removesuffix("-") or "batch"
                checked = CheckedEdits(stem, intake.defaults, entries, noun=order.noun, places=places)
                rejected = self._check(key, order, intake, checked)
            except InputError as error:
                raise ProblemError(Kind.INVALID, over_http(str(error))) from None
            except OSError as error:
                detail = f"the gateway cannot keep the edits on its disk: {error.strerror}"
                raise ProblemError(Kind.AWAY, detail) from None
            _refuse(order, checked.rejected, rejected)
            batch = order.batch or checked.batch_id(DIGITS)
            if order.dry_run:
                checked.estimate.price = self._queue.price() if Scope.READ in key.scopes else None
                if self._queue.find(batch) is not None:
                    self._refuse_conflicts(batch, checked, order)
                return _taken(Receipt(batch, 0, 0), checked)
            return self._write(key, batch, checked, order, inputs, confirm)

    def _check(self, key: AccessKey, order: Order, intake: Intake, checked: CheckedEdits) -> int:
        """Check all edits; returns how many are rejected: only the first ones are kept."""
        rejected = 0
        for place, line in enumerate(order.source, 1):
            if place > key.max_lines:
                detail = f"key {key.name} may send {key.max_lines:,} edits in a request, and there are more: send parts"
                raise ProblemError(Kind.TOO_LARGE, detail)
            checked.add(line, intake)
            if len(checked.rejected) > TOLD:
                checked.rejected.pop()
                rejected += 1
        checked.notes += order.source.notes
        return rejected + len(checked.rejected)

    def _refuse_conflicts(self, batch: str, checked: CheckedEdits, order: Order) -> None:
        for page in _pages(checked.entries, PAGE):
            if conflicts := self._queue.conflicts(batch, [entry for _, entry in page]):
                found = CheckedEdits("", checked.defaults, page, noun=order.noun)
                found.reject_conflicts(conflicts, self._queue.made(batch, sorted(conflicts)))
                _refuse(order, found.rejected, len(found.rejected))

    def _write(
        self, key: AccessKey, batch: str, checked: CheckedEdits, order: Order, inputs: Inputs, confirm: bool
    ) -> Taken:
        held = ARRIVING if len(checked.entries) > PAGE else ""  # a page is written in one move
        with self._queue.writer(
            batch,
            checked.defaults,
            held=held,
            at_hand=True,
            confirm=confirm,
            sender=f"{KEY}{key.name}",
            **vars(order.terms),
        ) as writer:
            if writer.found:
                self._refuse_conflicts(batch, checked, order)
            upload_pending(inputs, lambda: kept_store(self._bucket), lambda _number: None)
            for number, entry in checked.entries:
                writer.add(number, entry)
        _refuse_late(order, writer)
        return _taken(writer.receipt(), checked)


def _taken(receipt: Receipt, checked: CheckedEdits) -> Taken:
    notes = [*checked.estimate.warnings(), *map(over_http, checked.notes)]
    return Taken(receipt, dict(checked.estimate.to_json()), notes)


def _check_named(intake: Intake, pictures: Sequence[Any]) -> None:
    for picture in pictures:
        if trouble := intake.trouble_with_picture({"init_image": picture}):
            raise InputError(trouble[0])


def over_http(said: str) -> str:
    """A sentence of the command line, with what a request has for its options."""
    said = _COLUMNS.sub(lambda match: f"?{'&'.join(map(_in_query, re.findall(_COLUMN, match[0])))}", said)
    return (
        said.replace("--keep-columns", "?keep_columns=true")
        .replace("--column", "?column")
        .replace(" (--batch)", "")
        .replace("--size", "size")
    )


def _in_query(pair: str) -> str:
    return f"column={quote(pair.strip(chr(39)), safe='=')}"


def _pages(entries: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(entries)
    while page := list(islice(left, size)):
        yield page


def _refuse(order: Order, rejected: list[Rejection], total: int, outcome: str = "so nothing was enqueued") -> None:
    """Raise ProblemError if edits are rejected; ``rejected`` are the first of ``total``."""
    if not total:
        return
    first = described(by_mistake(rejected)[0], order.noun)
    detail = over_http(f"{count(total, 'edit')} {are(total)} wrong, {outcome}; {first}")
    faults = [fault for one in rejected for fault in _faults(one, order.fields)][:TOLD]
    raise ProblemError(Kind.REJECTED, detail, errors=faults, rejected=total)


def _refuse_late(order: Order, writer: BatchWriter) -> None:
    if found := writer.conflicts:
        outcome = f"because another producer was quicker; {writer.written:,} were enqueued"
        _refuse(order, found[:TOLD], len(found), outcome)


def _faults(rejection: Rejection, fields: Collection[str]) -> Iterator[dict[str, Any]]:
    place: dict[str, Any] = {"line": rejection.line}
    if rejection.custom_id is not None:
        place["custom_id"] = rejection.custom_id.encode(errors="replace").decode()
    for error in rejection.errors:
        named = {"field": name} if (name := _field_of(error, fields)) else {}
        yield {**place, **named, "detail": over_http(error)}


def _field_of(error: str, fields: Collection[str]) -> str | None:
    """The one of ``fields`` that a sentence is about: it begins with it."""
    if unknown := _UNKNOWN.match(error):
        return unknown[1]
    first = re.split(r"[ .:]", error, maxsplit=1)[0]
    return first if first in fields else None
