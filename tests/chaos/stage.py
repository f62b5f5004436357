"""Where the harness plays: real Valkey and S3 behind proxies, the endpoint, a receiver, the nursery of workers."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis
import requests
from PIL import Image

from retouch.ledger import Ledger
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.acceptance.servers import Request, Web
from tests.chaos.crew import Hand, Nursery, until
from tests.chaos.evidence import Delivery, Evidence, Record, Stored
from tests.chaos.judge import BATCH_END, ENDS
from tests.chaos.proxy import Mode, Proxy
from workers.stack.child import Child, clean_environment
from workers.stack.ports import LOOPBACK, free_ports
from workers.stack.s3 import S3
from workers.stack.valkey import Valkey

WEBHOOK_SECRET = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class Api:
    """The endpoint as a process that can be killed and started again on its port, with its record in a file."""

    def __init__(self, folder: Path, key: str, *options: str) -> None:
        [self._port] = free_ports(1)
        self.record = folder / f"record-{self._port}.jsonl"
        self.child = Child("the endpoint", folder / f"endpoint-{self._port}.log")
        self._key, self._options = key, options
        self._root = f"http://{LOOPBACK}:{self._port}"
        self.url = f"{self._root}/sd/image2image/v1"

    def start(self) -> None:
        """Start it; returns when it listens."""
        command = [sys.executable, "-m", "workers.endpoint", "--port", str(self._port), "--die-with-parent"]
        command += ["--record", str(self.record), "--capacity", "64", *self._options]
        env = clean_environment(RETOUCH_API_KEY=self._key, RETOUCH_PRIVATE_HOSTS=LOOPBACK)
        self.child.launch(command, env=env)
        self.child.wait_until(lambda: '{"url"' in self.child.output() or None)

    def rules(self, *rules: Record) -> None:
        """Put these faults in place of all others."""
        headers = {"API-Key": self._key}
        requests.put(f"{self._root}/_faults", json=rules, headers=headers, timeout=10).raise_for_status()

    def entries(self, offset: int) -> list[Record]:
        """The record from a byte on."""
        with self.record.open("rb") as file:
            file.seek(offset)
            return [json.loads(line) for line in file.read().splitlines() if line.endswith(b"}")]


class Receiver(Web):
    """A receiver of webhooks that looks, at each event, whether what it says is true already."""

    def __init__(self, s3: S3, key: str) -> None:
        super().__init__(self._take)
        self.answers = 200
        self.deliveries: list[Delivery] = []
        self.leaks: list[str] = []
        self.sizes: dict[str, int] = {}  # batch → edits
        self._client, self._bucket, self._key = s3.client(), s3.bucket, key

    def _take(self, request: Request) -> tuple[int, bytes]:
        if self._key in f"{request.headers}{request.body!r}":
            self.leaks.append("the key came with an event")
        event, status = json.loads(request.body), self.answers
        missing = self._missing(event)
        header_id = request.headers.get("webhook-id", "")
        taken = status < 300
        self.deliveries.append(
            Delivery(event["id"], header_id, event["type"], event["subject"], event["data"], taken, missing)
        )
        return status, b""

    def _missing(self, event: Record) -> str:
        """What the event says that is not so."""
        try:
            if event["type"] == BATCH_END:
                return self._missing_of_batch(event["subject"], event["data"])
            for output in event["data"].get("outputs") or []:
                self._client.head_object(Bucket=self._bucket, Key=output["uri"].split("/", 3)[3])
        except Exception as error:
            return "" if "Could not connect" in str(error) else f"{event['subject']}: {error}"
        return ""

    def _missing_of_batch(self, batch: str, data: Record) -> str:
        folder = next((f for f in (f"{self.prefix}{batch}/",)), "")
        body = self._client.get_object(Bucket=self._bucket, Key=f"{folder}manifest.jsonl")["Body"].read()
        self._client.head_object(Bucket=self._bucket, Key=f"{folder}_SUCCESS")
        lines = len(body.splitlines())
        return "" if lines == self.sizes[batch] else f"its manifest was whole ({lines} of {self.sizes[batch]} lines)"

    prefix = ""


class Stage:
    """All servers, for many runs. A context manager, to be used in the main thread."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="retouch-chaos-")))
        self.key = secrets.token_hex(20)
        self.valkey = Valkey(self.folder / "valkey")
        self.s3 = S3(self.folder / "s3")
        self.plain = Api(self.folder, self.key, "--ignore-keys")
        self.idempotent = Api(self.folder, self.key)

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
        watched = (self.key.encode(), WEBHOOK_SECRET.encode())
        valkey_host = self.valkey.url.rpartition("@")[2].partition("/")[0]
        self.redis_proxy = self._stack.enter_context(Proxy(valkey_host, watched))
        self.s3_proxy = self._stack.enter_context(Proxy(self.s3.host, watched))
        self.receiver = self._stack.enter_context(Receiver(self.s3, self.key))
        picture = io.BytesIO()
        Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(picture, "PNG")
        self.pictures = self._stack.enter_context(Web(lambda _request: (200, picture.getvalue())))
        self._runs = 0

    def run(self, policy: str = "resubmit") -> Run:
        """A fresh world on the same servers: no workers, an empty Redis, no faults, a folder of its own in S3."""
        self.nursery.kill_all()
        for part in (self.valkey, self.s3, self.plain, self.idempotent):
            if not part.child.running:  # a run that got stuck in an outage
                part.start()
        for proxy in (self.redis_proxy, self.s3_proxy):
            proxy.become(Mode.PASS)
        with redis.Redis.from_url(self.valkey.url) as client:
            client.flushall()
        self._runs += 1
        return Run(self, policy, f"run{self._runs}/")

    def secrets(self) -> list[str]:
        """What no log may hold."""
        password = self.valkey.url.rpartition("@")[0].rpartition(":")[2]
        return [
            self.key,
            WEBHOOK_SECRET,
            password,
            self.s3.environment["AWS_SECRET_ACCESS_KEY"],
            "X-Amz-Signature=",
            "token=",
        ]


class Run:
    """One run: its edits, its workers, its evidence."""

    def __init__(self, stage: Stage, policy: str, prefix: str) -> None:
        self.stage, self.policy, self.prefix = stage, policy, prefix
        self.api = stage.idempotent if policy == "idempotent" else stage.plain
        self.api.rules()
        for part in (stage.redis_proxy, stage.s3_proxy, stage.receiver):
            part.leaks.clear()
        stage.receiver.prefix = prefix
        stage.receiver.answers = 200
        self.enqueued: dict[str, dict[str, int]] = {}
        self.queue = EditQueue.from_url(stage.valkey.url, private_hosts=LOOPBACK)
        self.ledger = Ledger.from_url(stage.valkey.url)
        self._record_from = self.api.record.stat().st_size
        self._trace = stage.nursery.new_trace()
        self._first_delivery = len(stage.receiver.deliveries)

    @property
    def environment(self) -> dict[str, str]:
        """What a worker or the CLI needs: Redis and S3 through the proxies."""
        stage = self.stage
        direct = stage.valkey.url.rpartition("@")
        return {
            "RETOUCH_REDIS_URL": f"{direct[0]}@{stage.redis_proxy.host}/0",
            "RETOUCH_API_URL": self.api.url,
            "RETOUCH_API_KEY": stage.key,
            "RETOUCH_API_IDEMPOTENT": str(self.policy == "idempotent").lower(),
            "RETOUCH_ON_AMBIGUOUS": "hold" if self.policy == "hold" else "resubmit",
            "RETOUCH_BUCKET": stage.s3.bucket,
            "RETOUCH_PREFIX": self.prefix,
            "RETOUCH_PRIVATE_HOSTS": LOOPBACK,
            "RETOUCH_WEBHOOK_URL": stage.receiver.url,
            "RETOUCH_WEBHOOK_SECRET": WEBHOOK_SECRET,
            **stage.s3.environment,
            "AWS_ENDPOINT_URL_S3": f"http://{stage.s3_proxy.host}",
        }

    def worker(self, *, crash: str = "", bug: str = "", lies: float = 0, head: int = 0, **settings: Any) -> Hand:
        """Fork a worker; ``settings`` are RETOUCH_ variables in lower case."""
        own = {f"RETOUCH_{name.upper()}": str(value) for name, value in settings.items()}
        chaos = {"CHAOS_CRASH": crash, "CHAOS_BUG": bug, "CHAOS_LIES": str(lies), "CHAOS_HEAD": str(head)}
        return self.stage.nursery.start(self.environment | own | chaos)

    def ready(self, *hands: Hand) -> None:
        """Wait for workers to take messages."""
        for hand in hands:
            until(lambda hand=hand: hand.ready or hand.ended.is_set(), f"{hand.name} is ready")

    def edits(self, count: int, samples: int = 1, **fields: Any) -> list[Record]:
        """So many edits, each with a prompt of its own."""
        base = {"width": 64, "height": 64, "samples": samples, "init_image": f"{self.stage.pictures.url}/in.png"}
        return [{"custom_id": f"c{n}", "prompt": f"oil painting {n}", **base, **fields} for n in range(count)]

    def enqueue(self, count: int, samples: int = 1, **fields: Any) -> str:
        """A batch of so many edits."""
        batch = f"b{secrets.token_hex(4)}"
        self.expect(batch, count, samples)
        receipt = self.queue.enqueue(self.edits(count, samples, **fields), batch=batch)
        assert receipt.accepted == count, receipt
        return batch

    def expect(self, batch: str, count: int, samples: int = 1) -> None:
        """These edits are about to be enqueued: each must end."""
        self.enqueued[batch] = {f"c{n}": samples for n in range(count)}
        self.stage.receiver.sizes[batch] = count

    def deliveries(self) -> list[Delivery]:
        """The events of this run."""
        return self.stage.receiver.deliveries[self._first_delivery :]

    def requests(self) -> list[Record]:
        """What the API recorded in this run."""
        return self.api.entries(self._record_from)

    def trace(self) -> list[Record]:
        """What the workers of this run told."""
        return self._trace.read()

    def unfinished(self) -> int:
        """How many ends nobody was told of yet."""
        told = {d.subject for d in self.deliveries() if d.taken and (d.type in ENDS or d.type == BATCH_END)}
        names = {f"{batch}/{custom_id}" for batch, edits in self.enqueued.items() for custom_id in edits}
        return len((names | set(self.enqueued)) - told)

    def finish(self, within_s: float = 60.0) -> None:
        """Wait until every end was told; raises TimeoutError."""
        until(lambda: not self.unfinished(), f"every end is told (of {self.api.url})", within_s)

    def evidence(self, *, late_post_s: float | None = None) -> Evidence:
        """Everything that the judge reads. Workers must have ended, or have nothing to do."""
        stage = self.stage
        leaks = [*stage.redis_proxy.leaks, *stage.s3_proxy.leaks, *stage.receiver.leaks]
        logs = stage.nursery.logs() + self.api.child.output()
        leaks += [f"{secret[:4]}… stands in a log" for secret in stage.secrets() if secret in logs]
        return Evidence(
            policy=self.policy,
            enqueued=self.enqueued,
            requests=self.requests(),
            objects=dict(self._objects()),
            deliveries=self.deliveries(),
            trace=self.trace(),
            leaks=leaks,
            late_post_s=late_post_s,
            held={f"{b}/{c}" for b, edits in self.enqueued.items() for c in edits if self._is_held(b, c)},
            wall_minus_monotonic=time.time() - time.monotonic(),
        )

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
