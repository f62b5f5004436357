"""A key that is bound to some batches does not learn that there are others, by whatever request."""

from __future__ import annotations

from typing import Any

from retouch.ledger import Ledger
from tests.unit.workers.gateway.conformance import document
from tests.unit.workers.gateway.conftest import Caller, Client, problem
from tests.unit.workers.gateway.test_batches import end, fill

OF_A_BATCH = [
    (method, path)
    for path, operations in document()["paths"].items()
    for method in operations
    if "{batch}" in path and (method, path) != ("post", "/v1/batches/{batch}")  # it begins a batch, or adds to it
]
QUERIES = {"limit": "max_failures=1", "budget": "budget=1", "search": "text=c"}
BODIES: dict[str, dict[str, Any]] = {
    "picks": {"pick": ["c0"]},
    "jobs": {"action": "cancel"},
    "links": {"uris": ["s3://bucket/edits/b/c0/0.png"]},
    "redo": {"only": ["c0"]},
}


def test_a_batch_of_others_is_not_there(client: Client, ledger: Ledger) -> None:
    """Nor is anything of it; and nothing is done to it."""
    fill(ledger)
    end(ledger)
    before, caller = ledger.reader.batch("b"), client(prefix="team-")
    answers = {(method, path): _asked(caller, method, path) for method, path in OF_A_BATCH}
    assert len(answers) >= 30
    assert {where: kind for where, kind in answers.items() if kind != "urn:retouch:problem:not-found"} == {}
    assert ledger.reader.batch("b") == before
    assert not any(ledger.picks.strip("b"))


def _asked(caller: Caller, method: str, path: str) -> object:
    last = path.rpartition("/")[2]
    url = path.format(batch="b", custom_id="c0", number=0)
    answer = caller.request(method, f"{url}?{QUERIES.get(last, '')}", json=BODIES.get(last))
    return problem(answer)["type"] if answer.status_code >= 400 else answer.status_code
