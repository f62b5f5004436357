"""Redis answers, and does not work. Workers wait, and go on by themselves when it is mended."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import redis

from tests.harness.processes import RETOUCH, run
from tests.harness.redis_that_refuses import RedisThatRefuses
from tests.harness.scene import Scene
from tests.harness.waiting import until
from workers.stack.ports import LOOPBACK
from workers.stack.valkey import Valkey

NOWHERE = (LOOPBACK, 1)  # nothing listens there


class Admin:
    """Someone who may do everything, whatever becomes of the user of the workers."""

    def __init__(self, valkey: Valkey) -> None:
        owner: Any = redis.Redis.from_url(valkey.url)
        owner.acl_setuser("admin", enabled=True, passwords=["+admin"], commands=["+@all"], keys=["*"], channels=["*"])
        self.client: Any = redis.Redis(host=LOOPBACK, port=valkey.ports[0], username="admin", password="admin")
        self.folder = valkey.data_dir


@contextmanager
def _set(admin: Admin, name: str, value: str) -> Iterator[None]:
    before = admin.client.config_get(name)[name]
    admin.client.config_set(name, value)
    try:
        yield
    finally:
        admin.client.config_set(name, before)


@contextmanager
def no_replicas(admin: Admin) -> Iterator[None]:
    """Writes need a replica, and there is none."""
    with _set(admin, "min-replicas-to-write", "1"):
        yield


@contextmanager
def no_memory(admin: Admin) -> Iterator[None]:
    """No byte is left."""
    with _set(admin, "maxmemory", "1"):
        yield


@contextmanager
def no_disk(admin: Admin) -> Iterator[None]:
    """Its data cannot be written to disk: a folder is where the file should be."""
    place = admin.folder / "dump.rdb"
    place.unlink(missing_ok=True)
    place.mkdir()
    with _set(admin, "save", "3600 1000000"):
        try:
            _save(admin, "err")
            yield
        finally:
            place.rmdir()
            _save(admin, "ok")


def _save(admin: Admin, outcome: str) -> None:
    admin.client.bgsave()
    until(
        lambda: (
            not (info := admin.client.info("persistence"))["rdb_bgsave_in_progress"]
            and info["rdb_last_bgsave_status"] == outcome
        ),
        f"a save ends: {outcome}",
    )


@contextmanager
def no_permission(admin: Admin) -> Iterator[None]:
    """Somebody took the user's permission to run scripts, and to read lists."""
    admin.client.execute_command("ACL", "SETUSER", "default", "-@scripting", "-@list")
    try:
        yield
    finally:
        admin.client.execute_command("ACL", "SETUSER", "default", "+@all")


@contextmanager
def a_replica(admin: Admin) -> Iterator[None]:
    """It was made a replica, of a master that is away."""
    admin.client.replicaof(*NOWHERE)
    try:
        yield
    finally:
        admin.client.replicaof("NO", "ONE")


@contextmanager
def a_stale_replica(admin: Admin) -> Iterator[None]:
    """The same, and it answers no reads either."""
    with _set(admin, "replica-serve-stale-data", "no"), a_replica(admin):
        yield


@contextmanager
def busy(admin: Admin) -> Iterator[None]:
    """A script of somebody else's runs and runs."""
    with _set(admin, "busy-reply-threshold", "100"):
        endless = threading.Thread(target=_run_endless_script, args=(admin,))
        endless.start()
        try:
            yield
        finally:
            until(lambda: _killed(admin, endless), "the script is killed")


def _run_endless_script(admin: Admin) -> None:
    with suppress(redis.RedisError):
        admin.client.eval("while true do end", 0)


def _killed(admin: Admin, endless: threading.Thread) -> bool:
    with suppress(redis.RedisError):
        admin.client.script_kill()
    endless.join(0.1)
    return not endless.is_alive()


TROUBLES = {
    "NOREPLICAS": no_replicas,
    "OOM": no_memory,
    "MISCONF": no_disk,
    "NOPERM": no_permission,
    "READONLY": a_replica,
    "MASTERDOWN": a_stale_replica,
    "BUSY": busy,
}


@pytest.mark.slow
@pytest.mark.parametrize("code", TROUBLES)
def test_work_goes_on_when_redis_is_mended(scene: Scene, valkey: Valkey, code: str) -> None:
    """The worker says what Redis says, lives, and completes every edit by its first submit; so does Celery in it."""
    worker = scene.another_worker(max_in_flight="8")
    scene.api.trouble("odd_status")
    batch = scene.enqueue(16)
    scene.until(lambda: len(scene.api.polls()) >= 8, "edits are at the API")
    with TROUBLES[code](Admin(valkey)):
        scene.until(lambda: f'"reason": "{code}' in worker.child.output(), "the worker says why it waits")
        if code != "OOM":  # which takes nothing from who only waits for messages
            scene.until(lambda: "onnection to broker lost" in worker.child.output(), "its consumer waits as well")
        ended = run([RETOUCH, "cancel", batch], env=scene.environment)
        assert ended.code == 6, ended
        assert code in ended.err
    scene.api.clear()
    results = scene.finish(batch)
    assert {(r["state"], r["attempts"], r["possible_duplicate"]) for r in results.values()} == {("completed", 1, False)}
    assert worker.child.running


def test_a_redis_that_is_silent_is_given_up_soon(scene: Scene) -> None:
    """A port that accepts and says nothing: each command says so in one sentence, within seconds."""
    with RedisThatRefuses("") as silent:
        environment = scene.environment | {"RETOUCH_REDIS_URL": silent.url}
        for command in (["status"], ["cancel", "b"], ["events"], ["doctor"]):
            ended = run([RETOUCH, *command], env=environment, within_s=20)
            assert (ended.code, "Timeout" in ended.err + ended.out) == (6, True), ended


def test_doctor_says_what_its_user_may_not_do(scene: Scene, valkey: Valkey) -> None:
    """Redis is there, and works: it is not to be started, and the rest is checked."""
    scene.worker()
    admin = Admin(valkey)
    commands = ["+@all", "-info"]
    admin.client.acl_setuser("shy", enabled=True, passwords=["+shy"], commands=commands, keys=["*"], channels=["*"])
    url = f"redis://shy:shy@{LOOPBACK}:{valkey.ports[0]}/0"
    ended = run([RETOUCH, "doctor"], env=scene.environment | {"RETOUCH_REDIS_URL": url})
    assert ended.code == 6
    [line] = [line for line in ended.out.splitlines() if line.startswith("FAIL")]
    assert line.startswith("FAIL  Redis settings: its version, memory and disk were not checked: NOPERM")
    assert line.endswith("give its user that permission (ACL SETUSER)")
    assert "ok    workers: 1 alive" in ended.out
