"""What a poll's refusal says of the API."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from retouch.errors import ApiError, UnavailableError, UnknownIdError
from retouch.ledger import BegunPoll, Claim
from retouch.states import EditState, Step
from tasks.poll import poll_chunk
from workers.runtime import Runtime

CLAIM = Claim("b/c", 1, Step.POLL)
PROGRESS = BegunPoll(5000, EditState.WAITING, "p", 1, 0, None, 1, (), 1000, 0)


def told(error: ApiError) -> list[str]:
    """What the runtime is told of the API when a status request ends so."""
    said: list[str] = []

    async def patience(call: Any, *args: Any) -> Any:
        return call(*args)

    async def note(name: str) -> bool:
        said.append(name)
        return True

    async def moment(_claim: Claim) -> bool:
        return True

    async def status(_id: str) -> Any:
        raise error

    runtime = SimpleNamespace(
        patience=patience,
        ledger=SimpleNamespace(worker=SimpleNamespace(begin_poll=lambda *_: [PROGRESS])),
        settings=SimpleNamespace(lease_ms=1000, deadline=60.0),
        leases=SimpleNamespace(begin=lambda *_: None, end=lambda _: None),
        pace=SimpleNamespace(see=lambda *_: None, moment=moment, server_ms=lambda: 5000.0),
        clients=SimpleNamespace(api=SimpleNamespace(status=status)),
        resume=lambda *_, **__: note("willing"),
        trouble=lambda _reason: note("trouble"),
        settle=lambda _settlement: note("settled"),
    )
    asyncio.run(poll_chunk(cast(Runtime, runtime), [CLAIM]))
    return said


@pytest.mark.parametrize(("error", "said"), [(UnknownIdError("404"), "willing"), (UnavailableError("503"), "trouble")])
def test_an_api_that_does_not_know_an_edit_is_there(error: ApiError, said: str) -> None:
    """A restarted API answers 404 to every probe: that ends the outage. A 503 does not."""
    assert told(error) == [said, "settled"]
