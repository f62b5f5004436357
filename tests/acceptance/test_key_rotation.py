"""A new API key, worker by worker, while edits are at the API: nothing is lost, and nothing is paid for twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from retouch.states import EditState
from tests.harness.api import Api
from tests.harness.growing import Record
from tests.harness.scene import Scene
from workers.stack.worker import Worker

OLD, NEW = "the-old-key-0123456789", "the-new-key-9876543210"
ONCE = {("completed", 1, False)}  # submitted once, and without a mark

pytestmark = pytest.mark.slow


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """An endpoint that accepts both keys, and still knows its edits when it is started again with others."""
    api = Api(tmp_path, "--journal", str(tmp_path / "edits.jsonl"), "--latency", "0.5")
    api.keys += [OLD, NEW]
    api.start()
    yield api
    api.child.kill()


def worker(scene: Scene, api: Api, key: str, patience: str = "120") -> Worker:
    """A worker with this key; four edits at a time are at the API."""
    hosts = f"{scene.environment['RETOUCH_PRIVATE_HOSTS']},{api.host}"
    return scene.another_worker(api_url=api.url, api_key=key, private_hosts=hosts, max_in_flight="4", patience=patience)


def revoke(api: Api, key: str) -> None:
    """From now on the API refuses this key."""
    api.child.kill()
    api.keys.remove(key)
    api.start()


def ends(results: dict[str, Record]) -> set[tuple[object, ...]]:
    """How edits ended."""
    return {(r["state"], r["attempts"], r["possible_duplicate"]) for r in results.values()}


def test_while_both_keys_are_valid_workers_are_replaced_one_by_one(scene: Scene, api: Api) -> None:
    """What the old worker has submitted is polled by the new one; then the old key can be revoked."""
    leaving = worker(scene, api, OLD)
    batch = scene.enqueue(40)
    scene.until(lambda: len(api.accepted()) >= 8, "the old worker is at work")
    worker(scene, api, NEW)
    leaving.stop()
    assert leaving.child.ended_well
    before = len(api.accepted())
    revoke(api, OLD)
    assert ends(scene.finish(batch)) == ONCE
    assert before < len(api.accepted()) == 40


def test_a_key_that_was_revoked_at_once_only_delays(scene: Scene, api: Api) -> None:
    """Submits pause, and edits at the API wait, until a worker with the new key is there."""
    api.trouble("odd_status")  # the API finishes nothing yet
    leaving = worker(scene, api, OLD)
    batch = scene.enqueue(12)
    scene.until(lambda: len(api.accepted()) == 4, "the API is full")
    scene.reach(batch, EditState.WAITING)
    asked = len(api.polls())
    revoke(api, OLD)
    scene.until(lambda: any(poll["status"] == 401 for poll in api.polls()[asked:]), "the old worker is refused")
    more = scene.enqueue(4)
    leaving.stop()
    stranded = scene.ledger.reader.batch(batch)
    assert stranded is not None
    assert dict(stranded.counts) == {EditState.WAITING: 4, EditState.QUEUED: 8}
    scene.queue.resume()
    worker(scene, api, NEW)
    assert ends(scene.finish(batch)) | ends(scene.finish(more)) == ONCE
    assert len(api.accepted()) == 16


def test_submits_pause_for_a_revoked_key(scene: Scene, api: Api) -> None:
    """The reason is shown, no edit fails, and all go on by themselves with the new key."""
    revoke(api, OLD)
    leaving = worker(scene, api, OLD)
    batch = scene.enqueue(12)
    assert "API key" in scene.pause("submit:refused")
    leaving.stop()
    worker(scene, api, NEW)
    assert ends(scene.finish(batch)) == ONCE
    assert scene.ledger.reader.pauses() == []


def test_beside_a_worker_with_a_revoked_key_no_edit_fails(scene: Scene, api: Api) -> None:
    """However long it stays: it is refused, and says so, and the others do the work."""
    revoke(api, OLD)
    for key in (OLD, NEW):
        worker(scene, api, key, patience="0.5")
    assert ends(scene.finish(scene.enqueue(60))) == ONCE
    refused = [submit for submit in api.submits() if submit["status"] == 401]
    assert len(refused) > 5
