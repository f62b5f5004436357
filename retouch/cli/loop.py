"""An event loop for a command: SIGTERM ends it in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from retouch.signals import Terminated

T = TypeVar("T")


def run_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` to its end; SIGTERM cancels it, as Ctrl-C does, and raises Terminated here.

    Raised in the middle of whatever task is running, as elsewhere, it would be told as that task's error.
    """
    terminated = False

    async def guarded() -> T:
        task = asyncio.current_task()

        def end() -> None:
            nonlocal terminated
            terminated = True
            if task:
                task.cancel()

        with suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
        return await main

    before = signal.getsignal(signal.SIGTERM)
    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        if terminated:
            raise Terminated(signal.SIGTERM) from None
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
