"""Where a test of the ledger runs, if not both on the fake and on a real server."""

from __future__ import annotations

import pytest

# For simulations of many minutes: the fake runs Lua ten times as slowly as a server.
on_a_server = pytest.mark.parametrize("redis_client", ["real"], indirect=True)
