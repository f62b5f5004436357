"""How the command line ends after it has used S3: with its own exit code, whatever the threads of a library do."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.harness.processes import RETOUCH, Ended, run
from workers.stack.s3 import S3

# A thread of obstore's that has told the loop of a result is slow to leave Python, and Python slow to be taken down.
LATE = """
import sys, threading, time
from asyncio.selector_events import BaseSelectorEventLoop

wake = BaseSelectorEventLoop._write_to_self

def wake_and_linger(loop):
    wake(loop)
    if threading.current_thread().daemon:
        time.sleep(0.2)

class Lasting:
    def __del__(self, sleep=time.sleep):
        sleep(1)

BaseSelectorEventLoop._write_to_self = wake_and_linger
lasting = Lasting()

from retouch.cli import main
sys.argv = ["retouch", *sys.argv[1:]]
main()
"""


def command(*arguments: str, **environment: str) -> Ended:
    """Run the command line, such that what is a race elsewhere is certain."""
    return run([sys.executable, "-c", LATE, *arguments], env=os.environ | environment)


def test_doctor_ends_by_itself_while_a_librarys_thread_is_in_python(s3: S3) -> None:
    """The process was aborted (SIGABRT) now and then: such a thread does not survive the end of the interpreter."""
    ended = command("doctor", RETOUCH_REDIS_URL="redis://127.0.0.1:1/0", RETOUCH_BUCKET=s3.bucket, **s3.environment)
    assert "ok    bucket" in ended.out
    assert ended.code == 6, ended


def test_a_command_whose_last_output_is_lost_does_not_succeed(redis_url: str, tmp_path: Path) -> None:
    """What was printed is written before the end, and a full disk is told."""
    manifest = tmp_path / "m.jsonl"
    manifest.write_text('{"custom_id": "a", "prompt": "x", "init_image": "https://example.com/a.png"}\n')
    lost = 'exec "$@" >/dev/full'
    enqueue: list[str | Path] = [RETOUCH, "enqueue", manifest, "--batch", "b"]
    ended = run(["sh", "-c", lost, "sh", *enqueue], env=os.environ | {"RETOUCH_REDIS_URL": redis_url})
    assert (ended.code, "No space left on device" in ended.err) == (1, True)
    again = run(enqueue, env=os.environ | {"RETOUCH_REDIS_URL": redis_url})
    assert (again.code, again.out) == (0, "b\n")
