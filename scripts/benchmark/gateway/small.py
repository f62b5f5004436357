"""Small requests, evenly over some seconds, sent by locust: how long each takes."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from retouch.errors import ServiceError
from scripts.benchmark.environments import interpreter
from scripts.benchmark.gateway.house import House, opened, stored
from scripts.benchmark.gateway.sizes import Sizes
from scripts.benchmark.stage import Stage
from workers.stack.child import ROOT, clean_environment

HERE = Path(__file__).parent
PINS = HERE / "locust.txt"
PRODUCERS = 50  # at a time; each sends its part of the requests
SHARES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Small:
    """Requests of one edit each. ``ms``: how long they took, by share of them. ``cpu_ms``: the server's, a request."""

    per_s: float
    ms: Mapping[float, float]
    cpu_ms: float


def measure(stage: Stage, way: str, sizes: Sizes) -> Small:
    """One run; raises NotInstallableError, DiedError, or ServiceError if a request failed."""
    python = str(interpreter(PINS))
    with opened(stage, way) as house:
        cpu_s = house.cpu_s()
        said = _locust(python, house, sizes)
        cpu_s = house.cpu_s() - cpu_s
        ms, count, per_s = read(said)
        if (found := stored(stage)) != count:
            raise ServiceError(f"{count:,} requests were answered, and {found:,} edits are in Redis")
    return Small(per_s, ms, 1000 * cpu_s / count)


def _locust(python: str, house: House, sizes: Sizes) -> str:
    command = [python, "-m", "locust", "-f", str(HERE / "locustfile.py"), "--headless", "--json", "--skip-log"]
    command += ["--host", house.url, "--users", str(PRODUCERS), "--spawn-rate", str(PRODUCERS)]
    command += ["--run-time", f"{sizes.small_s}s", "--stop-timeout", "10"]
    producers = {
        "BENCH_TOKEN": house.headers["Authorization"].removeprefix("Bearer "),
        "BENCH_PER_S": str(sizes.small_per_s / PRODUCERS),
    }
    done = subprocess.run(command, env=clean_environment(**producers), cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise ServiceError(f"locust failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return done.stdout


def read(said: str) -> tuple[dict[float, float], int, float]:
    """What locust prints: the times by share of the requests, how many there were, and how many a second."""
    [stats] = json.loads(said)
    if stats["num_failures"]:
        raise ServiceError(f"{stats['num_failures']:,} of {stats['num_requests']:,} requests failed")
    times = {float(ms): count for ms, count in stats["response_times"].items()}
    total = sum(times.values())
    seconds = stats["last_request_timestamp"] - stats["start_time"]
    return {share: _quantile(times, share * total) for share in SHARES}, total, total / seconds


def _quantile(times: Mapping[float, int], wanted: float) -> float:
    seen = 0
    for ms, count in sorted(times.items()):
        seen += count
        if seen >= wanted:
            return ms
    return max(times)


def pinned() -> str:
    """Which release of locust sends."""
    found = re.search(r"^locust==(\S+)", PINS.read_text(), re.MULTILINE)
    return found[1] if found else "?"
