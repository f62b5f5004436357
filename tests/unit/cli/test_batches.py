"""``retouch batches``: which there are, the newest first."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from retouch.ledger import Entry, Ledger
from retouch.ledger.reader import BATCHES_AT_ONCE
from retouch.queue import EditQueue
from tests.unit.cli.conftest import Run, Worker
from tests.unit.producing import edit

Manifest = Callable[..., str]


def fill(ledger: Ledger, *batches: str) -> None:
    for moment, batch in enumerate(batches):
        ledger.producer.enqueue(batch, [Entry("c0", "d", "{}", 1, None)])
        ledger.producer.seal(batch)
        ledger.connection._client.zadd(ledger.connection.keys.batches, {batch: moment})


def listed(run: Run, *options: str) -> list[str]:
    """The names, as lines and as JSON alike."""
    lines = [line.split()[0] for line in run("batches", *options).out.splitlines()]
    assert [batch["batch"] for batch in run("batches", *options, "--json").json["batches"]] == lines
    return lines


def test_the_newest_come_first(run: Run, ledger: Ledger) -> None:
    """So many as are asked for."""
    fill(ledger, "a", "b", "c")
    assert listed(run) == ["c", "b", "a"]
    assert listed(run, "--limit", "2") == ["c", "b"]


def test_a_state_is_looked_for_among_all_batches(run: Run, ledger: Ledger, worker: Worker) -> None:
    """A limit counts those that are in it; a batch that is paused is not told as open."""
    fill(ledger, "old", "older")
    worker.complete(2)
    worker.finish()
    fill(ledger, *(f"new-{n}" for n in range(BATCHES_AT_ONCE + 5)))
    run("pause", "new-1")
    assert listed(run, "--state", "completed", "--limit", "1") == ["older"]
    assert listed(run, "--state", "paused") == ["new-1"]
    assert "new-1" not in listed(run, "--state", "open", "--limit", "100")
    assert run("batches", "--state", "finishing").out == "no batch is finishing\n"


def test_those_of_a_sender_are_listed(run: Run, ledger: Ledger) -> None:
    """A line says who sent a batch, and so does its status."""
    fill(ledger, "a")
    queue = EditQueue(ledger, sender="nightly")
    queue.enqueue([edit("x")], batch="b")
    queue.enqueue([edit("y")], batch="b", sender="ann@build7")
    assert listed(run, "--by", "ann") == ["b"]
    assert listed(run, "--by", "nightly", "--state", "open") == ["b"]
    assert run("batches", "--by", "eve").out == "no batch by eve is there\n"
    assert run("batches", "--by", "nightly", "--state", "paused").out == "no batch by nightly is paused\n"
    assert run("batches", "--by", "ann").out.endswith(", by nightly and 1 other\n")
    assert "sent by nightly, ann@build7" in run("status", "b").out.splitlines()
    assert "sent by" not in run("status", "a").out


def test_a_paused_batch_that_has_ended_is_completed(run: Run, ledger: Ledger, worker: Worker) -> None:
    """Nothing of it waits."""
    fill(ledger, "b")
    worker.complete(1)
    run("pause", "b")
    worker.finish()
    assert listed(run, "--state", "completed") == ["b"]
    assert run("batches", "--state", "paused", "--json").json == {"batches": []}


def test_no_batches_are_no_error(run: Run) -> None:
    """It says so."""
    assert run("batches").out == "no batches yet\n"


@pytest.mark.parametrize("options", [("--state", "done"), ("--limit", "0"), ("--limit", "x")])
def test_options_that_are_none_are_refused(run: Run, options: tuple[str, ...]) -> None:
    """In the words of the command line: exit code 2."""
    assert run("batches", *options).code == 2
