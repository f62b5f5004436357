"""Every day's pictures are restyled; more than 1 % of failures stop what comes after."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import dag, task
from retouch_operator import RetouchBatchOperator

NAMES = ("cat", "dog", "fox", "owl")


@task
def pictures(ds: str) -> list[dict[str, str]]:
    """The edits of a day; yours come from a table, or from a bucket."""
    url = "https://example.com/{name}.png"
    return [
        {"custom_id": name, "prompt": f"a watercolour of a {name}, {ds}", "init_image": url.format(name=name)}
        for name in NAMES
    ]


@task
def publish(batch: dict[str, object]) -> None:
    """What comes after: the results are in S3, below the batch's id."""
    print(f"{batch['batch']} is ready: {batch['counts']}")


@dag(schedule="@daily", start_date=datetime(2026, 1, 1), catchup=False)
def restyle() -> None:
    """Edits, batch, publication."""
    batch = RetouchBatchOperator(
        task_id="edit",
        edits=pictures(),
        max_failures="1%",
        retries=3,
        retry_delay=timedelta(minutes=1),
        execution_timeout=timedelta(hours=6),
    )
    publish(batch.output)


restyle()
