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
from retouch.records import BatchesRecord


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
    json_: Json = False,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="The newest N.")] = 50,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """List the batches, the newest first; those that ended longer ago than RETOUCH_RETENTION are only in S3.

    Examples:
        retouch batches --state completed --limit 5
    """
    views = open_queue(redis_url).batches(limit, state=state.value if state else None)
    if json_:
        record: BatchesRecord = {"batches": [view.to_json() for view in views]}
        emit(record)
        return
    for line in batch_lines(views, "no batches yet" if state is None else f"no batch is {state.value}"):
        typer.echo(printable(line))


def batch_lines(views: Sequence[BatchView], none: str = "no batches yet") -> list[str]:
    """A line for each batch; ``none`` where there are none."""
    width = max((len(view.batch) for view in views), default=0)
    return [_line(view, width) for view in views] or [none]


def _line(view: BatchView, width: int) -> str:
    ended = f"{view.ended}/{view.total}"
    unsealed = ", not sealed" if view.unsealed else ""
    why = f" ({' and '.join(pause.cause for pause in view.paused)})" if view.shown_state == PAUSED else ""
    return f"{view.batch:<{width}}  {view.shown_state:<9}  {ended:>15}  {view.shown_counts}{unsealed}{why}"
