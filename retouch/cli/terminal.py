"""What the commands print, and with which code they end."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from enum import IntEnum
from typing import Any

from retouch.edit_result import Result
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
    # After a signal: 130 for Ctrl-C, 143 for SIGTERM (retouch.signals.exit_code).


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


def failure_text(result: Result, otherwise: str = "no reason was given") -> str:
    """Why an edit failed, in the API's own words where there are any."""
    return (result.error and (result.error.message or result.error.code)) or otherwise


def say_outage(reason: str | None) -> None:
    """Say that Redis is away, or with None that it is back; the command waits meanwhile."""
    say(f"Redis is away ({reason}); trying again until it is back" if reason else "Redis is back")


def workers_hint(workers: Collection[str]) -> str:
    """What to do where no worker is alive; empty if one is."""
    return "" if workers else "NO workers alive: nothing moves until one is started (celery -A workers worker)"


def duplicates_hint(view: BatchView) -> str:
    """How many edits may have been paid for more than once; empty if none."""
    if not view.duplicates:
        return ""
    return f"{view.duplicates} were sent more than once and may have been paid for more than once (possible_duplicate)"


def held_hint(view: BatchView) -> str:
    """What to do about held edits, which wait for a person; empty if there are none."""
    held = view.counts.get(EditState.HELD, 0)
    if not held:
        return ""
    return (
        f"{held} held: sent and never answered, so they wait for you to decide:"
        f" retouch retry {view.batch} --held, or retouch cancel {view.batch} --held"
    )
