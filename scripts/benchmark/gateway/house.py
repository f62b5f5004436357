"""A gateway on the stage, Retouch's or the bare one: where it is, and what its process has used."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import redis

from retouch.access_keys import AccessKeys, Scope
from retouch.errors import ServiceError
from retouch.ledger import Ledger
from scripts.benchmark.gateway.ways import BARE
from scripts.benchmark.stage import Stage
from workers.stack.child import Child

RATE = "1000000/m"  # the key's: it must not be what limits
MAX_BODY = "1024"  # MiB
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True)
class House:
    """A gateway that listens. ``headers`` hold its key."""

    url: str
    child: Child
    headers: dict[str, str] = field(default_factory=dict)

    def cpu_s(self) -> float:
        """User and system time since it began."""
        return cpu_s(self.child)

    def peak_mib(self) -> float | None:
        """The most memory that was ever resident; None where the kernel does not tell."""
        try:
            found = _PEAK.search(Path(f"/proc/{self.child.pid}/status").read_text())
        except OSError:
            return None
        return int(found[1]) / 1024 if found else None


@contextmanager
def opened(stage: Stage, way: str) -> Iterator[House]:
    """A gateway on an empty Redis, with a key; raises DiedError if it does not start."""
    stage.empty_redis()
    command = [sys.executable, "-m", "workers.gateway", "--port", "0"]
    if way == BARE:
        command = [sys.executable, "-m", "scripts.benchmark.gateway.bare", stage.valkey.url]
    token = _key(stage)
    with stage.processes("gateway", [command], RETOUCH_GATEWAY_MAX_BODY=MAX_BODY) as [child]:
        url = child.wait_until(lambda: url_of(child))
        yield House(url, child, {"Authorization": f"Bearer {token}"})


def url_of(child: Child) -> str | None:
    """What a server of ours prints when it listens."""
    found = [line for line in child.output().splitlines() if line.startswith('{"url"')]
    return str(json.loads(found[-1])["url"]) if found else None


def cpu_s(child: Child) -> float:
    """User and system time of a process since it began."""
    times = psutil.Process(child.pid).cpu_times()
    return float(times.user + times.system)


def stored(stage: Stage) -> int:
    """How many edits, or lines, are in Redis."""
    with redis.Redis.from_url(stage.valkey.url) as client:
        return int(client.llen("bare")) + sum(int(client.hlen(key)) for key in client.scan_iter("{retouch}:edits:*"))


def check_stored(stage: Stage, wanted: int) -> None:
    """Raise ServiceError if a figure would be of work that was not done."""
    if (found := stored(stage)) != wanted:
        raise ServiceError(f"{found:,} edits are in Redis, and {wanted:,} should be")


def _key(stage: Stage) -> str:
    ledger = Ledger.from_url(stage.valkey.url)
    try:
        return AccessKeys(ledger, stage.valkey.url).create("bench", list(Scope), rate=RATE)
    finally:
        ledger.connection.close()
