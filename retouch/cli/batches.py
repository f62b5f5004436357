"""``retouch batches``: the batches that Redis holds, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from retouch.cli.options import Json, RedisUrl, open_queue
from retouch.cli.terminal import emit, printable
from retouch.environment import DEFAULT_REDIS_URL
from retouch.ledger import BatchView
from retouch.ledger.views import PAUSED
from retouch.records.batches import BatchesRecord
from retouch.senders import senders_text


class Shown(StrEnum):
    """The states of a batch as people are shown them."""

    OPEN = "open"
    FINISHING = "finishing"
    COMPLETED = "completed"
    PAUSED = "paused"


def batches(
    state: Annotated[
        Shown | None,
        typer.Option(metavar="|".join(Shown), show_default=False, help="Only those in this state; by default all."),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            metavar="SENDER",
            show_default=False,
            help="Only those with edits of this sender: a key of the gateway, a user, a host, or a RETOUCH_SENDER.",
        ),
    ] = "",
    json_: Json = False,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="The newest N.")] = 50,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """List the batches, the newest first; those that ended longer ago than RETOUCH_RETENTION are only in S3.

    Examples:
        retouch batches --state completed --limit 5
        retouch batches --by nightly
    """
    views = open_queue(redis_url).batches(limit, state=state.value if state else None, by=by)
    if json_:
        record: BatchesRecord = {"batches": [view.to_json() for view in views]}
        emit(record)
        return
    for line in batch_lines(views, _none(state, by)):
        typer.echo(printable(line))


def _none(state: Shown | None, by: str) -> str:
    if not (state or by):
        return "no batches yet"
    return f"no batch{f' by {by[:80]}' if by else ''}{f' is {state.value}' if state else ' is there'}"


def batch_lines(views: Sequence[BatchView], none: str = "no batches yet") -> list[str]:
    """A line for each batch; ``none`` where there are none."""
    width = max((len(view.batch) for view in views), default=0)
    return [_line(view, width) for view in views] or [none]


def _line(view: BatchView, width: int) -> str:
    ended = f"{view.ended}/{view.total}"
    unsealed = ", not sealed" if view.unsealed else ""
    why = f" ({' and '.join(pause.cause for pause in view.paused)})" if view.shown_state == PAUSED else ""
    by = f", by {senders_text(view.senders)}" if view.senders else ""
    return f"{view.batch:<{width}}  {view.shown_state:<9}  {ended:>15}  {view.shown_counts}{unsealed}{why}{by}"
