"""Small requests, evenly over some seconds, sent by wrk: how long each takes."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from retouch.errors import ServiceError
from scripts.benchmark.gateway.house import House, opened, stored
from scripts.benchmark.gateway.sizes import Sizes
from scripts.benchmark.gateway.ways import ALWAYS
from scripts.benchmark.stage import Stage
from workers.stack.child import ROOT, clean_environment

PRODUCERS = Path(__file__).with_suffix(".lua")
CONNECTIONS = 200
SHARE_WAITED = 0.97  # of a connection's time, between its requests
SHARES = (0.5, 0.95, 0.99)


class NoLoadToolError(ServiceError):
    """wrk is not on this machine."""


@dataclass(frozen=True, slots=True)
class Small:
    """Requests of one edit each. ``ms``: how long they took, by share of them. ``cpu_ms``: the server's, a request."""

    per_s: float
    ms: Mapping[float, float]
    cpu_ms: float


def measure(stage: Stage, way: str, sizes: Sizes) -> Small:
    """One run; raises NoLoadToolError, DiedError, or ServiceError if a request failed."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise NoLoadToolError("needs wrk (on Debian and Ubuntu: apt install wrk; on macOS: brew install wrk)")
    with _syncing(stage, "always" if way == ALWAYS else "everysec"), opened(stage, way) as house:
        cpu_s = house.cpu_s()
        said = _sent(wrk, house, sizes)
        cpu_s = house.cpu_s() - cpu_s
    count, per_s, ms = read(said)
    if (found := stored(stage)) < count:  # more, if some were under way at the end
        raise ServiceError(f"{count:,} requests were answered, and {found:,} edits are in Redis")
    return Small(per_s, ms, 1000 * cpu_s / count)


@contextmanager
def _syncing(stage: Stage, how: str) -> Iterator[None]:
    """``appendfsync`` of the stage's Redis."""
    with redis.Redis.from_url(stage.valkey.url, decode_responses=True) as client:
        before = client.config_get("appendfsync")["appendfsync"]
        client.config_set("appendfsync", how)
        try:
            yield
        finally:
            client.config_set("appendfsync", before)


def _sent(wrk: str, house: House, sizes: Sizes) -> str:
    command = [wrk, "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{sizes.small_s}s"]
    command += ["--timeout", "10s", "--script", str(PRODUCERS), house.url]
    producers = {
        "BENCH_TOKEN": house.headers["Authorization"].removeprefix("Bearer "),
        "BENCH_PAUSE_MS": str(SHARE_WAITED * 1000 * CONNECTIONS / sizes.small_per_s),
    }
    done = subprocess.run(command, env=clean_environment(**producers), cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise ServiceError(f"wrk failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return done.stderr


def read(said: str) -> tuple[int, float, dict[float, float]]:
    """What the script prints: how many requests there were, how many a second, and the ms by share of them."""
    told = json.loads(said.strip().splitlines()[-1])
    if told["failed"]:
        raise ServiceError(f"{told['failed']:,} of {told['requests']:,} requests failed")
    ms = {share: told["us"][str(share)] / 1000 for share in SHARES}
    return told["requests"], told["requests"] / told["seconds"], ms


def version() -> str:
    """Which release of wrk sends."""
    wrk = shutil.which("wrk")
    said = subprocess.run([wrk, "--version"], capture_output=True, text=True).stdout if wrk else ""
    return next(iter(said.split("[")[0].split()[1:]), "?")
