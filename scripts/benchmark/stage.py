"""What all versions run against: a real Valkey, and the stand-in for the API and S3."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil
import redis

from scripts.benchmark.service import Service
from scripts.benchmark.standin import API_PATH
from workers.stack.child import Child, clean_environment
from workers.stack.ports import LOOPBACK, free_ports
from workers.stack.valkey import Valkey

BUCKET = "bench"
READY_S = 10.0


class Stage:
    """Servers, environment and a temporary folder; a context manager, to be used in the main thread.

    Without a ``service`` the API has every result ready at once.
    """

    def __init__(self, service: Service | None = None) -> None:
        self._service = service
        self.folder = Path(tempfile.mkdtemp(prefix="retouch-bench-"))
        self.valkey = Valkey(self.folder / "valkey")
        [self.port] = free_ports(1)
        self.standin = Child("stand-in", self.folder / "standin.log")

    def __enter__(self) -> Stage:
        try:
            self.valkey.start()
            command = [sys.executable, "-m", "scripts.benchmark.standin", str(self.port)]
            command += self._service.arguments() if self._service else []
            self.standin.launch(command, env=dict(os.environ))
            self.standin.wait_until(self._answers, READY_S)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    @property
    def environment(self) -> dict[str, str]:
        """What every version's processes need."""
        here = f"http://{LOOPBACK}:{self.port}"
        return {
            "RETOUCH_REDIS_URL": self.valkey.url,
            "RETOUCH_API_URL": here + API_PATH,
            "RETOUCH_API_KEY": "bench-key",
            "RETOUCH_BUCKET": BUCKET,
            "RETOUCH_PRIVATE_HOSTS": LOOPBACK,
            "AWS_ENDPOINT_URL_S3": here,
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench-secret",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def empty_redis(self) -> None:
        """Forget everything, between versions."""
        with redis.Redis.from_url(self.valkey.url) as client:
            client.flushall()

    @contextmanager
    def processes(self, name: str, commands: Sequence[Sequence[str]], **variables: str) -> Iterator[list[Child]]:
        """Run commands beside each other for as long as the block lasts; killed at its end, with all they started."""
        children = [Child(f"{name} {n}", self.folder / f"{name}-{n}.log") for n in range(1, len(commands) + 1)]
        try:
            for child, command in zip(children, commands, strict=True):
                child.launch(command, env=clean_environment(**self.environment, **variables))
            yield children
        finally:
            started = [process for child in children if child.running for process in descendants(child)]
            for child in children:
                child.kill()
            for process in started:
                with suppress(psutil.NoSuchProcess):
                    process.kill()

    def _answers(self) -> bool | None:
        connection = HTTPConnection(LOOPBACK, self.port, timeout=1)
        try:
            connection.request("GET", "/counts")
            return connection.getresponse().status == 200 or None
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()

    def _end(self) -> None:
        self.standin.kill()
        self.valkey.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def descendants(child: Child) -> list[psutil.Process]:
    """The processes that a child has started, and theirs; none if it has ended."""
    with suppress(psutil.NoSuchProcess):
        return list(psutil.Process(child.pid).children(recursive=True))
    return []
