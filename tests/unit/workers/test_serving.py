"""What HTTP servers of ours promise to their clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import uvicorn

from retouch.net.http import KEEPALIVE_S
from workers.endpoint import server as endpoint
from workers.gateway import server as gateway


async def app(*_of_a_request: Any) -> None:
    """No request comes."""


@pytest.mark.parametrize("configured", [endpoint.configured, gateway.configured])
def test_a_client_is_the_first_to_close_a_connection(configured: Callable[[Any], uvicorn.Config]) -> None:
    """Also one that was held up for a minute: a POST that meets its connection's end is sent again, and paid twice."""
    assert configured(app).timeout_keep_alive >= KEEPALIVE_S + 60
