"""What a producer reads of batches: how far they are, what has come out of them, and what they were made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from retouch.edit import check_batch_id
from retouch.edit_result import Result
from retouch.errors import InputError, LostImagesError
from retouch.installation import Installation
from retouch.ledger import (
    PAGE,
    BatchView,
    EditRow,
    EditView,
    FailureGroup,
    FoundEdits,
    HistoryStep,
    Ledger,
    Made,
    NamedEdit,
    Pick,
)
from retouch.media.downloads import Buckets, ImageSource
from retouch.media.stores import kept_store
from retouch.plural import count
from retouch.results.downloading import Downloading
from retouch.results.ended import OnProgress, ended_edits, states_of
from retouch.results.file_names import DEFAULT_NAMES, FileNames
from retouch.results.groups import in_group
from retouch.senders import is_of
from retouch.spending import Spending
from retouch.states import EditState

if TYPE_CHECKING:
    from retouch.gateway.remote import RemoteLedger  # loaded where there is a gateway

SHOWN = 5  # images in a message


class BatchReader(Installation):
    """Reads batches. ``bucket``, ``prefix``: where their results are in S3, for those that have left Redis."""

    def __init__(self, way: Ledger | RemoteLedger, address: str, bucket: str, prefix: str) -> None:
        super().__init__(way, address)
        self._bucket = bucket
        self._prefix = prefix

    def status(self, batch: str) -> BatchView:
        """How many of the batch's edits are in each state; raises InputError if there is no such batch."""
        view = self.find(batch)
        if view is None:
            where = "that this key may know of" if self.remote else "in Redis"
            raise InputError(
                f"there is no batch {batch!r} {where}; check the name. A batch that ended long ago is only in S3"
                " (RETOUCH_RETENTION)"
            )
        return view

    def find(self, batch: str) -> BatchView | None:
        """The same as ``status``, and None if there is no such batch in Redis."""
        with self._reach():
            return self._way.reader.batch(check_batch_id(batch))

    def batch(self, batch: str) -> BatchView:
        """The same as ``status``, beside ``batches``."""
        return self.status(batch)

    def results(self, batch: str, *, blank: bool | None = None, group: int | None = None) -> Iterator[Result]:
        """The results of the edits that have ended, in the batch's order, read page by page.

        ``blank``: only those with an image that is blank or may be (True), or without one (False). ``group``: only
        those of this group of ``failures``. Raises InputError if there is no such batch, or no such group now.
        """
        if not self.remote:  # a gateway reads what has left Redis from S3
            self.status(batch)
        is_of_it = None if group is None else in_group(batch, self.failures(batch), group)
        results = self._results(batch)
        return (
            result
            for result in results
            if (blank is None or result.blank is blank) and (is_of_it is None or is_of_it(result))
        )

    def rows(self, batch: str, *, blank: bool | None = None, group: int | None = None) -> Iterator[dict[str, Any]]:
        """The same, each as ``Result.row``: for ``pandas.DataFrame(queue.rows(batch))``."""
        return (result.row() for result in self.results(batch, blank=blank, group=group))

    def failures(self, batch: str) -> list[FailureGroup]:
        """Why edits of a batch failed, the most frequent reason first; each of its failed edits is counted once.

        Of edits that a version before 0.2 enqueued, groups are numbered anew at each read, so that a number may change
        while edits of the batch end. Raises InputError if there is no such batch.
        """
        self.status(batch)
        with self._reach():
            return self._way.strips.failures(batch)

    def strip(self, batch: str) -> bytes:
        """The state of each edit in the batch's order, a letter each.

        ``q`` queued, ``s`` submitting, ``w`` waiting, ``c`` copying, ``h`` held, ``C`` completed, ``f`` failed and
        ``x`` cancelled. Raises InputError if there is no such batch.
        """
        self.status(batch)
        with self._reach():
            return self._way.strips.states(batch)

    def group_strip(self, batch: str) -> bytes:
        """The number of each edit's group of ``failures``, in the batch's order, a byte each; 0: it is not failed.

        Raises InputError if there is no such batch.
        """
        self.status(batch)
        with self._reach():
            return self._way.strips.groups(batch)

    def pick_strip(self, batch: str) -> bytes:
        """What was chosen among the results, in the batch's order, a byte an edit: ``p`` picked, ``r`` rejected, or 0.

        Raises InputError if there is no such batch.
        """
        self.status(batch)
        with self._reach():
            return self._way.picks.strip(batch)

    def picks(self, batch: str, pick: Literal["picked", "rejected"] = "picked") -> list[str]:
        """The custom ids of the edits that people have picked (or rejected), in the batch's order.

        Raises InputError if there is no such batch in Redis: with it its picks are gone.
        """
        if pick not in list(Pick):
            raise InputError(f"pick is {str(pick)[:80]!r}, and must be 'picked' or 'rejected'")
        self.status(batch)
        with self._reach():
            return list(self._way.picks.ids(batch, Pick(pick)))

    def edits_at(self, batch: str, places: Sequence[int], *, results: bool = False) -> list[EditRow]:
        """The edits at these places of the batch's order (from 0); places that it has not are left out.

        ``results``: with what has come out of those that have ended.
        Raises InputError if there is no such batch, and for a place below 0.
        """
        if wrong := [place for place in places if place < 0]:
            raise InputError(f"a place is 0 or more, not {wrong[0]}")
        self.status(batch)
        with self._reach():
            return self._way.strips.rows(batch, places, results=results)

    def search(self, batch: str, text: str, *, first: int = 0, most: int = 50) -> FoundEdits:
        """At most so many edits of a batch (500) that have this text in their custom id, in whatever case.

        They come in the batch's order; one that is called just so stands first. ``first``: begin at this place. At most
        25,000 names are looked at: the search goes on from the answer's ``next``. Raises InputError if there is no
        such batch, or for an empty text.
        """
        if not text or first < 0 or not 1 <= most <= PAGE:
            raise InputError(f"search needs a text, a first place of 0 or more, and 1 to {PAGE} as most")
        self.status(batch)
        with self._reach():
            return self._way.search.in_batch(batch, text, first, most)

    def named(self, name: str, *, prefix: str = "") -> list[NamedEdit]:
        """The edits that are called so in the newest 200 batches (whose ids begin with ``prefix``).

        ``name``: a custom id; or ``batch/custom_id``: that one alone.
        """
        with self._reach():
            return self._way.search.named(name, prefix)

    def alike(self, batch: str, custom_id: str) -> list[int]:
        """The places in the batch's order of all edits that are made of the same picture as this one, with its own.

        Raises InputError if there is no such edit.
        """
        self.edit(batch, custom_id)
        with self._reach():
            return self._way.reader.places_alike(batch, custom_id)

    def download(
        self,
        batch: str,
        folder: str | PathLike[str],
        *,
        names: str = DEFAULT_NAMES,
        only: Iterable[EditState | str] | EditState | str = (),
        picked: bool = False,
        on_progress: OnProgress | None = None,
    ) -> list[Path]:
        """Save the images of all edits that have ended, 16 at a time, each checked by its SHA-256; returns the files.

        A file that is there and whole is left alone, another of that name is replaced: the same call again does what
        is missing. ``folder`` is made. ``names``: file names, of ``{custom_id}``, ``{stem}`` (of the file
        that was edited), ``{n}``, ``{ext}``, ``{batch}`` and ``{sha256}``; ``/`` makes folders. ``only``: of edits that
        ended in these states, such as ``"completed"``. ``picked``: of the ``picks`` alone. ``on_progress`` is called
        with how many images are dealt with, of how many; not on the caller's thread.

        A batch that has left Redis is read from S3, if the queue has a bucket. Needs the extra ``s3`` and the usual AWS
        variables; through a gateway neither, since it signs links to the images. Raises InputError for names that are
        none or the same for two images (nothing is written then), if a file cannot be written, and if there is no such
        batch; ServiceError if S3 cannot be used; and LostImagesError, when all others are saved, if images are gone
        from S3 or differ.
        """
        states = states_of([only] if isinstance(only, str) else only, "only")
        template = FileNames(names, check_batch_id(batch))
        ids = frozenset(self.picks(batch)) if picked else None
        lost: list[str] = []
        with ended_edits(self, batch, self._bucket, self._prefix) as ended:
            downloading = Downloading(ended, self._images(batch), states, template, Path(folder), ids)
            downloading.run(on_progress or (lambda _done, _total: None), lost.append)
            if lost:
                told = f"{len(lost)} of {count(downloading.total, 'image')} of batch {batch} could not be had"
                raise LostImagesError(f"{told}, the others are in {folder}: {'; '.join(lost[:SHOWN])}", lost)
            return [picture.path for picture in downloading.pictures()]

    def edit(self, batch: str, custom_id: str) -> EditView:
        """Where one edit stands and what happens next; raises InputError if there is no such edit."""
        view = self.find_edit(batch, custom_id)
        if view is None:
            self.status(batch)
            raise InputError(
                f"there is no edit {custom_id[:80]!r} in batch {batch!r}{self._alike_names(batch, custom_id)}"
            )
        return view

    def _alike_names(self, batch: str, text: str) -> str:
        found = self.search(batch, text, most=SHOWN).edits if text else []
        names = ", ".join(row.custom_id for row in found)
        return f"; there is {names}" if names else ""

    def find_edit(self, batch: str, custom_id: str) -> EditView | None:
        """The same as ``edit``, and None if there is no such edit in Redis."""
        with self._reach():
            return self._way.reader.edit(check_batch_id(batch), custom_id)

    def history(self, batch: str, custom_id: str) -> list[HistoryStep]:
        """What was done about one edit and when, the oldest first; empty if that is not kept (``RETOUCH_JOURNAL``).

        Raises InputError if there is no such edit.
        """
        steps = self.find_history(batch, custom_id)
        if steps is None:
            self.edit(batch, custom_id)  # raises, unless a gateway has the edit, and has not heard of histories
            raise InputError("this gateway is of an older version, which tells no history of an edit: upgrade it")
        return steps

    def find_history(self, batch: str, custom_id: str) -> list[HistoryStep] | None:
        """The same as ``history``, and None if there is no such edit in Redis."""
        with self._reach():
            return self._way.reader.history(check_batch_id(batch), custom_id)

    def made(self, batch: str, custom_ids: Sequence[str] | None = None) -> Iterator[Made]:
        """A batch's edits, or those of these ids that it has, with what they were made of; read page by page.

        Raises InputError if there is no such batch.
        """
        self.status(batch)
        return self._made(batch, custom_ids)

    def batches(
        self,
        newest: int = 50,
        *,
        state: str | None = None,
        by: str = "",
        search: str = "",
        prefix: str = "",
        before: tuple[int, str] | None = None,
    ) -> list[BatchView]:
        """The newest batches, the newest first; with ``state`` those alone that are shown in it.

        A ``state`` is one of BatchState, or ``"paused"``: not completed, and its queued edits are not submitted.
        ``by``: those alone with edits of this sender (``key:nightly``, or ``nightly`` alone; of ``anna@build7`` also
        ``anna`` or ``build7``). ``search``: those alone with this in their id, or in the name of a sender. ``prefix``:
        those alone whose ids begin so. ``before``: those alone that come after the one with this ``BatchView.place``:
        with that of the last one, the next page.
        """
        wanted = search.casefold()

        def is_meant(view: BatchView) -> bool:
            searched = not wanted or any(wanted in text.casefold() for text in (view.batch, *view.senders))
            return state in (None, view.shown_state) and searched and (not by or is_of(view.senders, by))

        with self._reach():
            found = self._way.reader.all_batches(prefix=prefix, before=before)
            return list(islice(filter(is_meant, found), newest))

    def spending(
        self, *, since: datetime | None = None, until: datetime | None = None, by: str = "", prefix: str = ""
    ) -> Spending:
        """What batches cost: each, by who sent them, and together. ``since``, ``until``: of those made in that time.

        Each counts with all that it has cost, also what it has cost later; ``money`` has the sums of days. ``by`` and
        ``prefix``: as for ``batches``. The newest 1,000 of that time are looked at; those that have left Redis are in
        no sum. Raises InputError for a time without a time zone.
        """
        if any(moment is not None and moment.tzinfo is None for moment in (since, until)):
            raise InputError(
                "since and until need a time zone: write for example datetime.now(UTC) - timedelta(hours=12)"
            )
        before = None if until is None else (round(until.timestamp() * 1000), "")
        with self._reach():
            return Spending.of(self._way.reader.all_batches(prefix=prefix, before=before), since, until, by)

    def _images(self, batch: str) -> ImageSource:
        """Where the images of a batch are read from."""
        return Buckets(kept_store) if isinstance(self._way, Ledger) else self._way.images(batch)

    def _results(self, batch: str) -> Iterator[Result]:
        with self._reach():
            yield from map(Result, self._way.reader.results(batch))

    def _made(self, batch: str, custom_ids: Sequence[str] | None) -> Iterator[Made]:
        with self._reach():
            yield from self._ledger.reader.made(batch, custom_ids)
