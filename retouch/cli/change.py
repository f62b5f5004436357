"""``retouch retry`` and ``retouch cancel``: what a person decides about a batch's edits."""

from __future__ import annotations

from typing import Annotated

import typer

from retouch.cli.options import DEFAULT_REDIS_URL, BatchArgument, RedisUrl, open_queue
from retouch.cli.terminal import say
from retouch.errors import InputError
from retouch.states import EditState


def retry(
    batch: BatchArgument,
    held: Annotated[
        bool, typer.Option("--held", help="Send the held edits again; they may be paid for twice.")
    ] = False,
    cancelled: Annotated[bool, typer.Option("--cancelled", help="Put the cancelled edits back.")] = False,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Put a batch's failed edits back into the queue (or its held or cancelled ones)."""
    if held and cancelled:
        raise InputError("choose one of --held and --cancelled")
    state = EditState.HELD if held else EditState.CANCELLED if cancelled else EditState.FAILED
    count = open_queue(redis_url).retry(batch, [state])
    say(f"{count} {state.value} edits of batch {batch} are back in the queue")


def cancel(
    batch: BatchArgument,
    held: Annotated[bool, typer.Option("--held", help="Only the held edits.")] = False,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Cancel a batch's edits that are not at the API yet; what is there is paid for, and is finished and kept."""
    states = [EditState.HELD] if held else [EditState.QUEUED, EditState.HELD]
    count = open_queue(redis_url).cancel(batch, states)
    say(f"{count} edits of batch {batch} are cancelled; those at the API are finished and kept")
