"""A receiver of webhooks that looks, at each event, whether what it says is true already."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.chaos.evidence import Delivery
from tests.chaos.judge import BATCH_END
from tests.harness.growing import Record
from tests.harness.receiver import Receiver
from tests.harness.web import Request
from workers.stack.s3 import S3


class Witness(Receiver):
    """It keeps every delivery of a run; ``begin`` forgets those of the run before."""

    def __init__(self, s3: S3, keys: tuple[str, ...]) -> None:
        super().__init__()
        self.on_event = self._see
        self._client, self._bucket, self._keys = s3.client(), s3.bucket, keys
        self.begin("")

    def begin(self, prefix: str) -> None:
        """Another run begins, with its objects below ``prefix``."""
        self.usual = 200
        self.leaks: list[str] = []
        self.deliveries: list[Delivery] = []
        self.sizes: dict[str, int] = {}  # batch → edits
        self._prefix = prefix

    def _see(self, request: Request) -> None:
        whole = f"{request.headers}{request.body!r}"
        if any(key in whole for key in self._keys):
            self.leaks.append("the key came with an event")
        event = request.event
        seen = Delivery(
            event_id=event["id"],
            header_id=request.headers.get("webhook-id", ""),
            type=event["type"],
            subject=event["subject"],
            data=event["data"],
            taken=request.status < 300,
        )
        self.deliveries.append(replace(seen, early=self._missing(event)))

    def _missing(self, event: Record) -> str:
        """What the event says that is not so."""
        try:
            if event["type"] == BATCH_END:
                return self._missing_of_batch(event["subject"])
            for output in event["data"].get("outputs") or []:
                self._head(output["uri"].split("/", 3)[3])
        except Exception as error:
            return "" if "Could not connect" in str(error) else f"{event['subject']}: {error}"
        return ""

    def _missing_of_batch(self, batch: str) -> str:
        folder = f"{self._prefix}{batch}/"
        body = self._client.get_object(Bucket=self._bucket, Key=f"{folder}manifest.jsonl")["Body"].read()
        self._head(f"{folder}_SUCCESS")
        lines = len(body.splitlines())
        return "" if lines == self.sizes[batch] else f"its manifest was whole ({lines} of {self.sizes[batch]} lines)"

    def _head(self, key: str) -> Any:
        return self._client.head_object(Bucket=self._bucket, Key=key)
