"""Planted bugs of gateways, which ``tests.chaos.gateways`` must give away."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Callable

from fastapi import Request

from retouch.intake.checked import CheckedEdits
from workers.gateway import body
from workers.gateway.problems import Kind, ProblemError


def batches_named_by_chance() -> None:
    """A batch without an id gets one that no second request has."""
    CheckedEdits.batch_id = lambda *_: f"batch-{secrets.token_hex(8)}"  # type: ignore[method-assign]


def half_a_body_will_do() -> None:
    """A sender that hangs up has sent what it has sent."""
    chunks = body._chunks

    async def until_it_goes(request: Request, most: int) -> AsyncGenerator[bytes, None]:
        try:
            async for chunk in chunks(request, most):
                yield chunk
        except ProblemError as problem:
            if problem.kind is not Kind.BAD_REQUEST:
                raise

    body._chunks = until_it_goes


BUGS: dict[str, Callable[[], None]] = {bug.__name__: bug for bug in (batches_named_by_chance, half_a_body_will_do)}


def plant(name: str) -> None:
    """Make this process have the bug; an empty name plants none."""
    if name:
        BUGS[name]()
