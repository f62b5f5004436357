"""A DAG that begins when a batch has ended, whoever has made it: a worker's sink tells a queue of SQS."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from airflow.providers.common.messaging.triggers.msg_queue import MessageQueueTrigger
from airflow.sdk import Asset, AssetWatcher, dag, task

QUEUE = "https://sqs.eu-central-1.amazonaws.com/123456789012/edits"  # RETOUCH_SINKS=sqs:ARN?types=batch.completed

trigger = MessageQueueTrigger(scheme="sqs", sqs_queue=QUEUE, region_name="eu-central-1", waiter_delay=5)
ended = Asset("retouch_batches", watchers=[AssetWatcher(name="ended", trigger=trigger)])


@task
def publish(triggering_asset_events: Any = None) -> list[str]:
    """The batches that have ended; an event may come twice, so what is done for a batch must bear that."""
    told = [event.extra["payload"]["message_batch"] for event in triggering_asset_events[ended]]
    events = [json.loads(message["Body"]) for messages in told for message in messages]
    for event in events:
        print(f"{event['subject']}: {event['data']}")
    return sorted({event["subject"] for event in events})


@dag(schedule=[ended], start_date=datetime(2026, 1, 1), catchup=False)
def on_batch_end() -> None:
    """Publication."""
    publish()


on_batch_end()
