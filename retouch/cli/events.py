"""``retouch events``: the event stream as CloudEvents, one a line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from retouch.cli.options import DEFAULT_REDIS_URL, RedisUrl, open_queue
from retouch.cli.terminal import emit, say, say_outage
from retouch.errors import InputError
from retouch.signals import exit_code


def events(
    follow: Annotated[bool, typer.Option("--follow", help="Wait for new events until Ctrl-C.")] = False,
    after: Annotated[
        str, typer.Option(metavar="ID", show_default=False, help="Begin after the event with this id.")
    ] = "",
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Print the events of the last 7 days at most, as JSONL (CloudEvents 1.0), oldest first."""
    queue = open_queue(redis_url)
    try:
        stream = queue.events(after, follow=follow, on_outage=say_outage)
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
