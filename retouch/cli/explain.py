"""``retouch explain BATCH/CUSTOM_ID``: where an edit stands, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer

from retouch.advice.edit import ending, why
from retouch.cli.options import Json, RedisUrl, open_queue
from retouch.cli.terminal import emit, printable
from retouch.edit_result import Result
from retouch.environment import DEFAULT_REDIS_URL
from retouch.errors import InputError
from retouch.ledger import EditView, HistoryStep
from retouch.ledger.history import history_record
from retouch.queue import EditQueue


def explain(
    edit: Annotated[str, typer.Argument(metavar="BATCH/CUSTOM_ID", show_default=False, help="The edit.")],
    history: Annotated[
        bool, typer.Option("--history", help="List also what was done about it, and when, in local time.")
    ] = False,
    json_: Json = False,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Say where one edit stands, and why; with --history also how it came to that.

    Examples:
        retouch explain oil/lighthouse
        retouch explain oil/lighthouse --history
        retouch explain oil/lighthouse --history --json
    """
    batch, slash, custom_id = edit.partition("/")
    if not slash or not custom_id:
        raise InputError(
            f"{edit[:80]!r} is not BATCH/CUSTOM_ID, such as cats/cat-1; of a whole batch: retouch status BATCH"
        )
    queue = open_queue(redis_url)
    steps = queue.history(batch, custom_id) if history else []
    if json_ and history:
        emit(history_record(batch, custom_id, steps))
        return
    view = queue.edit(batch, custom_id)
    if json_:
        emit(view.to_json())
        return
    _explain(queue, view)
    if history:
        typer.echo(printable("\n".join(history_lines(steps))))


def _explain(queue: EditQueue, view: EditView) -> None:
    reason = why(view, queue.pauses(), queue.workers(), queue.provider(), datetime.now(UTC))
    stands = ending(view.state, Result(view.result or {}))
    typer.echo(printable(f"{view.batch}/{view.custom_id} is {stands}: {reason}"))
    if view.duplicate:
        typer.echo("It was sent more than once and may have been paid for more than once (possible_duplicate).")


NO_HISTORY = "no history of it is kept: RETOUCH_JOURNAL says of which edits one is, from when they are enqueued"


def history_lines(steps: Iterable[HistoryStep]) -> Iterator[str]:
    """The steps in local time, below the days on which they were."""
    day = ""
    for step in steps:
        at = step.at.astimezone()
        if day != (day := at.strftime("%Y-%m-%d (UTC%z)")):
            yield day
        yield f"{at.strftime('%H:%M:%S')}.{at.microsecond // 1000:03}  {step.text}"
    if not day:
        yield NO_HISTORY
