"""A batch at a glance over HTTP: its strip, why its edits failed, and its edits by their places."""

from __future__ import annotations

import json

import pytest

from retouch.ledger import Ledger, Settlement
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.unit.workers.gateway.conftest import Client, problem
from tests.unit.workers.gateway.test_batches import fill


def fail(ledger: Ledger, *messages: str) -> None:
    """Be the worker: fail the next edits, each with its message."""
    claims = ledger.worker.claim("w", lease_ms=60_000, places=100, submits=len(messages)).claims
    for claim, message in zip(claims, messages, strict=True):
        error = json.dumps({"code": "refused", "message": message})
        ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), EditState.FAILED, error=error)])


def test_a_strip_has_a_byte_an_edit_and_is_not_sent_twice(client: Client, ledger: Ledger) -> None:
    """Of states and of groups, each with its tag; there is no other strip."""
    fill(ledger)
    fail(ledger, "no image 1", "no image 2")
    caller = client()
    states, groups = (caller.get(f"/v1/batches/b/strip{of}") for of in ("", "?of=groups"))
    assert (states.content, groups.content) == (b"ffq", b"\1\1\0")
    assert {one.headers["content-type"] for one in (states, groups)} == {"application/octet-stream"}
    tag = states.headers["etag"]
    assert tag != groups.headers["etag"]
    same = caller.get("/v1/batches/b/strip", headers={"If-None-Match": tag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    EditQueue(ledger).cancel("b")
    assert caller.get("/v1/batches/b/strip", headers={"If-None-Match": tag}).content == b"ffx"
    assert caller.get("/v1/batches/b/strip?of=prices").status_code == 422


def test_failures_are_told_by_reason(client: Client, ledger: Ledger) -> None:
    """The most frequent first; all of them are counted. One reason is tried again alone."""
    fill(ledger, count=4)
    fail(ledger, "the prompt is empty", "no image 1", "no image 2")
    caller = client()
    small = {"group": 2, "code": "refused", "words": "no image …", "count": 2}
    small |= {"example": "c1", "message": "no image 1"}
    empty = {"group": 1, "code": "refused", "words": "the prompt is empty", "count": 1}
    empty |= {"example": "c0", "message": "the prompt is empty"}
    advice = (
        "the API probably refuses the same again; to send them corrected: retouch redo b --failed --group {} "
        "--set FIELD=VALUE"
    )
    small["advice"], empty["advice"] = advice.format(2), advice.format(1)
    assert caller.get("/v1/batches/b/failures").json() == {"batch": "b", "failed": 3, "groups": [small, empty]}
    assert caller.post("/v1/batches/b/retry?group=2").json() == {"asked": 0, "sent": 2}
    assert caller.get("/v1/batches/b/failures").json() == {"batch": "b", "failed": 1, "groups": [empty]}
    assert caller.post("/v1/batches/b/retry?group=256").status_code == 422


def test_edits_are_shown_by_their_places(client: Client, ledger: Ledger) -> None:
    """A window of them, or those of a filter."""
    fill(ledger, count=250)
    fail(ledger, "no")
    caller = client()

    def places(query: str) -> list[int]:
        return [one["place"] for one in caller.get(f"/v1/batches/b/edits{query}").json()["edits"]]

    assert places("") == list(range(200))
    assert places("?from=248&count=500") == [248, 249]
    assert places("?at=3,0,999999999,17") == [3, 0, 17]
    first = caller.get("/v1/batches/b/edits?count=1").json()
    assert first == {"batch": "b", "edits": [{"place": 0, "custom_id": "c0", "state": "failed", "group": 1}]}


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("at=1&from=0", "leave them out"),
        ("at=" + "1," * 500 + "1", "501 places, and 500"),
        ("at=1,x", "at"),
        ("at=-1", "at"),
        ("from=-1", "from"),
        ("count=501", "count"),
    ],
)
def test_places_that_are_none_are_refused(client: Client, ledger: Ledger, query: str, says: str) -> None:
    """By the name of the parameter."""
    fill(ledger)
    answer = client().get(f"/v1/batches/b/edits?{query}")
    assert answer.status_code == 422
    assert says in str(problem(answer))
