"""Celery's settings, with a reason for each value that is not the default; the names of queue and tasks."""

from __future__ import annotations

from typing import Any

from retouch.events.sinks.spec import BATCH_SINKS
from retouch.ledger import SCHEMA, Claim, Step
from retouch.ledger.constants import NOTIFY_PREFIX

# Messages of one schema go to a queue of their own: a worker of another version never sees them.
QUEUE = f"queue.{SCHEMA}"
TASKS = {step: f"retouch.{step}" for step in Step}
TASK_MODULES = ("tasks.submit", "tasks.poll", "tasks.finish", "tasks.announce")

CHUNK = 200  # claims in one message: Celery's 3 to 4 ms a message become 0.02 ms a claim
REDIS_TIMEOUT_S = 2.0  # without an answer for so long, a connection is given up and the call made again on another
MAX_BACKLOG = 8  # messages that may wait in the broker: what waits there is under a lease that runs


def outlet(sink: str) -> str:
    """What deliveries to a sink are counted and sent by: its name; of batches' own sinks one for all of them."""
    return BATCH_SINKS if sink.startswith(NOTIFY_PREFIX) else sink


def queue_of_sink(sink: str) -> str:
    """The queue of a sink's deliveries: only the workers that have the sink see their messages."""
    return f"{QUEUE}.{outlet(sink)}"


def queue_of(claim: Claim) -> str:
    """The queue of a claim's message."""
    return queue_of_sink(claim.sink) if claim.step is Step.ANNOUNCE else QUEUE


def settings(namespace: str) -> dict[str, Any]:
    """Return Celery's configuration; the broker is the ledger's Redis, under the ledger's namespace."""
    return {
        # Kombu connects by the ledger's address (workers/broker.py); of this it reads the kind alone.
        "broker_url": "redis://localhost/0",
        # No task returns anything: the ledger holds the truth.
        "result_backend": None,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_default_queue": QUEUE,
        # A misspelt queue is an error, not a new queue that nobody reads.
        "task_create_missing_queues": False,
        # Threads: gevent loses messages on Redis, prefork stalls on SIGTERM. A task only hands its claims to
        # the event loop, so that few are needed.
        "worker_pool": "threads",
        "worker_concurrency": 4,
        # One message for each thread: what a full worker cannot take stays for the others.
        "worker_prefetch_multiplier": 1,
        # A message only wakes a worker up. It is acknowledged when it arrives: the lease, not the broker, lets another
        # worker take over. So hardly any message is unacknowledged when Redis fails.
        "task_acks_late": False,
        # An outage of Redis may last any time, also at the start.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_pool_limit": 8,
        # Our own logging (structlog) stays in place.
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "broker_transport_options": {
            # Every key of Celery's begins like the ledger's. Another Celery application on this database would
            # otherwise share `unacked` with us, and each would start messages of the other a second time.
            "global_keyprefix": f"{{{namespace}}}:",
            "visibility_timeout": 60,  # seconds; a message found again after that long is stale and does nothing
            # Seconds. The defaults wait for ever, or 51 s, on a half-open connection; so short, because a worker is to
            # go on within 5 s of Redis' return. The interval also bounds how long an answer to BRPOP may be overdue.
            "socket_timeout": REDIS_TIMEOUT_S,
            "socket_connect_timeout": REDIS_TIMEOUT_S,
            "socket_keepalive": True,
            "health_check_interval": 1,
            "max_connections": 32,
        },
    }
