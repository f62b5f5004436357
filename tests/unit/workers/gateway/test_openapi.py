"""The gateway's OpenAPI document: valid, complete, and true of whatever is sent."""

from __future__ import annotations

import json
from threading import Event, Thread
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from retouch.access_keys import AccessKeys, Scope
from retouch.ledger import Ledger
from retouch.queue import EditQueue
from tests.harness.waiting import LIMIT_S
from tests.unit.workers.gateway.conformance import document
from tests.unit.workers.gateway.conftest import Caller, Client
from workers.gateway.gate import OPEN
from workers.gateway.openapi import complete
from workers.gateway.problems import OPENAI


def test_the_document_is_whole(client: Client) -> None:
    """Every path says which key it needs and what it answers; every reference leads somewhere."""
    found = client().get("/openapi.json").json()
    assert found == json.loads(json.dumps(document()))
    assert found["openapi"].startswith("3.1")
    for path, operations in found["paths"].items():
        for operation in operations.values():
            assert operation["security"] == ([] if path in OPEN else [{"key": []}])
            assert operation["summary"]
            taken = {"parameters", "requestBody"} & operation.keys()
            wrong = {"400"} if path.startswith(OPENAI) else {"422"} if taken else set()
            assert path in OPEN or {"401", "403", "429", "500", "503"} | wrong <= operation["responses"].keys(), path
    for reference in references(found):
        place: Any = found
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
    for schema in found["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_two_first_requests_make_the_document_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.11 cannot make it in two threads at once."""
    app, made, go = FastAPI(), [0], Event()

    def make() -> dict[str, Any]:
        made[0] += 1
        go.wait(LIMIT_S)
        return {"paths": {}}

    monkeypatch.setattr(app, "openapi", make)
    complete(app)
    threads = [Thread(target=app.openapi) for _ in range(2)]
    for thread in threads:
        thread.start()
    threads[1].join(0.05)  # it waits for the first one
    go.set()
    for thread in threads:
        thread.join(LIMIT_S)
    assert made == [1]


def references(node: Any) -> list[str]:
    """All references in a document."""
    if isinstance(node, list):
        return [one for item in node for one in references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [one for item in node.values() for one in references(item)]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["custom_id", "prompt", "init_image", "seed", "extra", "metadata", "x", "defaults", "edits", ""]
)
EDITS = st.dictionaries(NAMES, VALUES | st.just("a") | st.just("https://example.com/a.png"), max_size=5)
BODIES = (
    st.binary(max_size=200)
    | st.lists(EDITS, max_size=4).map(lambda edits: "".join(json.dumps(one) + "\n" for one in edits).encode())
    | st.fixed_dictionaries({"edits": st.lists(EDITS, max_size=4) | VALUES}, optional={"defaults": EDITS | VALUES}).map(
        lambda body: json.dumps(body).encode()
    )
    | st.lists(st.lists(st.text(max_size=10), max_size=4), max_size=4).map(
        lambda rows: "\n".join(["custom_id,prompt,init_image", *map(",".join, rows)]).encode(errors="replace")
    )
)
TYPES = st.sampled_from(["application/jsonl", "text/csv", "application/json", "text/plain", ""])


def test_whatever_is_sent_is_answered_as_described_and_taken_whole_or_not_at_all(
    anyone: Caller, keys: AccessKeys, ledger: Ledger
) -> None:
    """No body is a bug; what was refused has left nothing."""
    caller = Caller(anyone.url, keys.create("caller", list(Scope), rate="1000000/s"))
    queue, number = EditQueue(ledger), 0

    @settings(max_examples=150)
    @given(body=BODIES, kind=TYPES)
    def send(body: bytes, kind: str) -> None:
        nonlocal number
        number += 1
        answer = caller.post(f"/v1/batches/b{number}", data=body, headers={"Content-Type": kind} if kind else {})
        assert answer.status_code < 500, answer.text
        view = queue.find(f"b{number}")
        assert (view is not None) is (answer.status_code == 201)
        assert view is None or view.total == answer.json()["accepted"]

    send()
