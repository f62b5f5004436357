"""An upgrade to this ledger's schema: workers of the previous release and of this one, with work in flight."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from retouch.ledger import SCHEMA
from scripts.release import extract
from tests.harness.processes import RETOUCH, Command, Ended, Process, run
from tests.harness.scene import Scene
from workers.stack.child import ROOT, clean_environment

# The commit of the previous release; its code is in the repository's history.
PREVIOUS = Path(__file__).with_name("previous-release").read_text().strip()
OLD_SCHEMA = 1
NUMBER = "{retouch}:schema"
EDITS = 40
BATCH = "made-by-the-old-one"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not ((ROOT / ".git").exists() and shutil.which("git")), reason="the previous release is taken from git"
    ),
]

Start = Callable[[Path], Process]  # a worker of the code in this folder


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the previous release."""
    folder = tmp_path_factory.mktemp("previous")
    archive = folder / "code.tar"
    taken = run(["git", "-C", ROOT, "archive", "--output", archive, PREVIOUS])
    assert taken.code == 0, f"the history lacks {PREVIOUS} (a shallow clone?): {taken.err}"
    with tarfile.open(archive) as tar:
        extract(tar, folder / "code")
    return folder / "code"


@pytest.fixture
def start(scene: Scene) -> Iterator[Start]:
    """Starts workers that end with the test."""
    scene.crew.end()
    env = clean_environment(**scene.settings(lease="2", poll_max="1"))
    command = [sys.executable, "-m", "celery", "-A", "workers", "worker"]
    with ExitStack() as started:
        yield lambda code: started.enter_context(Process(command, env=env, cwd=code, merged=True))


def old_command(scene: Scene, previous: Path, *arguments: str | Path) -> Ended:
    """Run a command of the previous release to its end."""
    command: Command = [sys.executable, "-m", "retouch", *arguments]
    with Process(command, env=clean_environment(**scene.settings()), cwd=previous) as process:
        return process.end()


@pytest.fixture
def old(scene: Scene, previous: Path, start: Start, tmp_path: Path) -> Process:
    """A worker of the previous release, in the middle of a batch of which the API finishes nothing yet."""
    scene.api.trouble("odd_status")
    worker = start(previous)
    worker.out.line("worker.started")
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(edit) + "\n" for edit in scene.edits(EDITS)))
    assert old_command(scene, previous, "enqueue", manifest, "--batch", BATCH).code == 0
    worker.out.line("edit.submitted")
    return worker


def waiting(start: Start) -> Process:
    """A worker of this version that has found the older one."""
    worker = start(ROOT)
    said = json.loads(worker.out.line("worker.waiting"))
    assert said["older_workers"] == 1
    return worker


def assert_all_completed(scene: Scene, submits: int) -> None:
    """Nothing is lost; so many submits were sent, and those that were sent twice are marked."""
    scene.api.clear()
    results = scene.finish(BATCH)
    assert {result["state"] for result in results.values()} == {"completed"}
    assert len(results) == len(scene.images(BATCH)) == EDITS
    assert len(scene.api.submits()) <= submits
    assert scene.redis.get(NUMBER) == str(SCHEMA)


def test_a_new_worker_waits_for_the_old_one_and_takes_over(scene: Scene, old: Process, start: Start) -> None:
    """While the old one works nothing is changed; it leaves in order, and no edit is submitted twice."""
    new = waiting(start)
    at_the_api = len(scene.api.polls())
    scene.until(lambda: len(scene.api.polls()) > at_the_api, "the old worker goes on")
    assert scene.redis.get(NUMBER) is None
    old.signal(signal.SIGTERM)
    assert old.end().code == 0
    assert_all_completed(scene, submits=EDITS)
    assert scene.duplicates(BATCH) == 0
    new.signal(signal.SIGTERM)
    assert new.end().code == 0


def test_a_new_worker_takes_over_from_an_old_one_that_was_killed(scene: Scene, old: Process, start: Start) -> None:
    """When it is no longer seen its edits go on with the new one, and no second submit goes unmarked."""
    waiting(start)
    old.signal(signal.SIGKILL)
    old.end()
    assert_all_completed(scene, submits=EDITS + EDITS)
    assert len(scene.api.submits()) <= EDITS + scene.duplicates(BATCH)


def test_an_old_worker_that_was_taken_for_dead_ends(scene: Scene, old: Process, start: Start) -> None:
    """Stopped for longer than it may be unseen, it comes back to a newer ledger: it says so and changes nothing."""
    waiting(start)
    old.signal(signal.SIGSTOP)
    scene.until(lambda: scene.redis.get(NUMBER) == str(SCHEMA), "the ledger is upgraded")
    old.signal(signal.SIGCONT)
    ended = old.end()
    assert ended.code != 0
    assert f"has schema {SCHEMA}, and this Retouch works with schema {OLD_SCHEMA}: upgrade this program" in ended.out
    assert_all_completed(scene, submits=EDITS + EDITS)
    assert len(scene.api.submits()) <= EDITS + scene.duplicates(BATCH)


def test_who_meets_a_newer_ledger_ends_with_a_sentence(scene: Scene, previous: Path, start: Start) -> None:
    """Worker and command of the previous release say which versions there are and what to do, and change nothing."""
    batch = scene.enqueue(1)
    ended = start(previous).end()
    sentence = f"the ledger in Redis has schema {SCHEMA}, and this Retouch works with schema {OLD_SCHEMA}"
    assert ended.code != 0
    assert f"{sentence}: upgrade this program" in ended.out
    assert "Traceback" not in ended.out
    command = old_command(scene, previous, "status")
    assert (command.code, command.err.startswith(f"retouch: {sentence}")) == (6, True)
    assert scene.edit(batch).state == "queued"
    assert scene.ledger.reader.workers() == []


def test_a_command_that_meets_an_older_ledger_asks_for_a_worker(scene: Scene, old: Process, previous: Path) -> None:
    """A command of this version leaves a ledger in the hands of an older worker as it is, and says what to do."""
    command = run([RETOUCH, "cancel", BATCH], env=clean_environment(**scene.settings()))
    assert command.code == 6
    assert f"has schema {OLD_SCHEMA}, and this Retouch works with schema {SCHEMA}: start a worker" in command.err
    assert old_command(scene, previous, "status", BATCH).code == 0


def test_all_that_a_worker_writes_begins_with_the_namespace(scene: Scene) -> None:
    """Celery's names too: another application, or installation, on this database is left alone."""
    scene.worker()
    scene.run()
    assert {key.partition(":")[0] for key in scene.redis.scan_iter()} == {"{retouch}"}
