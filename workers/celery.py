"""The Celery application: ``celery -A workers worker`` is a worker, rightly configured with no further flag."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Any

from celery import Celery, signals
from celery.exceptions import CPendingDeprecationWarning
from kombu import Connection, Queue
from kombu.exceptions import OperationalError
from kombu.transport import redis as kombu_redis

from config import celery as celery_config
from config import logging
from config.settings import Settings, load
from retouch.errors import InputError
from retouch.ledger import Claim, Ledger, Step
from workers.clients import Clients
from workers.composition import compose
from workers.runtime import current, set_current

# Celery announces a default of its next version at every loss of its connection, in several paragraphs.
warnings.simplefilter("ignore", CPendingDeprecationWarning)


def _load() -> Settings:
    try:
        return load()
    except InputError as error:
        sys.exit(f"retouch: {error}")


class _SoonAgain(Connection):
    """Tries to reconnect at least every 2 s; Kombu alone waits up to 30 s between attempts, whatever is configured."""

    def _ensure_connection(self, *args: Any, **options: Any) -> Any:
        return super()._ensure_connection(
            *args, **{"interval_start": 0.2, "interval_step": 0.2, "interval_max": 2, **options}
        )


settings = _load()
app = Celery("retouch", include=celery_config.TASK_MODULES)
app.amqp.Connection = _SoonAgain
app.conf.update(
    celery_config.settings(settings.redis_url, settings.namespace), task_queues=[Queue(celery_config.QUEUE)]
)


def _send(step: Step, claims: Sequence[Claim]) -> None:
    """Send one message. Raises ConnectionError if the broker does not take it."""
    payload = [(c.member, c.fence, c.at_ms) for c in claims]
    # Not retried here: a claim whose message is lost comes due again by itself.
    try:
        app.send_task(
            celery_config.TASKS[step], (payload,), queue=celery_config.QUEUE, retry=False, argsrepr="", kwargsrepr=""
        )
    except OperationalError as error:
        raise ConnectionError(str(error)) from error


@signals.setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Configured at worker_init; a receiver here keeps Celery from configuring its own."""


@signals.worker_init.connect
def _start(sender: Any, **_: Any) -> None:
    logging.configure(settings.secrets)
    # Workers need not know of each other: the ledger does. Fewer connections, and fewer ways to hang on reconnect.
    sender.options.update(without_gossip=True, without_mingle=True, without_heartbeat=True)
    sender.quiet = not sys.stdout.isatty()  # no banner between the lines of a log
    ledger = Ledger.from_url(settings.redis_url, namespace=settings.namespace, timeout_s=celery_config.REDIS_TIMEOUT_S)
    try:
        runtime = compose(
            settings, ledger, Clients(settings), _send, backlog=lambda: ledger.worker.messages(celery_config.QUEUE)
        )
        set_current(runtime)
        runtime.start()
    except Exception as error:  # Celery would log it and go on without the runtime
        sys.exit(f"retouch: the worker cannot start: {error}")


@signals.worker_shutting_down.connect
def _drain(**_: Any) -> None:
    current().drain()


@signals.worker_shutdown.connect
def _stop(**_: Any) -> None:
    current().stop()


def _refuse_closed_channel(connparams: Any) -> Any:
    """Kombu 5.7.0 asks a closed channel for its host and dies of an AttributeError, and the worker with it.

    It happens when Redis refuses connections while a message is unacknowledged. As a connection error it is
    retried like any other.
    """

    def guarded(self: Any, asynchronous: bool = False) -> Any:
        if self.connection is None or self.connection.client is None:
            raise ConnectionError("the broker channel is closed")
        return connparams(self, asynchronous)

    return guarded


_channel: Any = kombu_redis.Channel
_channel._connparams = _refuse_closed_channel(_channel._connparams)  # noqa: SLF001 - kombu has no other place for it
