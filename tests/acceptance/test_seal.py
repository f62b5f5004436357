"""A batch ends when its producer has sealed it, and not while it is being written."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.harness.growing import Record
from tests.harness.processes import RETOUCH, Process, run
from tests.harness.scene import Scene

PRODUCER = """
import json, sys, time
from retouch import EditQueue
def edits():
    yield from json.loads(sys.argv[3])
    time.sleep(3600)
EditQueue.from_url(sys.argv[1], private_hosts=sys.argv[2]).enqueue(edits(), batch="killed")
"""


def ended(scene: Scene, batch: str) -> bool:
    """Whether anything says that the batch has ended."""
    told = {event.subject for event in scene.ledger.reader.events() if event.type == "retouch.batch.completed"}
    return batch in told or "_SUCCESS" in scene.objects(batch)


@pytest.mark.slow
def test_a_slow_producer_keeps_its_batch_open(scene: Scene) -> None:
    """What it has given is edited meanwhile; the batch ends once, with all of it, when the producer is done."""
    go_on = Event()
    edits = scene.edits(4)

    def slowly() -> Iterator[Record]:
        yield from edits[:2]
        assert go_on.wait(60)
        yield from edits[2:]

    scene.worker()
    producer = Thread(target=lambda: scene.queue.enqueue(slowly(), batch="slow"))
    producer.start()
    scene.until(lambda: any(v.batch == "slow" and v.ended == 2 for v in scene.queue.batches()), "two edits have ended")
    scene.finish(scene.enqueue())
    assert not ended(scene, "slow")
    go_on.set()
    producer.join()
    assert len(scene.finish("slow")) == 4
    assert len(scene.manifest("slow")) == 4


@pytest.mark.slow
def test_the_batch_of_a_dead_producer_is_ended_by_hand(scene: Scene) -> None:
    """It was killed while it wrote: nothing is announced, status says what to do, and doing it ends the batch."""
    scene.worker()
    arguments = (scene.environment["RETOUCH_REDIS_URL"], scene.environment["RETOUCH_PRIVATE_HOSTS"])
    command = [sys.executable, "-c", PRODUCER, *arguments, json.dumps(scene.edits(2))]
    with Process(command, env=scene.environment) as producer:
        scene.until(lambda: any(v.ended == 2 for v in scene.queue.batches()), "its edits have ended")
        producer.signal(signal.SIGKILL)
        producer.end()
    scene.finish(scene.enqueue())
    assert not ended(scene, "killed")
    assert "not sealed" in run([RETOUCH, "status", "killed"], env=scene.environment).out
    assert run([RETOUCH, "seal", "killed"], env=scene.environment).code == 0
    assert len(scene.finish("killed")) == 2


def test_a_manifest_without_a_good_line_makes_no_batch(scene: Scene, tmp_path: Path) -> None:
    """Whether its bad lines are to be left out or not: exit 2, and there is nothing to end."""
    manifest = tmp_path / "bad.jsonl"
    manifest.write_text("".join(json.dumps(edit | {"samples": 99}) + "\n" for edit in scene.edits(2)))
    for more in ([], ["--skip-invalid"]):
        outcome = run([RETOUCH, "enqueue", manifest, "--batch", "bad", *more], env=scene.environment)
        assert (outcome.code, "nothing was enqueued" in outcome.err) == (2, True), outcome
    assert scene.queue.batches() == []
