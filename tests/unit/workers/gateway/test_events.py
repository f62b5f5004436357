"""Events over HTTP: as they come, after a broken connection, and those that there are."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from retouch.errors import LedgerAwayError
from retouch.ledger import Ledger
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.harness.waiting import LIMIT_S, until
from tests.unit.workers.gateway.conftest import Caller, Client, problem
from tests.unit.workers.gateway.test_batches import end, fill
from workers.gateway.context import Gateway


class Stream:
    """Server-sent events, as a browser reads them."""

    def __init__(self, caller: Caller, path: str, last: str = "") -> None:
        headers = {"Last-Event-ID": last} if last else {}
        self.answer = caller.get(path, stream=True, headers=headers, timeout=LIMIT_S)
        assert self.answer.status_code == 200, self.answer.text
        self._lines = self.answer.iter_lines(chunk_size=1, decode_unicode=True)
        assert self.block() == ["retry: 2000"]

    def block(self) -> list[str]:
        """The next lines up to a blank one; none at the end."""
        found: list[str] = []
        for line in self._lines:
            if not line:
                return found
            found.append(line)
        return found

    def event(self) -> dict[str, Any]:
        """The next event."""
        place, kind, data = self.block()
        found: dict[str, Any] = json.loads(data.removeprefix("data: "))
        assert found["id"].endswith(place.removeprefix("id: "))
        assert kind == f"event: {found['type']}"
        return found


def test_events_of_a_batch_come_as_they_happen(client: Client, ledger: Ledger) -> None:
    """Its own alone."""
    fill(ledger, "a", 1)
    fill(ledger, "b", 1)
    stream = Stream(client(), "/v1/batches/b/events")
    assert stream.answer.headers["content-type"].startswith("text/event-stream")
    assert stream.answer.headers["x-accel-buffering"] == "no"
    end(ledger)
    end(ledger)
    assert [(event["type"], event["subject"]) for event in (stream.event(), stream.event())] == [
        ("retouch.edit.completed", "b/c0"),
        ("retouch.batch.completed", "b"),
    ]
    stream.answer.close()


def test_nothing_is_missed_after_a_broken_connection(client: Client, ledger: Ledger) -> None:
    """With the id of the last event, as a browser sends it, or with that of a webhook."""
    fill(ledger, count=3)
    end(ledger, count=1)
    first = EditQueue(ledger).events()
    known = next(iter(first))["id"]
    end(ledger, count=1)
    caller = client()
    for last in (known, known.partition("-")[2].partition("-")[2]):
        stream = Stream(caller, "/v1/events", last)
        assert stream.event()["subject"] == "b/c1"
        stream.answer.close()
    stream = Stream(caller, "/v1/events?after=0-0")
    assert [stream.event()["subject"] for _ in range(2)] == ["b/c0", "b/c1"]
    end(ledger, count=1)
    assert stream.event()["subject"] == "b/c2"
    stream.answer.close()


def test_events_are_chosen_by_type_and_by_the_prefix_of_the_key(client: Client, ledger: Ledger) -> None:
    """What another team does is not told."""
    fill(ledger, "team-a", 1)
    fill(ledger, "other", 1)
    caller = client(prefix="team-")
    stream = Stream(caller, "/v1/events?types=batch.completed,retouch.edit.failed")
    end(ledger, EditState.COMPLETED)
    end(ledger)
    assert stream.event()["subject"] == "team-a"
    stream.answer.close()
    refused = problem(caller.get("/v1/events?types=edit.done"))
    assert "there is no 'retouch.edit.done'" in refused["detail"]
    assert caller.get("/v1/events?after=x").status_code == 422


def test_a_stream_without_events_shows_that_it_lives(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no proxy takes it for dead."""
    monkeypatch.setattr("workers.gateway.native.events.SILENT_S", 0.01)
    stream = Stream(client(), "/v1/events")
    assert [stream.block(), stream.block()] == [[": alive"], [": alive"]]
    stream.answer.close()


def test_a_key_does_not_hold_all_connections(client: Client, ledger: Ledger) -> None:
    """Streams and waits count among its open requests; when one ends there is room for another."""
    fill(ledger, "b", 1)
    caller, other = client(max_open=2), client(name="other", max_open=1)
    streams = [Stream(caller, "/v1/events") for _ in range(2)]
    for path in ("/v1/events", "/v1/batches/b/wait", "/v1/batches"):
        refused = caller.get(path, stream=True)
        assert problem(refused)["detail"].startswith("key caller has 2 requests open here, streams and waits")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    assert other.get("/v1/batches").status_code == 200
    streams[0].answer.close()
    until(lambda: caller.get("/v1/batches").status_code == 200, "the gateway has seen that it ended")
    Stream(caller, "/v1/batches/b/events").answer.close()
    streams[1].answer.close()


def test_a_listener_that_is_too_slow_misses_nothing(
    client: Client, ledger: Ledger, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was dropped for it is read again."""
    monkeypatch.setattr("workers.gateway.feed.KEPT", 2)
    fill(ledger, count=30)
    stream = Stream(client(), "/v1/batches/b/events")
    end(ledger)
    assert [stream.event()["subject"] for _ in range(30)] == [f"b/c{n}" for n in range(30)]
    stream.answer.close()


def test_an_event_that_cannot_be_read_ends_no_stream(
    client: Client, ledger: Ledger, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is passed over; later ones are told."""
    monkeypatch.setattr("workers.gateway.feed._AGAIN_S", 0)
    events, calls = gateway.queue.events, [0]

    def odd(*args: Any, **more: Any) -> Any:
        calls[0] += 1
        first = calls[0] == 1
        return ({**event, "id": "odd"} if first else event for event in events(*args, **more))

    monkeypatch.setattr(gateway.queue, "events", odd)
    fill(ledger)
    stream = Stream(client(), "/v1/events")
    end(ledger, count=1)
    until(lambda: calls[0] == 2, "it goes on after the odd one")
    end(ledger, count=1)
    assert stream.event()["subject"] == "b/c1"
    stream.answer.close()


def test_streams_and_waits_end_with_the_gateway(client: Client, ledger: Ledger, gateway: Gateway) -> None:
    """At once: nobody holds up its end."""
    fill(ledger)
    caller, answers = client(), []
    stream = Stream(caller, "/v1/events")
    other = Caller(caller.url, caller.token)
    waiting = threading.Thread(target=lambda: answers.append(other.get("/v1/batches/b/wait?timeout=300")))
    waiting.start()
    until(lambda: len(gateway.feed._listeners) == 2, "both listen")
    gateway.feed._loop.call_soon_threadsafe(gateway.feed.close)  # type: ignore[union-attr]
    assert stream.block() == []
    waiting.join(60)
    assert answers[0].json()["state"] == "open"


@pytest.mark.parametrize("path", ["/v1/events", "/v1/batches/a-1/events"])
def test_the_events_that_there_are_end_with_the_newest(
    client: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """From the oldest on, or after one; page by page, and of the key's own batches alone."""
    monkeypatch.setattr("workers.gateway.feed.AT_ONCE", 2)
    for batch in ("a-1", "b-1"):
        fill(ledger, batch)
    end(ledger)
    caller = client(prefix="a-")
    stream = Stream(caller, f"{path}?follow=false")
    found = [stream.event() for _ in range(3)]
    assert [event["subject"] for event in found] == ["a-1/c0", "a-1/c1", "a-1/c2"]
    assert [stream.block() for _ in range(2)][-1] == []
    stream = Stream(caller, f"{path}?follow=false&after={found[1]['id']}")
    assert stream.event() == found[2]


def test_redis_away_is_told_before_the_events_begin(
    client: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a status, so that nobody takes nothing for all."""
    caller = client()

    def away() -> None:
        raise LedgerAwayError("connection refused")

    monkeypatch.setattr(ledger.reader, "check", away)
    assert caller.get("/v1/events?follow=false").status_code == 503
