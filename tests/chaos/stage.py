"""Where the harness plays: real Valkey and S3 behind proxies, the endpoint, a receiver, the nursery of workers."""

from __future__ import annotations

import base64
import hashlib
import io
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis
from PIL import Image

from retouch.metrics import exposition
from retouch.price import Price
from retouch.states import EditState
from tests.chaos.crew import Hand, Nursery
from tests.chaos.evidence import Delivery, Evidence, Glance, Stored, Unkept
from tests.chaos.judge import BATCH_END, ENDS, MICROS_AN_IMAGE
from tests.chaos.witness import Witness
from tests.harness.api import Api
from tests.harness.growing import Record
from tests.harness.leaks import leaks
from tests.harness.proxy import Mode, Proxy
from tests.harness.waiting import LIMIT_S
from tests.harness.web import Web
from tests.harness.world import World, png
from workers.stack.ports import LOOPBACK
from workers.stack.s3 import S3
from workers.stack.valkey import Valkey

OPTIONS = ("lies", "again", "head", "connections")
PATIENCE_S = 10.0  # the product's two minutes are too long for ends that are waited for
PRICE = Price.of_micros(MICROS_AN_IMAGE, "USD")
WEBHOOK_SECRET = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class Stage:
    """All servers, for many runs. A context manager, to be used in the main thread.

    ``seed`` is that of the workers' and the endpoint's own choices.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._stack = ExitStack()
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="retouch-chaos-")))
        self.valkey = Valkey(self.folder / "valkey")
        self.s3 = S3(self.folder / "s3")
        options = ("--capacity", "64", "--seed", str(seed))
        self.plain = Api(self.folder / "plain", *options, "--ignore-keys")
        self.idempotent = Api(self.folder / "idempotent", *options)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self._stack.close()

    def _start(self) -> None:
        self.nursery = Nursery(self.folder)
        self._stack.callback(self.nursery.close)
        for part in (self.valkey, self.s3, self.plain, self.idempotent):
            self._stack.callback(part.child.kill)
            part.start()
        keys = self.plain.key, self.idempotent.key
        watched = tuple(secret.encode() for secret in (*keys, WEBHOOK_SECRET))
        valkey_host = self.valkey.url.rpartition("@")[2].partition("/")[0]
        self.redis_proxy = self._stack.enter_context(Proxy(valkey_host, watched))
        self.s3_proxy = self._stack.enter_context(Proxy(self.s3.host, watched))
        self.witness = self._stack.enter_context(Witness(self.s3, keys))
        self.picture = png()
        self.pictures = self._stack.enter_context(Web(lambda _request: (200, self.picture)))
        self._runs = 0

    def run(self, policy: str = "resubmit", redis_url: str = "") -> Run:
        """A fresh world on the same servers: no workers, an empty Redis, no faults, a folder of its own in S3.

        ``redis_url``: of a Redis of its own, instead of the one behind the proxy.
        """
        self.nursery.kill_all()
        for part in (self.valkey, self.s3, self.plain, self.idempotent):
            if not part.child.running:  # a run that got stuck in an outage
                part.start()
        for proxy in (self.redis_proxy, self.s3_proxy):
            proxy.become(Mode.PASS)
        with redis.Redis.from_url(self.valkey.url) as client:
            client.flushall()
        self._runs += 1
        return Run(self, policy, f"run{self._runs}/", redis_url)


class Run(World):
    """One run: its edits, its workers, its evidence. Its workers reach Redis and S3 through the proxies."""

    def __init__(self, stage: Stage, policy: str, prefix: str, redis_url: str = "") -> None:
        api = stage.idempotent if policy == "idempotent" else stage.plain
        picture = f"{stage.pictures.url}/in.png"
        through_the_proxy = f"{stage.valkey.url.rpartition('@')[0]}@{stage.redis_proxy.host}/0"
        super().__init__(
            redis_url or stage.valkey.url, stage.s3, api, init_image=picture, hosts=LOOPBACK, prefix=prefix
        )
        self.stage, self.policy = stage, policy
        self.ledger.producer.set_price(PRICE)
        stage.witness.begin(prefix)
        for proxy in (stage.redis_proxy, stage.s3_proxy):
            proxy.leaks.clear()
        self.enqueued: dict[str, dict[str, int]] = {}
        self.blameless = False
        self.cancelled: dict[str, float] = {}
        self.unkept: Unkept | None = None
        self.undone: list[Delivery] = []
        self._trace = stage.nursery.new_trace()
        self.environment |= {
            "RETOUCH_REDIS_URL": redis_url or through_the_proxy,
            "RETOUCH_API_IDEMPOTENT": str(policy == "idempotent").lower(),
            "RETOUCH_ON_AMBIGUOUS": "hold" if policy == "hold" else "resubmit",
            "RETOUCH_PATIENCE": str(PATIENCE_S),
            "RETOUCH_WEBHOOK_URL": stage.witness.url,
            "RETOUCH_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "AWS_ENDPOINT_URL_S3": f"http://{stage.s3_proxy.host}",
        }

    def worker(self, *, crash: str = "", bug: str = "", **settings: Any) -> Hand:
        """Fork a worker; ``settings`` are RETOUCH_ variables in lower case, and options of ``boundaries.install``."""
        chaos: dict[str, Any] = {"crash": crash, "bug": bug, "seed": self.stage.seed}
        chaos |= {str(name): settings.pop(name) for name in OPTIONS if name in settings}
        environment = {f"RETOUCH_{name.upper()}": str(value) for name, value in settings.items()}
        environment |= {f"CHAOS_{name.upper()}": str(value) for name, value in chaos.items()}
        return self.stage.nursery.start(self.environment | environment)

    def ready(self, *hands: Hand) -> None:
        """Wait for workers to take messages."""
        names = ", ".join(hand.name for hand in hands)
        self.until(lambda: all(hand.ready or hand.ended.is_set() for hand in hands), f"ready: {names}")

    def dies(self, hand: Hand, point: str, done: Callable[[], bool], within_s: float = LIMIT_S) -> None:
        """Wait until a worker dies at a point, or nothing is left that could lead it there; raises TimeoutError."""
        self.until(lambda: hand.ended.is_set() or done(), f"a worker dies at {point}", within_s)

    def enqueue(self, count: int = 1, *, samples: int = 1, **fields: Any) -> str:
        """A batch of so many edits, each of which must end."""
        batch = f"b{secrets.token_hex(4)}"
        self.expect(batch, count, samples)
        receipt = self.queue.enqueue(self.edits(count, samples=samples, **fields), batch=batch)
        assert receipt.accepted == count, receipt
        return batch

    def expect(self, batch: str, count: int, samples: int = 1) -> None:
        """These edits are about to be enqueued: each must end."""
        self.enqueued[batch] = {f"c{n}": samples for n in range(count)}
        self.stage.witness.sizes[batch] = count

    def deliveries(self) -> list[Delivery]:
        """The events of this run."""
        return list(self.stage.witness.deliveries)

    def undo_ends(self) -> None:
        """What has ended is tried again next: the ends that were told hold no more."""
        self.undone += self.stage.witness.deliveries
        self.stage.witness.deliveries.clear()

    def logs(self) -> str:
        """Everything that the stage's workers have written."""
        return self.stage.nursery.logs()

    def trace(self) -> list[Record]:
        """What the workers of this run told."""
        return self._trace.read()

    def unfinished(self) -> int:
        """How many ends nobody was told of yet."""
        told = {d.subject for d in self.deliveries() if d.taken and (d.type in ENDS or d.type == BATCH_END)}
        names = {f"{batch}/{custom_id}" for batch, edits in self.enqueued.items() for custom_id in edits}
        return len((names | set(self.enqueued)) - told)

    def finish(self, within_s: float = LIMIT_S) -> None:
        """Wait until every end was told; raises TimeoutError."""
        self.until(lambda: not self.unfinished(), f"every end is told (of {self.api.url})", within_s)

    def cancel(self, batch: str) -> int:
        """Cancel what is not at the API; returns how many edits."""
        cancelled = self.queue.cancel(batch)
        self.cancelled[batch] = time.time()
        return cancelled

    def evidence(self, *, late_post_s: float | None = None, late_request_s: float | None = None) -> Evidence:
        """Everything that the judge reads. Workers must have ended, or have nothing to do."""
        stage = self.stage
        told = [*stage.redis_proxy.leaks, *stage.s3_proxy.leaks, *stage.witness.leaks]
        told += [f"a secret stands in {place}" for place in leaks(stage.folder)]
        return Evidence(
            policy=self.policy,
            enqueued=self.enqueued,
            requests=self.api.requests(),
            objects=dict(self._objects()),
            deliveries=self.deliveries(),
            trace=self.trace(),
            leaks=told,
            late_post_s=late_post_s,
            late_request_s=late_request_s,
            blameless=self.blameless,
            cancelled=dict(self.cancelled),
            unkept=self.unkept,
            undone=self.undone,
            glances={batch: self._glance(batch) for batch in self.enqueued if self.queue.find(batch)},
            metrics=self._metrics(),
            held={f"{b}/{c}" for b, edits in self.enqueued.items() for c in edits if self._is_held(b, c)},
            wall_minus_monotonic=time.time() - time.monotonic(),
        )

    def _glance(self, batch: str) -> Glance:
        strips = self.ledger.strips
        return Glance(strips.rows(batch, range(len(strips.states(batch)))), strips.failures(batch))

    def _metrics(self) -> dict[str, float]:
        lines = exposition(self.queue.figures())[0].decode().splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {sample: float(value) for sample, _, value in pairs}

    def _is_held(self, batch: str, custom_id: str) -> bool:
        if self.policy != "hold":
            return False
        view = self.ledger.reader.edit(batch, custom_id)
        return view is not None and view.state is EditState.HELD

    def _objects(self) -> Iterator[tuple[str, Stored]]:
        client = self.stage.s3.client()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=self.stage.s3.bucket, Prefix=self.prefix)
        for item in (item for page in pages for item in page.get("Contents", [])):
            body = client.get_object(Bucket=self.stage.s3.bucket, Key=item["Key"])["Body"].read()
            is_manifest = item["Key"].endswith("manifest.jsonl")
            yield item["Key"], Stored(hashlib.sha256(body).hexdigest(), _decodes(body), body if is_manifest else b"")


def _decodes(body: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(body)) as image:
            image.load()
    except Exception:
        return False
    return True
