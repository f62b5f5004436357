"""``retouch watch``: show the progress of a batch until it ends."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable

import typer

from retouch.cli.options import DEFAULT_REDIS_URL, BatchArgument, RedisUrl, Timeout, open_queue
from retouch.cli.pauses import batch_pause_line, pause_line
from retouch.cli.progress import Lines, Progress
from retouch.cli.terminal import (
    ExitCode,
    blank_hint,
    counts_text,
    duplicates_hint,
    failure_text,
    held_hint,
    outcome,
    say,
    say_outage,
    unsealed_hint,
    workers_hint,
)
from retouch.edit_result import Result
from retouch.errors import ServiceError
from retouch.ledger import BatchView
from retouch.queue import EditQueue
from retouch.signals import exit_code
from retouch.states import EditState

PAUSES_EVERY_S = 2.0
NAMED = 3  # custom ids shown for each failure message


def watch(
    batch: BatchArgument,
    timeout: Timeout = None,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Show the progress of a batch until it ends.

    Exit code 0: all completed; 3: some failed; 4: some were cancelled; 5: --timeout reached; 6: a service cannot be
    reached; 130, 143: ended by Ctrl-C, by SIGTERM. The batch goes on without this command.
    """
    queue = open_queue(redis_url)
    view = follow(queue, batch, timeout)
    raise typer.Exit(outcome(view))


def follow(queue: EditQueue, batch: str, timeout_s: float | None) -> BatchView:
    """Show progress until the batch has ended, then its failures, and return its last view.

    Ends the command with 5 at the timeout, 130 at Ctrl-C and 143 at SIGTERM, and says how to continue.
    """
    queue.status(batch)
    if hint := workers_hint(queue.workers()):
        say(hint)
    progress, pauses = _progress(), Pauses(queue)
    told: list[str] = []

    def show(view: BatchView) -> None:
        progress.show(view)
        for hint in [*_hints(view), *pauses.lines()]:
            if hint not in told:
                told.append(hint)
                say(hint)

    try:
        view = queue.wait(batch, timeout_s, show, say_outage)
    except TimeoutError as error:
        progress.close()  # before the last message
        say(f"{error}; it goes on without this command. To continue: retouch watch {batch}")
        raise typer.Exit(ExitCode.TIMEOUT) from None
    except KeyboardInterrupt as interrupt:
        progress.close()
        say(f"interrupted; the batch goes on. To continue: retouch watch {batch}")
        raise typer.Exit(exit_code(interrupt)) from None
    finally:
        progress.close()
    say(f"batch {batch} has ended: {counts_text(view)}")
    for hint in filter(None, [duplicates_hint(view), blank_hint(view)]):
        say(hint)
    if view.counts.get(EditState.FAILED):
        for line in failure_lines(queue.results(batch)):
            say(line)
        say(f"to try the failed edits again: retouch retry {batch}")
    return view


def _hints(view: BatchView) -> list[str]:
    """Why the batch does not move, as far as the batch itself says it."""
    hints = [batch_pause_line(view.batch, pause) for pause in view.paused]
    if view.ended + view.counts.get(EditState.HELD, 0) == view.total:
        hints += [held_hint(view), unsealed_hint(view)]
    return list(filter(None, hints))


class Pauses:
    """The pauses of the installation, looked up now and then while a batch is watched."""

    def __init__(self, queue: EditQueue, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue = queue
        self._clock = clock
        self._next = clock() + PAUSES_EVERY_S

    def lines(self) -> list[str]:
        """A line for each pause in force; empty between two looks, and while Redis is away."""
        if self._clock() < self._next:
            return []
        self._next = self._clock() + PAUSES_EVERY_S
        try:
            return [pause_line(pause) for pause in self._queue.pauses()]
        except ServiceError:  # the wait for the batch says that
            return []


def failure_lines(results: Iterable[Result]) -> list[str]:
    """The failures grouped by message, the most frequent first."""
    groups: dict[str, list[str]] = defaultdict(list)
    for result in results:
        if result.state is EditState.FAILED:
            groups[failure_text(result)].append(result.custom_id)
    lines = []
    for message, ids in sorted(groups.items(), key=lambda group: -len(group[1])):
        more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
        lines.append(f"  {len(ids)} failed: {message} ({', '.join(ids[:NAMED])}{more})")
    return lines


def _progress() -> Progress:
    if not sys.stderr.isatty():
        return Lines()
    from retouch.cli.bar import Bar  # noqa: PLC0415 - rich takes a tenth of a second to load, and only a terminal needs it

    return Bar()
