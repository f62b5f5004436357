"""How the command line ends after it has used S3: with its own exit code, whatever the threads of a library do."""

from __future__ import annotations

import os
import sys

import pytest

from tests.harness.processes import Ended, run
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


# A command that prints, and ends, without a look at whether that is written.
PRINTS = """
import sys
from retouch.cli import app

def run():
    sys.stdout.write("all is well")
    sys.exit(int(sys.argv[1]))

app.run = run
app.main()
"""


@pytest.mark.parametrize(("code", "told"), [(0, 1), (3, 3)])
def test_a_command_whose_last_output_is_lost_does_not_succeed(code: int, told: int) -> None:
    """What was printed is written before the end, and a full disk is told."""
    command = [sys.executable, "-c", PRINTS, str(code)]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    written = run(command, env=buffered)
    assert (written.code, written.out) == (code, "all is well")
    lost = run(["sh", "-c", 'exec "$@" >/dev/full', "sh", *command], env=buffered)
    assert lost.code == told
    assert lost.err == "retouch: the output could not be written: No space left on device\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_while_a_command_prints_is_no_bug(unbuffered: str) -> None:
    """Told once, and the command does not succeed."""
    command = [sys.executable, "-m", "retouch", "fields", "--json"]
    own = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    lost = run(["sh", "-c", 'exec "$@" >/dev/full', "sh", *command], env=own)
    assert (lost.code, lost.err) == (1, "retouch: the output could not be written: No space left on device\n")
