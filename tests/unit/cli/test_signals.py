"""Ctrl-C and SIGTERM for commands that wait: the same sentence, the way back, and a shell's own exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from retouch import Edit, EditQueue
from retouch.signals import Terminated, exit_code, raise_on
from tests.harness.processes import Process

NAMESPACE = "signals"  # no worker of another test takes these edits
# What a shell does for a job in the background, or nohup for its command.
IGNORING = (
    "import os, signal, sys; signal.signal(int(sys.argv[1]), signal.SIG_IGN); os.execv(sys.argv[2], sys.argv[2:])"
)


def started(redis_url: str, *arguments: str, ignoring: int | None = None) -> Process:
    """The command line as a process of its own."""
    wrapper = [] if ignoring is None else [sys.executable, "-c", IGNORING, str(ignoring)]
    command = [*wrapper, sys.executable, "-m", "retouch", *arguments]
    return Process(command, env=os.environ | {"RETOUCH_REDIS_URL": redis_url, "RETOUCH_NAMESPACE": NAMESPACE})


def end(process: Process, number: int, word: str) -> tuple[int, str]:
    """Wait for a line of progress with ``word`` in it, send the signal; return the exit code and all of stderr."""
    process.err.line(word)
    process.signal(number)
    return process.end().code, process.err.text


@pytest.mark.parametrize(
    ("number", "code", "ignoring"),
    [
        (signal.SIGINT, 130, None),
        (signal.SIGTERM, 143, None),
        (signal.SIGTERM, 143, signal.SIGINT),
        (signal.SIGTERM, 143, signal.SIGTERM),
    ],
    ids=["Ctrl-C", "SIGTERM", "SIGTERM in the background", "SIGTERM that was ignored"],
)
def test_watch_ends_by_a_signal_and_says_the_way_back(
    redis_url: str, number: int, code: int, ignoring: int | None
) -> None:
    """The batch goes on, whatever the command inherited."""
    EditQueue.from_url(redis_url, namespace=NAMESPACE).enqueue(
        [Edit(custom_id="a", prompt="x", init_image="https://e.com/a")], batch="b"
    )
    with started(redis_url, "watch", "b", ignoring=ignoring) as watch:
        ended, err = end(watch, number, "0/1 ended")
    assert ended == code
    assert "interrupted; the batch goes on. To continue: retouch watch b" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_enqueue_that_waits_ends_by_a_signal(redis_url: str, tmp_path: Path, number: int, code: int) -> None:
    """The same sentence as watch's; what was enqueued stays."""
    manifest = tmp_path / "m.jsonl"
    manifest.write_text('{"custom_id": "a", "prompt": "x", "init_image": "https://e.com/a"}\n')
    with started(redis_url, "enqueue", str(manifest), "--batch", "b", "--wait") as enqueue:
        ended, err = end(enqueue, number, "0/1 ended")
    assert ended == code
    assert "interrupted; the batch goes on. To continue: retouch watch b" in err
    assert EditQueue.from_url(redis_url, namespace=NAMESPACE).status("b").total == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_events_that_are_followed_end_by_a_signal(redis_url: str, number: int, code: int) -> None:
    """The way back leaves no event out, and repeats the last printed one at most."""
    queue = EditQueue.from_url(redis_url, namespace=NAMESPACE)
    edits = [Edit(custom_id=name, prompt="x", init_image="https://e.com/a") for name in ("first", "a")]
    queue.enqueue(edits, batch="b")
    queue.cancel("b")
    with started(redis_url, "events", "--follow") as events:
        events.out.line('"b/a"')
        events.signal(number)
        assert events.end().code == code
        err = events.err.text
    ways = [f"To continue: retouch events --follow --after {event['id']}" for event in queue.events()]
    assert any(way in err for way in ways)


@pytest.fixture
def dispositions() -> Iterator[None]:
    """Leave this process's signals as they were."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    hook = sys.unraisablehook
    yield
    sys.unraisablehook = hook
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_that_nohup_ignores_stays_ignored(dispositions: None) -> None:
    """All but SIGTERM: that one always ends a process in order."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise_on(signal.SIGTERM, signal.SIGHUP)
    os.kill(os.getpid(), signal.SIGHUP)
    with pytest.raises(Terminated) as ended:
        os.kill(os.getpid(), signal.SIGTERM)
    assert exit_code(ended.value) == 143
    assert exit_code(KeyboardInterrupt()) == 130


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_not_lost_in_a_finalizer(dispositions: None, number: int, code: int) -> None:
    """Python drops what is raised in a __del__; the signal is raised again after it."""

    class Client:
        def __del__(self) -> None:
            os.kill(os.getpid(), number)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    raise_on(signal.SIGTERM)

    def go_on() -> None:
        Client()
        Event().wait(30)

    with pytest.raises(KeyboardInterrupt) as ended:
        go_on()
    assert exit_code(ended.value) == code
