"""What becomes of an edit whose images cannot be fetched."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from retouch.errors import UnreachableResultError
from retouch.ledger import BegunPoll, Claim, Settlement
from retouch.states import EditState, Step
from tasks import copy
from workers.runtime import Runtime

CLAIM = Claim("b/c", 1, Step.POLL)
DAY_MS = 24 * 3600 * 1000


def settled(monkeypatch: pytest.MonkeyPatch, overdue_ms: int) -> Settlement:
    """How a copy ends whose host does not answer, so long after the edit's deadline."""
    done: list[Settlement] = []

    async def unreachable(*_: Any) -> Any:
        raise UnreachableResultError("the host does not answer")

    async def settle(settlement: Settlement) -> bool:
        done.append(settlement)
        return True

    monkeypatch.setattr(copy, "copy", unreachable)
    clients = SimpleNamespace(results=None, store=None)
    runtime = SimpleNamespace(settings=SimpleNamespace(prefix=""), clients=clients, settle=settle)
    before = BegunPoll(
        now=10 * DAY_MS + overdue_ms,
        state=EditState.COPYING,
        provider_id="p",
        polls=0,
        tries=3,
        deadline=10 * DAY_MS,
        samples=1,
        urls=(),
        submitted_at=1,
        strikes=0,
    )
    served = copy.Served(("https://results.test/a.png",), 1)
    asyncio.run(copy.copy_results(cast(Runtime, runtime), CLAIM, served, before))
    [settlement] = done
    return settlement


@pytest.mark.parametrize(("overdue_ms", "to"), [(-1, EditState.COPYING), (DAY_MS + 1, EditState.FAILED)])
def test_a_host_of_results_that_stays_away_is_waited_for_a_day(
    monkeypatch: pytest.MonkeyPatch, overdue_ms: int, to: EditState
) -> None:
    """Until a day after the deadline the copy is tried again; then the edit fails with the reason."""
    settlement = settled(monkeypatch, overdue_ms)
    assert settlement.to is to
    assert (settlement.error is not None) == (to is EditState.FAILED)
