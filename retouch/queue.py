"""The producer's queue: enqueues edits, and reads their state and results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache, partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from retouch import blocking, image_address
from retouch.batch_jobs import BatchJobs
from retouch.bucket_names import check_prefix
from retouch.causes import BatchPause
from retouch.edit import check_batch_id
from retouch.edit_result import Result
from retouch.environment import Environment, parse_bucket
from retouch.errors import BatchLimitError, InputError, ServiceError, StoreError
from retouch.events.sinks.spec import parse_notify
from retouch.failure_limit import FailureLimit, check_failures, other_limit
from retouch.gateway import PICTURES
from retouch.image_address import ImageKind
from retouch.intake.admission import Intake
from retouch.intake.enqueueing import Enqueueing
from retouch.intake.records import Edits, Records, with_picture
from retouch.intake.redo import Redone, Wish, redo_id
from retouch.intake.uploads import Inputs, ObjectStore, upload_pending
from retouch.intake.writing import SEND_EVERY_S, BatchWriter, LedgerWriter, Receipt
from retouch.ledger import (
    DEFAULT_NAMESPACE,
    PAGE,
    Address,
    BatchView,
    Chosen,
    Entry,
    Ledger,
    Retried,
    check_group,
)
from retouch.ledger.jobs import OnProgress
from retouch.ledger.picks import choices
from retouch.ledger.producer import check_weight
from retouch.media.stores import kept_store, open_store
from retouch.net.addresses import PrivateHosts
from retouch.net.gateway_address import GatewayAddress, is_gateway
from retouch.object_keys import batch_folder
from retouch.plain_values import plain
from retouch.plural import count
from retouch.price import Budget, Price
from retouch.reach import OnOutage
from retouch.results.groups import of_groups
from retouch.results.removing import Removed, check_places, remove_objects
from retouch.senders import check_sender, this_user
from retouch.states import EditState

if TYPE_CHECKING:
    from retouch.gateway.remote import RemoteLedger  # loaded where there is a gateway


class EditQueue(BatchJobs):
    """Enqueues edits and watches them: in Redis, or through a gateway.

    Threads may share it. It connects at the first use; as a context manager, or with ``close``, it closes its
    connections. Every method raises ServiceError if Redis (or the gateway) cannot be used, and InputError for a batch
    id that is not valid, for a key that the gateway refuses, and for what a gateway does not offer (docs/producers.md).
    """

    def __init__(
        self,
        ledger: Ledger | RemoteLedger,
        *,
        private_hosts: PrivateHosts | None = None,
        bucket: str = "",
        prefix: str = "",
        address: str = "the address given",
        sender: str = "",
    ) -> None:
        super().__init__(ledger, address, parse_bucket(bucket, "bucket"), check_prefix(prefix, "prefix"))
        self._private_hosts = private_hosts or PrivateHosts()
        self._sender = check_sender(sender, "sender")

    @classmethod
    def from_env(cls, *, timeout_s: float = 3.0) -> EditQueue:
        """Make a queue from the variables that the command line reads; raises an InputError that names a wrong one.

        They are RETOUCH_REDIS_URL (or RETOUCH_REDIS_URL_FILE, a file that holds it), RETOUCH_NAMESPACE,
        RETOUCH_PRIVATE_HOSTS, RETOUCH_BUCKET, RETOUCH_PREFIX and RETOUCH_SENDER. Where no Redis is named, RETOUCH_URL
        is that of a gateway, with its key in RETOUCH_TOKEN (or RETOUCH_TOKEN_FILE). ``timeout_s``: how long one command
        may take (a connection to a gateway), at least 1.
        """
        ledger: Ledger | RemoteLedger
        found = Environment.read()
        if found.gateway:
            ledger, shown = _remote(found.gateway, timeout_s), found.gateway.shown
        else:
            ledger = Ledger.from_url(found.redis_url, namespace=found.namespace, timeout_s=timeout_s)
            shown = Address.parse(found.redis_url).shown
        return cls(
            ledger,
            private_hosts=found.private_hosts,
            bucket=found.bucket,
            prefix=found.prefix,
            address=shown,
            sender=found.sender,
        )

    @classmethod
    def from_url(
        cls,
        redis_url: str,
        *,
        token: str = "",
        plain_http: bool = False,
        namespace: str = DEFAULT_NAMESPACE,
        private_hosts: str = "",
        bucket: str = "",
        prefix: str = "",
        sender: str = "",
        timeout_s: float = 3.0,
    ) -> EditQueue:
        """Make a queue on the Redis (or Valkey) at ``redis_url``; raises InputError if an argument cannot be used.

        It may be that of a gateway, ``https://…``, with its key as ``token``; ``plain_http``: ``http://`` may lead to
        another machine than this one, and send the key in clear. ``namespace``: the installation's
        ``RETOUCH_NAMESPACE``. ``private_hosts``: ``host`` or ``host:port``, comma separated; hosts that ``init_image``
        may name although they are not public. ``bucket``, ``prefix``: where in S3 local pictures are put. ``sender``:
        whose edits are enqueued, for people (``RETOUCH_SENDER``). ``timeout_s``: how long one command may take (a
        connection to a gateway), at least 1.
        """
        ledger: Ledger | RemoteLedger
        if is_gateway(redis_url):
            gateway = GatewayAddress.parse(redis_url, token, plain_http=plain_http)
            ledger, shown = _remote(gateway, timeout_s), gateway.shown
        else:
            ledger = Ledger.from_url(redis_url, namespace=namespace, timeout_s=timeout_s)
            shown = Address.parse(redis_url).shown
        hosts = PrivateHosts.parse(private_hosts)
        return cls(ledger, private_hosts=hosts, bucket=bucket, prefix=prefix, address=shown, sender=sender)

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._way.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.close()

    # --- putting edits in ------------------------------------------------------------------------

    def enqueue(
        self,
        edits: Edits,
        *,
        batch: str,
        defaults: Mapping[str, Any] | None = None,
        weight: float = 1.0,
        on_invalid: Literal["raise", "skip"] = "raise",
        keep_columns: bool = False,
        max_failures: int | str | None = None,
        budget: float | Decimal | str | None = None,
        notify: str | None = None,
        open_until: datetime | None = None,
        sender: str = "",
    ) -> Receipt:
        """Put edits into a batch, which is made with its first.

        ``edits``: Edits, or mappings of the same fields, in a list, a generator or another iterable; or a frame of
        pandas or polars, or an Arrow table, or an iterable of these; or what ``read_manifest`` returns. A value may be
        of numpy; NaN (in a table also an empty cell) is a field that is not set. A mapping that holds texts alone, as
        ``csv.DictReader`` makes it, is read as a row of a table is: numbers are texts there. ``init_image`` may be a
        path (relative to the working directory), an open binary file or bytes: the picture is uploaded to the queue's
        bucket. ``keep_columns``: what is no field of an edit is kept as its ``metadata``; else it is refused.
        ``defaults`` are fields for edits that do not set them. ``weight``: a batch of weight 2 gets twice the turns of
        one of weight 1; 0.001 to 1000. ``notify``: an https URL to which the events of this batch are posted, those of
        the types in its ``?types=``, or else its end and its pauses; in place of the one that the batch may have.
        ``open_until``: the batch does not end before this time, whoever adds to it until then (of several times the
        latest counts); ``seal`` ends that. ``sender``: whose edits they are, for people: up to 64 characters, such as
        the name of a pipeline; by default that of the queue, or user@host. A gateway keeps the name of the key in its
        place.

        ``max_failures`` binds the batch, whoever waits for it: a number of edits, such as 10, or a percentage of all
        that it has, such as ``"1%"`` (before all are written, once 100 have ended). As soon as more have failed the
        batch is paused (cause ``failures``): its queued edits are not sent, and those at the API are finished and kept.
        Given again it must be the same (InputError); ``resume`` changes it.

        ``budget`` bounds what the batch may cost in all: an amount such as 20, or ``"20 USD"`` in the currency of the
        price, without which it is refused (InputError). No submit begins that might exceed it: the batch is paused
        (cause ``budget``) at the first edit that does not fit. Given again it must be the same; ``set_budget`` changes
        it.

        An edit that exists already is not changed, so it is safe to call this again with the same edits.

        An edit is rejected that is invalid, whose ``custom_id`` is used twice, or exists in the batch with other
        parameters. If one is, RejectedEditsError is raised. A list or a frame is checked whole before anything is
        written. A generator is never held in memory: it is read no further than the page (500 edits) with the first
        rejected one, what was written before stays, and the batch stays open; a ``custom_id`` that is used twice is
        found within a page, and later only with other parameters. With ``on_invalid="skip"`` the other edits are
        enqueued, and the receipt lists the rejected ones.

        Raises TypeError for an argument of a wrong kind and InputError for a wrong value, before anything is written,
        InputError also if there is no bucket for a local picture, and ServiceError if Redis or S3 fails.

        The batch does not end before this has returned, however slow a generator is; what it has given so far is
        written every two seconds (edits with local pictures when there are 64). If no edit is accepted, no batch is
        made. Returns when everything is written and, if the server can confirm it, on its disk. If Redis fails or the
        process dies in the middle, what was written stays, and the same call again adds the rest.
        """
        check_batch_id(batch)
        check_sender(sender, "sender")
        weight = check_weight(plain(weight))
        limit = FailureLimit.text(plain(max_failures)) or None
        given = None if budget is None else str(Budget.parse(plain(budget)))
        if notify is not None:
            parse_notify(notify, self._private_hosts)
        if on_invalid not in ("raise", "skip"):
            raise InputError(f"on_invalid is {on_invalid!r}, and must be 'raise' or 'skip'")
        if open_until is not None and open_until.tzinfo is None:
            raise InputError("open_until has no time zone; write for example datetime.now(UTC) + timedelta(hours=1)")
        if not isinstance(defaults, Mapping | None):
            raise TypeError(f"defaults is of type {type(defaults).__name__}, and must be a mapping of fields")
        bucket, prefix = (PICTURES, "") if self.remote else (self._bucket or None, self._prefix)
        with Inputs(bucket, prefix) as inputs:
            records = Records(edits, inputs, keep_columns=keep_columns)
            fields, shown = with_picture(dict(defaults or {}), inputs)
            intake = Intake(fields, self._private_hosts, inputs, shown)
            call = Enqueueing(
                intake,
                inputs,
                partial(self._picture_store, self._bucket, batch),
                skip=on_invalid == "skip",
                writer=partial(
                    self.writer,
                    batch,
                    intake.defaults,
                    weight=weight,
                    max_failures=limit,
                    budget=given,
                    notify=notify,
                    open_until=open_until,
                    sender=sender,
                    whole=on_invalid == "raise",
                ),
                conflicts=partial(self.conflicts, batch),
                noun=records.noun,
            )
            return call.all_of(records) if records.whole else call.one_by_one(records)

    def conflicts(self, batch: str, entries: Sequence[Entry]) -> set[str]:
        """The custom ids among ``entries`` that exist in the batch with other parameters; changes nothing.

        For a caller that writes nothing if one of its edits is invalid. Through a gateway none is found: it looks for
        them itself, before it writes (``writer`` with ``whole``).
        """
        check_batch_id(batch)
        found: set[str] = set()
        if self.remote:
            return found
        with self._reach():
            if self._ledger.reader.batch(batch) is not None:
                for first in range(0, len(entries), PAGE):
                    page = entries[first : first + PAGE]
                    found.update(self._ledger.producer.conflicts(batch, [(e.custom_id, e.digest) for e in page]))
        return found

    def writer(
        self,
        batch: str,
        defaults: Mapping[str, Any],
        *,
        weight: float = 1.0,
        origin: Mapping[str, str] | None = None,
        max_failures: int | str | None = None,
        budget: float | Decimal | str | None = None,
        notify: str | None = None,
        held: str = "",
        open_until: datetime | None = None,
        sender: str = "",
        whole: bool = False,
        at_hand: bool = False,
        confirm: bool = True,
    ) -> BatchWriter:
        """A context manager that writes checked entries (``retouch.intake``) into a batch.

        ``defaults`` are those of the Intake that made the entries. ``origin``: ``redo_of`` and ``content`` of a new
        batch that does another's edits again. ``max_failures``, ``budget``, ``notify``, ``open_until``, ``sender``: as
        for ``enqueue``, which does both for edits. ``held``: nothing of a new batch is submitted before all is written,
        and this is why, for people. ``at_hand``: the entries are all there, so that what was added need not be written
        every two seconds. ``confirm``: False where the caller waits for the disk of Redis himself.

        Through a gateway all entries are kept on disk, and sent in one request at the end. ``whole``: it writes nothing
        then if it refuses one of them (what exists with other parameters, or names what the key may not); else the
        others. In Redis those that conflict are left out in any case: look for ``conflicts`` before.
        """
        check_batch_id(batch)
        limit = FailureLimit.text(max_failures)
        amount = None if budget is None else Budget.parse(budget)
        own = None if notify is None else parse_notify(notify, self._private_hosts)
        if not isinstance(self._way, Ledger):
            return self._way.writer(
                batch,
                defaults,
                weight,
                origin=origin,
                max_failures=limit,
                budget=amount,
                notify=notify,
                open_until=open_until,
                whole=whole,
            )
        return LedgerWriter(
            self._way,
            batch,
            defaults,
            weight,
            origin=origin,
            max_failures=limit,
            budget=amount,
            sender=sender or self._sender or this_user(),
            notify=own,
            held=held,
            open_until=open_until,
            send_every_s=None if at_hand else SEND_EVERY_S,
            confirm=confirm,
        )

    def _picture_store(self, bucket: str, batch: str) -> ObjectStore:
        """Where pictures of this machine are uploaded to, for edits of this batch."""
        return kept_store(bucket) if isinstance(self._way, Ledger) else self._way.pictures.of(batch)

    # --- one batch -------------------------------------------------------------------------------

    def wait(
        self,
        batch: str,
        timeout_s: float | None = None,
        on_progress: Callable[[BatchView], None] | None = None,
        on_outage: OnOutage | None = None,
        *,
        max_failures: int | str | None = None,
    ) -> BatchView:
        """Wait until every edit has ended and the batch's files are written; returns the last view.

        ``on_progress`` is called with every view. Once the batch has been seen, the call waits through outages of
        Redis (or of the gateway): ``on_outage`` is called with the reason, and with None when it is back. Raises
        TimeoutError after ``timeout_s`` seconds; the batch goes on.

        Raises TooManyFailuresError as soon as the batch is paused because more of its edits failed than its
        ``max_failures``, and if it ends so. ``max_failures`` binds a batch that was given none, as in ``enqueue``;
        InputError if it was given another. Of a batch that has ended, or that a person has resumed, it only says how
        the call ends.
        """
        limit = None if max_failures is None else FailureLimit.parse(plain(max_failures))
        end = None if timeout_s is None else time.monotonic() + timeout_s
        view = self.status(batch)
        if limit and not view.finished:
            view = self.limit_failures(batch, str(limit))
        least_s, most_s = self._way.reader.look_s
        pause_s = least_s
        while True:
            if on_progress:
                on_progress(view)
            check_failures(view, limit)
            if view.finished:
                return view
            left_s = pause_s if end is None else end - time.monotonic()
            if left_s <= 0:
                raise TimeoutError(f"batch {batch} has not ended after {round(timeout_s or 0, 1):g} s")
            look = partial(self._still_there, batch, min(pause_s, left_s))
            newer = self._reach.through_outages(look, on_outage, end) or view
            moved = newer.counts != view.counts
            pause_s = least_s if moved else min(pause_s * 1.5, most_s)
            view = newer

    def limit_failures(self, batch: str, max_failures: int | str) -> BatchView:
        """Bind a batch that was given no ``max_failures`` to this one, as ``wait`` does; returns the batch then.

        With more failed edits it is paused at once. Raises InputError if it was given another.
        """
        limit = FailureLimit.text(plain(max_failures))
        self.status(batch)
        with self._reach():
            given = self._way.producer.limit_failures(batch, limit)
        if wrong := other_limit(batch, given, limit):
            raise InputError(wrong)
        return self.status(batch)

    def redo(
        self,
        batch: str,
        only: Literal["failed", "blank"] | Sequence[str],
        *,
        changes: Mapping[str, Any] | None = None,
        vary: Mapping[str, Sequence[Any]] | None = None,
        new_seeds: int = 0,
        size: str = "",
        groups: Iterable[int] = (),
        max_failures: int | str | None = None,
        budget: float | Decimal | str | None = None,
    ) -> Receipt:
        """Do edits of a batch again, in a batch of their own (``batch-redo-N``); each is paid for again.

        ``only``: those that failed, those with an image that is blank or may be, or those of these custom_ids. They
        have the parameters, pictures and metadata that they had, but for ``changes`` (None: a field that is not set any
        more). ``vary``: each once for every combination of values, such as ``{"seed": [1, 2, 3]}``.
        ``new_seeds``: so often each, every time with a seed that no other one has. ``size``: of edits that set none,
        ``"fit:512"`` or ``"512x384"``. ``groups``: of those that failed the ones that are in these groups of
        ``failures`` alone. ``max_failures``, ``budget``: as for ``enqueue``.

        The same call again is the same batch, and adds nothing. Nothing is written if one of the edits cannot be done
        so (RejectedEditsError). Raises InputError for a wrong value, if there is no such batch in Redis, or an edit
        that is named is not in it or has not ended; ServiceError as ``enqueue`` does.
        """
        wish = Wish.of(only, changes, vary, size, new_seeds, groups)
        limit = FailureLimit.text(plain(max_failures)) or None
        amount = None if budget is None else Budget.parse(plain(budget))
        if not isinstance(self._way, Ledger):
            wish = self._with_uploads(check_batch_id(batch), wish)
            with self._reach():
                return self._way.redo(batch, wish, limit, amount).receipt
        self.status(batch)
        child, origin = self.redo_id(batch, wish.content), {"redo_of": batch, "content": wish.content}
        with Inputs(self._bucket or None, self._prefix) as inputs:
            call = Enqueueing(
                intake := Intake({}, self._private_hosts, inputs),
                inputs,
                partial(self._picture_store, self._bucket, child),
                skip=False,
                writer=partial(
                    self.writer,
                    child,
                    intake.defaults,
                    origin=origin,
                    max_failures=limit,
                    budget=None if amount is None else str(amount),
                ),
                conflicts=partial(self.conflicts, child),
            )
            return call.all_of(wish.source(self._redone(batch, wish), cache(open_store)))

    def _with_uploads(self, batch: str, wish: Wish) -> Wish:
        """The same wish once the pictures of this machine that it names are uploaded; for what a gateway does."""
        if isinstance(self._way, Ledger) or not wish.pictures:
            return wish
        with Inputs(PICTURES) as inputs:

            def taken(picture: Any) -> Any:
                is_path = isinstance(picture, str) and image_address.kind_of(picture) is ImageKind.PATH
                return inputs.need(inputs.uri(picture)) if is_path else picture

            wish = wish.with_pictures(taken)
            upload_pending(inputs, partial(self._picture_store, "", batch), lambda _number: None)
        return wish.with_pictures(self._way.pictures.moved)

    def _redone(self, batch: str, wish: Wish) -> Redone:
        """The edits of a batch that a wish (``retouch.intake.redo``) is about."""
        is_of_them = of_groups(self.failures(batch) if wish.groups else [], wish.groups)
        return Redone(
            batch, partial(self.made, batch), wish, lambda result: not wish.groups or is_of_them(Result(result))
        )

    def set_price(self, price: str) -> None:
        """Set what one image costs (``0.0035 USD``) for all submits that begin from now on.

        Raises InputError if it is no price, or in another currency than amounts were counted in.
        """
        wanted = Price.parse(price, "price")
        if wanted is None:
            raise InputError("the price is empty: write one such as 0.0035 USD")
        with self._reach():
            self._ledger.producer.set_price(wanted)

    def set_budget(self, batch: str, budget: float | Decimal | str | None) -> BatchView:
        """Set what a batch may cost in all, None: any amount; returns the batch then.

        One that was paused for its budget goes on if its next image fits. Raises InputError where there is no price, or
        for another currency than its.
        """
        amount = None if budget is None else Budget.parse(plain(budget))
        self.status(batch)
        with self._reach():
            self._way.producer.set_budget(batch, amount)
        return self.status(batch)

    def redo_id(self, batch: str, content: str) -> str:
        """The id of the batch that does edits of ``batch`` again, as ``content`` (a hash) says.

        It is the ``batch-redo-N`` that is there and has the same content, or else the first that never was there.
        """
        with self._reach():
            return redo_id(batch, content, self._ledger.reader.batch)

    def choose(
        self, batch: str, *, pick: Iterable[str] = (), reject: Iterable[str] = (), clear: Iterable[str] = ()
    ) -> Chosen:
        """Pick the results of these edits (custom ids), reject others, or clear what was said of them before.

        All who look at the batch see it; the latest word counts. When an edit is tried again, what was said of its
        result is cleared. Raises InputError if there is no such batch, or an edit is named in two of the lists.
        """
        said = choices(pick, reject, clear)
        self.status(batch)
        with self._reach():
            return self._way.picks.choose(batch, said)

    def retry(
        self,
        batch: str,
        states: Iterable[EditState] = (EditState.FAILED,),
        *,
        anew: bool = False,
        group: int | None = None,
        on_progress: OnProgress | None = None,
    ) -> Retried:
        """Try the edits in these states (failed, cancelled or held) again; returns how many are asked about, and sent.

        Where the API took an edit and may still have its result, it is asked first; ``anew``: all are submitted again.
        ``group``: failed edits of this group of ``failures`` alone, as they are when they are looked at.
        ``on_progress`` is called page by page with how many edits of the batch were looked at, of how many.
        """
        if group is not None:
            check_group(group)
        self.status(batch)
        with self._reach():
            return self._way.producer.retry(batch, states, anew=anew, group=group, on_progress=on_progress)

    def pause(self, batch: str | None = None, reason: str = "a person paused it") -> bool:
        """Submit no more edits of a batch, or of any; what is at the API is finished. False if it was paused before."""
        if batch is not None:
            self.status(batch)
        with self._reach():
            if batch is None:
                return self._way.producer.pause_submits(reason)
            return self._way.producer.pause(batch, BatchPause.PERSON, reason)

    def resume(self, batch: str | None = None, *, max_failures: int | str | None = None) -> bool:
        """End all pauses of a batch but that of its budget; without one, those by a person and for refusals.

        Returns whether there was one.

        A batch that was paused for its failures goes on however many fail, or with the ``max_failures`` given;
        InputError if more than that have failed already. What the API asked for (a Retry-After) and outages end by
        themselves; what a budget holds back goes on with ``set_budget``.
        """
        if batch is None:
            if max_failures is not None:
                raise InputError("max_failures is of one batch: say which is resumed")
            with self._reach():
                return self._way.producer.resume_submits()
        limit = FailureLimit.text(plain(max_failures))
        self.status(batch)
        with self._reach():
            try:
                return self._way.producer.resume(batch, limit)
            except BatchLimitError as error:
                failed = f"{error.found} edits of batch {batch} have failed already"
                raise InputError(
                    f"{failed}, so that with max_failures {limit} it would be paused at once: allow more, retry the"
                    f" failed ones first (retouch retry {batch}), or resume it without max_failures"
                ) from None

    def seal(self, batch: str) -> bool:
        """Let a batch end whose producer is gone, or before its ``open_until``; False if it was sealed already.

        ``enqueue`` and ``writer`` seal what they have written.
        """
        self.status(batch)
        with self._reach():
            return self._way.producer.seal(batch)

    def cancel(
        self,
        batch: str,
        states: Iterable[EditState] = (EditState.QUEUED, EditState.HELD),
        *,
        on_progress: OnProgress | None = None,
    ) -> int:
        """Cancel the edits that are not at the API yet; returns how many. Those at the API are finished and kept.

        ``on_progress``: as for ``retry``.
        """
        self.status(batch)
        with self._reach():
            return self._way.producer.cancel(batch, states, on_progress=on_progress)

    def remove(self, batch: str, on_progress: OnProgress | None = None, *, images: bool = False) -> Removed:
        """Remove a batch that has ended from Redis, with its results; its events stay. Returns how much is gone.

        ``images``: its objects in S3 go as well, and first; also those of a batch that has left Redis. Else they stay.
        ``on_progress`` is called page by page with how many edits are removed, of how many (through a gateway not).
        Raises InputError if there is no such batch, or it has not ended, or there is no bucket for ``images``;
        ServiceError if S3 fails. If the process dies in the middle, the workers remove the rest of what is in Redis;
        for the objects call it again.
        """
        if not isinstance(self._way, Ledger):
            with self._reach():
                return Removed(*self._way.producer.remove(check_batch_id(batch), images=images))
        view = self.find(batch) if images else self.status(batch)
        if view and not view.finished:
            first = "a worker has to write its files" if view.ended == view.total else "cancel it, or wait for it"
            raise InputError(f"batch {batch} has not ended, so it is not removed: first {first}")
        objects = self._remove_objects(batch, known=view is not None) if images else 0
        total, gone, goes_on = view.total if view else 0, 0, view is not None
        with self._reach():
            while goes_on:
                left = self._way.producer.remove(batch)
                if left is None:
                    far = f"after {gone:,} of its {count(total, 'edit')} were removed" if gone else "and is not removed"
                    raise InputError(f"batch {batch} was opened again meanwhile, by new edits or a retry, {far}")
                gone, goes_on = total - left, left > 0
                if on_progress:
                    on_progress(gone, total)
        return Removed(total, objects)

    def _remove_objects(self, batch: str, *, known: bool) -> int:
        if not self._bucket:
            raise InputError("images=True: in which bucket? Give the queue one (RETOUCH_BUCKET)")
        folder = f"s3://{self._bucket}/{batch_folder(self._prefix, batch)}"
        if known:
            check_places(self.results(batch), folder)
        try:
            objects = blocking.run(remove_objects(kept_store(self._bucket), self._prefix, batch))
        except StoreError as error:
            raise ServiceError(f"{folder} could not be removed: {error}") from error
        if not (known or objects):
            raise InputError(f"there is no batch {batch!r} in Redis, and nothing in {folder}")
        return objects

    # --- reaching Redis --------------------------------------------------------------------------

    def _still_there(self, batch: str, within_s: float) -> BatchView:
        view = self._way.reader.next_view(batch, within_s)
        if view is None:
            of_key = ", or the key may not know of it any more" if self.remote else ""
            raise ServiceError(
                f"batch {batch!r} is no longer in Redis{of_key}: its data was removed or lost;"
                " enqueue the manifest again to add lost edits"
            )
        return view


def _remote(address: GatewayAddress, timeout_s: float) -> RemoteLedger:
    from retouch.gateway.remote import RemoteLedger  # noqa: PLC0415 - requests is slow to load, and Redis needs it not

    return RemoteLedger(address, timeout_s=timeout_s)
