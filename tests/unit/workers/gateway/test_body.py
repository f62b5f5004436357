"""Bodies of requests: where they are kept while they come."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from workers.gateway import body
from workers.gateway.body import IN_MEMORY, MIB, kept_body


async def _kept(raw: bytes) -> tuple[bytes, int, str]:
    pieces = [raw[at : at + 10_000] for at in range(0, len(raw), 10_000)]

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async with kept_body(Request({"type": "http", "headers": []}, receive), MIB) as kept:
        return kept.file.read(), kept.size, kept.sha256


@pytest.mark.parametrize(("size", "on_disk"), [(100, False), (IN_MEMORY - 1, False), (IN_MEMORY, True), (MIB, True)])
def test_only_a_large_body_waits_for_a_disk(monkeypatch: pytest.MonkeyPatch, size: int, on_disk: bool) -> None:
    """What is written to a disk is written on a thread; handing a small body to one costs more than to keep it."""
    handed: list[Callable[..., Any]] = []

    async def hand_over(call: Callable[..., Any], *arguments: Any) -> Any:
        handed.append(call)
        return await run_in_threadpool(call, *arguments)

    monkeypatch.setattr(body, "run_in_threadpool", hand_over)
    raw = bytes(number % 251 for number in range(size))
    assert asyncio.run(_kept(raw)) == (raw, size, hashlib.sha256(raw).hexdigest())
    assert bool(handed) == on_disk
