"""``retouch events``: the event stream as CloudEvents, one a line, and what of it was not delivered."""

from __future__ import annotations

import math
import sys
from functools import partial
from typing import Annotated

import typer

from retouch.cli.options import RedisUrl, open_queue
from retouch.cli.sink_lines import sink_trouble
from retouch.cli.terminal import emit, say, say_outage
from retouch.environment import DEFAULT_REDIS_URL
from retouch.errors import InputError
from retouch.queue import EditQueue
from retouch.signals import exit_code


def events(
    follow: Annotated[bool, typer.Option("--follow", help="Wait for new events until Ctrl-C.")] = False,
    after: Annotated[
        str, typer.Option(metavar="ID", show_default=False, help="Begin after the event with this id.")
    ] = "",
    undelivered: Annotated[
        bool, typer.Option("--undelivered", help="Only those that a sink has not taken, each with the reason.")
    ] = False,
    redeliver: Annotated[bool, typer.Option("--redeliver", help="Deliver these again, under the same ids.")] = False,
    sink: Annotated[
        str, typer.Option(metavar="NAME", show_default=False, help="Of the last two: for one sink; by default all.")
    ] = "",
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Print the events of the last 7 days at most, as JSONL (CloudEvents 1.0), oldest first.

    Examples:
        retouch events > events.jsonl
        retouch events --undelivered
    """
    _check(follow or bool(after), undelivered, redeliver, bool(sink))
    queue = open_queue(redis_url, waits_s=math.inf if follow else None)
    if undelivered:
        for event in queue.undelivered(sink or None):
            emit(event)
    elif redeliver:
        _redeliver(queue, sink)
    else:
        _print(queue, after, follow)


def _check(stream: bool, undelivered: bool, redeliver: bool, sink: bool) -> None:
    if stream + undelivered + redeliver > 1:
        raise InputError(
            "--undelivered and --redeliver cannot be used together, or with --follow or --after; choose one"
        )
    if sink and not (undelivered or redeliver):
        raise InputError("--sink needs --undelivered or --redeliver")


def _redeliver(queue: EditQueue, sink: str) -> None:
    count = queue.redeliver(sink or None)
    say(f"{count} {'event is' if count == 1 else 'events are'} to be delivered again")
    for one in queue.sinks():
        if sink in ("", one.name) and (trouble := sink_trouble(one)):
            say(trouble)


def _print(queue: EditQueue, after: str, follow: bool) -> None:
    try:
        stream = queue.events(after, follow=follow, on_outage=partial(say_outage, service=queue.service))
    except InputError as error:
        raise InputError(f"--after {error}") from None
    last = after
    try:
        for event in stream:
            emit(event)
            last = event["id"]  # before a reader can see the event and send a signal
            if follow:
                sys.stdout.flush()
    except KeyboardInterrupt as interrupt:
        again = f" --after {last}" if last else ""
        say(f"interrupted; the batches go on. To continue: retouch events{' --follow' if follow else ''}{again}")
        raise typer.Exit(exit_code(interrupt)) from None
