"""What fetching takes from the environment, and keeps: nothing."""

from __future__ import annotations

import pytest

from retouch.media.fetch import Fetcher
from tests.unit.media.fetch_host import Host

pytestmark = pytest.mark.anyio


async def test_a_proxy_of_the_environment_is_not_used(
    host: Host, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would undo the checks of addresses; nothing listens at the one that is named here."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert await fetcher.read(host.url(), 100) == b"image"
    assert (await fetcher.post(host.url(), b"event", {}))[0] == 200
