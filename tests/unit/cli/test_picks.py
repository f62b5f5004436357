"""``retouch picks``: the ids of what people have chosen, for other commands and programs."""

from __future__ import annotations

import json

from jsonschema import Draft202012Validator

from retouch.ledger import Ledger
from retouch.queue import EditQueue
from scripts import schemas
from tests.unit.cli.conftest import Run, Worker


def test_what_was_picked_is_printed_a_line_each(run: Run, batch: str, worker: Worker, ledger: Ledger) -> None:
    """Or what was rejected; as JSON by its schema."""
    worker.complete(3)
    assert (run("picks", batch).code, run("picks", batch).out) == (0, "")
    EditQueue(ledger).choose(batch, pick=["e2", "e0"], reject=["e1"])
    assert run("picks", batch).out == "e0\ne2\n"
    assert run("picks", batch, "--rejected").out == "e1\n"
    told = run("picks", batch, "--json").json
    assert told == {"batch": batch, "pick": "picked", "custom_ids": ["e0", "e2"]}
    Draft202012Validator(json.loads(schemas.schema_text(schemas.SHAPES["picks"]))).validate(told)


def test_of_a_batch_that_is_not_there_nothing_is_said(run: Run) -> None:
    """But which it is."""
    ended = run("picks", "none")
    assert (ended.code, ended.out) == (2, "")
    assert "there is no batch 'none'" in ended.err
