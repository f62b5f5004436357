"""What a batch's edits were made of, and a batch that does another's edits again."""

from __future__ import annotations

import json

import pytest

from retouch.errors import BatchDefaultsError
from retouch.ledger import ABOUT, PAGE, About, Entry
from tests.ledger_bench import Bench, entries

ORIGIN = {"redo_of": "a", "content": "0" * 32}


def test_edits_are_read_as_they_were_made(bench: Bench) -> None:
    """With the batch's defaults, what their producer says, and their results, in order and over pages."""
    about = {"init_image": "a.png", "redo_of": "a/x", "metadata": {"sku": "1"}}
    own = {"prompt": "x", "seed": None, ABOUT: about}
    bench.fill(PAGE + 1)
    bench.write("b", [Entry("last", "digest", json.dumps(own), 1, None)])
    claims = bench.edits(submits=1)
    bench.intend(claims)
    bench.end(claims)
    made = list(bench.ledger.reader.made("b"))
    assert [one.custom_id for one in made] == [*(f"c{n}" for n in range(PAGE + 1)), "last"]
    assert made[0].parameters == {"model_id": "sd1.5", "prompt": "p0"}
    assert [one.custom_id for one in made if one.result] == ["c0"]
    assert made[-1][1:] == ({"model_id": "sd1.5", "prompt": "x"}, About("a.png", "a/x", {"sku": "1"}), None)


def test_some_edits_are_read_by_their_ids(bench: Bench) -> None:
    """In the order that was asked for; those that are not there are left out."""
    bench.fill(3)
    assert [one.custom_id for one in bench.ledger.reader.made("b", ["c2", "no", "c0"])] == ["c2", "c0"]
    assert list(bench.ledger.reader.made("gone")) == []


@pytest.mark.parametrize("other", [{"redo_of": "a", "content": "1" * 32}, {"redo_of": "x", "content": "0" * 32}])
def test_a_batch_takes_no_edits_of_another_redo(bench: Bench, other: dict[str, str]) -> None:
    """Two that chose one name in the same moment: the second one enqueues again, and finds the next name."""
    bench.write("r", entries(1), origin=ORIGIN)
    with pytest.raises(BatchDefaultsError):
        bench.write("r", entries(2), origin=other)
    assert bench.counts("r") == {"queued": 1}
    assert bench.write("r", entries(2), origin=ORIGIN) == [0, 1]


def test_a_batch_that_was_made_by_hand_is_no_redo(bench: Bench) -> None:
    """It takes none of its edits, and more by hand."""
    bench.write("r", entries(1))
    with pytest.raises(BatchDefaultsError):
        bench.write("r", entries(2), origin=ORIGIN)
    assert bench.write("r", entries(2)) == [0, 1]
