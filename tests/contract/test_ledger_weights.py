"""A batch's weight, its share of the turns: one that is no share is refused, or read as 1 where it is there already."""

from __future__ import annotations

import math

import pytest

from retouch.errors import InputError, LedgerError
from tests.ledger_bench import Bench, entries

BAD = [math.nan, math.inf, -math.inf, 0, -1, 0.0009, 1000.1, 1e-300, 1e300]


@pytest.mark.parametrize("weight", BAD)
def test_a_weight_that_is_no_share_is_refused(bench: Bench, weight: float) -> None:
    """By the producer, in words that name the bounds; nothing is written."""
    with pytest.raises(InputError, match=r"must be a number from 0\.001 to 1000"):
        bench.write("b", entries(1), weight)
    assert bench.client.keys("*") == []


@pytest.mark.parametrize("weight", ["nan", "inf", "-inf", "0", "-0.0", "1e-9", "1e9", "", "many"])
def test_the_move_itself_refuses_such_a_weight(bench: Bench, weight: str) -> None:
    """Whoever calls it, and before its first write."""
    with pytest.raises(LedgerError, match=r"WEIGHT it must be 0\.001 to 1000"):
        bench.ledger.connection.run("enqueue", "b", "one", "", "{}", weight, "", "", "c0", "digest", "{}", 1, "")
    assert bench.client.keys("*:batch*") == []
    assert bench.client.zcard(bench.keys.due) == 0


@pytest.mark.parametrize("weight", [0.001, 1, 1000])
def test_the_bounds_are_allowed(bench: Bench, weight: float) -> None:
    """Down to a thousandth of the usual share, and up to the thousandfold."""
    bench.write("b", entries(3), weight)
    assert len(bench.edits()) == 3


@pytest.mark.parametrize("weight", ["nan", "inf", "0", "-1", "", "many"])
def test_a_bad_weight_of_an_older_program_is_read_as_1(bench: Bench, weight: str) -> None:
    """No edit is lost, and the others keep their turns: at the enqueue, and when a refused edit goes to the back."""
    bench.write("old", entries(1))
    bench.client.hset(bench.keys.batch("old"), mapping={"weight": weight, "virtual": "1"})
    bench.write("old", entries(10))
    bench.fill(10, batch="new")
    assert bench.client.zscore(bench.keys.ready, "old/c9") == 9
    turns = [claim.member.split("/")[0] for claim in bench.edits(submits=10)]
    assert 4 <= turns.count("new") <= 6
    bench.client.hset(bench.keys.edit("old/c9"), "throttled", "1")
    bench.client.zrem(bench.keys.ready, "old/c9")
    bench.client.zadd(bench.keys.due, {"old/c9": bench.clock.now})
    bench.edits(submits=0)
    assert bench.client.zscore(bench.keys.ready, "old/c9") == 10
    assert bench.client.hget(bench.keys.batch("old"), "virtual") == "11"


@pytest.mark.parametrize("virtual", ["inf", "nan", "-inf"])
def test_an_order_that_an_older_program_ended_begins_anew(bench: Bench, virtual: str) -> None:
    """The place of a batch, and of all, that is no number is read as the beginning."""
    bench.write("b", entries(1))
    bench.client.hset(bench.keys.state, "virtual", virtual)
    bench.client.hset(bench.keys.batch("b"), "virtual", virtual)
    bench.write("b", entries(3))
    scores = [bench.client.zscore(bench.keys.ready, f"b/c{n}") for n in range(3)]
    assert scores == [0, 0, 1]
    assert len(bench.edits()) == 3
