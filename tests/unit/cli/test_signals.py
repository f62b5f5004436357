"""Ctrl-C and SIGTERM for commands that wait: the same sentence, the way back, and a shell's own exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from retouch import Edit, EditQueue
from retouch.signals import Terminated, exit_code, raise_on

DEADLINE_S = 60
# What a shell does for a job in the background, or nohup for its command.
IGNORING = (
    "import os, signal, sys; signal.signal(int(sys.argv[1]), signal.SIG_IGN); os.execv(sys.argv[2], sys.argv[2:])"
)

Command = subprocess.Popen[str]


@contextmanager
def started(redis_url: str, *arguments: str, ignoring: int | None = None) -> Iterator[Command]:
    """The command line as a process of its own, which is gone afterwards."""
    wrapper = [] if ignoring is None else [sys.executable, "-c", IGNORING, str(ignoring)]
    command = [*wrapper, sys.executable, "-m", "retouch", *arguments]
    env = os.environ | {"RETOUCH_REDIS_URL": redis_url}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def end(process: Command, number: int, word: str) -> tuple[int, str]:
    """Wait for a line of progress with ``word`` in it, send the signal; return the exit code and the rest of stderr."""
    assert process.stderr
    assert any(word in line for line in process.stderr)
    process.send_signal(number)
    _, err = process.communicate(timeout=DEADLINE_S)
    return process.returncode, err


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
    EditQueue.from_url(redis_url).enqueue([Edit(custom_id="a", prompt="x", init_image="https://e.com/a")], batch="b")
    with started(redis_url, "watch", "b", ignoring=ignoring) as watch:
        ended, err = end(watch, number, "0/1 ended")
    assert ended == code
    assert "interrupted; the batch goes on. Come back with: retouch watch b" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_enqueue_that_waits_ends_by_a_signal(redis_url: str, tmp_path: Path, number: int, code: int) -> None:
    """The same sentence as watch's; what was enqueued stays."""
    manifest = tmp_path / "m.jsonl"
    manifest.write_text('{"custom_id": "a", "prompt": "x", "init_image": "https://e.com/a"}\n')
    with started(redis_url, "enqueue", str(manifest), "--batch", "b", "--wait") as enqueue:
        ended, err = end(enqueue, number, "0/1 ended")
    assert ended == code
    assert "interrupted; the batch goes on. Come back with: retouch watch b" in err
    assert EditQueue.from_url(redis_url).status("b").total == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_events_that_are_followed_end_by_a_signal(redis_url: str, number: int, code: int) -> None:
    """The way back begins behind the last event that was printed."""
    queue = EditQueue.from_url(redis_url)
    queue.enqueue([Edit(custom_id="a", prompt="x", init_image="https://e.com/a")], batch="b")
    queue.cancel("b")
    with started(redis_url, "events", "--follow") as events:
        assert events.stdout
        assert '"b/a"' in events.stdout.readline()
        events.send_signal(number)
        _, err = events.communicate(timeout=DEADLINE_S)
    assert events.returncode == code
    [event] = queue.events()
    assert f"Come back with: retouch events --follow --after {event['id']}" in err


@pytest.fixture
def dispositions() -> Iterator[None]:
    """Leave this process's signals as they were."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
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
