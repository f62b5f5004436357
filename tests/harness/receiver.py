"""A receiver of webhooks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.harness.waiting import LIMIT_S
from tests.harness.web import Request, Web


class Receiver(Web):
    """A receiver of webhooks. It answers with the next of ``statuses``, then ``usual``, once ``gate`` is open.

    ``on_event`` is called with each request before it is answered; one that it ``refuses`` is answered with 500.
    """

    def __init__(self, statuses: tuple[int, ...] = ()) -> None:
        super().__init__(self._take)
        self.usual = 200
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Semaphore(0)  # released as soon as a delivery is here, answered or not
        self.on_event: Callable[[Request], None] = lambda _request: None
        self.refuses: Callable[[Request], bool] = lambda _request: False
        self._statuses = list(statuses)

    def _take(self, request: Request) -> tuple[int, bytes]:
        self.arrived.release()
        self.gate.wait(LIMIT_S)
        status = self._statuses.pop(0) if self._statuses else 500 if self.refuses(request) else self.usual
        self.on_event(replace(request, status=status))
        return status, b""

    def ids(self) -> set[str]:
        """Of the events that have come and were answered."""
        return {request.headers["webhook-id"] for request in self.requests}

    def delivered(self) -> list[dict[str, Any]]:
        """The events that were answered with 2xx."""
        return [request.event for request in self.requests if 200 <= request.status < 300]
