"""From a message to claims on the loop, and from a chunk to its edits."""

from __future__ import annotations

import asyncio
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


async def each(
    context: Context,
    claims: Iterable[tuple[Claim, Told]],
    step: Callable[[Context, Claim, Told], Awaitable[None]],
) -> None:
    """Run a step for every edit of a chunk at once; none of them can spoil another's."""
    await asyncio.gather(*(_guarded(context, claim, told, step) for claim, told in claims))


async def _guarded(
    context: Context, claim: Claim, told: Told, step: Callable[[Context, Claim, Told], Awaitable[None]]
) -> None:
    bind(claim)
    try:
        await step(context, claim, told)
    except Exception:
        log.exception("step.crashed", step=claim.step)  # its lease runs out, and the next worker goes on from there
        context.leases.end(claim)
