"""``retouch retry`` and ``retouch cancel``: a person's decisions about a batch's edits."""

from __future__ import annotations

from typing import Annotated

import typer

from retouch.cli.options import DEFAULT_REDIS_URL, BatchArgument, RedisUrl, open_queue
from retouch.cli.terminal import say
from retouch.errors import InputError
from retouch.states import EditState

OPTIONS = {EditState.FAILED: "", EditState.HELD: " --held", EditState.CANCELLED: " --cancelled"}


def retry(
    batch: BatchArgument,
    held: Annotated[
        bool, typer.Option("--held", help="Submit the held edits again; they may be paid for twice.")
    ] = False,
    cancelled: Annotated[
        bool, typer.Option("--cancelled", help="Put the cancelled edits back into the queue.")
    ] = False,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Put a batch's failed (or held, or cancelled) edits back into the queue."""
    if held and cancelled:
        raise InputError("--held and --cancelled cannot be used together; choose one")
    state = EditState.HELD if held else EditState.CANCELLED if cancelled else EditState.FAILED
    queue = open_queue(redis_url)
    count = queue.retry(batch, [state])
    say(f"{count} {state.value} edits of batch {batch} are back in the queue")
    if not count:
        for other, option in OPTIONS.items():
            if number := queue.status(batch).counts.get(other):
                say(f"{number} are {other.value}: retouch retry {batch}{option}")


def cancel(
    batch: BatchArgument,
    held: Annotated[bool, typer.Option("--held", help="Cancel only the held edits, not the queued ones.")] = False,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Cancel a batch's queued and held edits; edits that the API works on are paid for, so they are finished and kept.

    A held edit was sent and not answered: the API may have accepted it.
    """
    states = [EditState.HELD] if held else [EditState.QUEUED, EditState.HELD]
    count = open_queue(redis_url).cancel(batch, states)
    say(f"{count} edits of batch {batch} are cancelled; those that the API works on are finished and kept")
