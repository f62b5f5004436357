"""All parts of the stack as one: started in order, watched, and ended in order."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

from retouch.errors import InputError
from workers.stack.endpoint import Endpoint
from workers.stack.part import Part
from workers.stack.s3 import S3
from workers.stack.valkey import Valkey
from workers.stack.worker import Worker

PREFIX = "edits/"
# Workers that end more often than this are broken, and no restart mends them.
MAX_RESTARTS, RESTARTS_WITHIN_S = 5, 60.0


class Stack:
    """Valkey, S3, the endpoint and ``workers`` workers on free loopback ports, with one data folder.

    Without ``data_dir`` the folder is a new temporary one, removed at the end; with it, data and credentials
    are found again at the next start (ports are not). Use as a context manager, in the main thread: children
    die with the thread that started them.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        workers: int = 1,
        latency: str | None = None,
        capacity: int | None = None,
    ) -> None:
        self._temporary = data_dir is None
        self.data_dir = Path(tempfile.mkdtemp(prefix="retouch-")) if data_dir is None else data_dir.resolve()
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = (self.data_dir / "lock").open("w")
        self._refuse_second_owner()
        logs = self.data_dir / "logs"
        self.valkey = Valkey(self.data_dir / "valkey", log=logs / "valkey.log")
        self.s3 = S3(self.data_dir / "s3", log=logs / "s3.log")
        self.endpoint = Endpoint(
            self.data_dir / "endpoint",
            latency=latency,
            capacity=capacity,
            private_hosts="127.0.0.1",
            log=logs / "endpoint.log",
        )
        self.workers: list[Worker] = []
        self._worker_names = [f"retouch{number}" for number in range(1, workers + 1)]
        self._restarts: deque[float] = deque(maxlen=MAX_RESTARTS)  # monotonic seconds

    @property
    def environment(self) -> dict[str, str]:
        """What a client (and a worker) needs in its environment; only once started."""
        return {
            "RETOUCH_REDIS_URL": self.valkey.url,
            "RETOUCH_API_URL": self.endpoint.url,
            "RETOUCH_API_KEY": self.endpoint.api_key,
            "RETOUCH_BUCKET": self.s3.bucket,
            "RETOUCH_PREFIX": PREFIX,
            "RETOUCH_PRIVATE_HOSTS": f"{self.endpoint.host},{self.s3.host}",
            **self.s3.environment,
        }

    def start(self) -> None:
        """Start all parts and return when each is ready; raises ServiceError (stop what has started then)."""
        self.endpoint.launch()  # Python takes its time: meanwhile the others start
        self.valkey.start()
        self.s3.start()
        self.endpoint.wait()
        logs = self.data_dir / "logs"
        for name in self._worker_names:
            worker = Worker(name, self.environment, logs / f"{name}.log")
            self.workers.append(worker)
            worker.start()

    def check(self) -> list[str]:
        """Look after the parts, to be called again and again; return the names of the workers started again.

        Raises DiedError if another part has ended, or if workers end again and again.
        """
        restarted = []
        for part in (self.valkey, self.s3, self.endpoint):
            part.child.check()
        for worker in self.workers:
            if worker.child.running:
                continue
            if len(self._restarts) == MAX_RESTARTS and time.monotonic() - self._restarts[0] < RESTARTS_WITHIN_S:
                worker.child.check()
            self._restarts.append(time.monotonic())
            worker.start()
            restarted.append(worker.name)
        return restarted

    def stop(self) -> None:
        """End all parts, workers first: they settle what they have in hand. Remove a temporary folder."""
        for worker in self.workers:
            worker.child.ask_to_stop()
        for part in self._in_order_of_end():
            if self._temporary and part in (self.s3, self.valkey):
                part.kill()  # nobody will miss their data, and it is quicker
            else:
                part.stop()
        self._release()

    def kill(self) -> None:
        """End all parts at once with SIGKILL; remove a temporary folder."""
        for part in self._in_order_of_end():
            part.kill()
        self._release()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        except BaseException:  # a second Ctrl-C: whoever waits has waited enough
            self.kill()
            raise

    def _in_order_of_end(self) -> list[Part]:
        return [*self.workers, self.endpoint, self.s3, self.valkey]

    def _refuse_second_owner(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise InputError(f"{self.data_dir} is in use by another stack") from None

    def _release(self) -> None:
        self._lock.close()
        if self._temporary:
            shutil.rmtree(self.data_dir, ignore_errors=True)
