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
from retouch.signals import Terminated, exit_code, interrupt_of, raise_on
from tests.harness.processes import Process
from tests.harness.processes import run as run_program
from tests.harness.waiting import LIMIT_S
from tests.unit.cli.conftest import Run

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
    EditQueue.from_url(redis_url, namespace=NAMESPACE, timeout_s=LIMIT_S).enqueue(
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
    assert EditQueue.from_url(redis_url, namespace=NAMESPACE, timeout_s=LIMIT_S).status("b").total == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_events_that_are_followed_end_by_a_signal(redis_url: str, number: int, code: int) -> None:
    """The way back leaves no event out, and repeats the last printed one at most."""
    queue = EditQueue.from_url(redis_url, namespace=NAMESPACE, timeout_s=LIMIT_S)
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


# Runs a command, and sends a signal where it imports a module, or calls a function.
SIGNALLED = """
import importlib.abc, os, sys
number, where = int(sys.argv[1]), sys.argv[2]

class Signal(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == where:
            os.kill(os.getpid(), number)

sys.meta_path.insert(0, Signal())
from retouch.cli import main
from tests.harness.waiting import LIMIT_S
if "=" in where:
    from retouch.cli import app
    name = where.removesuffix("=")
    def signalled(*arguments, function=getattr(app, name)):
        os.kill(os.getpid(), number)
        function(*arguments)
    setattr(app, name, signalled)
sys.argv = ["retouch", "fields"]
main()
"""
MOMENTS = (
    "retouch.cli.app",
    "typer",
    "pydantic",
    "redis",
    "retouch.queue",
    "retouch.cli.watch",
    "app=",
    "_end_process=",
)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("where", MOMENTS)
def test_a_signal_before_and_after_a_command_ends_it_as_one_within(number: int, code: int, where: str) -> None:
    """Whatever is being loaded; one word, no traceback."""
    ended = run_program([sys.executable, "-c", SIGNALLED, str(number), where], env=os.environ)
    assert (ended.code, ended.err) == (code, "interrupted\n")


def test_a_signal_while_python_waits_is_no_bug(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    """An Event that is interrupted when it has released its lock raises RuntimeError."""

    def interrupted(*_of: object, **_how: object) -> None:
        event = Event()
        release = event._cond._release_save  # type: ignore[attr-defined] # the moment

        def release_and_interrupt() -> None:
            release()
            raise KeyboardInterrupt

        event._cond._release_save = release_and_interrupt  # type: ignore[attr-defined] # the moment
        event.wait()

    monkeypatch.setattr(EditQueue, "batches", interrupted)
    assert run("batches") == (130, "", "interrupted\n")
    assert interrupt_of(RuntimeError()) is None


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
        Event().wait(LIMIT_S)

    with pytest.raises(KeyboardInterrupt) as ended:
        go_on()
    assert exit_code(ended.value) == code
