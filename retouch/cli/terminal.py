"""What the commands print, and their exit codes."""

from __future__ import annotations

import json
import sys
from enum import IntEnum
from typing import Any

from retouch.ledger import BatchView
from retouch.net.redaction import presentable
from retouch.states import EditState

LOST_OUTPUT = "retouch: the output could not be written: {}"


class ExitCode(IntEnum):
    """The exit codes of the commands; docs/cli.md is made from these. After a signal: ``retouch.signals.exit_code``."""

    OK = 0
    """Done. Of a command that waits: all edits completed. Of `enqueue` without `--wait`: all were accepted."""
    BUG = 1
    """A bug in Retouch, or the output could not be written (a full disk)."""
    INPUT = 2
    """Bad usage, a bad manifest, or a setting that is wrong."""
    FAILURES = 3
    """Some edits failed (with `--max-failures`: more than that), or were left out with `--skip-invalid`.
    Of `download`: images are gone, or differ."""
    CANCELLED = 4
    """Nothing failed, and some edits were cancelled; or the batch was cancelled while it was enqueued. Of `retry` and
    `cancel`: somebody stopped it (`retouch jobs --stop`)."""
    TIMEOUT = 5
    """`--timeout` was reached; the batch goes on."""
    SERVICE = 6
    """Redis, S3 or the API cannot be reached, or refuses. Of `doctor`: a problem was found."""


def say(text: str) -> None:
    """Print a line for people."""
    sys.stderr.write(presentable(printable(text)) + "\n")
    sys.stderr.flush()


def emit(record: Any) -> None:
    """Print a record as one line of JSON."""
    sys.stdout.write(json.dumps(record) + "\n")


def printable(text: str) -> str:
    """Text from outside without control characters."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def outcome(view: BatchView, *, allowed: bool = False) -> ExitCode:
    """The exit code of a finished batch: a failure counts before a cancellation, and not if ``allowed``."""
    if view.counts.get(EditState.FAILED) and not allowed:
        return ExitCode.FAILURES
    return ExitCode.CANCELLED if view.counts.get(EditState.CANCELLED) else ExitCode.OK


def say_outage(reason: str | None, service: str = "Redis") -> None:
    """Say that Redis (or a gateway) cannot be used, or with None that it is back; the command waits meanwhile."""
    say(f"{service} cannot be used ({reason}); retrying until it is back" if reason else f"{service} is back")
