"""The benchmark of the ledger's moves, as far as it needs no server: its interval, its table, its bounds."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from retouch.errors import InputError
from scripts.benchmark.ledger.__main__ import main
from scripts.benchmark.ledger.report import BEFORE, OFF, ON, Cost, interval, targets, text, to_json
from scripts.benchmark.ledger.tree import tree_of


def costs() -> dict[str, list[Cost]]:
    """Three rounds: 2 % more CPU without the journal and 20 % with it, however busy the machine is."""
    busy = (1.0, 1.5, 2.0)
    return {
        BEFORE: [Cost(200.0 * load, 61.04, 400.0, 1500.0) for load in busy],
        OFF: [Cost(204.0 * load, 66.0, 420.0, 1680.0) for load in busy],
        ON: [Cost(240.0 * load, 75.0, 430.0, 1700.0) for load in busy],
    }


def test_the_interval_is_student_s() -> None:
    """Of nine pairs the t is 1.860; what all pairs have in common does not widen it."""
    logs = [0.01 * n for n in range(9)]
    low, middle, high = interval([(load, load * math.exp(log)) for load, log in enumerate(logs, 1)])
    assert middle == pytest.approx(math.exp(0.04))
    deviation = math.sqrt(sum((log - 0.04) ** 2 for log in logs) / 8) / 3
    assert math.log(high / middle) / deviation == pytest.approx(1.860, rel=0.005)
    assert high / middle == pytest.approx(middle / low)
    assert interval([(1.0, 1.1)])[2] == math.inf


def test_bounds_are_of_memory_without_the_journal_and_of_cpu_pair_by_pair() -> None:
    """What is missed says so."""
    assert [target.holds for target in targets(costs())] == [True, False, True, False]
    assert [target.value for target in targets(costs())] == pytest.approx([1.05, 1.12, 1.02, 1.20])
    assert "| CPU us an edit       |    300 |             306 |          360 |" in text(costs())
    assert "| commands an edit     |   61.0 |            66.0 |         75.0 |" in text(costs())
    assert json.loads(json.dumps(to_json(costs())))["costs"][ON][0]["cpu_us"] == 240.0


def test_a_revision_that_there_is_not_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one sentence, and nothing is left behind."""
    with (
        pytest.raises(InputError, match="git has no files of 'no-such-revision': "),
        tree_of("no-such-revision", tmp_path),
    ):
        pass
    assert list(tmp_path.iterdir()) == []
    assert main(["--against", "no-such-revision"]) == 2
    assert "bench: git has no files of 'no-such-revision'" in capsys.readouterr().err
