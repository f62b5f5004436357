"""A rolling upgrade: workers of the previous release and of this one over one ledger, with work in flight."""

from __future__ import annotations

import shutil
import signal
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.processes import RETOUCH, Process, run
from tests.harness.scene import Scene
from workers.stack.child import ROOT, clean_environment

# The commit of the previous release; its code is in the repository's history.
PREVIOUS = Path(__file__).with_name("previous-release").read_text().strip()
EDITS = 40
# Polls of this batch find no end, so that the worker that began it still has it in hand when it dies.
UNFINISHED = {"fault": "odd_status", "times": 2 * EDITS}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not ((ROOT / ".git").exists() and shutil.which("git")), reason="the previous release is taken from git"
    ),
]


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the previous release."""
    folder = tmp_path_factory.mktemp("previous")
    archive = folder / "code.tar"
    taken = run(["git", "-C", ROOT, "archive", "--output", archive, PREVIOUS])
    assert taken.code == 0, f"the history lacks {PREVIOUS} (a shallow clone?): {taken.err}"
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "code", filter="data")
    return folder / "code"


def start(scene: Scene, code: Path) -> Process:
    """A worker of the code in this folder."""
    command = [sys.executable, "-m", "celery", "-A", "workers", "worker"]
    return Process(command, env=clean_environment(**scene.settings(lease="2", poll_max="1")), cwd=code, merged=True)


@pytest.fixture
def workers(scene: Scene, previous: Path) -> Iterator[dict[str, Process]]:
    """One worker of each release, both at work for one ledger."""
    scene.crew.end()
    with start(scene, previous) as old, start(scene, ROOT) as new:
        for worker in (old, new):
            worker.out.line("worker.started")
        yield {"old": old, "new": new}


def begin(scene: Scene, first: Process, second: Process) -> str:
    """Enqueue a batch of which the first worker has submitted an edit before the second comes back to work."""
    scene.api.rules(UNFINISHED)
    second.signal(signal.SIGSTOP)
    batch = scene.enqueue(EDITS)
    first.out.line("edit.submitted")
    second.signal(signal.SIGCONT)
    return batch


@pytest.mark.parametrize(("dying", "other"), [("old", "new"), ("new", "old")])
def test_everything_ends_whichever_release_dies(
    scene: Scene, workers: dict[str, Process], dying: str, other: str
) -> None:
    """Each takes over what the other has in hand: nothing is lost, and no second submit goes unmarked."""
    batch = begin(scene, workers[dying], workers[other])
    workers[dying].signal(signal.SIGKILL)
    workers[dying].end()
    scene.api.clear()
    results = scene.finish(batch)
    assert {result["state"] for result in results.values()} == {"completed"}
    assert len(results) == EDITS
    assert len(scene.api.submits()) <= EDITS + scene.duplicates(batch)
    assert len(scene.images(batch)) == EDITS


def test_an_old_worker_leaves_in_order(scene: Scene, workers: dict[str, Process]) -> None:
    """SIGTERM, as in a rolling upgrade: no edit is submitted twice."""
    batch = begin(scene, workers["old"], workers["new"])
    workers["old"].signal(signal.SIGTERM)
    scene.api.clear()
    assert workers["old"].end().code == 0
    results = scene.finish(batch)
    assert {result["state"] for result in results.values()} == {"completed"}
    assert len(scene.api.submits()) == EDITS


def test_who_meets_a_newer_ledger_ends_with_a_sentence(scene: Scene) -> None:
    """Worker and command say which versions there are and what to do, and change nothing."""
    batch = scene.enqueue(1)
    scene.redis.set("{retouch}:schema", 2)
    with start(scene, ROOT) as worker:
        ended = worker.end()
    assert ended.code != 0
    assert "the ledger in Redis has schema 2, and this Retouch works with schema 1: upgrade this program" in ended.out
    assert "Traceback" not in ended.out
    command = run([RETOUCH, "status"], env=clean_environment(**scene.settings()))
    assert command.code == 6
    assert command.err.startswith("retouch: the ledger in Redis has schema 2")
    scene.redis.delete("{retouch}:schema")
    assert scene.edit(batch).state == "queued"
    assert scene.ledger.reader.workers() == []


def test_all_that_a_worker_writes_begins_with_the_namespace(scene: Scene) -> None:
    """Celery's names too: another application, or installation, on this database is left alone."""
    scene.worker()
    scene.run()
    assert {key.partition(":")[0] for key in scene.redis.scan_iter()} == {"{retouch}"}
