"""The same with Airflow's own operator for OpenAI's batches, unchanged: its connection leads to the gateway."""

from __future__ import annotations

import json
import tempfile
from datetime import datetime, timedelta

from airflow.providers.openai.hooks.openai import OpenAIHook
from airflow.providers.openai.operators.openai import OpenAITriggerBatchOperator
from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowFailException

NAMES = ("cat", "dog", "fox", "owl")
ENDPOINT = "/v1/images/edits"


@task(retries=3, retry_delay=timedelta(minutes=1))
def upload(ds: str) -> str:
    """The day's edits as a file of a batch; returns its id."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for name in NAMES:
            body = {"prompt": f"a watercolour of a {name}, {ds}", "image": f"https://example.com/{name}.png"}
            line = {"custom_id": name, "method": "POST", "url": ENDPOINT, "body": body}
            file.write(json.dumps(line) + "\n")
        file.flush()
        return str(OpenAIHook("openai_default").upload_file(file.name, purpose="batch").id)


@task
def check(batch: str) -> None:
    """``completed`` includes failed edits: decide about them here."""
    counts = OpenAIHook("openai_default").get_batch(batch).request_counts
    if counts is None or counts.failed > 0.01 * counts.total:
        raise AirflowFailException(f"of batch {batch}: {counts}")


@dag(schedule="@daily", start_date=datetime(2026, 1, 1), catchup=False)
def restyle_openai() -> None:
    """A file, its batch, a decision."""
    batch = OpenAITriggerBatchOperator(
        task_id="edit",
        conn_id="openai_default",
        file_id=upload(),
        endpoint=ENDPOINT,
        metadata={"run": "{{ run_id }}"},  # a run's batch is its own, also where its file is that of another day
        deferrable=True,
        poll_interval=10,
        retries=3,
        retry_delay=timedelta(minutes=1),
    )
    check(batch.output)


restyle_openai()
