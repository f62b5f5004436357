"""What a run of edits takes place in: an empty Redis, an S3 folder, the API without trouble."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable
from typing import Any, TypeVar

from PIL import Image

from retouch.ledger import Ledger
from retouch.queue import EditQueue
from tests.harness.api import Api
from tests.harness.growing import Record
from tests.harness.waiting import LIMIT_S, until
from workers.stack.s3 import S3

T = TypeVar("T")


def png() -> bytes:
    """A small picture."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


class World:
    """Where edits are enqueued and looked at. ``hosts``: the private addresses that workers may call.

    ``environment`` is what a worker or the command line needs. The API's record begins anew.
    """

    def __init__(
        self, redis_url: str, s3: S3, api: Api, *, init_image: str, hosts: str, prefix: str = "edits/"
    ) -> None:
        self.api, self.s3, self.init_image, self.prefix = api, s3, init_image, prefix
        self.api.begin()
        self.environment = {
            "RETOUCH_REDIS_URL": redis_url,
            "RETOUCH_API_URL": api.url,
            "RETOUCH_API_KEY": api.key,
            "RETOUCH_BUCKET": s3.bucket,
            "RETOUCH_PREFIX": prefix,
            "RETOUCH_PRIVATE_HOSTS": hosts,
            **s3.environment,
        }
        self.queue = EditQueue.from_url(redis_url, private_hosts=hosts, timeout_s=LIMIT_S)
        self.ledger = Ledger.from_url(redis_url, timeout_s=LIMIT_S)

    def edits(self, count: int, **fields: Any) -> list[Record]:
        """So many edits ``c0``, ``c1``…, each with a prompt of its own."""
        base = {"width": 64, "height": 64, "init_image": self.init_image}
        return [{"custom_id": f"c{n}", "prompt": f"oil painting {n}", **base, **fields} for n in range(count)]

    def enqueue(self, count: int = 1, **fields: Any) -> str:
        """Enqueue so many edits as a batch of their own; returns its id."""
        return self._enqueue(self.edits(count, **fields))

    def until(self, condition: Callable[[], T], what: str, within_s: float = LIMIT_S) -> T:
        """Wait for something in this world; if it does not come, the error says how everything stands."""
        return until(condition, what, within_s, saw=self.situation)

    def situation(self) -> str:
        """How everything stands: batches, pauses, and the end of the workers' logs."""
        try:
            told = [f"{view.batch}: {view.state}, {dict(view.counts)}" for view in self.ledger.reader.batches(20)]
            told += map(str, self.ledger.reader.pauses())
        except Exception as error:  # whatever is wrong, it is part of the answer
            told = [f"the ledger cannot be read: {error}"]
        return "\n".join(["", *told, self.logs()[-4000:]])

    def logs(self) -> str:
        """Everything that this world's workers have written."""
        raise NotImplementedError

    def _enqueue(self, edits: list[Record]) -> str:
        batch = f"b{secrets.token_hex(4)}"
        receipt = self.queue.enqueue(edits, batch=batch)
        assert receipt.accepted == len(edits), receipt
        return batch
