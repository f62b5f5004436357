"""How a worker finds its way back to the broker."""

from __future__ import annotations

import importlib
import json
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from kombu.exceptions import OperationalError

from retouch.ledger import Claim, Step


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The Celery app of a worker whose broker does not listen."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening
        url = f"redis://127.0.0.1:{taken.getsockname()[1]}/0"
        for name, value in {"API_KEY": "key", "BUCKET": "bucket", "REDIS_URL": url}.items():
            monkeypatch.setenv(f"RETOUCH_{name}", value)
        yield importlib.reload(importlib.import_module("workers.celery")).app
    monkeypatch.undo()


def test_a_message_that_the_broker_does_not_take_is_a_connection_error(app: Any) -> None:
    """The dispatcher knows no library of Celery's, and goes on after this error alone."""
    claim = Claim("b/1", 1, Step.SUBMIT)
    with pytest.raises(ConnectionError):
        sys.modules["workers.celery"]._send(Step.SUBMIT, [claim])


def test_tries_to_reconnect_never_lie_far_apart(app: Any) -> None:
    """Kombu's own intervals grow to 30 s, which would be added to every longer outage."""
    intervals: list[float] = []
    with pytest.raises(OperationalError), app.connection_for_read() as connection:
        connection.ensure_connection(lambda _error, interval: intervals.append(interval), max_retries=4)
    assert intervals == sorted(intervals)
    assert 0 < intervals[0] <= intervals[-1] <= 2
    with app.connection_for_read() as connection:
        assert connection.transport_options["health_check_interval"] <= 1
        assert connection.transport_options["socket_timeout"] <= 3


def test_what_celery_inspect_tells_of_the_broker_can_be_sent(app: Any) -> None:
    """The answer of ``celery inspect stats`` is JSON; with something else in it no worker answers."""
    with app.connection_for_read() as connection:
        told = json.loads(json.dumps(connection.info()))
    assert told == {"transport": "redis", "uri": sys.modules["workers.celery"].settings.redis.shown}
