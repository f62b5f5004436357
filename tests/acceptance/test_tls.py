"""Redis over TLS: nobody who is not the server is told its password, neither by the ledger nor by Celery."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.processes import RETOUCH, run
from tests.harness.scene import Scene
from tests.harness.tls import TlsFront
from workers.stack.valkey import Valkey


@pytest.fixture
def front(valkey: Valkey, tmp_path: Path) -> Iterator[TlsFront]:
    """TLS in front of Redis."""
    with TlsFront(valkey.url.rpartition("@")[2].partition("/")[0], tmp_path) as front:
        yield front


def over(front: TlsFront, valkey: Valkey, options: str = "") -> str:
    """The URL of Redis over TLS."""
    password = valkey.url.partition("@")[0].rpartition(":")[2]
    return f"rediss://:{password}@{front.host}/0{options}"


@pytest.mark.slow
def test_a_certificate_that_nobody_vouches_for_is_told_nothing(scene: Scene, front: TlsFront, valkey: Valkey) -> None:
    """Worker and command line say why they do not connect; not a byte was sent."""
    environment = scene.environment | {"RETOUCH_REDIS_URL": over(front, valkey)}
    ended = run([RETOUCH, "status"], env=environment)
    assert (ended.code, "CERTIFICATE_VERIFY_FAILED" in ended.err) == (6, True), ended
    worker = scene.crew.prepared(scene.settings(redis_url=over(front, valkey)))
    worker.launch()
    scene.until(lambda: "redis.unavailable" in worker.child.output(), "the ledger says that it cannot connect")
    scene.until(lambda: "consumer: Cannot connect to rediss://" in worker.child.output(), "Celery says so too")
    assert front.received == 0


@pytest.mark.slow
@pytest.mark.parametrize("checked", [True, False])
def test_edits_run_over_tls(scene: Scene, front: TlsFront, valkey: Valkey, checked: bool) -> None:
    """With the authority named, or with no certificate checked, as the URL says."""
    options = f"?ssl_ca_certs={front.authority}" if checked else "?ssl_cert_reqs=none"
    scene.another_worker(redis_url=over(front, valkey, options))
    [result] = scene.finish(scene.enqueue()).values()
    assert result["state"] == "completed"
    assert front.received > 0
