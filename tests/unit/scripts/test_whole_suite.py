"""scripts/test, run whole: which runs of pytest it is made of, and that a failure in any of them is its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.harness import processes

ROOT = Path(__file__).parents[3]
PYTHON = '#!/bin/sh\necho "${PRIORITY-plain}" "$@" >>runs\ncase "$*" in *"$FAILS") exit 1 ;; esac\n'
NICE = '#!/bin/sh\nshift 2\nPRIORITY=low exec "$@"\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in which nothing is to be installed, and each Python writes down what it was asked to run."""
    for path, text in {
        "scripts/bootstrap": "#!/bin/sh\n",
        ".venv/bin/python": PYTHON,
        ".venv-diffusion/bin/python": PYTHON,
        "bin/nice": NICE,
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
        (tmp_path / path).chmod(0o755)
    shutil.copy(ROOT / "scripts/test", tmp_path / "scripts/test")
    return tmp_path


def run(checkout: Path, *options: str, fails: str = "none") -> tuple[int, dict[str, str]]:
    """Its exit code, and the priority of each run of pytest by the last folder that it was given."""
    env = {"PATH": f"{checkout}/bin:/usr/bin:/bin", "FAILS": fails}
    done = processes.run([str(checkout / "scripts/test"), *options], env=env)
    runs = [line.split() for line in (checkout / "runs").read_text().splitlines()]
    return done.code, {words[-1].removeprefix("tests/"): words[0] for words in runs}


def test_what_has_limits_of_time_comes_before_what_computes(checkout: Path) -> None:
    """The browser and real processes are not kept waiting by the unit tests."""
    assert run(checkout) == (0, {"browser": "plain", "acceptance": "plain", "unit": "low", "contract": "low"})


@pytest.mark.parametrize("part", ["browser", "acceptance", "unit", "contract", "diffusion"])
def test_a_failure_in_any_part_is_a_failure_of_the_whole(checkout: Path, part: str) -> None:
    """And the other parts are run nevertheless."""
    code, runs = run(checkout, "--with-diffusion", fails=part)
    assert (code, len(runs)) == (1, 5)
