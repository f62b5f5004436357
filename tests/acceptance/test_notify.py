"""A batch's own sink, for real: over TLS, by a worker that has no sink in its settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from retouch.errors import InputError
from retouch.queue import EditQueue
from tests.harness.receiver import Receiver
from tests.harness.scene import Scene
from tests.harness.tls import TlsFront


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver, which ``front`` reaches."""
    with Receiver() as found:
        yield found


@pytest.fixture
def front(receiver: Receiver, tmp_path: Path) -> Iterator[TlsFront]:
    """Where it can be reached over TLS."""
    with TlsFront(receiver.host, tmp_path) as found:
        yield found


def queue_of(scene: Scene, hosts: str) -> EditQueue:
    """A producer that may name these hosts."""
    return EditQueue.from_url(scene.environment["RETOUCH_REDIS_URL"], private_hosts=hosts)


def test_a_batch_s_end_is_told_to_its_own_url(scene: Scene, receiver: Receiver, front: TlsFront) -> None:
    """Once, and no edit's; another batch tells nobody."""
    hosts = f"{scene.environment['RETOUCH_PRIVATE_HOSTS']},{front.host}"
    scene.another_worker(SSL_CERT_FILE=str(front.authority), private_hosts=hosts)
    queue = queue_of(scene, hosts)
    queue.enqueue(scene.edits(3), batch="told", notify=f"https://{front.host}/done?token=planted")
    scene.finish(scene.enqueue(1))
    scene.finish("told")
    scene.until(lambda: queue.sink("notify:told").delivered == 1, "its end is told")
    [request] = receiver.requests
    assert (request.path, request.event["subject"], request.event["data"]["counts"]) == (
        *("/done?token=planted", "told"),
        {"completed": 3},
    )
    assert "planted" not in scene.logs()


def test_an_address_that_is_not_public_is_not_called(scene: Scene, receiver: Receiver, front: TlsFront) -> None:
    """Neither enqueued, nor, where a producer allows it and the workers do not, connected to."""
    scene.nobody_works()
    with pytest.raises(InputError, match="not a public address"):
        scene.queue.enqueue(scene.edits(1), batch="told", notify=f"https://{front.host}/")
    queue = queue_of(scene, f"{scene.environment['RETOUCH_PRIVATE_HOSTS']},{front.host}")
    scene.another_worker(SSL_CERT_FILE=str(front.authority))
    queue.enqueue(scene.edits(1), batch="told", notify=f"https://{front.host}/")
    scene.finish("told")
    scene.until(lambda: bool(queue.sink("notify:told").error), "the worker has refused it")
    assert "not a public address" in str(queue.sink("notify:told").error)
    assert receiver.requests == []
