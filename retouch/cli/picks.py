"""``retouch picks``: which edits of a batch people have picked, or rejected."""

from __future__ import annotations

from typing import Annotated

import typer

from retouch.cli.options import BatchArgument, Json, RedisUrl, open_queue
from retouch.cli.terminal import emit
from retouch.environment import DEFAULT_REDIS_URL
from retouch.ledger import Pick
from retouch.records.picks import PicksRecord


def picks(
    batch: BatchArgument,
    rejected: Annotated[bool, typer.Option("--rejected", help="Those that were rejected.")] = False,
    json_: Json = False,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Print the custom_ids of the edits whose results people have picked, one a line.

    The batch must still be in Redis. `retouch redo BATCH --only FILE` does such edits again.

    Examples:
        retouch picks oil > picked.txt
        retouch picks oil --rejected --json
    """
    pick = Pick.REJECTED if rejected else Pick.PICKED
    found = open_queue(redis_url).picks(batch, pick.value)
    if json_:
        record: PicksRecord = {"batch": batch, "pick": pick.value, "custom_ids": found}
        emit(record)
        return
    for custom_id in found:
        typer.echo(custom_id)
