"""Prefect before the whole system: a flow whose process is killed, and a task that is not asked again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import requests

from tests.acceptance.orchestrators.conftest import Copy, paid_once
from tests.harness.processes import Process
from tests.harness.reaper import DAYS, Reaper, Step, kill_at_every_step
from tests.harness.scene import Scene
from tests.harness.waiting import until
from workers.stack.ports import free_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

WITHIN_S = 120.0

Start = Callable[[str], Process]


@pytest.fixture
def start(installed: Callable[[str], Path], producer: Mapping[str, str], copy: Copy, tmp_path: Path) -> Iterator[Start]:
    """A server of Prefect, and what starts the example as it stands for a day."""
    programs = installed("prefect")
    example = copy("prefect_restyle.py", tmp_path)
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}/api"
    environment = {
        **producer,
        "PREFECT_HOME": str(tmp_path / "home"),
        "PREFECT_API_URL": url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    server: list[str | Path] = [programs / "prefect", "server", "start", "--port", str(port)]

    def answers() -> bool:
        try:
            return requests.get(f"{url}/health", timeout=5).ok
        except requests.RequestException:
            return False

    with Process(server, env=environment, cwd=tmp_path, merged=True) as process:
        until(answers, "Prefect's server answers", WITHIN_S, saw=lambda: process.out.text)
        yield lambda day: Process([programs / "python", example, day], env=environment, cwd=tmp_path, merged=True)


def test_a_flow_that_is_killed_at_every_step_pays_once(scene: Scene, gateway: Reaper, start: Start) -> None:
    """Run again, it goes on; and once it has succeeded, its task asks the gateway nothing any more."""
    scene.worker(poll_max="0.5")
    steps = kill_at_every_step(gateway, scene.api, start, Step("GET", "/v1/batches/*/wait"))
    print(f"prefect: killed before and after each of {steps}")
    paid_once(scene)
    asked = len(gateway.requests)
    with start(DAYS[1]) as process:
        ended = process.end(WITHIN_S)
    assert ended.code == 0, ended.out
    assert "4 of 4 pictures" in ended.out
    assert len(gateway.requests) == asked
