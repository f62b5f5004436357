"""What the commands print, and with which code they end."""

from __future__ import annotations

import json
import sys
from enum import IntEnum
from typing import Any

from retouch.ledger import BatchView
from retouch.states import EditState


class ExitCode(IntEnum):
    """How a command ends. 1 is left for a bug in Retouch itself."""

    OK = 0
    BUG = 1
    INPUT = 2  # bad usage or manifest
    FAILURES = 3  # finished, and not all of it well
    CANCELLED = 4
    TIMEOUT = 5  # still running
    SERVICE = 6  # something cannot be reached
    INTERRUPTED = 130  # Ctrl-C


def say(text: str) -> None:
    """Print a line for people."""
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()


def emit(record: Any) -> None:
    """Print a record as one line of JSON."""
    sys.stdout.write(json.dumps(record) + "\n")


def printable(text: str) -> str:
    """Text from outside without what would steer a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def counts_text(view: BatchView) -> str:
    """``3 queued, 5 completed``, in the order of an edit's life."""
    return ", ".join(f"{view.counts[s]} {s.value}" for s in EditState if view.counts.get(s)) or "no edits"


def outcome(view: BatchView) -> ExitCode:
    """The exit code of a finished batch: a failure counts before a cancellation."""
    if view.counts.get(EditState.FAILED):
        return ExitCode.FAILURES
    return ExitCode.CANCELLED if view.counts.get(EditState.CANCELLED) else ExitCode.OK


def held_hint(view: BatchView) -> str:
    """What to do about held edits, which wait for a person; empty if there are none."""
    held = view.counts.get(EditState.HELD, 0)
    if not held:
        return ""
    return (
        f"{held} held: sent and never answered, so they wait for you to decide:"
        f" retouch retry {view.batch} --held, or retouch cancel {view.batch} --held"
    )
