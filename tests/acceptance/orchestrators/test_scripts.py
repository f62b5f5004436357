"""The scripts for cron, CI and plain Python: killed at each of their requests and run again, they pay once."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest

from tests.acceptance.orchestrators.conftest import NAMES, Copy, paid_once
from tests.harness.processes import RETOUCH, Process
from tests.harness.reaper import DAYS, Reaper, Step, kill_at_every_step
from tests.harness.scene import Scene

Start = Callable[..., Process]


@pytest.fixture
def start(producer: Mapping[str, str], copy: Copy, tmp_path: Path) -> Start:
    """Start an example, by its name, for a day."""

    def started(name: str, day: str, **environment: str) -> Process:
        command = [sys.executable] if name.endswith(".py") else ["bash"]
        env = {**producer, **environment, "PATH": f"{RETOUCH.parent}:{producer['PATH']}"}
        return Process([*command, copy(name, tmp_path), day], env=env, cwd=tmp_path)

    return started


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nightly.py", "nightly.sh"])
def test_a_script_that_is_killed_at_every_step_pays_once(
    scene: Scene, gateway: Reaper, start: Start, name: str
) -> None:
    """Before and after each of its requests; then it runs to its end."""
    scene.worker(poll_max="0.5")
    steps = kill_at_every_step(gateway, scene.api, partial(start, name), Step("GET", "/v1/batches/*/wait"))
    assert {Step("POST", "/v1/batches/*"), Step("GET", "/v1/batches/*/results")} <= set(steps)
    paid_once(scene)


@pytest.mark.parametrize("name", ["nightly.py", "nightly.sh"])
def test_an_edit_that_failed_is_told_by_the_exit_code(scene: Scene, start: Start, tmp_path: Path, name: str) -> None:
    """With its reason, and 3, as the commands have it."""
    scene.worker()
    scene.api.trouble("status", status=422, error="no cats today", match="a cat")
    with start(name, DAYS[0]) as process:
        ended = process.end()
    assert ended.code == 3
    assert "no cats today" in ended.out
    assert not list(tmp_path.glob("*.csv"))


def test_the_shell_script_saves_a_table(scene: Scene, start: Start, tmp_path: Path) -> None:
    """A row an edit, once all have completed."""
    scene.worker()
    with start("nightly.sh", DAYS[0]) as process:
        assert process.end().code == 0
    rows = csv.DictReader((tmp_path / f"nightly-{DAYS[0]}.csv").read_text().splitlines())
    assert {row["custom_id"]: row["state"] for row in rows} == dict.fromkeys(NAMES, "completed")


def test_the_shell_script_asks_for_another_try_while_the_gateway_is_away(gateway: Reaper, start: Start) -> None:
    """75, after the patience of the command itself."""
    gateway.away = True
    with start("nightly.sh", DAYS[0]) as process:
        ended = process.end()
    gateway.away = False
    assert (ended.code, "the gateway" in ended.err) == (75, True)


@pytest.mark.usefixtures("gateway")
def test_the_shell_script_asks_for_no_other_try_where_a_person_is_needed(start: Start) -> None:
    """2 for a key that the gateway refuses."""
    with start("nightly.sh", DAYS[0], RETOUCH_TOKEN="rt_other_0") as process:
        ended = process.end()
    assert (ended.code, "the gateway refuses the key" in ended.err) == (2, True)
