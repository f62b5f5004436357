"""Parts that go away and come back: nothing is lost, and the work goes on by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from retouch.states import EditState
from tests.harness.scene import Scene
from tests.harness.waiting import until
from tests.harness.web import Request, Web
from workers.stack.s3 import S3
from workers.stack.valkey import Valkey


class NoBucket(Web):
    """An S3 server whose bucket does not exist until ``make`` is called (SeaweedFS makes buckets by itself)."""

    def __init__(self) -> None:
        super().__init__(self._take)
        self._made = False

    def make(self) -> None:
        """Make the bucket."""
        self._made = True

    def _take(self, request: Request) -> tuple[int, bytes]:
        return (200, b"") if self._made else (404, b"<Error><Code>NoSuchBucket</Code></Error>")


@pytest.fixture
def crashing_s3(s3: S3) -> Iterator[S3]:
    """The S3 server, up again at the end."""
    yield s3
    if not s3.child.running:
        s3.start()


@pytest.fixture
def crashing_redis(valkey: Valkey) -> Iterator[Valkey]:
    """The Redis server, up again at the end."""
    yield valkey
    if not valkey.child.running:
        valkey.start()


@pytest.mark.slow
def test_no_edit_is_bought_for_a_bucket_that_is_missing(scene: Scene, pictures: Web) -> None:
    """Without the bucket no POST is made, the reason is shown, and work begins by itself when the bucket is made."""
    with NoBucket() as s3:
        scene.another_worker(AWS_ENDPOINT_URL_S3=s3.url, bucket="none-yet")
        assert "none-yet" in scene.pause("submit:store")
        batch = scene.enqueue(5, init_image=f"{pictures.url}/a.png")
        looked = len(s3.requests)
        scene.until(lambda: len(s3.requests) >= looked + 2, "the bucket was looked for twice")
        assert scene.api.submits() == []
        assert scene.edit(batch).state is EditState.QUEUED
        s3.make()
        for number in range(5):
            scene.reach(batch, EditState.COMPLETED, f"c{number}")
    assert scene.ledger.reader.pauses() == []
    assert len(scene.api.submits()) == 5


def test_no_edit_is_bought_by_a_worker_that_starts_with_wrong_s3_credentials(scene: Scene) -> None:
    """Edits that wait for a worker whose credentials S3 refuses are not POSTed; the reason is shown."""
    scene.nobody_works()
    batch = scene.enqueue(5)
    scene.another_worker(AWS_SECRET_ACCESS_KEY="wrong" * 8)
    assert "refuses" in scene.pause("submit:store")
    assert scene.api.submits() == []
    assert scene.edit(batch).state is EditState.QUEUED


@pytest.mark.slow
def test_s3_may_go_away_and_come_back(scene: Scene, crashing_s3: S3) -> None:
    """Edits that finish while S3 is dead complete when it is back, without another submit, and so does their batch."""
    worker = scene.another_worker()
    scene.api.trouble("odd_status")
    batch = scene.enqueue(5)
    scene.until(lambda: len(scene.api.polls()) >= 5, "the API works on all")
    crashing_s3.kill()
    scene.api.clear()
    assert "cannot be used for now" in scene.pause("submit:store")
    scene.until(lambda: "store.unusable" in worker.child.output(), "the worker says that it takes no work")
    view = scene.ledger.reader.batch(batch)
    assert view is not None
    assert not view.finished
    crashing_s3.start()
    assert {(r["state"], r["attempts"]) for r in scene.finish(batch).values()} == {("completed", 1)}
    assert len(scene.images(batch)) == len(scene.api.submits()) == 5


@pytest.mark.slow
def test_a_batch_ends_only_when_its_files_can_be_written(scene: Scene, crashing_s3: S3) -> None:
    """While S3 is dead a batch whose edits have ended stays ``finishing``; it ends with its files, by itself."""
    worker = scene.another_worker()
    scene.api.rules({"fault": "failure"}, {"fault": "odd_status"})
    batch = scene.enqueue(2)
    scene.until(lambda: len(scene.api.polls()) >= 2, "the API works on all")
    crashing_s3.kill()
    scene.api.clear()
    scene.until(lambda: "batch.not_finished" in worker.child.output(), "the manifest could not be written")
    view = scene.ledger.reader.batch(batch)
    assert view is not None
    assert (view.state.value, view.ended) == ("finishing", 2)
    assert [e.type for e in scene.ledger.reader.events() if e.subject == batch] == []
    crashing_s3.start()
    scene.finish(batch)
    assert set(scene.objects(batch)) == {"manifest.jsonl", "_SUCCESS"}


def test_redis_may_crash_under_load(scene: Scene, crashing_redis: Valkey) -> None:
    """Redis is killed and started again while edits run: all complete, each bought once, by the same worker process."""
    worker = scene.another_worker()
    batch = scene.enqueue(60)
    scene.until(lambda: len(scene.api.accepted()) >= 10, "edits run")
    crashing_redis.kill()
    scene.until(lambda: "redis.unavailable" in worker.child.output(), "the worker says so")
    crashing_redis.start()
    results = scene.finish(batch)
    assert {r["state"] for r in results.values()} == {"completed"}
    assert len(results) == 60
    assert worker.child.running
    assert len(scene.api.accepted()) == 60 + scene.duplicates(batch)
    assert "redis.back" in worker.child.output()


@pytest.mark.slow
def test_an_outage_of_redis_longer_than_a_lease_buys_nothing_twice(scene: Scene, crashing_redis: Valkey) -> None:
    """What the API took while Redis was away is settled when it is back, not sent again."""
    worker = scene.another_worker(lease="2")
    scene.api.trouble("hang", seconds=1)
    batch = scene.enqueue(10)
    scene.until(lambda: scene.api.taken() == 10, "the API has taken all")
    crashing_redis.kill()
    scene.until(lambda: len(scene.api.submits()) == 10, "the API has answered all")
    scene.until(lambda: "redis.unavailable" in worker.child.output(), "the worker says so")
    back_at = time.monotonic() + 4  # the length of the outage is what this is about
    until(lambda: time.monotonic() > back_at, "the outage has been long")
    crashing_redis.start()
    results = scene.finish(batch)
    assert {(r["state"], r["possible_duplicate"]) for r in results.values()} == {("completed", False)}
    assert len(scene.api.accepted()) == 10


def test_a_redis_that_lost_its_data_is_worked_with_again(scene: Scene) -> None:
    """After Redis comes back empty the same worker takes new work: no queue or script is missed for long."""
    worker = scene.another_worker()
    scene.finish(scene.enqueue(2))
    scene.redis.flushall()
    scene.redis.script_flush()
    assert {r["state"] for r in scene.finish(scene.enqueue(5)).values()} == {"completed"}
    assert worker.child.running
