"""Dagster before the whole system: an asset whose runs are killed, and a sensor that begins one run a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.acceptance.orchestrators.conftest import Copy, paid_once
from tests.harness.processes import Process
from tests.harness.reaper import DAYS, Reaper, Step, kill_at_every_step
from tests.harness.scene import Scene

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# What Dagster has begun: the batch of each run, and how often the sensor was asked.
ASKED = """
import dagster as dg
with dg.DagsterInstance.get() as instance:
    runs = sorted(run.tags["dagster/run_key"] for run in instance.get_runs() if run.status.value == "SUCCESS")
    sensors = instance.all_instigator_state()
    ticks = [len(instance.get_ticks(one.instigator_origin_id, one.selector_id)) for one in sensors]
    print(max(ticks, default=0), *runs)
"""


class Dagster:
    """Its programs, with a home of their own and the example."""

    def __init__(self, programs: Path, home: Path, example: Path, environment: Mapping[str, str]) -> None:
        home.mkdir()
        self._programs, self._example = programs, example
        self._environment = {**environment, "DAGSTER_HOME": str(home)}

    def program(self, name: str, *arguments: str) -> Process:
        """Start a program of it."""
        command: list[str | Path] = [self._programs / name, *arguments]
        return Process(command, env=self._environment, cwd=self._example.parent, merged=True)

    def materialize(self, day: str) -> Process:
        """Begin a run of the asset."""
        return self.program(
            "dagster", "asset", "materialize", "-f", str(self._example), "--select", "restyled", "--partition", day
        )

    def sensor(self) -> Process:
        """Start what asks sensors."""
        return self.program("dagster-daemon", "run", "-f", str(self._example))

    def asked(self) -> tuple[int, list[str]]:
        """How often the sensor was asked, and the batches of the runs that have succeeded."""
        with self.program("python", "-c", ASKED) as process:
            ended = process.end()
        assert ended.code == 0, ended.out
        ticks, *runs = ended.out.splitlines()[-1].split()
        return int(ticks), runs


@pytest.fixture
def dagster(installed: Callable[[str], Path], producer: Mapping[str, str], copy: Copy, tmp_path: Path) -> Dagster:
    """Dagster with the example as it stands; only that its sensor is asked every second."""
    example = copy("dagster_restyle.py", tmp_path, {"interval_seconds=30": "interval_seconds=1"})
    return Dagster(installed("dagster"), tmp_path / "home", example, producer)


def test_an_asset_that_is_killed_at_every_step_pays_once(scene: Scene, gateway: Reaper, dagster: Dagster) -> None:
    """Its partition is materialized again."""
    scene.worker(poll_max="0.5")
    steps = kill_at_every_step(gateway, scene.api, dagster.materialize, Step("GET", "/v1/batches/*/wait"))
    print(f"dagster: killed before and after each of {steps}")
    paid_once(scene)


def test_a_sensor_begins_one_run_a_batch(scene: Scene, gateway: Reaper, dagster: Dagster) -> None:
    """However often it is asked."""
    scene.worker()
    for day in DAYS:
        scene.queue.enqueue(scene.edits(1), batch=f"restyle-{day}")
        scene.finish(f"restyle-{day}")
    assert dagster.asked() == (0, [])  # which makes its database: two processes at once would make it twice
    with dagster.sensor() as daemon:
        batches = [f"restyle-{day}" for day in DAYS]
        scene.until(lambda: dagster.asked()[1] == batches, "a run of each has succeeded", 240)
        first, _ = dagster.asked()
        scene.until(lambda: dagster.asked()[0] > first + 1, "the sensor was asked again", 240)
        assert dagster.asked()[1] == batches, daemon.out.text
