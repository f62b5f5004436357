"""What a result says it was made of: as read from the ledger, and in its event, whatever becomes of the batch."""

from __future__ import annotations

import json
from typing import Any

import pytest

from retouch.ledger import ABOUT, Entry, Settlement
from retouch.states import EditState
from tests.ledger_bench import POLLED, SUBMITTING, Bench

DEFAULTS = {"model_id": "sd1.5"}


def enqueue(bench: Bench, own: dict[str, Any], seed: int | None = None) -> None:
    own |= {"seed": seed} if seed is not None else {}
    bench.write("b", [Entry("c0", "digest", json.dumps(own), 1, seed)])
    bench.ledger.producer.seal("b")


def made_of(record: dict[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in ("parameters", "init_image", "uploaded_as", "redo_of", "metadata", "seed")}


def told(bench: Bench) -> list[dict[str, Any]]:
    """What a result says: in the results, of the edit, in the event."""
    view = bench.ledger.reader.edit("b", "c0")
    assert view is not None
    assert view.result is not None
    (event,) = [event for event in bench.ledger.reader.events() if event.subject == "b/c0"]
    return [made_of(record) for record in (*bench.ledger.reader.results("b"), view.result, event.data)]


def test_a_result_says_what_was_sent(bench: Bench) -> None:
    """The batch's defaults and its own, what is extra beside them; not the picture, which has a place of its own."""
    url = "https://example.com/a.png"
    own = {"prompt": "a cat", "init_image": url, "extra": {"clip_skip": 2}, "strength": 0.6}
    enqueue(bench, own, seed=2**62 + 1)
    bench.run_to_completion()
    sent = {"model_id": "sd1.5", "prompt": "a cat", "strength": 0.6, "clip_skip": 2, "seed": 2**62 + 1}
    whole: dict[str, Any] = {"init_image": url, "uploaded_as": None, "redo_of": None, "metadata": {}, "seed": 2**62 + 1}
    assert told(bench) == [whole | {"parameters": sent}] * 3


def test_what_its_producer_says_comes_back_and_is_not_sent(bench: Bench) -> None:
    """Where the picture was on the producer's disk, which edit it does again, and the metadata."""
    about = {"init_image": "photos/a.png", "redo_of": "a/c0", "metadata": {"sku": "1"}}
    enqueue(bench, {"prompt": "x", "init_image": "s3://b/inputs/1.png", ABOUT: about})
    (claim,) = bench.edits()
    (begun,) = bench.begin([claim])
    assert begun is not None
    assert begun.parameters == DEFAULTS | {"prompt": "x", "init_image": "s3://b/inputs/1.png"}
    bench.end([claim])
    expected = about | {"uploaded_as": "s3://b/inputs/1.png", "parameters": DEFAULTS | {"prompt": "x", "seed": None}}
    assert told(bench) == [expected | {"seed": None}] * 3


@pytest.mark.parametrize(("sent", "used", "shown"), [(7, "9", 9), (None, "9", 9), (7, None, 7), (None, None, None)])
def test_the_seed_is_the_one_that_was_used(bench: Bench, sent: int | None, used: str | None, shown: int | None) -> None:
    """As the API says; else the one that was sent; else nobody knows."""
    enqueue(bench, {"prompt": "x"}, seed=sent)
    claims = bench.edits()
    bench.intend(claims)
    put = {"used_seed": used} if used else {}
    copying = [Settlement(c, SUBMITTING, EditState.COPYING, keep=True, put=put) for c in claims]
    assert all(bench.ledger.worker.settle(copying))
    bench.end(claims)
    assert [(record["seed"], record["parameters"]["seed"]) for record in told(bench)] == [(shown, shown)] * 3


def test_a_seed_that_was_used_is_forgotten_when_it_is_made_again(bench: Bench) -> None:
    """The second time the API says nothing of it: what it used before is not what made this."""
    enqueue(bench, {"prompt": "x"})
    claims = bench.edits()
    bench.intend(claims)
    bench.ledger.worker.settle([Settlement(c, SUBMITTING, EditState.COPYING, put={"used_seed": "9"}) for c in claims])
    claims = bench.edits()
    bench.ledger.worker.settle([Settlement(c, POLLED, EditState.FAILED) for c in claims])
    bench.ledger.producer.retry("b", anew=True)
    bench.run_to_completion()
    (record,) = bench.ledger.reader.results("b")
    assert record["seed"] is None


def test_an_event_says_it_when_the_batch_is_gone(bench: Bench) -> None:
    """It may be delivered days later, and is the same then."""
    enqueue(bench, {"prompt": "x"})
    bench.run_to_completion()
    before = told(bench)[2]
    keys = bench.keys
    bench.client.delete(keys.batch("b"), keys.edits("b"), keys.results("b"), keys.edit("b/c0"))
    (event,) = [event for event in bench.ledger.reader.events() if event.subject == "b/c0"]
    assert made_of(event.data) == before


def test_an_event_of_an_older_version_is_read(bench: Bench) -> None:
    """It does not say what its edit was made of."""
    record = {"custom_id": "c0", "state": "completed", "outputs": [], "seed": 3, "submitted_at": 0, "completed_at": 0}
    bench.client.xadd(
        bench.keys.events, {"type": "retouch.edit.completed", "subject": "b/c0", "time": 0, "data": json.dumps(record)}
    )
    (event,) = bench.ledger.reader.events()
    assert made_of(event.data) == {
        "parameters": {"seed": 3},
        "init_image": None,
        "uploaded_as": None,
        "redo_of": None,
        "metadata": {},
        "seed": 3,
    }


def test_a_batch_says_which_it_does_again(bench: Bench) -> None:
    """From its first page on; edits that are added by hand, and any other batch, change nothing of it."""
    entry = Entry("c0", "digest", "{}", 1, None)
    bench.write("b-redo-1", [entry], origin={"redo_of": "b", "content": "abc"})
    bench.write("b-redo-1", [entry._replace(custom_id="c1")])
    bench.fill(1, batch="other")
    views = {view.batch: (view.redo_of, view.content) for view in bench.ledger.reader.batches()}
    assert views == {"b-redo-1": ("b", "abc"), "other": (None, None)}
