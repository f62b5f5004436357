"""What is read of batches over HTTP: the part of ``retouch.ledger.Reader`` that a gateway offers."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any, cast

import requests

from retouch.edit import CUSTOM_ID_PATTERN
from retouch.errors import InputError, LedgerAwayError, LedgerError
from retouch.event_log import UndeliveredEvent
from retouch.gateway.client import AbsentError, Client, reason_of, understood
from retouch.ledger import BatchView, DayMoney, EditView, HistoryStep, Pause, Provider, Sample, Sink, WorkerView
from retouch.ledger.samples import samples_from_json
from retouch.price import Price
from retouch.records.batches import BatchRecord
from retouch.records.edits import EditRecord
from retouch.records.installation import InstallationRecord, SinksRecord
from retouch.states import TERMINAL, EditState

BATCHES_AT_ONCE = 200
POLL_S = (2.0, 20.0)  # how long one question may wait for a batch's end: proxies cut what is silent for longer
CHUNK = 256 * 1024  # bytes
RESULTS = "application/jsonl"
RESULT_TRIES = 3  # of an answer that is cut in the middle


class GatewayReader:
    """Reads through a gateway; raises what ``Client`` raises."""

    look_s = POLL_S

    def __init__(self, client: Client) -> None:
        self._client = client

    def check(self) -> None:
        """Raise LedgerError unless a gateway answers, and reaches its Redis."""
        found = self._client.json("GET", "/readyz", repeat=False)
        if found.get("status") != "ready":
            raise LedgerError("what answers there is no Retouch gateway")

    @understood()
    def batch(self, batch: str) -> BatchView | None:
        """One batch, or None if there is none that the key may know of."""
        with suppress(AbsentError):
            return _view(self._client.json("GET", f"/v1/batches/{batch}"))
        return None

    @understood()
    def next_view(self, batch: str, within_s: float) -> BatchView | None:
        """The same, when the batch has ended or failed too much, or after so many seconds; whoever waits asks again."""
        with suppress(AbsentError):
            asked = {"timeout": round(within_s, 3), "until": "failures"}
            answer_s = within_s + 15
            path = f"/v1/batches/{batch}/wait"
            return _view(self._client.json("GET", path, params=asked, answer_s=answer_s, repeat=False))
        return None

    @understood()
    def places_alike(self, batch: str, custom_id: str) -> list[int]:
        """The places of the edits of a batch that are made of the same picture as this one."""
        found = self._client.json("GET", f"/v1/edits/{batch}/{custom_id}/alike")
        return [int(place) for place in found["places"]]

    def all_batches(self, *, prefix: str = "", before: tuple[int, str] | None = None) -> Iterator[BatchView]:
        """All batches whose names begin so, the newest first, read page by page; ``before``: after that place."""
        cursor: str | None = ""
        while cursor is not None:
            asked = {"limit": BATCHES_AT_ONCE} | ({"cursor": cursor} if cursor else {})
            page = self._client.json("GET", "/v1/batches", params=asked)
            with understood():
                views, cursor = [_view(one) for one in page["batches"]], page["next"]
            for view in views:
                if view.batch.startswith(prefix) and (before is None or view.place < before):
                    yield view

    @understood()
    def edit(self, batch: str, custom_id: str) -> EditView | None:
        """One edit, or None."""
        if not CUSTOM_ID_PATTERN.fullmatch(custom_id):
            return None
        with suppress(AbsentError):
            return EditView.from_json(cast(EditRecord, self._client.json("GET", f"/v1/edits/{batch}/{custom_id}")))
        return None

    @understood()
    def history(self, batch: str, custom_id: str) -> list[HistoryStep] | None:
        """What was done about an edit, the oldest first; None: there is no such edit, or an older gateway."""
        if not CUSTOM_ID_PATTERN.fullmatch(custom_id):
            return None
        with suppress(AbsentError):
            found = self._client.json("GET", f"/v1/edits/{batch}/{custom_id}/history")
            return [HistoryStep.from_json(step) for step in found["history"]]
        return None

    def results(self, batch: str) -> Iterator[dict[str, Any]]:
        """The results of the edits that have ended, in the batch's order; also of a batch that is only in S3.

        Raises InputError if there is none. They are kept in a temporary file first: an answer that is cut is asked for
        again, and no part passes for all.
        """
        with tempfile.TemporaryFile(prefix="retouch-") as kept:
            try:
                self._keep(f"/v1/batches/{batch}/results", kept)
            except AbsentError as error:
                raise InputError(str(error)) from None
            kept.seek(0)
            for line in kept:
                yield _result(line)

    @understood()
    def workers(self) -> list[str]:
        """The names of the workers that are alive."""
        return [str(name) for name in self._installation()["workers"]]

    @understood()
    def crew(self) -> list[WorkerView]:
        """The workers that are alive."""
        return [WorkerView.from_json(one) for one in self._client.json("GET", "/v1/workers")["workers"]]

    @understood()
    def differences(self) -> dict[str, dict[str, list[str]]]:
        """Settings in which live workers differ that must be alike: variable → value → the workers that have it."""
        return dict(self._installation()["worker_differences"])

    @understood()
    def result_times(self) -> dict[str, tuple[float, float]]:
        """Within how many seconds half of the results come, and 95 % of them, by kind of work."""
        learned = self._installation()["provider"]["learned"]
        return {kind: (times["p50_s"], times["p95_s"]) for kind, times in learned.items()}

    @understood()
    def pauses(self) -> list[Pause]:
        """Why requests of a kind are not sent; empty if all are."""
        return [Pause.from_json(one) for one in self._installation()["pauses"]]

    @understood()
    def price(self) -> Price | None:
        """What one image costs; None: nobody has said, or the gateway is of an older version."""
        price = self._installation().get("price")
        return Price.from_json(price) if price else None

    @understood()
    def days(self, newest: int = 1) -> list[DayMoney]:
        """What the submits of the newest days cost; empty without a price, and for a key that is bound to batches."""
        if newest == 1:  # that is told without a look at the batches
            today = self._installation().get("money")
            return [DayMoney.from_json(today)] if today else []
        found = self._client.json("GET", "/v1/money", params={"days": newest})["days"]
        return [DayMoney.from_json(day) for day in found]

    @understood()
    def samples(self, newest: int) -> list[Sample]:
        """How the API was used in the newest minutes; empty for a key that is bound to some batches."""
        found = self._client.json("GET", "/v1/provider", params={"minutes": newest})["samples"]
        return samples_from_json(found) if found else []

    @understood()
    def provider(self) -> Provider:
        """How the API is used at present."""
        return Provider.from_json(self._installation()["provider"])

    @understood()
    def queued(self) -> int:
        """How many edits of all batches can be submitted now."""
        return int(self._installation()["queued"])

    def sinks(self) -> list[Sink]:
        """Where all events are delivered, or were until lately."""
        return self._sinks({"of": "workers"})

    def batch_sinks(self, batch: str | None = None) -> list[Sink]:
        """The sinks of batches' own, or that of one batch."""
        return self._sinks({"of": "batches"} | ({"batch": batch} if batch else {}))

    @understood()
    def _sinks(self, asked: dict[str, str]) -> list[Sink]:
        told = cast(SinksRecord, self._client.json("GET", "/v1/sinks", params=asked))
        return [Sink.from_json(one) for one in told["sinks"]]

    def undelivered(self, sink: Sink) -> Iterator[UndeliveredEvent]:
        """The events that a sink has not taken, the oldest first; kept in a temporary file first, as results are."""
        with tempfile.TemporaryFile(prefix="retouch-") as kept:
            with suppress(AbsentError):  # it has gone meanwhile
                self._keep(f"/v1/sinks/{sink.name}/undelivered", kept)
            kept.seek(0)
            for line in kept:
                yield _undelivered(line)

    def _installation(self) -> InstallationRecord:
        return cast(InstallationRecord, self._client.json("GET", "/v1/installation"))

    def _keep(self, path: str, file: IO[bytes]) -> None:
        for left in reversed(range(RESULT_TRIES)):
            file.seek(0)
            file.truncate()
            try:
                with self._client.answer("GET", path, kind=RESULTS) as answer:
                    for chunk in answer.iter_content(CHUNK):
                        file.write(chunk)
                return
            except requests.RequestException as error:
                if not left:
                    raise LedgerAwayError(f"the results were cut: {reason_of(error)}") from None


@understood()
def _undelivered(line: bytes) -> UndeliveredEvent:
    found: UndeliveredEvent = json.loads(line)
    if not (found["id"] and found["sink"]):
        raise ValueError("this is no event")
    return found


@understood()
def _result(line: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line)
    if EditState(found["state"]) not in TERMINAL or not found["custom_id"]:
        raise ValueError("this is no result")
    return found


def _view(raw: dict[str, Any]) -> BatchView:
    return BatchView.from_json(cast(BatchRecord, raw))
