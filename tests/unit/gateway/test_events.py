"""Events through a gateway whose way is bad: each comes once, whatever is cut, and a part never passes for all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from retouch import EditQueue, InputError, ServiceError
from tests.unit.gateway.test_client import Way, problem, queue, way

__all__ = ["queue", "way"]  # fixtures

KIND = {"Content_Type": "text/event-stream"}
CHUNKED = KIND | {"Transfer_Encoding": "chunked", "Connection": "close"}


def event(number: int) -> dict[str, Any]:
    """One with a place of its own."""
    return {"id": f"evt-0123456789abcdef-{number}-0", "type": "retouch.edit.completed", "subject": f"b/c{number}"}


def told(*numbers: int) -> bytes:
    """A stream of these."""
    events = [event(number) for number in numbers]
    return b"retry: 0\n\n: alive\n\n" + b"".join(
        f"id: {one['id']}\nevent: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in events
    )


def cut(stream: bytes) -> bytes:
    """The same in pieces, as a gateway sends it, of which the last one is missing."""
    return f"{len(stream):x}\r\n".encode() + stream + b"\r\n"


def test_a_list_that_is_cut_goes_on_after_the_last_event(way: Way, queue: EditQueue) -> None:
    """Also where the cut is in the middle of one."""
    way.will(200, cut(told(1, 2, 3)[:-20]), **CHUNKED)
    way.will(200, told(3)[:-20], **KIND)  # a proxy has made a whole answer of a part
    way.will(200, told(3, 4), **KIND)
    assert list(queue.events()) == [event(number) for number in (1, 2, 3, 4)]
    asked = [one.path.partition("?")[2] for one in way.requests]
    assert asked == ["after=0-0&follow=false", "after=2-0&follow=false", "after=2-0&follow=false"]


def test_a_list_that_is_always_cut_is_an_error(way: Way, queue: EditQueue) -> None:
    """After what came of it."""
    found: list[Any] = []
    way.will(200, cut(told(1)), **CHUNKED)
    way.will(200, cut(told()), **CHUNKED)
    with pytest.raises(ServiceError, match="cut, again and again"):
        found.extend(queue.events())
    events = iter(queue.events("evt-0123456789abcdef-1-0"))
    with pytest.raises(ServiceError):
        next(events)


def test_whoever_follows_hears_on_through_ends_and_outages(way: Way, queue: EditQueue) -> None:
    """The gateway ends and is away for a while: its caller is told of the second alone."""
    heard: list[str | None] = []
    way.will(200, told(7), **KIND)
    way.will(200, cut(told(8)), **CHUNKED)
    way.will(503, problem("away", "Redis is away"), Retry_After="0")
    for _ in range(5):
        way.will(503, problem("away", "Redis is away"), Retry_After="0")
    way.will(200, told(9), **KIND)
    events = queue.events("6-0", follow=True, on_outage=heard.append)
    assert [next(events)["id"] for _ in range(3)] == [event(number)["id"] for number in (7, 8, 9)]
    assert heard == ["Redis is away", None]
    assert "after=8-0&follow=true" in way.requests[-1].path


def test_what_is_no_stream_of_events_is_said_so(way: Way, queue: EditQueue) -> None:
    """A page of a proxy, also to whoever would wait; a key that may not read; and what is no id."""
    way.will(200, b"<html>log in</html>", Content_Type="text/html")
    for follow in (False, True):
        with pytest.raises(ServiceError, match="no answer of a gateway"):
            next(queue.events(follow=follow))
    way.steps.clear()
    way.will(403, problem("not-allowed", "this needs the scope read"))
    with pytest.raises(InputError, match="scope read"):
        next(queue.events(follow=True))
    with pytest.raises(InputError, match="not an event's id"):
        queue.events("yesterday")
