"""The Celery application: ``celery -A workers worker`` is a worker, rightly configured with no further option."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Any

from celery import Celery, signals
from celery.exceptions import CPendingDeprecationWarning
from kombu import Queue
from kombu.exceptions import OperationalError

from config import celery as celery_config
from config import logging
from config.settings import Settings, load
from retouch.errors import InputError
from retouch.events.sinks.spec import BATCH_SINKS
from retouch.ledger import Claim, Ledger, Step
from workers import options
from workers.broker import SoonAgain, transport_to
from workers.clients import Clients
from workers.composition import compose
from workers.runtime import current, set_current

# Celery announces a default of its next version at every loss of its connection, in several paragraphs.
warnings.simplefilter("ignore", CPendingDeprecationWarning)


def _load() -> Settings:
    options.refuse_celerys()
    try:
        return load()
    except InputError as error:
        sys.stderr.write(f"retouch: {error}\n")
        sys.exit(2)


settings = _load()
app = Celery("retouch", include=celery_config.TASK_MODULES)
queues = [celery_config.QUEUE, *map(celery_config.queue_of_sink, (*settings.all_sinks, BATCH_SINKS))]
SoonAgain.shown = settings.redis.shown
app.amqp.Connection = SoonAgain
app.conf.update(
    celery_config.settings(settings.namespace),
    broker_transport=transport_to(settings.redis),
    task_queues=[Queue(name, routing_key=name) for name in queues],
)


def _send(step: Step, claims: Sequence[Claim]) -> None:
    """Send one message, of claims that go to one queue. Raises ConnectionError if the broker does not take it."""
    payload = [(c.member, c.fence, c.at_ms) for c in claims]
    # Not retried here: a claim whose message is lost comes due again by itself.
    try:
        queue = celery_config.queue_of(claims[0])
        app.send_task(celery_config.TASKS[step], (payload,), queue=queue, retry=False, argsrepr="", kwargsrepr="")
    except OperationalError as error:
        raise ConnectionError(str(error)) from error


@signals.celeryd_init.connect
def _check_options(**_: Any) -> None:
    options.refuse_others()


@signals.setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Configured at worker_init; a receiver here keeps Celery from configuring its own."""


@signals.worker_init.connect
def _start(sender: Any, **_: Any) -> None:
    logging.configure(settings.secrets, level=options.log_level(sender.loglevel))
    # Workers need not know of each other: the ledger does. Fewer connections, and fewer ways to hang on reconnect.
    sender.options.update(without_gossip=True, without_mingle=True, without_heartbeat=True)
    sender.quiet = not sys.stdout.isatty()  # no banner between the lines of a log
    ledger = Ledger.from_url(settings.redis_url, namespace=settings.namespace, timeout_s=celery_config.REDIS_TIMEOUT_S)
    try:
        runtime = compose(settings, ledger, Clients(settings), _send, backlog=lambda: ledger.worker.messages(*queues))
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
