"""What a test of the running system holds in its hands: real servers, workers, the endpoint's own record."""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import redis
import requests
from redis.exceptions import ConnectionError, TimeoutError

from retouch.ledger import EditView, Ledger
from retouch.queue import EditQueue
from retouch.states import EditState
from workers.stack.child import Child, clean_environment
from workers.stack.endpoint import Endpoint
from workers.stack.ports import LOOPBACK
from workers.stack.s3 import S3
from workers.stack.worker import Worker

PREFIX = "edits/"
LOOK_S = 0.02  # how often a condition without a signal of its own is looked at
PATIENCE_S = 30.0  # generous: a machine under load; a test that passes never takes it

T = TypeVar("T")
Record = dict[str, Any]


def until(condition: Callable[[], T], what: str, within_s: float = PATIENCE_S) -> T:
    """Return ``condition()`` as soon as it is true; fails naming ``what`` after ``within_s`` seconds."""
    end = time.monotonic() + within_s
    while not (answer := condition()):
        assert time.monotonic() < end, f"not within {within_s:g} s: {what}"
        time.sleep(LOOK_S)
    return answer


class Api:
    """The endpoint from outside: its faults, and its record since this was made."""

    def __init__(self, url: str, api_key: str) -> None:
        self.url = url
        self._root = url.split("/sd/", 1)[0]
        self._session = requests.Session()
        self._session.headers["API-Key"] = api_key
        self.clear()
        self._since = max((entry["seq"] for entry in self._read(0)), default=-1) + 1
        self._known = self._count()

    def trouble(self, fault: str, **particulars: Any) -> None:
        """Put one rule in place of all others."""
        self.rules({"fault": fault, **particulars})

    def rules(self, *rules: Record) -> None:
        """Put rules in place of all others."""
        self._session.put(f"{self._root}/_faults", json=rules, timeout=10).raise_for_status()

    def clear(self) -> None:
        """End all trouble."""
        self._session.delete(f"{self._root}/_faults", timeout=10).raise_for_status()

    def submits(self) -> list[Record]:
        """Every POST of an edit, answered or not."""
        return self._read(self._since, "submit")

    def accepted(self) -> list[str]:
        """The ids of the edits that were taken: what the account pays for."""
        return [entry["id"] for entry in self.submits() if entry["new"]]

    def taken(self) -> int:
        """How many edits were taken, those that are not answered yet included."""
        return self._count() - self._known

    def polls(self) -> list[Record]:
        """Every status request."""
        return self._read(self._since, "status")

    def fetches(self) -> list[Record]:
        """Every request for a result."""
        return self._read(self._since, "result")

    def _count(self) -> int:
        about = self._session.get(f"{self._root}/", timeout=10).json()
        return int(about["waiting"] + about["running"] + about["finished"])

    def _read(self, since: int, kind: str | None = None) -> list[Record]:
        query = {"since": str(since)} | ({"kind": kind} if kind else {})
        answer = self._session.get(f"{self._root}/_record", params=query, timeout=10)
        answer.raise_for_status()
        entries: list[Record] = answer.json()
        return entries


class Crew:
    """The workers of one test. One that has the settings that the next test wants goes on working for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: tuple[dict[str, str], Worker] | None = None
        self._others: list[Worker] = []
        self._count = 0

    def hire(self, environment: dict[str, str]) -> tuple[Worker, bool]:
        """Return a running worker with this environment, and whether it is new."""
        if self._kept and self._kept[0] == environment and self._kept[1].child.running:
            return self._kept[1], False
        worker = self.prepared(environment)
        worker.start()
        self._others.remove(worker)
        self._kept = environment, worker
        return worker, True

    def prepared(self, environment: dict[str, str]) -> Worker:
        """A worker of this test alone, not started; the one that was kept from earlier tests is dismissed."""
        self._dismiss()
        self._count += 1
        worker = Worker(f"w{self._count}", environment, self._folder / f"w{self._count}.log")
        self._others.append(worker)
        return worker

    def end_test(self) -> None:
        """Kill the workers that were extra; the kept one goes on."""
        for worker in self._others:
            worker.kill()
        self._others.clear()

    def end(self) -> None:
        """Kill all."""
        self.end_test()
        self._dismiss()

    def logs(self) -> str:
        """Everything that workers have written."""
        return "".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("*.log")))

    def _dismiss(self) -> None:
        if self._kept:
            self._kept[1].kill()
        self._kept = None


class Scene:
    """One test's world: an empty Redis, the S3 server, the endpoint without trouble, and workers on demand."""

    def __init__(
        self, redis_url: str, s3: S3, endpoint: Endpoint, crew: Crew, private_hosts: list[str], init_image: str
    ) -> None:
        self.api = Api(endpoint.url, endpoint.api_key)
        self.s3 = s3
        self.crew = crew
        self.init_image = init_image
        hosts = ",".join([endpoint.host, s3.host, *private_hosts])
        self.environment = {
            "RETOUCH_REDIS_URL": redis_url,
            "RETOUCH_API_URL": endpoint.url,
            "RETOUCH_API_KEY": endpoint.api_key,
            "RETOUCH_BUCKET": s3.bucket,
            "RETOUCH_PREFIX": PREFIX,
            "RETOUCH_PRIVATE_HOSTS": hosts,
            **s3.environment,
        }
        self.queue = EditQueue.from_url(redis_url, private_hosts=hosts)
        self.ledger = Ledger.from_url(redis_url)
        self.redis = redis.Redis.from_url(redis_url, decode_responses=True)
        self._cursor = "0-0"
        self._finished: set[str] = set()

    # --- workers ---------------------------------------------------------------------------------

    def worker(self, **settings: str) -> Worker:
        """A running worker; ``settings`` are variables without their ``RETOUCH_``, in lower case."""
        worker, new = self.crew.hire(self.settings(**settings))
        if not new and "webhook_url" in settings:  # it names its sinks to the emptied Redis when it is next seen
            until(self.ledger.reader.workers, "the worker is seen")
        return worker

    def another_worker(self, **settings: str) -> Worker:
        """One more, freshly started, which ends with the test."""
        worker = self.crew.prepared(self.settings(**settings))
        worker.start()
        return worker

    def settings(self, **settings: str) -> dict[str, str]:
        """The environment of a worker."""
        return self.environment | {
            name if name.isupper() else f"RETOUCH_{name.upper()}": value for name, value in settings.items()
        }

    # --- edits -----------------------------------------------------------------------------------

    def enqueue(self, count: int = 1, **fields: Any) -> str:
        """Enqueue equal edits ``c0``, ``c1``… as a batch of their own; returns its id."""
        return self._enqueue([{"custom_id": f"c{n}", **fields} for n in range(count)])

    def cases(self, rules: dict[str, Record], **fields: Any) -> str:
        """Enqueue one edit for each rule, under its name and struck by it alone; returns their batch's id."""
        self.api.rules(*(rule | {"match": f"[{name}]"} for name, rule in rules.items()))
        return self._enqueue([{"custom_id": name, "prompt": f"oil [{name}]", **fields} for name in rules])

    def _enqueue(self, edits: list[Record]) -> str:
        batch = f"b{secrets.token_hex(4)}"
        fields = {"prompt": "an oil painting", "width": 64, "height": 64, "init_image": self.init_image}
        receipt = self.queue.enqueue([fields | edit for edit in edits], batch=batch)
        assert receipt.accepted == len(edits), receipt
        return batch

    def finish(self, batch: str, within_s: float = PATIENCE_S) -> dict[str, Record]:
        """Wait for the batch's end (on the event stream); returns its results by custom id."""
        end = time.monotonic() + within_s
        while not self._ended(batch):
            assert time.monotonic() < end, (
                f"{self.ledger.reader.batch(batch)} after {within_s:g} s\n{self.crew.logs()[-4000:]}"
            )
        return {result["custom_id"]: result for result in self.ledger.reader.results(batch)}

    def run(self, **fields: Any) -> Record:
        """One edit, to its end: its result."""
        return self.finish(self.enqueue(**fields))["c0"]

    def edit(self, batch: str, custom_id: str = "c0") -> EditView:
        """One edit as the ledger has it."""
        view = self.ledger.reader.edit(batch, custom_id)
        assert view is not None
        return view

    def reach(self, batch: str, state: EditState, custom_id: str = "c0") -> EditView:
        """Wait for an edit to be in a state."""
        until(lambda: self.edit(batch, custom_id).state is state, f"{batch}/{custom_id} is {state}")
        return self.edit(batch, custom_id)

    def duplicates(self, batch: str) -> int:
        """How many edits of the batch may have been paid for twice, by the batch's own count."""
        view = self.ledger.reader.batch(batch)
        assert view is not None
        return view.duplicates

    def pause(self, cause: str) -> str:
        """Wait for a pause and return its reason."""
        return until(
            lambda: next((p.reason for p in self.ledger.reader.pauses() if p.cause == cause), ""), f"a {cause} pause"
        )

    def _ended(self, batch: str) -> bool:
        if batch not in self._finished:
            try:
                events = self.ledger.reader.events(self._cursor, block_ms=500)
            except (ConnectionError, TimeoutError):
                time.sleep(LOOK_S)
                return False
            self._cursor = events[-1].stream_id if events else self._cursor
            self._finished |= {e.subject for e in events if e.type == "retouch.batch.completed"}
        return batch in self._finished

    # --- objects ---------------------------------------------------------------------------------

    def objects(self, batch: str, prefix: str = PREFIX) -> dict[str, tuple[bytes, str]]:
        """The batch's objects: name below its folder → (bytes, content type)."""
        client, found = self.s3.client(), {}
        folder = f"{prefix}{batch}/"
        for item in client.list_objects_v2(Bucket=self.s3.bucket, Prefix=folder).get("Contents", []):
            answer = client.get_object(Bucket=self.s3.bucket, Key=item["Key"])
            found[item["Key"].removeprefix(folder)] = answer["Body"].read(), answer["ContentType"]
        return found

    def images(self, batch: str) -> list[str]:
        """The names of the batch's images."""
        return sorted(name for name in self.objects(batch) if "/" in name)

    def manifest(self, batch: str) -> list[Record]:
        """The lines of ``manifest.jsonl``."""
        return [json.loads(line) for line in self.objects(batch)["manifest.jsonl"][0].splitlines()]

    # --- secrets ---------------------------------------------------------------------------------

    def secrets(self) -> list[str]:
        """What must never be seen: keys, passwords, and what makes a link work."""
        password = self.environment["RETOUCH_REDIS_URL"].split("@")[0].rpartition(":")[2]
        named = ("RETOUCH_API_KEY", "AWS_SECRET_ACCESS_KEY")
        return [*(self.environment[name] for name in named), password, "whsec_", "X-Amz-Signature", "token="]

    def told(self) -> str:
        """Everything that people and programs get to read: logs, results, events."""
        batches = [view.batch for view in self.ledger.reader.batches(1000)]
        results = [list(self.ledger.reader.results(batch)) for batch in batches]
        events = [event.data for event in self.ledger.reader.events()]
        return self.crew.logs() + json.dumps([results, events])


def endpoint_at(port: int, api_key: str, log: Path) -> Child:
    """Start an endpoint on a port that was chosen before."""
    child = Child("the late endpoint", log)
    command = [sys.executable, "-m", "workers.endpoint", "--port", str(port), "--die-with-parent"]
    child.launch(command, env=clean_environment(RETOUCH_API_KEY=api_key, RETOUCH_PRIVATE_HOSTS=LOOPBACK))
    child.wait_until(lambda: '{"url"' in child.output() or None)
    return child
