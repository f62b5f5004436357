"""Commands that wait, started while Redis is away: they wait for it too; the others end within seconds."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from retouch import Edit, EditQueue
from tests.harness.processes import RETOUCH, Process, run
from tests.harness.waiting import LIMIT_S
from workers.stack.valkey import Valkey

NOWHERE = "redis://127.0.0.1:1/0"


def started(redis_url: str, *arguments: str) -> Process:
    command = [sys.executable, "-m", "retouch", *arguments]
    return Process(command, env=os.environ | {"RETOUCH_REDIS_URL": redis_url})


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Valkey]:
    """A server with one edit in batch b, which is not running now."""
    server = Valkey(tmp_path)
    server.start()
    edit = Edit(custom_id="a", prompt="x", init_image="https://e.com/a")
    EditQueue.from_url(server.url).enqueue([edit], batch="b")
    server.stop()
    yield server
    server.stop()


def test_watch_waits_for_redis_and_goes_on(away: Valkey) -> None:
    """It says where it looks, and when it is there."""
    with started(away.url, "watch", "b") as watch:
        line = watch.err.line("waiting until it answers")
        assert line.startswith("Redis at redis://")
        assert "(RETOUCH_REDIS_URL) cannot be used: " in line
        away.start()
        watch.err.line("Redis answers")
        watch.err.line("b: waiting for 1 queued")
        watch.signal(signal.SIGTERM)
        assert watch.end().code == 143


def test_events_that_are_followed_wait_for_redis(away: Valkey) -> None:
    """Nothing that is told later is missed."""
    with started(away.url, "events", "--follow") as events:
        events.err.line("waiting until it answers")
        away.start()
        events.err.line("Redis answers")
        EditQueue.from_url(away.url).cancel("b")
        events.out.line('"b/a"')
        events.signal(signal.SIGINT)
        assert events.end().code == 130


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_wait_and_says_the_way_back(number: int, code: int) -> None:
    """As it does later."""
    with started(NOWHERE, "watch", "b") as watch:
        watch.err.line("waiting until it answers")
        watch.signal(number)
        assert watch.end().code == code
        assert "To continue: retouch watch b" in watch.err.text
        assert "Traceback" not in watch.err.text


def test_the_timeout_holds_for_the_wait_too() -> None:
    """Exit code 5."""
    ended = run([RETOUCH, "watch", "b", "--timeout", "0.2"], env=os.environ | {"RETOUCH_REDIS_URL": NOWHERE})
    assert ended.code == 5
    assert "has not answered within 0.2 s" in ended.err


@pytest.mark.parametrize("command", [["events"], ["remove", "b", "--yes"]])
def test_other_commands_do_not_wait(command: list[str]) -> None:
    """Exit code 6 within seconds."""
    ended = run([RETOUCH, *command], env=os.environ | {"RETOUCH_REDIS_URL": NOWHERE}, within_s=LIMIT_S)
    assert ended.code == 6
    assert "cannot use Redis at redis://127.0.0.1:1/0" in ended.err
