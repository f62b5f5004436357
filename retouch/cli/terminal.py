"""What the commands print, and their exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any

from retouch.edit_result import Result
from retouch.ledger import BatchView
from retouch.ledger.constants import PRODUCER_GONE_MS
from retouch.net.redaction import presentable
from retouch.plural import are, count, were
from retouch.states import EditState

_NAMED = 3  # workers
NO_WORKERS = "NO workers alive: no edit is processed, and no batch ends, until you start one (celery -A workers worker)"
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
    """Nothing failed, and some edits were cancelled; or the batch was cancelled while it was enqueued."""
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


def failure_text(result: Result, otherwise: str = "no reason was given") -> str:
    """Why an edit failed, in the API's own words if it gave any."""
    return (result.error and (result.error.message or result.error.code)) or otherwise


def ending(state: EditState, result: Result) -> str:
    """``failed (deadline)``: the state with the code, which docs/troubleshooting.md explains."""
    return f"{state.value} ({result.error.code})" if result.error and result.error.code else state.value


def say_outage(reason: str | None, service: str = "Redis") -> None:
    """Say that Redis (or a gateway) cannot be used, or with None that it is back; the command waits meanwhile."""
    say(f"{service} cannot be used ({reason}); retrying until it is back" if reason else f"{service} is back")


def difference_lines(found: Mapping[str, Mapping[str, Sequence[str]]]) -> list[str]:
    """A sentence for each setting in which workers differ: variable → value → the workers that have it."""
    return [
        f"workers differ in {variable}: {', '.join(map(_held_by, values.items()))}; each goes by its own, and of limits"
        " the loosest holds: set them alike"
        for variable, values in found.items()
    ]


def _held_by(held: tuple[str, Sequence[str]]) -> str:
    value, workers = held
    more = f" and {len(workers) - _NAMED} more" if len(workers) > _NAMED else ""
    return f"{value or 'nothing'} ({', '.join(workers[:_NAMED])}{more})"


def workers_hint(workers: Collection[str]) -> str:
    """What to do if no worker is alive; empty if one is."""
    return "" if workers else NO_WORKERS


def duplicates_hint(view: BatchView) -> str:
    """How many edits may have been paid for more than once; empty if none."""
    if not view.duplicates:
        return ""
    told = f"{count(view.duplicates, 'edit')} {were(view.duplicates)}"
    return f"{told} sent more than once and may have been paid for more than once (possible_duplicate)"


def unsealed_hint(view: BatchView) -> str:
    """Why a batch does not end although its edits may have ended; empty if nothing but they keep it."""
    if view.unsealed is None:
        return _open_hint(view)
    if datetime.now(UTC) - view.unsealed <= timedelta(milliseconds=PRODUCER_GONE_MS):
        return "not sealed: its producer is writing still, and the batch ends only after that"
    return (
        f"not sealed: its producer was last seen at {view.unsealed.isoformat(timespec='seconds')}. If it is gone:"
        f" enqueue the same again, or: retouch seal {view.batch}"
    )


def limit_hint(view: BatchView) -> str:
    """How many edits may fail; empty if any number."""
    if view.max_failures is None:
        return ""
    return f"max_failures is {view.max_failures}: with more failed edits, its queued ones are not submitted"


def money_hint(view: BatchView) -> str:
    """What a batch has cost, and what is to come; empty where no price is known."""
    return f"money: {view.money}" if view.money else ""


def _open_hint(view: BatchView) -> str:
    if view.open_until is None or view.open_until <= datetime.now(UTC):
        return ""
    until = view.open_until.isoformat(timespec="seconds")
    return f"open for more edits until {until}; to let it end before: retouch seal {view.batch}"


def blank_hint(view: BatchView) -> str:
    """How many edits have blank images, and how to list them; empty if none."""
    if not view.blank:
        return ""
    told = f"{count(view.blank, 'result')} {are(view.blank)}"
    return f"{told} blank (black or one colour), or may be: retouch results {view.batch} --blank"


def held_hint(view: BatchView) -> str:
    """What to do about held edits; empty if there are none."""
    held = view.counts.get(EditState.HELD, 0)
    if not held:
        return ""
    return (
        f"{count(held, 'edit')} {are(held)} held: sent and not answered, so your decision is needed:"
        f" retouch retry {view.batch} --held, or retouch cancel {view.batch} --held"
    )
