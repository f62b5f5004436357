"""A gateway, the examples as files, and the orchestrators, each in an environment of its own."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from retouch.access_keys import AccessKeys, Scope, new_token
from scripts.benchmark.environments import interpreter
from tests.harness.processes import Process
from tests.harness.reaper import DAYS, Reaper
from tests.harness.scene import Scene
from tests.harness.web import Web
from workers.stack.child import ROOT, clean_environment

NAMES = ("cat", "dog", "fox", "owl")  # of which the examples' pictures are
EXAMPLES = ROOT / "docs" / "orchestrators"
ENVIRONMENTS = ROOT / ".retouch" / "orchestrators"


Copy = Callable[..., Path]


def paid_once(scene: Scene) -> None:
    """By the provider's own book: one submit for each edit of both days, in one batch a day."""
    taken = Counter(entry["prompt"] for entry in scene.api.submits() if entry["new"])
    assert taken == {f"a watercolour of a {name}, {day}": 1 for name in NAMES for day in DAYS}
    assert len(scene.queue.batches(10)) == len(DAYS)


@pytest.fixture(scope="module")
def token() -> str:
    """A key of the gateways of all tests of a file."""
    return new_token("pipeline")


@pytest.fixture(scope="module")
def reaper() -> Iterator[Reaper]:
    """What stands before the gateways of all tests of a file, and may kill callers."""
    with Reaper() as reaper:
        yield reaper


@pytest.fixture
def gateway(scene: Scene, token: str, reaper: Reaper) -> Iterator[Reaper]:
    """A gateway of this test's scene, behind the reaper."""
    AccessKeys(scene.ledger, "here").create("pipeline", list(Scope), token=token)
    command = [sys.executable, "-m", "workers.gateway", "--port", "0"]
    with Process(command, env=os.environ | scene.environment) as process:
        reaper.target = json.loads(process.out.line("url"))["url"]
        reaper.requests.clear()
        yield reaper


@pytest.fixture
def producer(scene: Scene, gateway: Reaper, token: str, tmp_path: Path) -> dict[str, str]:
    """What a producer finds in its environment that sees only the gateway."""
    hosts = scene.environment["RETOUCH_PRIVATE_HOSTS"]
    return clean_environment(
        RETOUCH_URL=gateway.url, RETOUCH_TOKEN=token, RETOUCH_PRIVATE_HOSTS=hosts, TMPDIR=str(tmp_path)
    )


@pytest.fixture(scope="session")
def copy(pictures: Web) -> Copy:
    """Copy an example into a folder, with what is here in place of what it names: its pictures, and ``here``."""

    def copied(name: str, folder: Path, here: Mapping[str, str] = MappingProxyType({})) -> Path:
        text = (EXAMPLES / name).read_text()
        for there, own in {"https://example.com": pictures.url, **here}.items():
            text = text.replace(there, own)
        path = folder / Path(name).name
        path.write_text(text)
        return path

    return copied


@pytest.fixture(autouse=True, scope="session")
def _asked_for(pytestconfig: pytest.Config) -> None:
    """Take minutes, and 600 MB, only where that is wanted."""
    if not pytestconfig.getoption("--orchestrators"):
        pytest.skip("scripts/test --orchestrators runs it")


@pytest.fixture(scope="session")
def installed() -> Callable[[str], Path]:
    """The folder of an orchestrator's programs; its environment is made if it is not there."""
    pins = Path(__file__).parent
    return lambda name: interpreter(pins / f"{name}.txt", ENVIRONMENTS, with_retouch=True).parent
