"""``POST /v1/batches/{batch}/redo``: what a key may have done again, and with what pictures."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from retouch.access_keys import Scope
from retouch.ledger import Ledger
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.unit.producing import edit, finish_all
from tests.unit.workers.gateway.conftest import Caller, Client, problem
from workers.gateway.context import Gateway


@pytest.fixture
def failed(gateway: Gateway, ledger: Ledger) -> str:
    """A batch of a team, whose edits have failed; of one the picture is where its key may not name any."""
    EditQueue(ledger).enqueue([edit("a"), edit("z", init_image="s3://secret/z.png")], batch="team-b")
    finish_all(ledger, EditState.FAILED)
    return "team-b"


def redo(caller: Caller, batch: str, **asked: Any) -> requests.Response:
    """Ask for it."""
    return caller.post(f"/v1/batches/{batch}/redo", json={"only": "failed"} | asked)


def test_a_dry_run_only_tells_how_much_it_is(client: Client, failed: str, queue: EditQueue) -> None:
    """Then all of it is made, and then it is there."""
    caller = client(Scope.SUBMIT, prefix="team-")
    planned = redo(caller, failed, dry_run=True)
    told = planned.json()
    assert (planned.status_code, told["batch"], told["accepted"], told["waiting"]) == (200, "team-b-redo-1", 0, 0)
    assert (told["estimate"]["edits"], told["estimate"]["price"]) == (2, None)
    queue.set_price("0.01 USD")
    assert redo(caller, failed, dry_run=True).json()["estimate"]["price"] is None  # it may not read what is spent
    reader = client(Scope.SUBMIT, Scope.READ, name="reader", prefix="team-")
    assert redo(reader, failed, dry_run=True).json()["estimate"]["price"] == {"amount": 0.02, "currency": "USD"}
    assert queue.find("team-b-redo-1") is None
    assert [redo(caller, failed).status_code for _ in range(2)] == [201, 200]
    assert queue.status("team-b-redo-1").total == 2


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("s3://secret/other.png", "is in none of the places that this key may name"),
        ("http://127.0.0.1/x.png", "not a public address"),
        ("photos/a.png", "is a path on your machine"),
    ],
)
@pytest.mark.parametrize("named", ["set", "vary"])
def test_pictures_that_are_named_anew_are_checked(
    client: Client, failed: str, queue: EditQueue, address: str, said: str, named: str
) -> None:
    """By the rules of an enqueue: those of the edits themselves were allowed to whoever enqueued them."""
    asked = {"init_image": address} if named == "set" else {"init_image": ["https://example.com/a.png", address]}
    refused = problem(redo(client(), failed, **{named: asked}))
    assert (refused["status"], said in refused["detail"]) == (422, True)
    assert [view.batch for view in queue.batches()] == [failed]


def test_batches_of_others_are_not_done_again(client: Client, failed: str, queue: EditQueue) -> None:
    """Nor by keys that may not submit; nor more edits than a key may send."""
    assert redo(client(prefix="other-"), failed).status_code == 404
    assert redo(client(Scope.READ, Scope.OPERATE, name="reader"), failed).status_code == 403
    assert redo(client(name="small", max_lines=1), failed).status_code == 413
    assert [view.batch for view in queue.batches()] == [failed]


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ("{", 400, "the body"),
        ("[]", 400, "the body"),
        ("{}", 422, "only"),
        ('{"only": "all"}', 422, "only"),
        ('{"only": "failed", "sett": {}}', 422, "sett"),
        ('{"only": "failed", "dry_run": "no"}', 422, "dry_run"),
        ('{"only": "failed", "vary": {"seed": 1}}', 422, "vary.seed"),
    ],
)
def test_a_body_that_is_none_is_refused(client: Client, failed: str, body: str, status: int, told: str) -> None:
    """By its field."""
    answer = client().post(f"/v1/batches/{failed}/redo", data=body, headers={"Content-Type": "application/json"})
    refused = problem(answer)
    assert (refused["status"], told in refused["detail"]) == (status, True)
