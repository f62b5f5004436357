"""What people choose among a batch's results: kept by place, until the result is no more."""

from __future__ import annotations

import pytest

from retouch.errors import InputError
from retouch.ledger import PAGE, Chosen, Pick, picks
from retouch.ledger.picks import choices
from retouch.states import LETTERS, EditState
from tests.contract.test_ledger_remove import end, of_batch
from tests.contract.test_ledger_strips import as_of_an_older_program
from tests.ledger_bench import Bench, entries


@pytest.fixture
def five(bench: Bench) -> Bench:
    """Five edits, of which the first four have completed."""
    bench.fill(5)
    bench.end(bench.edits(submits=4))
    return bench


def choose(bench: Bench, **said: list[str]) -> Chosen:
    """Say something of edits of the batch: ``pick``, ``reject``, ``clear``."""
    lists = {name: said.get(name, []) for name in ("pick", "reject", "clear")}
    return bench.ledger.picks.choose("b", choices(**lists))


def test_a_choice_is_kept_by_place_and_the_latest_word_counts(five: Bench) -> None:
    """In the batch's order, whatever the order in which it was said."""
    kept = five.ledger.picks
    assert kept.strip("b") == b"\0" * 5
    assert not five.client.exists(five.keys.picks("b"))
    assert choose(five, pick=["c3", "c0"], reject=["c1", "c2"]) == Chosen(4, [], [])
    assert kept.strip("b") == b"prrp\0"
    assert (list(kept.ids("b", Pick.PICKED)), list(kept.ids("b", Pick.REJECTED))) == (["c0", "c3"], ["c1", "c2"])
    assert choose(five, pick=["c1"], clear=["c3"]) == Chosen(2, [], [])
    assert kept.strip("b") == b"ppr\0\0"


def test_many_choices_are_written_in_several_moves(five: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is left out, and each is answered."""
    monkeypatch.setattr(picks, "AT_ONCE", 2)
    assert choose(five, pick=["c0", "none", "c1", "c4", "c2"]) == Chosen(3, ["none"], ["c4"])
    assert five.ledger.picks.strip("b") == b"ppp\0\0"


def test_what_cannot_be_chosen_is_told(five: Bench) -> None:
    """An edit that is not there, or has no result yet; the others are chosen."""
    assert choose(five, pick=["c4", "none", "c0"]) == Chosen(1, ["none"], ["c4"])
    assert five.ledger.picks.strip("b") == b"p\0\0\0\0"
    assert choose(five, clear=["c0", "c0"]) == Chosen(1, [], [])
    with pytest.raises(InputError, match="c1 is named twice"):
        choose(five, pick=["c1"], reject=["c1"])
    with pytest.raises(InputError, match="write a list of custom_ids"):
        choices("c1", (), ())


def test_a_new_result_is_not_what_was_chosen(five: Bench) -> None:
    """A retry clears what was said of the one before."""
    choose(five, pick=["c1", "c3"], reject=["c2"])
    five.ledger.producer.retry("b", [EditState.COMPLETED])
    assert five.ledger.picks.strip("b") == b"\0" * 5


def test_a_retry_of_one_state_leaves_what_is_said_of_others(bench: Bench) -> None:
    """Also those of a second page."""
    bench.fill(PAGE)
    bench.write("b", [one._replace(custom_id=f"z{n}") for n, one in enumerate(entries(2))])
    bench.end(bench.edits(submits=PAGE + 2, places=PAGE + 2))
    choose(bench, pick=["c0", "z0", "z1"])
    bench.client.hset(bench.keys.edit("b/z0"), "state", "failed")
    bench.client.setrange(bench.keys.strip("b"), PAGE, LETTERS[EditState.FAILED])
    assert bench.ledger.producer.retry("b", [EditState.FAILED]).sent == 1
    assert list(bench.ledger.picks.ids("b", Pick.PICKED)) == ["c0", "z1"]


def test_an_older_programs_edits_can_be_chosen(five: Bench) -> None:
    """Their places are looked for."""
    as_of_an_older_program(five)
    assert choose(five, pick=["c2"], reject=["c3"]) == Chosen(2, [], [])
    assert five.ledger.picks.strip("b") == b"\0\0pr\0"


def test_what_takes_the_place_of_a_removed_edit_is_not_chosen(bench: Bench) -> None:
    """As when a batch is opened again in the middle of its removal."""
    for first in (0, PAGE):
        bench.write(
            "b", [one._replace(custom_id=f"c{first + n}") for n, one in enumerate(entries(min(PAGE, PAGE - first + 2)))]
        )
    bench.end(bench.edits(submits=PAGE + 2, places=PAGE + 2))
    choose(bench, pick=["c0", "c1", "c2", f"c{PAGE + 1}"])
    end(bench, 0)
    assert bench.ledger.producer.remove("b") == 2
    opened = bench.ledger.producer.open_batch("b")
    bench.write("b", [entries(1)[0]._replace(custom_id="new")], cancelled=opened.cancelled)
    assert bench.ledger.picks.strip("b") == b"pp\0"


def test_a_removed_batch_leaves_no_choice(bench: Bench) -> None:
    """And what is left of one that is removed page by page is told of rightly."""
    bench.fill(1)
    bench.end(bench.edits())
    choose(bench, pick=["c0"])
    end(bench, PAGE + 1)
    assert bench.ledger.picks.strip("b")[:1] == b"p"
    assert bench.ledger.producer.remove("b") == 1
    assert bench.ledger.picks.strip("b") == b"p"
    assert bench.ledger.producer.remove("b") == 0
    assert of_batch(bench, "b") == []
    assert list(bench.ledger.picks.ids("none", Pick.PICKED)) == []
