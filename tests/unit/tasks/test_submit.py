"""What a submit comes to when the API is not asked at all."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from retouch.errors import HeldBackError, InputError, StoreUnavailableError
from retouch.ledger import BegunSubmit, Claim, Settlement
from retouch.states import EditState, Step
from tasks.submit import submit_chunk
from workers.runtime import Runtime

CLAIM = Claim("b/c", 1, Step.SUBMIT, 5)


class Stage:
    """A runtime whose store may refuse to sign, whose moment may be over, and whose API may be held back."""

    def __init__(self, *, signing: Exception | None = None, in_time: bool = True, held: bool = True) -> None:
        self.settled: list[Settlement] = []
        self.posts = 0
        self.ledger = self.worker = self.reader = self
        self.clients = SimpleNamespace(store=self, api=self)
        self.leases = SimpleNamespace(begin=lambda *_: None, holds=lambda _: held, end=lambda _: None)
        self.pace = SimpleNamespace(see=lambda *_: None, moment=self._moment)
        self.settings = SimpleNamespace(ambiguity_policy="resubmit", lease_ms=1000, deadline=60.0)
        self._signing, self._in_time = signing, in_time

    async def patience(self, call: Any, *args: Any, **kwargs: Any) -> Any:
        return call(*args, **kwargs)

    def begin_submit(self, *_: Any) -> list[BegunSubmit]:
        return [BegunSubmit({"prompt": "p", "init_image": "s3://bucket/key"}, number=1, tries=0, now=1)]

    def presign_get(self, *_: Any) -> str:
        if self._signing:
            raise self._signing
        return "https://bucket.test/key?signature"

    async def _moment(self, _claim: Claim) -> bool:
        return self._in_time

    async def submit(self, _payload: Any, _key: str, may_go: Any) -> Any:
        if not may_go():
            raise HeldBackError("no")
        self.posts += 1
        raise AssertionError("it was sent")

    async def settle(self, settlement: Settlement) -> bool:
        self.settled.append(settlement)
        return True


def settled(stage: Stage) -> list[Settlement]:
    """What one submit settles."""
    asyncio.run(submit_chunk(cast(Runtime, stage), [CLAIM]))
    assert stage.posts == 0
    return stage.settled


def test_an_address_that_cannot_be_signed_fails_its_edit() -> None:
    """It will never be signed: the edit says so at once, instead of looking as if it had been sent."""
    [settlement] = settled(Stage(signing=InputError("is no bucket's name")))
    assert settlement.to is EditState.FAILED
    assert "bad_init_image" in str(settlement.error)


@pytest.mark.parametrize("stage", [Stage(signing=StoreUnavailableError("away")), Stage(in_time=False)])
def test_what_could_not_be_sent_yet_goes_back_to_the_queue(stage: Stage) -> None:
    """Trouble with S3, or a moment that is over: under the same number, with no attempt used."""
    [settlement] = settled(stage)
    assert (settlement.to, settlement.untaken) == (EditState.QUEUED, True)


def test_a_claim_that_is_another_s_by_now_is_left_alone() -> None:
    """Nothing is sent, and nothing is written either."""
    assert settled(Stage(held=False)) == []
