"""All parts of the stack as one: started in order, watched, and ended in order."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from retouch.errors import InputError, ServiceError
from retouch.ledger import DEFAULT_NAMESPACE
from retouch.triggers.recipe_file import read_recipes
from workers.stack.child import Child
from workers.stack.endpoint import Endpoint, Model
from workers.stack.gateway import Gateway
from workers.stack.part import Part
from workers.stack.s3 import BUCKET, S3
from workers.stack.valkey import Valkey
from workers.stack.worker import Worker

PREFIX = "edits/"
# Workers (or an endpoint) that end more often than this are broken, and no restart mends them.
MAX_RESTARTS, RESTARTS_WITHIN_S = 5, 60.0


class Stack:
    """Valkey, S3, the endpoint and ``workers`` workers on free loopback ports, with one data folder.

    Without ``data_dir`` the folder is a new temporary one, removed at the end; with it, data, credentials and ports
    are found again at the next start. ``latency``, ``capacity`` and ``model`` are the endpoint's.
    ``gateway``: with one; ``recipes``: files that say what it makes of new objects in S3, which gets their buckets.
    ``tell`` gets a line for each part that starts. Use as a context manager, in the main thread:
    children die with the thread that started them.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        workers: int = 1,
        latency: str | None = None,
        capacity: int | None = None,
        model: Model | None = None,
        gateway: bool = False,
        recipes: Sequence[Path] = (),
        tell: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._recipes = read_recipes(recipes, BUCKET, PREFIX)
        self._temporary = data_dir is None
        self.data_dir = Path(tempfile.mkdtemp(prefix="retouch-")) if data_dir is None else data_dir.resolve()
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = (self.data_dir / "lock").open("w")
        except OSError as error:
            raise InputError(f"data cannot be kept in {self.data_dir}: {error.strerror}") from None
        self._refuse_second_owner()
        logs = self.data_dir / "logs"
        self.valkey = Valkey(self.data_dir / "valkey", log=logs / "valkey.log")
        self.s3 = S3(self.data_dir / "s3", log=logs / "s3.log")
        self.endpoint = Endpoint(
            self.data_dir / "endpoint",
            latency=latency,
            capacity=capacity,
            model=model,
            private_hosts="127.0.0.1",
            log=logs / "endpoint.log",
        )
        self._model = model
        self._services: tuple[Part, ...] = (self.valkey, self.s3, self.endpoint)
        self.gateway: Gateway | None = None
        if gateway:
            self.gateway = Gateway(self.data_dir / "gateway", self._of_gateway, recipes, logs / "gateway.log")
        self.workers: list[Worker] = []
        self._worker_names = [f"retouch{number}" for number in range(1, workers + 1)]
        self._tell = tell
        self._restarts: deque[float] = deque(maxlen=MAX_RESTARTS)  # monotonic seconds

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs in its environment; only once started."""
        of_gateway = {"RETOUCH_URL": self.gateway.url, "RETOUCH_TOKEN": self.gateway.token} if self.gateway else {}
        return {**self._settings, **of_gateway}

    @property
    def _settings(self) -> dict[str, str]:
        """What a worker needs."""
        return {
            "RETOUCH_REDIS_URL": self.valkey.url,
            "RETOUCH_NAMESPACE": DEFAULT_NAMESPACE,
            "RETOUCH_API_URL": self.endpoint.url,
            "RETOUCH_API_KEY": self.endpoint.api_key,
            "RETOUCH_BUCKET": self.s3.bucket,
            "RETOUCH_PREFIX": PREFIX,
            "RETOUCH_PRIVATE_HOSTS": f"{self.endpoint.host},{self.s3.host}",
            **self.s3.environment,
        }

    def _of_gateway(self) -> dict[str, str]:
        """What the gateway needs: callers may name pictures of this machine, which the endpoint reads."""
        return {**self._settings, "RETOUCH_PRIVATE_HOSTS": "127.0.0.1"}

    def start(self) -> None:
        """Start all parts and return when each is ready; raises ServiceError (stop what has started then)."""
        self._tell(f"starting {self.endpoint.child.name}")
        self.endpoint.launch()  # Python takes its time: meanwhile the others start
        self._tell(f"starting {self.valkey.child.name}")
        self.valkey.start()
        self._start_s3()
        self.endpoint.wait()
        if self.gateway:
            self._tell(f"starting {self.gateway.child.name}")
            self.gateway.launch()  # as the endpoint: workers start meanwhile
        for part in self._services:
            if part.moved:
                self._tell(_moved(part))
        logs = self.data_dir / "logs"
        for name in self._worker_names:
            worker = Worker(name, self._settings, logs / f"{name}.log")
            self.workers.append(worker)
            self._tell(f"starting {worker.child.name}")
            worker.start()
        if self.gateway:
            self.gateway.wait()
            if self.gateway.moved:
                self._tell(_moved(self.gateway))
        if self._model:
            self._tell(f"loading the model {self._model.path}")
        engine = self.endpoint.wait_for_engine()
        if self._model:
            self._tell(f"the model is loaded: {engine}")

    def _start_s3(self) -> None:
        self._tell(f"starting {self.s3.child.name}")
        if self.gateway and self._recipes:
            prefixes = [f"{recipe.bucket}/{recipe.pattern.head}" for recipe in self._recipes]
            self.s3.notify(self.gateway.notifications_url, self.gateway.token, prefixes)
        self.s3.start()
        buckets = [recipe.bucket for recipe in self._recipes]
        self.s3.make_buckets(buckets)
        if self.gateway:
            self.gateway.make_key(self.valkey.url, [self.s3.bucket, *buckets])

    def check(self) -> None:
        """Look after the parts, to be called again and again; Valkey and S3 alone are not started again where they end.

        Raises DiedError if another part has ended, or if these end again and again.
        """
        for child in (self.valkey.child, self.s3.child):
            child.check()
        for part in (self.endpoint, *filter(None, [self.gateway]), *self.workers):
            if part.child.running:
                continue
            if len(self._restarts) == MAX_RESTARTS and time.monotonic() - self._restarts[0] < RESTARTS_WITHIN_S:
                part.child.check()
            self._restarts.append(time.monotonic())
            self._tell(ending(part.child))
            part.start()
            self._tell(f"{part.child.name} is ready")
            if part is self.gateway and self._recipes:
                self._tell("what was put into S3 meanwhile makes edits by: retouch recipe scan FILE")

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
        return [*self.workers, *filter(None, [self.gateway]), self.endpoint, self.s3, self.valkey]

    def _refuse_second_owner(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise ServiceError(f"{self.data_dir} is in use by another stack") from None

    def _release(self) -> None:
        self._lock.close()
        if self._temporary:
            shutil.rmtree(self.data_dir, ignore_errors=True)


def _moved(part: Part) -> str:
    earlier, now = part.earlier_ports[0], part.ports[0]
    return (
        f"another program has taken a port of {part.child.name}: it was at {earlier} and is at {now} now."
        " Use the new export lines: those of before do not fit"
    )


def ending(part: Child) -> str:
    """Return what people read about a part that has ended and is started again."""
    if part.ended_well:  # so it ends at SIGTERM, a worker once it is drained, and by nothing else
        return f"{part.name} was ended by SIGTERM; it is started again (Ctrl-C here ends the whole stack)"
    return f"{part.name} ended unexpectedly ({part.how_it_ended()}); it is started again"
