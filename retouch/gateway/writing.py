"""Writing a batch over HTTP: entries are kept on disk, and sent in one request, which is taken whole or not at all."""

from __future__ import annotations

import json
import tempfile
from array import array
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from itertools import groupby
from types import TracebackType
from typing import IO, Any, Self

from retouch.errors import InputError, LedgerError, ServiceError
from retouch.gateway.client import Client, Fault, Params, RefusedEditsError, understood
from retouch.intake.mistakes import Rejection
from retouch.intake.writing import BatchWriter
from retouch.ledger import Entry, made_of
from retouch.plural import count

TAKEN_S = 900.0  # to check and write a body of a million edits
ROUNDS = 20  # a gateway names a hundred faults at a time


class GatewayWriter(BatchWriter):
    """Keeps entries in a temporary file, and sends them when the context ends normally.

    ``query``, ``headers``: of the request, what the batch is given beside its edits.
    ``moved``: where a picture is that was uploaded, by the address that it had before. ``whole``: nothing is written if
    an edit is refused; else the others are. If the process dies before the end, nothing was written; if the answer is
    lost, the same again adds what is missing. Raises ServiceError, InputError and CancelledError at the end.
    """

    def __init__(
        self,
        client: Client,
        batch: str,
        defaults: Mapping[str, Any],
        query: Params,
        headers: Mapping[str, str],
        moved: Callable[[str], str],
        *,
        whole: bool,
    ) -> None:
        super().__init__(batch)
        self._client = client
        self._defaults = dict(defaults)
        self._query = query
        self._headers = headers
        self._moved = moved
        self._whole = whole
        self._numbers = array("q")  # what the caller calls each line
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        self._body = self._opened()
        return self

    def add(self, line: int, entry: Entry) -> None:
        """Keep an entry; it is sent at the end."""
        fields, about = made_of(self._defaults, json.loads(entry.parameters))
        if "init_image" in fields:
            fields["init_image"] = self._moved(fields["init_image"])
        told = {"metadata": dict(about.metadata)} if about.metadata else {}
        self._body.write(json.dumps({"custom_id": entry.custom_id, **fields, **told}).encode() + b"\n")
        self._numbers.append(line)

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        with self._closing:
            if kind is None:
                self._finish()

    def _finish(self) -> None:
        for _ in range(ROUNDS):
            if not self._numbers:
                return
            try:
                self._send()
            except RefusedEditsError as refused:
                faults = [fault for fault in refused.faults if 1 <= fault.line <= len(self._numbers)]
                self.conflicts += self._rejections(faults)
                if not faults:
                    raise InputError(str(refused)) from None
                if self._whole:
                    return
                self._leave_out({fault.line for fault in faults})
            except LedgerError as error:
                raise ServiceError(
                    f"the gateway failed while batch {self._batch} was being enqueued ({error}): it is not known"
                    " whether it was; enqueue the same again, which adds what is missing"
                ) from error
            else:
                return
        raise InputError(f"nothing was enqueued: more than {count(len(self.conflicts), 'edit')} are refused")

    @understood()
    def _send(self) -> None:
        self._body.seek(0)
        answer = self._client.json(
            "POST",
            f"/v1/batches/{self._batch}",
            params=self._query,
            headers=self._headers,
            body=self._body,
            content_type="application/jsonl",
            answer_s=TAKEN_S,
        )
        self.accepted, self.already = int(answer["accepted"]), int(answer["already"])
        self.on_disk = bool(answer["on_disk"])

    def _rejections(self, faults: list[Fault]) -> list[Rejection]:
        lines = groupby(sorted(faults, key=lambda one: one.line), key=lambda one: (one.line, one.custom_id))
        return [
            Rejection(self._numbers[place - 1], custom_id, [fault.text for fault in found])
            for (place, custom_id), found in lines
        ]

    def _leave_out(self, places: set[int]) -> None:
        """Take lines out of the body."""
        body = self._opened()
        kept = array("q")
        self._body.seek(0)
        for place, (number, line) in enumerate(zip(self._numbers, self._body, strict=True), 1):
            if place not in places:
                kept.append(number)
                body.write(line)
        self._body.close()
        self._body, self._numbers = body, kept

    def _opened(self) -> IO[bytes]:
        file = tempfile.TemporaryFile(prefix="retouch-")  # noqa: SIM115 - closed with the context
        return self._closing.enter_context(file)
