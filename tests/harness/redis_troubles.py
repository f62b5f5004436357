"""Ways in which Redis answers and does not work, each a context manager: at its end Redis is mended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import redis

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
        until(lambda: _is_set(admin, name, before), f"{name} is {before} again")


def _is_set(admin: Admin, name: str, value: str) -> bool:
    with suppress(redis.ResponseError):  # a script of a worker may run for longer than is allowed just now
        return bool(admin.client.config_set(name, value))
    return False


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
def no_clock(admin: Admin) -> Iterator[None]:
    """The workers' user may run scripts, and not ask for the time in them."""
    admin.client.execute_command("ACL", "SETUSER", "default", "-time")
    try:
        yield
    finally:
        admin.client.execute_command("ACL", "SETUSER", "default", "+time")


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


# The code of the answers → the trouble.
TROUBLES: Mapping[str, Callable[[Admin], AbstractContextManager[None]]] = {
    "NOREPLICAS": no_replicas,
    "OOM": no_memory,
    "MISCONF": no_disk,
    "NOPERM": no_permission,
    "NOPERM ACL failure in script": no_clock,
    "READONLY": a_replica,
    "MASTERDOWN": a_stale_replica,
    "BUSY": busy,
}
