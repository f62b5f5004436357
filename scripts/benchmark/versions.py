"""The versions that are compared: what each is, how its workers start, and how edits get into its queue."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from retouch.errors import ServiceError
from retouch.queue import EditQueue
from scripts.benchmark.environments import interpreter
from scripts.benchmark.stage import Stage
from scripts.benchmark.work import Work
from workers.stack.child import ROOT, clean_environment

PRODUCE_S = 300.0  # at most, to enqueue what a version is measured with
PEERS = Path(__file__).with_name("peers")
MODULES = "scripts.benchmark.peers"
# Of 8, 16, 32 and 64, tried in turns twice on two busy cores, 64 took the least CPU an edit with Celery (8.9 to 9.9 ms;
# 16: 10.1 to 12.4), by little more than the noise and at some cost in memory.
THREADS = "64"
# A process for each core would leave the machine idle while it waits for the API; every one more costs 60 MiB.
PROCESSES = "8"


@dataclass(frozen=True, slots=True)
class Version:
    """One column. ``module`` is the peer's file, ``pins`` its environment's; None for Retouch and the floor.

    ``commands``: what Python is started with, a process each; together they are the version's worker.
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    module: str | None = None
    pins: str | None = None
    on_loop: bool = False  # its jobs share an event loop, so that one worker can have many open

    def python(self) -> str:
        """The interpreter of its environment, which is made if need be; raises NotInstallableError."""
        return str(interpreter(PEERS / f"{self.pins}.txt")) if self.pins else sys.executable

    def start(self) -> list[list[str]]:
        """The whole commands; raises NotInstallableError."""
        python = self.python()
        return [[python, *command] for command in self.commands]

    def producer(self, work: Work) -> list[str]:
        """The command that enqueues the edits and prints how many a second; raises NotInstallableError."""
        assert self.module is not None, f"{self.name} has no producer of its own"
        return [self.python(), "-m", self.module, work.batch, str(work.count)]

    def enqueue(self, stage: Stage, work: Work) -> float:
        """Put the edits into its queue; returns how many a second, starting the producer not counted.

        Raises NotInstallableError, or ServiceError with what the producer said last.
        """
        if self.module is None:
            began_s = time.monotonic()
            EditQueue.from_url(stage.valkey.url).enqueue(work.named(), batch=work.batch)
            return work.count / (time.monotonic() - began_s)
        environment = clean_environment(**stage.environment)
        command = self.producer(work)
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=PRODUCE_S)
        if done.returncode:
            raise ServiceError(f"{self.name} cannot enqueue: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
        return float(done.stdout)


def _celery(pool: str, concurrency: str) -> tuple[str, ...]:
    return ("-m", "celery", "-A", f"{MODULES}.celery", "worker", "--pool", pool, "--concurrency", concurrency)


CELERY = Version("celery", (_celery("threads", THREADS),), f"{MODULES}.celery", "celery")
PREFORK = Version("celery_prefork", (_celery("prefork", PROCESSES),), f"{MODULES}.celery", "celery")
DRAMATIQ = Version(
    "dramatiq",
    (("-m", "dramatiq", f"{MODULES}.dramatiq", "--processes", "1", "--threads", THREADS),),
    f"{MODULES}.dramatiq",
    "dramatiq",
)
ARQ = Version("arq", (("-m", "arq", f"{MODULES}.arq.WorkerSettings"),), f"{MODULES}.arq", "arq", on_loop=True)
SAQ = Version("saq", (("-m", "saq", f"{MODULES}.saq.settings"),), f"{MODULES}.saq", "saq", on_loop=True)
TASKIQ = Version(
    "taskiq",
    (
        ("-m", "taskiq", "worker", f"{MODULES}.taskiq:broker", "--workers", "1"),
        ("-m", "taskiq", "scheduler", f"{MODULES}.taskiq:scheduler", "--update-interval", "1"),
    ),
    f"{MODULES}.taskiq",
    "taskiq",
    on_loop=True,
)
RETOUCH = Version("retouch", (("-m", "celery", "-A", "workers", "worker"),))
FLOOR = Version("floor", (("-m", "scripts.benchmark.floor"),))

RIVALS = (CELERY, PREFORK, DRAMATIQ, ARQ, SAQ, TASKIQ)
VERSIONS = (*RIVALS, RETOUCH, FLOOR)


def pinned() -> str:
    """Which release of each peer is compared."""
    found = {}
    for pins in dict.fromkeys(version.pins for version in RIVALS if version.pins):
        release = re.search(rf"^{pins}==(\S+)", (PEERS / f"{pins}.txt").read_text(), re.MULTILINE)
        found[pins] = release[1] if release else "?"
    return ", ".join(f"{name} {release}" for name, release in found.items())


def retouch_workers(count: int) -> list[list[str]]:
    """The commands of so many of Retouch's worker processes."""
    [command] = RETOUCH.start()
    return [[*command, "--hostname", f"bench{n}@%h"] for n in range(count)]
