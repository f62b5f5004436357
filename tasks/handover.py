"""Passes the claims of a message to the event loop, and runs a step for each edit of a chunk."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

import structlog

from retouch.ledger import Claim, Step
from tasks.outcome import bind
from workers.context import Context, Work
from workers.runtime import current

log = structlog.get_logger()
Told = TypeVar("Told")  # what the ledger says of a claim when it is taken up

Message = Sequence[tuple[str, int, int]]  # members with their fences and moments


def hand_over(step: Step, message: Message, work: Work) -> None:
    """Hand a message's claims to the process's loop."""
    current().accept([Claim(member, fence, step, at_ms) for member, fence, at_ms in message], work)


def new_nonce() -> str:
    """A name for one call that begins claims."""
    return secrets.token_hex(8)


async def each(
    context: Context,
    claims: Iterable[tuple[Claim, Told]],
    step: Callable[[Context, Claim, Told], Awaitable[None]],
) -> None:
    """Run a step for every edit of a chunk at once; an error in one does not affect the others."""
    await asyncio.gather(*(_guarded(context, claim, told, step) for claim, told in claims))


async def _guarded(
    context: Context, claim: Claim, told: Told, step: Callable[[Context, Claim, Told], Awaitable[None]]
) -> None:
    bind(claim)
    try:
        await step(context, claim, told)
    except Exception:
        log.exception("step.crashed", step=claim.step)  # its lease ends, and another worker takes it over
        context.leases.end(claim)
