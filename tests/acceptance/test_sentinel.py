"""Redis behind Sentinels: for workers and the command line, through a change of the master."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.processes import RETOUCH, run
from tests.harness.scene import Scene
from tests.harness.sentinel import Watched


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """Two servers and a Sentinel of this test."""
    with Watched(tmp_path / "sentinel") as watched:
        yield watched


@pytest.fixture
def redis_url(watched: Watched) -> str:
    """Where the scene plays."""
    return watched.url


@pytest.mark.slow
@pytest.mark.parametrize("how", ["told to", "dead"])
def test_work_goes_on_with_the_new_master(scene: Scene, watched: Watched, how: str) -> None:
    """The same worker completes every edit, each bought once, after the master was changed or has died."""
    worker = scene.another_worker(max_in_flight="8")
    scene.api.trouble("odd_status")
    batch = scene.enqueue(16)
    scene.until(lambda: len(scene.api.polls()) >= 8, "edits are at the API")
    watched.caught_up()
    if how == "dead":
        watched.master.kill()
        watched.promoted()
    else:
        watched.fail_over()
    scene.api.clear()
    results = scene.finish(batch)
    assert {(r["state"], r["attempts"], r["possible_duplicate"]) for r in results.values()} == {("completed", 1, False)}
    assert worker.child.running
    shown = run([RETOUCH, "status", batch], env=scene.environment)
    assert (shown.code, "16" in shown.out) == (0, True), shown
