"""One task sends the edits, another waits for ``_SUCCESS``, which is written when all else of the batch is in S3."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.sdk import dag
from retouch_operator import RetouchBatchOperator

NAMES = ("cat", "dog", "fox", "owl")
FOLDER = "s3://my-edits/restyle-{{ ds }}"  # with RETOUCH_PREFIX=edits/ it is s3://my-edits/edits/restyle-{{ ds }}


@dag(schedule="@daily", start_date=datetime(2026, 1, 1), catchup=False)
def restyle_sensor() -> None:
    """Edits, then their end."""
    edits = [
        {
            "custom_id": name,
            "prompt": f"a watercolour of a {name}, {{{{ ds }}}}",
            "init_image": f"https://example.com/{name}.png",
        }
        for name in NAMES
    ]
    send = RetouchBatchOperator(
        task_id="send",
        edits=edits,
        batch="restyle-{{ ds }}",
        wait=False,
        retries=3,
        retry_delay=timedelta(minutes=1),
    )
    send >> S3KeySensor(
        task_id="ended",
        bucket_key=f"{FOLDER}/_SUCCESS",
        deferrable=True,
        poke_interval=10,
        timeout=6 * 3600,
    )


restyle_sensor()
