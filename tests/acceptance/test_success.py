"""``_SUCCESS`` means that a batch is complete: it does not stay beside work that came while its end was written."""

from __future__ import annotations

import io

import pytest
from pyarrow import parquet

from tests.harness.proxy import Proxy
from tests.harness.scene import Scene

END = "retouch.batch.completed"


@pytest.mark.slow
@pytest.mark.parametrize("written", ["manifest.jsonl", "_SUCCESS"])
def test_a_retry_that_comes_while_the_end_is_written(scene: Scene, written: str) -> None:
    """It comes while one of the two files is on its way to S3: the batch is open, and ``_SUCCESS`` is not there."""
    scene.nobody_works()
    scene.api.trouble("failure")
    retried: list[str] = []

    def retry(piece: bytes) -> bool:
        if not retried and piece.startswith(b"PUT ") and written.encode() in piece.split(b"\r\n", 1)[0]:
            retried.append(batch)
            scene.api.trouble("odd_status", word="DREAMING")
            assert scene.queue.retry(batch, anew=True).sent == 1
        return False

    with Proxy(scene.s3.host) as proxy:
        proxy.aim(retry)
        batch = scene.enqueue()
        scene.another_worker(AWS_ENDPOINT_URL_S3=f"http://{proxy.host}")
        scene.until(lambda: retried, f"{written} is on its way")
        key = scene.ledger.connection.keys.batch(batch)
        scene.until(lambda: scene.redis.hmget(key, "holder", "stale") == [None, None], "the batch's claim has ended")
        assert not scene.queue.status(batch).finished
        assert "_SUCCESS" not in scene.objects(batch)
        scene.api.clear()
        assert {result["state"] for result in scene.finish(batch).values()} == {"completed"}
        assert "_SUCCESS" in scene.objects(batch)
        told = [e for e in scene.ledger.reader.events() if (e.type, e.subject) == (END, batch)]
        assert len(told) == 1


def test_edits_that_are_added_to_an_ended_batch_end_it_again(scene: Scene) -> None:
    """It is open, without ``_SUCCESS``, until all have ended; then its manifest has all, and it is announced anew."""
    scene.worker()
    batch = scene.enqueue(1)
    scene.finish(batch)
    scene.api.trouble("odd_status", word="DREAMING")
    assert scene.queue.enqueue(scene.edits(2), batch=batch).accepted == 1
    scene.until(lambda: "_SUCCESS" not in scene.objects(batch), "_SUCCESS is removed")
    assert [line["custom_id"] for line in scene.manifest(batch)] == ["c0"]
    scene.api.clear()
    scene.finish_again(batch)
    assert [line["custom_id"] for line in scene.manifest(batch)] == ["c0", "c1"]
    assert "_SUCCESS" in scene.objects(batch)
    assert scene.queue.enqueue(scene.edits(2), batch=batch).already == 2
    ends = [event for event in scene.queue.events() if (event["type"], event["subject"]) == (END, batch)]
    assert [event["data"]["counts"] for event in ends] == [{"completed": 1}, {"completed": 2}]
    assert len({event["id"] for event in ends}) == 2
    assert "_SUCCESS" in scene.objects(batch)


def test_a_batch_that_ends_has_its_table(scene: Scene) -> None:
    """A worker that is set so writes it to S3 before ``_SUCCESS``; its rows are the batch's images."""
    scene.worker(results_parquet="true")
    batch = scene.enqueue(2)
    results = scene.finish(batch)
    table, content_type = scene.objects(batch)["results.parquet"]
    assert content_type == "application/vnd.apache.parquet"
    rows = parquet.read_table(io.BytesIO(table)).to_pylist()
    assert {row["custom_id"]: row["output_sha256"] for row in rows} == {
        name: result["outputs"][0]["sha256"] for name, result in results.items()
    }
