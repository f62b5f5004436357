"""``retouch events``: the event stream as CloudEvents, one a line."""

from __future__ import annotations

import re
import sys
import time
from typing import Annotated

import typer

from retouch.cli.options import DEFAULT_REDIS_URL, RedisUrl, open_queue
from retouch.cli.terminal import emit, say
from retouch.errors import InputError, LedgerAwayError
from retouch.ledger import Event
from retouch.queue import EditQueue

BLOCK_MS = 2000  # less than a command's timeout
RETRY_S = 0.5

_ID = re.compile(r"(evt-)?(\d+-\d+)")


def events(
    follow: Annotated[bool, typer.Option("--follow", help="Go on with new events until Ctrl-C.")] = False,
    after: Annotated[str, typer.Option(metavar="ID", show_default=False, help="Begin after this event.")] = "",
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Print the events of the last days as JSONL (CloudEvents 1.0), oldest first."""
    match = _ID.fullmatch(after or "0-0")
    if not match:
        raise InputError(f"--after {after[:80]!r} is not an event's id (evt-1700000000000-0)")
    queue = open_queue(redis_url)
    last = match[2]
    while True:
        page, source = _page(queue, last, follow)
        if not page:
            return
        for event in page:
            emit(event.cloudevent(source))
        sys.stdout.flush()
        last = page[-1].stream_id


def _page(queue: EditQueue, last: str, follow: bool) -> tuple[list[Event], str]:
    """The next events and their source; with ``follow``, waits for them, however long Redis is away."""
    told = False
    while True:
        try:
            page = queue.ledger.reader.events(last, block_ms=BLOCK_MS if follow else None)
            source = queue.ledger.reader.source()
        except LedgerAwayError as error:
            if not follow:
                raise
            if not told:
                say(f"Redis is away ({error}); trying on")
            told = True
            time.sleep(RETRY_S)
            continue
        if told:
            say("Redis is back")
            told = False
        if page or not follow:
            return page, source
