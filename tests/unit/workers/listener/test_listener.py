"""The listener's loop: what becomes of each message, in outages, at its end, and if it dies."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog

from retouch.errors import InputError, ServiceError
from retouch.intake.writing import Receipt
from retouch.triggers.taking import Taken, Taking, Told
from workers.listener.listener import GROUP, Listener
from workers.listener.sqs import HIDDEN_S, WAIT_S, Message, QueueRefusedError, Redrive

AT = datetime(2026, 11, 26, tzinfo=UTC)


class Source:
    """A queue in memory; once it is empty it ends the listener, as SIGTERM does. ``troubles`` are raised first."""

    name = "new"

    def __init__(self, *bodies: str, tries: int = 1) -> None:
        self.waiting = [Message(body, f"h-{body}", body, tries, AT) for body in bodies]
        self.acts: list[tuple[str, Any]] = []
        self.troubles: list[Exception] = []

    def receive(self, wait_s: int) -> list[Message]:
        if self.troubles:
            raise self.troubles.pop(0)
        page, self.waiting = self.waiting[:10], self.waiting[10:]
        if not page and wait_s == WAIT_S:
            os.kill(os.getpid(), signal.SIGTERM)
        return page

    def delete(self, messages: Sequence[Message]) -> int:
        self.acts.append(("delete", [one.body for one in messages]))
        return 0

    def hide(self, messages: Sequence[Message], seconds: Callable[[Message], int]) -> int:
        if messages:
            self.acts.append(("hide", {one.body: seconds(one) for one in messages}))
        return 0


class Taker:
    """Takes all but those that are named in ``bad``; ``errors`` are raised first."""

    def __init__(self, *errors: Exception, bad: Iterable[str] = (), on_disk: bool = True) -> None:
        self.errors = list(errors)
        self.bad = set(bad)
        self.on_disk = on_disk
        self.groups: list[list[str | bytes]] = []

    def take(self, messages: Iterable[Told]) -> Taking:
        bodies = [one.body for one in messages]
        self.groups.append(bodies)
        if self.errors:
            raise self.errors.pop(0)
        if "bug" in bodies:
            raise ZeroDivisionError
        taken = [Taken(troubles=["no"] if one in self.bad else []) for one in bodies]
        return Taking(taken, [Receipt("b", len(bodies), 0, on_disk=self.on_disk)])


class Time:
    """Nothing waits: a sleep turns the clock. ``instead`` is called in place of it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.instead: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self.instead()

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Time:
    """The listener's own."""
    monkeypatch.setattr("workers.listener.listener.time", clock := Time())
    monkeypatch.setattr("workers.health._folder", lambda: tmp_path)
    return clock


def listen(source: Source, taker: Any, *, confirms: bool = True) -> list[Any]:
    """Run a listener until the queue is empty; returns what it has logged."""
    with structlog.testing.capture_logs() as lines:
        Listener(source, Redrive(5, "failed"), taker, lambda: confirms).run()
    return lines


def test_a_message_is_deleted_when_its_edits_are_written() -> None:
    """All of a group at once; then it listens on, until it is told to end."""
    source, taker = Source("a", "b"), Taker()
    lines = listen(source, taker)
    assert source.acts == [("delete", ["a", "b"])]
    assert taker.groups == [["a", "b"]]
    assert [line["event"] for line in lines] == ["edits.enqueued", "listener.stopped"]


def test_many_messages_are_taken_in_groups() -> None:
    """So that Redis' disk is waited for once a group, and not once a message."""
    source, taker = Source(*map(str, range(GROUP + 15))), Taker()
    listen(source, taker)
    assert [len(group) for group in taker.groups] == [GROUP, 15]


def test_long_messages_are_taken_in_smaller_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may send to the queue makes them as long as SQS lets them be; they do not fill the memory."""
    monkeypatch.setattr("workers.listener.listener.GROUP_CHARACTERS", 50)
    source, taker = Source(*(f"{n:010}" for n in range(25))), Taker()
    listen(source, taker)
    assert [len(group) for group in taker.groups] == [10, 10, 5]


@pytest.mark.parametrize(("tries", "again_in_s"), [(1, 10), (2, 20), (4, 80)])
def test_a_message_that_cannot_be_taken_comes_again_later(tries: int, again_in_s: int) -> None:
    """And is told, with why and when; the others are deleted."""
    source = Source("a", "bad", tries=tries)
    lines = listen(source, Taker(bad=["bad"]))
    assert source.acts == [("delete", ["a"]), ("hide", {"bad": again_in_s})]
    [line] = [line for line in lines if line["event"] == "message.not_taken"]
    told = {name: line[name] for name in ("log_level", "message_id", "tries", "reason", "retry_in_s")}
    assert told == {
        "log_level": "warning",
        "message_id": "bad",
        "tries": tries,
        "reason": "no",
        "retry_in_s": again_in_s,
    }


def test_what_a_person_must_mend_comes_again_after_minutes() -> None:
    """As a right that is missing: there is time to give it before the last try."""

    class Refused(Taker):
        def take(self, messages: Iterable[Told]) -> Taking:
            return Taking([Taken(troubles=["AccessDenied"], for_a_person=True) for _ in messages], [])

    source = Source("a")
    listen(source, Refused())
    assert source.acts == [("delete", []), ("hide", {"a": 300})]


def test_the_last_try_is_told_with_the_place_where_the_message_goes() -> None:
    """As an error; it is given back at once, so that SQS puts it there."""
    source = Source("bad", tries=5)
    lines = listen(source, Taker(bad=["bad"]))
    assert source.acts == [("delete", []), ("hide", {"bad": 0})]
    [line] = [line for line in lines if line["event"] == "message.given_up"]
    assert (line["log_level"], line["kept_in"]) == ("error", "failed")


def test_an_outage_is_waited_for_with_the_messages_in_hand(time: Time) -> None:
    """It is no try of theirs: nothing is received meanwhile, and nothing given back. It is told once."""
    source = Source("a")
    taker = Taker(*[ServiceError("Redis is away")] * 5)
    lines = listen(source, taker)
    assert source.acts == [("delete", ["a"])]
    assert time.slept == [1, 2, 4, 8, 16]
    events = [line["event"] for line in lines]
    assert events == ["listener.waiting", "edits.enqueued", "listener.resumed", "listener.stopped"]


def test_messages_in_hand_stay_hidden_through_a_long_outage(time: Time) -> None:
    """Else another listener would receive them, and SQS would count that as tries."""
    source = Source("a")
    listen(source, Taker(*[ServiceError("Redis is away")] * 10))
    kept = [act for act in source.acts if act[0] == "hide"]
    assert kept == [("hide", {"a": HIDDEN_S})] * 2
    assert sum(time.slept) > HIDDEN_S


def test_nothing_is_deleted_before_it_is_on_the_disk_of_redis() -> None:
    """If Redis can tell; the same is enqueued again, which adds nothing."""
    source, taker = Source("a"), Taker(on_disk=False)

    class Slow(Taker):
        def take(self, messages: Iterable[Told]) -> Taking:
            self.on_disk = len(self.groups) == 2
            return super().take(messages)

    lines = listen(source, taker := Slow())
    assert len(taker.groups) == 3
    assert source.acts == [("delete", ["a"])]
    assert "has not confirmed that edits of batch b are on its disk" in lines[0]["reason"]


def test_a_redis_without_a_file_is_told_and_used() -> None:
    """Once, with what follows and what to do."""
    source = Source("a")
    lines = listen(source, Taker(on_disk=False), confirms=False)
    assert source.acts == [("delete", ["a"])]
    assert [line["event"] for line in lines][:1] == ["listener.unconfirmed"]


def test_a_bug_that_one_message_meets_does_not_stop_the_others() -> None:
    """It is tried alone, and goes where such go."""
    source = Source("a", "bug", "c")
    lines = listen(source, Taker())
    assert source.acts == [("delete", ["a", "c"]), ("hide", {"bug": 10})]
    assert "a bug in Retouch: ZeroDivisionError" in [line.get("reason") for line in lines]


def test_a_queue_that_is_away_is_waited_for(time: Time) -> None:
    """With messages that it gave before in hand."""
    source = Source("a")
    source.troubles = [ServiceError("no answer"), ServiceError("no answer")]
    listen(source, Taker())
    assert time.slept == [1, 2]
    assert source.acts == [("delete", ["a"])]


@pytest.mark.parametrize("error", [QueueRefusedError("no such queue"), InputError("no S3")])
def test_what_a_person_must_mend_ends_it(error: Exception) -> None:
    """Whoever runs it is told, and starts it again."""
    source, taker = Source("a"), Taker()
    (source.troubles if isinstance(error, QueueRefusedError) else taker.errors).append(error)
    with pytest.raises(type(error)):
        listen(source, taker)
    assert source.acts == []


def test_told_to_end_in_an_outage_it_gives_back_what_it_has(time: Time) -> None:
    """So that another listener gets it at once."""
    source = Source("a")
    time.instead = partial(os.kill, os.getpid(), signal.SIGTERM)
    listen(source, Taker(*[ServiceError("Redis is away")] * 9))
    assert source.acts == [("hide", {"a": 0})]


def test_told_to_end_while_it_works_it_finishes_that() -> None:
    """Its messages are deleted."""
    source = Source("a")

    class Ending(Taker):
        def take(self, messages: Iterable[Told]) -> Taking:
            os.kill(os.getpid(), signal.SIGTERM)
            return super().take(messages)

    listen(source, Ending())
    assert source.acts == [("delete", ["a"])]


def test_told_to_end_between_two_pages_it_gives_back_the_first() -> None:
    """It was not begun."""
    source = Source(*map(str, range(10)))
    before = source.receive

    def receive(wait_s: int) -> list[Message]:
        if wait_s < WAIT_S:
            os.kill(os.getpid(), signal.SIGTERM)
        return before(wait_s)

    source.receive = receive  # type: ignore[method-assign]
    taker = Taker()
    listen(source, taker)
    assert source.acts == [("hide", {str(n): 0 for n in range(10)})]
    assert taker.groups == []


def test_its_signals_are_as_before_when_it_has_ended() -> None:
    """Whoever called it has its own."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    listen(Source(), Taker())
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_left_out_objects_are_told() -> None:
    """With the reason."""

    class Leaving(Taker):
        def take(self, messages: Iterable[Told]) -> Taking:
            return Taking([Taken(left_out=[("s3://b/k", "no picture")]) for _ in messages], [])

    lines = listen(Source("a"), Leaving())
    assert json.loads(json.dumps(lines[0])) == {
        "event": "object.left_out",
        "log_level": "info",
        "uri": "s3://b/k",
        "reason": "no picture",
    }
