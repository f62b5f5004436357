"""Real servers for the tests that want them, started once and only when first asked for."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import fakeredis
import pytest
import redis

from tests.harness.leaks import leaks
from workers.stack.s3 import S3
from workers.stack.valkey import Valkey


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> None:
    """Forget the person's own AWS profile and Retouch settings: no test may reach what they lead to."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "RETOUCH_"))]:
        del os.environ[name]


@pytest.fixture(autouse=True, scope="session")
def _no_secret_in_any_log(_no_settings_from_outside: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Search all logs of the run for the secrets of its servers, once these have ended."""
    yield
    assert leaks(tmp_path_factory.getbasetemp()) == []


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """One real Valkey server for all tests; use ``redis_url`` or ``redis_client`` to find it empty."""
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(valkey: Valkey) -> str:
    """The URL of a real and empty Redis."""
    if not valkey.child.running:  # a test that killed it need not mend it
        valkey.start()
    with redis.Redis.from_url(valkey.url) as client:
        client.flushall()
    return valkey.url


@pytest.fixture(params=["fake", "real"])
def redis_client(request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    """An empty Redis that decodes its answers: once fakeredis, once a real server."""
    if request.param == "fake":
        yield fakeredis.FakeRedis(decode_responses=True)
        return
    with redis.Redis.from_url(request.getfixturevalue("redis_url"), decode_responses=True) as client:
        yield client


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """One real S3 server for all tests: ``url``, ``bucket``, ``environment``, ``client()``."""
    server = S3(tmp_path_factory.mktemp("s3"))
    server.start()
    yield server
    server.kill()  # a second quicker than stop(), and nobody needs its objects again


@pytest.fixture
def s3_prefix() -> str:
    """A key prefix that no other test uses."""
    return f"test-{secrets.token_hex(6)}/"
