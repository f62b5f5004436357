"""One call of ``EditQueue.enqueue``: what is there is checked whole before it is written, a generator page by page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from retouch.intake.admission import Intake, RejectedEditsError
from retouch.intake.checked import CheckedEdits
from retouch.intake.mistakes import Rejection
from retouch.intake.records import Records
from retouch.intake.source import Line
from retouch.intake.uploads import Inputs, ObjectStore, upload_pending
from retouch.intake.writing import SEND_EVERY_S, BatchWriter, Receipt
from retouch.ledger import PAGE, Entry
from retouch.plural import count, were

PICTURES_AT_ONCE = 64  # of a generator that are uploaded together: enough for several connections

UNSEALED = (
    "The batch stays open. Correct them and enqueue all again (those written are not added twice), or end the batch as"
    " it is: EditQueue.seal."
)


@dataclass(frozen=True, slots=True)
class Enqueueing:
    """What a call of ``enqueue`` is made of. ``skip``: rejected edits are left out, and raise no error.

    ``noun``: what the numbers of edits count.

    Every method raises RejectedEditsError, and the errors of uploads and of BatchWriter.
    """

    intake: Intake
    inputs: Inputs
    open_store: Callable[[], ObjectStore]
    skip: bool
    writer: Callable[[], BatchWriter]
    conflicts: Callable[[Sequence[Entry]], set[str]]
    noun: str = "edit"

    def all_of(self, records: Iterable[Line]) -> Receipt:
        """Enqueue what is there: all of it, or nothing if an edit is rejected."""
        checked = self._nothing_checked()
        for line in records:
            checked.add(line, self.intake)
        self._refuse(checked.rejected)
        checked.reject_conflicts(self.conflicts([entry for _, entry in checked.entries]))
        self._refuse(checked.rejected)
        self._upload()
        with self.writer() as writer:
            for number, entry in checked.entries:
                writer.add(number, entry)
        quicker = "; another producer was quicker" if writer.written else ""
        self._refuse(writer.conflicts, f"{_written(writer)}{quicker}")
        return writer.receipt(checked.rejected)

    def one_by_one(self, records: Records) -> Receipt:
        """Enqueue what a generator makes; it ends with the first page that holds a rejected edit."""
        checked, lines = self._nothing_checked(), iter(records)
        with self.writer() as writer:
            for line in lines:
                checked.add(line, self.intake)
                if not self.skip and (checked.rejected or writer.conflicts):
                    self._stop(lines, line.number, checked, writer)
                self._write(writer, checked, at_least=PICTURES_AT_ONCE if self.inputs.pending else 1)
                if line.number % PAGE == 0:
                    checked.forget_names()
            self._write(writer, checked)
        self._refuse(writer.conflicts, _written(writer))
        return writer.receipt(checked.rejected)

    def _nothing_checked(self) -> CheckedEdits:
        return CheckedEdits("", self.intake.defaults, noun=self.noun)

    def _write(self, writer: BatchWriter, checked: CheckedEdits, at_least: int = 0) -> None:
        """Write what was checked, its pictures first; less than ``at_least`` of them wait for others."""
        if len(checked.entries) < at_least:
            return
        self._upload()
        for number, entry in checked.entries:
            writer.add(number, entry)
        checked.entries = []

    def _upload(self) -> None:
        upload_pending(self.inputs, self.open_store, lambda _number: None)

    def _stop(self, lines: Iterator[Line], number: int, checked: CheckedEdits, writer: BatchWriter) -> None:
        """Look at the rest of the page, so that its other errors are told too, and raise."""
        end = time.monotonic() + SEND_EVERY_S  # as long as a page may take
        for line in islice(lines, -number % PAGE):
            checked.add(line, self.intake)
            if time.monotonic() > end:
                break
        writer.settle()
        self._refuse(
            sorted([*checked.rejected, *writer.conflicts]),
            f"the generator was not read to its end; {_written(writer)}",
            UNSEALED if writer.written else "",
        )

    def _refuse(self, rejected: Sequence[Rejection], outcome: str = "nothing was enqueued", remedy: str = "") -> None:
        if rejected and not self.skip:
            raise RejectedEditsError(rejected, outcome, remedy, noun=self.noun)


def _written(writer: BatchWriter) -> str:
    if not writer.written:
        return "nothing was enqueued"
    return f"{count(writer.written, 'edit')} {were(writer.written)} enqueued"
