"""The dispatcher, and its end in the middle of a claim."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from retouch.ledger import Claim, Harvest
from retouch.states import Step
from workers.dispatcher import Dispatcher
from workers.runtime import Runtime

CLAIM = Claim("b/c", 1, Step.SUBMIT)


class Stage:
    """A runtime whose claim takes until it is let go."""

    def __init__(self) -> None:
        self.claiming, self.let_go = asyncio.Event(), asyncio.Event()
        self.sent: list[Claim] = []
        self.claimed = 0
        self.name, self.paused = "w", False
        self.ledger = SimpleNamespace(worker=SimpleNamespace(claim=self._claim))
        self.room = self.outbox_room = SimpleNamespace(free=100)
        self.settings = SimpleNamespace(lease_ms=1, places=1, intervals=(), ambiguity_policy="resubmit")

    async def patience(self, call: Any, *args: Any, **kwargs: Any) -> Any:
        if call != self._claim:
            return call(*args, **kwargs)
        self.claiming.set()
        await self.let_go.wait()
        return call(*args, **kwargs)

    def _claim(self, *_: Any, **__: Any) -> Harvest:
        self.claimed += 1
        return Harvest([CLAIM], None, paused=False)

    def send(self, _step: Step, claims: Sequence[Claim]) -> None:
        self.sent += claims


async def ended_in_the_middle_of_a_claim() -> Stage:
    stage, may_begin = Stage(), asyncio.Event()
    may_begin.set()
    dispatcher = Dispatcher(cast(Runtime, stage), stage.send, backlog=lambda: 0)
    running = asyncio.create_task(dispatcher.run(may_begin))
    await stage.claiming.wait()
    dispatcher.end()
    stage.let_go.set()
    await running
    return stage


def test_what_is_being_claimed_when_it_ends_is_still_sent() -> None:
    """A harvest that nobody sends would wait for its lease; and nothing is claimed after that."""
    stage = asyncio.run(ended_in_the_middle_of_a_claim())
    assert stage.sent == [CLAIM]
    assert stage.claimed == 1


async def ended_before_it_may_begin() -> Stage:
    stage = Stage()
    dispatcher = Dispatcher(cast(Runtime, stage), stage.send, backlog=lambda: 0)
    running = asyncio.create_task(dispatcher.run(asyncio.Event()))
    dispatcher.end()
    await running
    return stage


def test_it_may_end_before_it_begins() -> None:
    """While the store is not known to be good, nothing is claimed."""
    assert asyncio.run(ended_before_it_may_begin()).claimed == 0
