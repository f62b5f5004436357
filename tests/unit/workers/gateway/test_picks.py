"""Picking results over HTTP, and reading what was picked."""

from __future__ import annotations

from typing import Any

import pytest

from retouch.access_keys import Scope
from retouch.ledger import Ledger
from retouch.ledger.views import iso
from tests.unit.workers.gateway.conftest import Client, problem
from tests.unit.workers.gateway.test_batches import end, fill


def test_what_is_chosen_is_told_as_ids_and_as_a_strip(client: Client, ledger: Ledger) -> None:
    """Also as a file to keep; what cannot be chosen is named."""
    fill(ledger)
    end(ledger, count=2)
    caller = client(Scope.READ, Scope.SUBMIT)
    said = {"pick": ["c1", "c2"], "reject": ["c0", "none"]}
    answer = caller.post("/v1/batches/b/picks", json=said).json()
    assert answer.pop("at") <= iso(ledger.connection.now())
    assert answer == {"changed": 2, "unknown": ["none"], "unfinished": ["c2"]}
    assert caller.get("/v1/batches/b/strip?of=picks").content == b"rp\0"
    assert caller.get("/v1/batches/b/picks").json() == {"batch": "b", "pick": "picked", "custom_ids": ["c1"]}
    text = caller.get("/v1/batches/b/picks?is=rejected&format=text")
    assert (text.text, text.headers["content-type"]) == ("c0\n", "text/plain; charset=utf-8")
    assert text.headers["content-disposition"] == 'attachment; filename="b-rejected.txt"'


def test_the_time_of_a_choice_is_after_it_was_written(
    client: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever begins to read later has it."""
    fill(ledger)
    end(ledger)
    caller = client()
    written: list[bytes] = []
    now = ledger.connection.now

    def time() -> int:
        written.append(ledger.picks.strip("b")[:1])
        return now()

    monkeypatch.setattr(ledger.connection, "now", time)
    caller.post("/v1/batches/b/picks", json={"pick": ["c0"]})
    assert written[-1] == b"p"


@pytest.mark.parametrize(
    "said",
    [
        {"pick": "c0"},
        {"best": ["c0"]},
        {"pick": ["../x"]},
        {"pick": ["c0"], "clear": ["c0"]},
        {"reject": [f"c{n}" for n in range(501)]},
    ],
)
def test_a_choice_that_is_none_is_refused(client: Client, ledger: Ledger, said: dict[str, Any]) -> None:
    """And changes nothing."""
    fill(ledger)
    end(ledger)
    assert problem(client().post("/v1/batches/b/picks", json=said))["status"] == 422
    assert not any(ledger.picks.strip("b"))


def test_who_may_only_look_chooses_nothing(client: Client, ledger: Ledger) -> None:
    """Nor does anybody choose for another's batch."""
    fill(ledger)
    end(ledger)
    said = {"pick": ["c0"]}
    assert client(Scope.READ, name="a").post("/v1/batches/b/picks", json=said).status_code == 403
    other = client(name="z", prefix="z-")
    assert other.post("/v1/batches/b/picks", json=said).status_code == 404
    assert other.get("/v1/batches/b/picks").status_code == 404
    assert not any(ledger.picks.strip("b"))
