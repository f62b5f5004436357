"""SIGTERM: a worker finishes what it has in hand, gives the rest to the others, and leaves nothing to a lease."""

from __future__ import annotations

import json

import pytest

from tests.harness.scene import Scene
from tests.harness.waiting import LIMIT_S
from workers.stack.worker import Worker

LEASE = "120"  # far longer than any test waits: an edit that is left to its lease never ends


def exit_code(worker: Worker) -> int:
    """Wait for the worker's end; returns its exit code."""
    process = worker.child._process
    assert process is not None
    return process.wait(LIMIT_S)


def last_words(worker: Worker) -> dict[str, object]:
    """The log line with which the worker ended."""
    [line] = [line for line in worker.child.output().splitlines() if '"worker.stopped"' in line]
    words: dict[str, object] = json.loads(line)
    return words


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.2, 1.5])
def test_a_worker_that_is_told_to_end_under_load(scene: Scene, seconds: float) -> None:
    """It exits 0 with its steps ended; the other worker picks up the rest at once; each edit is bought once."""
    leaving = scene.another_worker(lease=LEASE, max_in_flight="40")
    scene.api.trouble("hang", seconds=seconds)
    batch = scene.enqueue(150)
    scene.until(lambda: scene.api.taken() >= 20, "it is at work")
    scene.another_worker(lease=LEASE, max_in_flight="40")
    leaving.child.ask_to_stop()
    assert exit_code(leaving) == 0
    assert last_words(leaving)["open_claims"] == 0
    scene.api.clear()
    results = scene.finish(batch)
    assert {(r["state"], r["attempts"], r["possible_duplicate"]) for r in results.values()} == {("completed", 1, False)}
    assert len(scene.api.submits()) == 150


@pytest.mark.slow
def test_the_last_worker_leaves_nothing_to_a_lease(scene: Scene) -> None:
    """With nobody else there, what a leaving worker had claimed is due at once when a new one starts."""
    leaving = scene.another_worker(lease=LEASE)
    scene.api.trouble("hang", seconds=0.5)
    batch = scene.enqueue(60)
    scene.until(lambda: len(scene.api.submits()) >= 5, "it is at work")
    leaving.child.ask_to_stop()
    assert exit_code(leaving) == 0
    scene.api.clear()
    scene.another_worker(lease=LEASE)
    results = scene.finish(batch)
    assert {(r["state"], r["attempts"], r["possible_duplicate"]) for r in results.values()} == {("completed", 1, False)}
    assert len(scene.api.submits()) == 60


def test_a_worker_that_has_ended_is_no_longer_seen(scene: Scene) -> None:
    """An orderly end takes the worker from the list of those that live, and an idle one ends with 0."""
    worker = scene.another_worker()
    name = f"-{worker.child.pid}"
    scene.until(lambda: any(live.endswith(name) for live in scene.ledger.reader.workers()), "it is seen")
    worker.child.ask_to_stop()
    assert exit_code(worker) == 0
    assert not any(name.endswith(f"-{worker.child.pid}") for name in scene.ledger.reader.workers())
