"""What an acceptance test holds in its hands: a world whose workers are processes as they are deployed."""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from typing import Any

import redis

from retouch.errors import LedgerAwayError
from retouch.ledger import Address, EditView
from retouch.states import EditState
from tests.harness.api import Api
from tests.harness.crew import Crew
from tests.harness.growing import Record
from tests.harness.waiting import LIMIT_S, LOOK_S
from tests.harness.world import World
from workers.stack.s3 import S3
from workers.stack.worker import Worker

LEASE_S = (
    "12"  # a machine in trouble may hold a worker up for a second or several, which is not what most tests are about
)


class Scene(World):
    """One test's world, with workers on demand."""

    def __init__(self, redis_url: str, s3: S3, api: Api, crew: Crew, *, init_image: str, hosts: str) -> None:
        super().__init__(redis_url, s3, api, init_image=init_image, hosts=hosts)
        self.crew = crew
        self.redis = redis.Redis.from_pool(Address.parse(redis_url).pool(decode_responses=True))
        self._cursor = "0-0"
        self._finished: set[str] = set()

    def logs(self) -> str:
        """Everything that workers have written."""
        return self.crew.logs()

    # --- workers ---------------------------------------------------------------------------------

    def worker(self, **settings: str) -> Worker:
        """A running worker; ``settings`` are variables without their ``RETOUCH_``, in lower case."""
        return self.crew.hire(self.settings(**settings))

    def nobody_works(self) -> None:
        """Dismiss the worker that was kept from earlier tests: it would take what is there before the next one."""
        self.crew.end()

    def another_worker(self, **settings: str) -> Worker:
        """One more, freshly started, which ends with the test."""
        worker = self.crew.prepared(self.settings(**settings))
        worker.start()
        return worker

    def settings(self, **settings: str) -> dict[str, str]:
        """The environment of a worker."""
        return (
            self.environment
            | {"RETOUCH_LEASE": LEASE_S}
            | {name if name.isupper() else f"RETOUCH_{name.upper()}": value for name, value in settings.items()}
        )

    # --- edits -----------------------------------------------------------------------------------

    def cases(self, rules: dict[str, Record], **fields: Any) -> str:
        """Enqueue one edit for each rule, under its name and struck by it alone; returns their batch's id."""
        self.api.rules(*(rule | {"match": f"[{name}]"} for name, rule in rules.items()))
        [edit] = self.edits(1, **fields)
        return self._enqueue([edit | {"custom_id": name, "prompt": f"oil [{name}]"} for name in rules])

    def finish(self, batch: str, within_s: float = LIMIT_S) -> dict[str, Record]:
        """Wait for the batch's end (on the event stream); returns its results by custom id."""
        self.until(lambda: self._ended(batch), f"batch {batch} ends", within_s)
        results = {result["custom_id"]: result for result in self.ledger.reader.results(batch)}
        for name in (name for name, result in results.items() if result["attempts"] > 1):
            print(f"{batch}/{name}:", *self.ledger.reader.history(batch, name) or (), sep="\n  ")  # if the test fails
        return results

    def finish_again(self, batch: str) -> dict[str, Record]:
        """Wait for the end of a batch that had ended before, and was opened again."""
        self._finished.discard(batch)
        return self.finish(batch)

    def run(self, **fields: Any) -> Record:
        """One edit, to its end: its result."""
        return self.finish(self.enqueue(**fields))["c0"]

    def finish_beside_another(self, batch: str, names: Collection[str]) -> dict[str, Record]:
        """Finish a batch of edits that are refused, each of them at least once before another edit completes."""
        self.until(lambda: all(self.edit(batch, name).strikes for name in names), f"all of {batch} are refused")
        assert self.run()["state"] == "completed"
        return self.finish(batch)

    def edit(self, batch: str, custom_id: str = "c0") -> EditView:
        """One edit as the ledger has it."""
        view = self.ledger.reader.edit(batch, custom_id)
        assert view is not None
        return view

    def reach(self, batch: str, state: EditState, custom_id: str = "c0") -> EditView:
        """Wait for an edit to be in a state; returns it as it was then."""

        def reached() -> EditView | None:
            view = self.edit(batch, custom_id)
            return view if view.state is state else None

        view = self.until(reached, f"{batch}/{custom_id} is {state}")
        assert view is not None
        return view

    def duplicates(self, batch: str) -> int:
        """How many edits of the batch may have been paid for twice, by the batch's own count."""
        view = self.ledger.reader.batch(batch)
        assert view is not None
        return view.duplicates

    def pause(self, name: str) -> str:
        """Wait for a pause (``KIND:CAUSE``) and return its reason."""
        return self.until(
            lambda: next((p.reason for p in self.ledger.reader.pauses() if p.name == name), ""), f"the pause {name}"
        )

    def _ended(self, batch: str) -> bool:
        if batch not in self._finished:
            try:
                events = self.ledger.reader.events(self._cursor, block_ms=500)
            except LedgerAwayError:
                time.sleep(LOOK_S)
                return False
            self._cursor = events[-1].stream_id if events else self._cursor
            self._finished |= {e.subject for e in events if e.type == "retouch.batch.completed"}
        return batch in self._finished

    # --- objects ---------------------------------------------------------------------------------

    def objects(self, batch: str) -> dict[str, tuple[bytes, str]]:
        """The batch's objects: name below its folder → (bytes, content type)."""
        client, found = self.s3.client(), {}
        folder = f"{self.prefix}{batch}/"
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
        return self.logs() + json.dumps([results, events])
