"""The order in which a batch's end is written, which from outside is too quick to see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from retouch.errors import StoreUnavailableError
from retouch.ledger import Claim
from retouch.states import EditState, Step
from tasks.finish import finish_chunk
from workers.runtime import Runtime

CLAIM = Claim("b", 3, Step.FINISH)


class Stage:
    """A runtime whose store and ledger write down what is asked of them; ``broken`` names a put that fails."""

    def __init__(self, *, broken: str = "", held: bool = True) -> None:
        self.acts: list[str] = []
        self.clients = SimpleNamespace(store=self)
        self.ledger = self.worker = self.reader = self
        self.leases = SimpleNamespace(begin=lambda *_: None, holds=lambda _: held)
        self.settings = SimpleNamespace(prefix="edits/", retention_ms=1000)
        self._broken = broken

    async def patience(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return call(*args, **kwargs)

    async def delete(self, key: str) -> None:
        self.acts.append(f"delete {key}")

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        self._write(key, len(data))

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes], content_type: str) -> None:
        self._write(key, len(b"".join([chunk async for chunk in chunks])))

    def _write(self, key: str, length: int) -> None:
        if key.endswith(self._broken or "/"):
            raise StoreUnavailableError("S3 is away")
        self.acts.append(f"put {key} {'empty' if length == 0 else 'full'}")

    def batch(self, batch: str) -> Any:
        return SimpleNamespace(ended=1, total=1, counts={EditState.COMPLETED: 1})

    def results(self, batch: str) -> Any:
        return iter([{"custom_id": "c"}])

    def settle_batch(
        self, claim: Claim, *, retention_ms: int = 0, retry_in_ms: int | None = None, note: str = ""
    ) -> bool:
        self.acts.append(f"settle {claim.member} {'again' if retry_in_ms else 'done'}")
        return True


def acts(stage: Stage) -> list[str]:
    """What finishing one batch comes to."""
    asyncio.run(finish_chunk(cast(Runtime, stage), [CLAIM]))
    return stage.acts


def test_success_comes_after_the_manifest_and_the_announcement_last() -> None:
    """An old ``_SUCCESS`` goes first; then manifest, ``_SUCCESS``, and only then the move that announces the end."""
    assert acts(Stage()) == [
        "delete edits/b/_SUCCESS",
        "put edits/b/manifest.jsonl full",
        "put edits/b/_SUCCESS empty",
        "settle b done",
    ]


def test_who_lost_its_claim_writes_no_success() -> None:
    """Another worker may have seen the batch open again since: its end is that worker's to write."""
    assert acts(Stage(held=False))[-1] == "put edits/b/manifest.jsonl full"


@pytest.mark.parametrize("broken", ["manifest.jsonl", "_SUCCESS"])
def test_a_file_that_cannot_be_written_announces_nothing(broken: str) -> None:
    """Trouble with either file leaves no ``_SUCCESS`` behind, and the batch is tried again."""
    done = acts(Stage(broken=broken))
    assert not any(act.startswith("put edits/b/_SUCCESS") for act in done)
    assert done[-1] == "settle b again"
