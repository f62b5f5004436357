"""``retouch watch``: show the progress of a batch until it ends."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from retouch.advice.batch import blank_hint, duplicates_hint, money_hint, waiting_text
from retouch.cli.failures import failure_lines
from retouch.cli.options import BatchArgument, MaxFailures, RedisUrl, Timeout, open_queue
from retouch.cli.progress import Lines, Progress
from retouch.cli.reasons import Reasons
from retouch.cli.terminal import ExitCode, outcome, say, say_outage
from retouch.environment import DEFAULT_REDIS_URL
from retouch.failure_limit import TooManyFailuresError
from retouch.ledger import BatchView
from retouch.plural import count
from retouch.queue import EditQueue
from retouch.signals import exit_code
from retouch.states import EditState


def watch(
    batch: BatchArgument,
    timeout: Timeout = None,
    max_failures: MaxFailures = "",
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Show the progress of a batch until it ends.

    It also stops, with 3, when the batch is paused because more of its edits failed than its --max-failures.

    Exit code 0: all completed, or no more failed than --max-failures; 3: some failed, or more than that; 4: some were
    cancelled; 5: --timeout reached; 6: a service cannot be reached; 130, 143: ended by Ctrl-C, by SIGTERM. The batch
    goes on without this command.

    Examples:
        retouch watch oil --timeout 600
        retouch watch oil --max-failures 1%
    """
    began_at = time.monotonic()
    with _way_back(batch):
        queue = open_queue(redis_url, waits_s=math.inf if timeout is None else timeout)
    left_s = None if timeout is None else max(0.0, timeout - (time.monotonic() - began_at))
    raise typer.Exit(follow(queue, batch, left_s, max_failures))


def follow(queue: EditQueue, batch: str, timeout_s: float | None, max_failures: str = "") -> ExitCode:
    """Show progress until the batch has ended, or too much has failed, then its failures; returns the exit code.

    ``max_failures``: for ``EditQueue.wait``. Ends the command with 5 at the timeout, 130 at Ctrl-C and 143 at SIGTERM,
    and says how to continue.
    """
    view = queue.status(batch)
    if not view.finished:
        say(f"{batch}: {waiting_text(view)}")
    progress, reasons, was_away = _progress(), Reasons(queue), False

    def tell_outage(reason: str | None) -> None:
        nonlocal was_away
        was_away = True
        say_outage(reason, queue.service)

    def show(view: BatchView) -> None:
        nonlocal reasons, was_away
        if was_away and not view.finished:  # what was told before is far above, and may be over
            say(f"{batch}: {waiting_text(view)}")
            reasons = Reasons(queue)
        was_away = False
        progress.show(view)
        reasons.show(view)

    too_many = False
    with _way_back(batch):
        try:
            view = queue.wait(batch, timeout_s, show, tell_outage, max_failures=max_failures or None)
        except TooManyFailuresError as error:
            view, too_many = error.view, True
        finally:
            progress.close()  # before the last message
    _tell_end(view)
    limit = max_failures or view.max_failures
    if failed := view.counts.get(EditState.FAILED):
        for line in failure_lines(batch, queue.failures(batch)):
            say(line)
        if view.finished and limit:
            verdict = "more than" if too_many else "no more than"
            say(f"{failed} of {count(view.total, 'edit')} failed, {verdict} --max-failures {limit}")
        say(f"to try the failed edits again: retouch retry {batch}")
    return ExitCode.FAILURES if too_many else outcome(view, allowed=bool(limit))


def _tell_end(view: BatchView) -> None:
    if view.finished:
        say(f"batch {view.batch} has ended: {view.shown_counts}")
    else:  # why, and what to do about it, was told as for every pause
        say(f"batch {view.batch} is paused: {view.shown_counts}; edits at the API are finished and kept")
    for hint in filter(None, [money_hint(view), duplicates_hint(view), blank_hint(view)]):
        say(hint)


@contextmanager
def _way_back(batch: str) -> Iterator[None]:
    """End the command at the timeout or a signal, and say how to continue."""
    try:
        yield
    except TimeoutError as error:
        say(f"{error}; it goes on without this command. To continue: retouch watch {batch}")
        raise typer.Exit(ExitCode.TIMEOUT) from None
    except KeyboardInterrupt as interrupt:
        say(f"interrupted; the batch goes on. To continue: retouch watch {batch}")
        raise typer.Exit(exit_code(interrupt)) from None


def _progress() -> Progress:
    if not sys.stderr.isatty():
        return Lines()
    from retouch.cli.bar import Bar  # noqa: PLC0415 - rich takes a tenth of a second to load, and only a terminal needs it

    return Bar()
