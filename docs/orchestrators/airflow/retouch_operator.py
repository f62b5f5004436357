"""A batch of edits as a task of Airflow 3: sent to a gateway of Retouch, and awaited without a slot of a worker.

It needs nothing but Airflow. Put it into the folder ``plugins``, where workers and triggerers find it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import httpx
from airflow.sdk import BaseHook, BaseOperator, Connection, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from airflow.triggers.base import BaseTrigger, TriggerEvent

WAIT_S = 25  # one question: the gateway answers it as soon as the batch has ended; proxies cut what is silent for long
PAUSE_S = 5  # before the next one, while the gateway is away
TAKEN = httpx.Timeout(900, connect=10)  # seconds, until a large batch is checked and written
AWAY = (408, 409, 429, 500, 502, 503, 504)  # the same request may do later; other errors are mistakes
SHOWN = 20  # failed edits that the log names


def batch_of(ti: Any) -> str:
    """The id of a task's batch: the same at each try, another in each run and for each mapped index."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", f"{ti.dag_id}-{ti.task_id}").strip("-")[:50]
    of_run = f"{ti.dag_id}/{ti.task_id}/{ti.run_id}/{ti.map_index}"
    return f"{name}-{hashlib.sha256(of_run.encode()).hexdigest()[:12]}"


def access(connection: Connection) -> dict[str, Any]:
    """How the gateway is reached: the connection's host is its URL, its password a key of it."""
    host, port = connection.host or "", f":{connection.port}" if connection.port else ""
    url = host if "://" in host else f"{connection.schema or 'https'}://{host}"
    return {"base_url": url + port, "headers": {"Authorization": f"Bearer {connection.password}"}}


def reason(answer: httpx.Response) -> str:
    """What the gateway says against a request."""
    if "json" not in answer.headers.get("Content-Type", ""):
        return f"{answer.url.host} answers {answer.status_code}, which is no answer of a gateway"
    problem = answer.json()
    faults = [f"line {one.get('line')}, {one.get('field')}: {one['detail']}" for one in problem.get("errors", [])]
    return "; ".join([f"the gateway answers {answer.status_code}: {problem['detail']}", *faults[:SHOWN]])


class RetouchBatchOperator(BaseOperator):
    """Enqueues edits as a batch and waits until it has ended; returns ``{"batch": id, "counts": edits by state}``.

    ``edits``: mappings of the fields of an edit; without any the task is skipped.
    ``batch``: its id; without one it follows from DAG, task and run.
    ``max_failures``: how many may fail, such as ``10`` or ``"1%"``; with more the batch is paused, and the task fails.
    Without it all are run, and one that fails or is cancelled fails the task.
    ``wait=False``: it ends once the edits are enqueued.
    """

    template_fields = ("edits", "batch")

    def __init__(
        self,
        *,
        edits: Iterable[Mapping[str, Any]],
        batch: str = "",
        max_failures: int | str | None = None,
        wait: bool = True,
        retouch_conn_id: str = "retouch_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.edits, self.batch, self.max_failures, self.wait = edits, batch, max_failures, wait
        self.retouch_conn_id = retouch_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Send the edits; what an earlier try has sent is there already, and is not paid for again."""
        batch = self.batch or batch_of(context["ti"])
        lines = "".join(json.dumps(edit) + "\n" for edit in self.edits)
        if not lines:
            raise AirflowSkipException("there are no edits")
        jsonl = {"Content-Type": "application/jsonl"}
        limit = {} if self.max_failures is None else {"max_failures": self.max_failures}
        told = self._ask("POST", f"/v1/batches/{batch}", params=limit, content=lines, headers=jsonl).json()
        self.log.info("batch %s: %s edits are new, %s were there", batch, told["accepted"], told["already"])
        if self.wait:
            trigger = RetouchBatchTrigger(batch=batch, retouch_conn_id=self.retouch_conn_id)
            self.defer(trigger=trigger, method_name="execute_complete", timeout=self.execution_timeout)
        return {"batch": batch}

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Name the edits that failed, and fail if too few have completed."""
        if "error" in event:
            raise AirflowFailException(event["error"])
        batch, total, counts = event["batch"], event["total"], event["counts"]
        if counts.get("failed"):
            found = self._ask("GET", f"/v1/batches/{batch}/results", params={"only": "failed"})
            for result in map(json.loads, found.text.splitlines()[:SHOWN]):
                self.log.warning("%s/%s failed: %s", batch, result["custom_id"], result["error"]["message"])
        limit = str(self.max_failures or 0)
        allowed = float(limit.rstrip("%")) * (total / 100 if limit.endswith("%") else 1)
        if event["state"] != "completed" or total - counts.get("completed", 0) > allowed:
            raise AirflowFailException(f"of the {total} edits of batch {batch}: {counts}; max_failures is {limit}")
        return {"batch": batch, "counts": counts}

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        connection = BaseHook.get_connection(self.retouch_conn_id)
        try:
            with httpx.Client(**access(connection), timeout=TAKEN) as client:
                answer = client.request(method, path, **more)
        except httpx.TransportError as error:
            raise AirflowException(
                f"the gateway does not answer ({error!r}); the next try adds what is missing"
            ) from None
        if not answer.is_success:
            raise (AirflowException if answer.status_code in AWAY else AirflowFailException)(reason(answer))
        return answer


class RetouchBatchTrigger(BaseTrigger):
    """Waits until a batch has ended, or is paused for its failures; the event is the batch as the gateway shows it."""

    def __init__(self, batch: str, retouch_conn_id: str) -> None:
        super().__init__()
        self.batch, self.retouch_conn_id = batch, retouch_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What another triggerer makes it of."""
        kwargs = {"batch": self.batch, "retouch_conn_id": self.retouch_conn_id}
        return f"{type(self).__module__}.{type(self).__qualname__}", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Ask again and again, also through outages of the gateway; Airflow ends it after the task's timeout."""
        connection = await BaseHook.aget_connection(self.retouch_conn_id)
        async with httpx.AsyncClient(**access(connection), timeout=WAIT_S + 15) as client:
            while True:
                try:
                    asked = {"timeout": WAIT_S, "until": "failures"}
                    answer = await client.get(f"/v1/batches/{self.batch}/wait", params=asked)
                except httpx.TransportError as error:
                    self.log.warning("the gateway does not answer (%r); it is asked again", error)
                    await asyncio.sleep(PAUSE_S)
                    continue
                if answer.status_code in AWAY:
                    await asyncio.sleep(PAUSE_S)
                    continue
                if not answer.is_success:
                    yield TriggerEvent({"error": reason(answer)})
                    return
                view = answer.json()
                if view["state"] == "completed" or any(one["cause"] == "failures" for one in view["paused"]):
                    yield TriggerEvent(view)
                    return
