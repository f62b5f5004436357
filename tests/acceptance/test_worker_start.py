"""How a worker starts: wrong settings in one sentence, a Redis that comes later, and the health check."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from pathlib import Path

import psutil
import pytest

from tests.harness.processes import Ended, Process, launch, run
from tests.harness.scene import Scene
from tests.harness.waiting import LIMIT_S
from tests.harness.web import Web
from workers.stack.child import clean_environment
from workers.stack.valkey import Valkey

BASIS = {
    "RETOUCH_REDIS_URL": "redis://127.0.0.1:1/0",
    "RETOUCH_API_KEY": "planted-api-key",
    "RETOUCH_BUCKET": "bucket",
    "AWS_SECRET_ACCESS_KEY": "planted-aws-secret",
}


COMMAND = [sys.executable, "-m", "celery", "-A", "workers", "worker"]


def start(settings: dict[str, str], *options: str) -> Ended:
    """Start a worker that is expected to refuse."""
    command = [*COMMAND, *options]
    env = clean_environment(**{k: v for k, v in (BASIS | settings).items() if v})
    return run(command, env=env)


@pytest.mark.parametrize(
    ("variable", "value", "others"),
    [
        ("RETOUCH_API_KEY", "", {}),
        ("RETOUCH_BUCKET", "", {}),
        ("RETOUCH_REDIS_URL", "http://127.0.0.1", {}),
        ("RETOUCH_API_URL", "api.imagepipeline.io", {}),
        ("RETOUCH_WEBHOOK_SECRET", "", {"RETOUCH_WEBHOOK_URL": "https://example.com/hook"}),
        ("RETOUCH_WEBHOOK_SECRET", "planted-webhook-secret", {"RETOUCH_WEBHOOK_URL": "https://example.com/hook"}),
        ("RETOUCH_LEASE", "soon", {}),
        ("RETOUCH_PRIVATE_HOSTS", "http://10.0.0.1/", {}),
    ],
)
def test_a_wrong_setting_is_one_sentence(variable: str, value: str, others: dict[str, str]) -> None:
    """A missing or bad variable ends the start with one sentence that names it, no traceback and no secret."""
    ended = start({variable: value, **others})
    assert ended.code == 2
    [said] = (ended.out + ended.err).strip().splitlines()
    assert variable in said
    assert "planted" not in said


def test_an_option_that_would_break_it_is_one_sentence() -> None:
    """Celery itself would take it in silence."""
    ended = start({}, "--concurrency", "8")
    assert ended.code == 2
    [said] = (ended.out + ended.err).strip().splitlines()
    assert "--concurrency" in said


def test_the_log_level_is_celerys_option() -> None:
    """With ``-l WARNING`` no line of a lower level is written."""
    with Process([*COMMAND, "-l", "WARNING"], env=clean_environment(**BASIS)) as worker:
        worker.err.line('"redis.unavailable"')
        assert "worker.started" not in worker.err.text


def test_the_log_at_its_lowest_level_holds_no_secret(scene: Scene) -> None:
    """What Celery and other libraries say then is looked through as well; the scene does, at its end."""
    worker = scene.another_worker(CELERY_WORKER_LOGLEVEL="DEBUG")
    assert scene.run()["state"] == "completed"
    lines = [json.loads(line) for line in worker.child.output().splitlines() if line.startswith("{")]
    assert {line["level"] for line in lines} >= {"debug", "info"}
    assert all(line["event"] and line["timestamp"] for line in lines)


def test_a_worker_waits_for_a_redis_that_is_not_there_yet(scene: Scene, valkey: Valkey) -> None:
    """Started before Redis, a worker says so and begins when it is there."""
    valkey.kill()
    worker = scene.crew.prepared(scene.settings())
    command = [*COMMAND, "--hostname", "early@%h"]
    worker.child.launch(command, env=clean_environment(**scene.settings()))
    try:
        scene.until(lambda: "redis.unavailable" in worker.child.output(), "it says that Redis is away")
        valkey.start()
        assert scene.run()["state"] == "completed"
        assert "Traceback" not in worker.child.output()
    finally:
        worker.kill()
        if not valkey.child.running:
            valkey.start()


def test_a_wrong_address_of_the_api_is_said_before_the_first_submit(scene: Scene) -> None:
    """Where a page answers at ``RETOUCH_API_URL``, a worker says so before its first submit; no edit fails for it."""
    scene.nobody_works()
    batch = scene.enqueue()
    with Web(lambda _request: (404, b"<!doctype html><h1>Not Found</h1>")) as web:
        worker = scene.another_worker(api_url=f"{web.url}/v1")
        scene.pause("submit:refused")
        said, _, _ = worker.child.output().partition("edit.refused")
        assert "check RETOUCH_API_URL" in said
        assert len(web.requests[0].body) == 0
        worker.stop()
    scene.another_worker()
    scene.queue.resume()
    result = scene.finish(batch)["c0"]
    assert (result["state"], result["attempts"], result["possible_duplicate"]) == ("completed", 1, False)


def test_a_log_that_nobody_reads_holds_nothing_up(scene: Scene) -> None:
    """A full pipe behind stderr (a stalled log collector) stops neither edits nor the worker's end."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    command = [*COMMAND, "--hostname", "unread@%h"]
    process = launch(command, env=clean_environment(**scene.settings()), stderr=write)
    try:
        ended = scene.finish(scene.enqueue(60))
        assert {edit["state"] for edit in ended.values()} == {"completed"}
        process.terminate()
        assert process.wait(LIMIT_S) == 0
    finally:
        process.kill()
        process.wait()
        os.close(write)
        os.close(read)


def test_nothing_can_connect_to_a_worker(scene: Scene) -> None:
    """It opens no port: all that it does, it does by calling others."""
    worker = scene.worker()
    assert scene.run()["state"] == "completed"
    connections = psutil.Process(worker.child.pid).net_connections()
    assert connections
    assert [each for each in connections if each.status == psutil.CONN_LISTEN] == []


def test_health_is_a_loop_that_turns(scene: Scene, tmp_path: Path) -> None:
    """``python -m workers.health`` exits 0 while a worker of this machine runs, and 1 when none does."""

    def health() -> int:
        command = [sys.executable, "-m", "workers.health"]
        return run(command, env=clean_environment(TMPDIR=str(tmp_path))).code

    assert health() == 1
    worker = scene.another_worker(TMPDIR=str(tmp_path))
    assert health() == 0
    worker.stop()
    assert health() == 1
