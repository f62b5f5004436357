"""``…/search`` and ``/v1/edits``: edits are found by their names, and nobody reads all names for that."""

from __future__ import annotations

import pytest

from retouch.access_keys import Scope
from retouch.errors import InputError
from retouch.ledger import Ledger
from retouch.queue import EditQueue
from tests.browser.scene import write_batch
from tests.unit.producing import edit
from tests.unit.workers.gateway.conftest import Client, problem


def test_a_part_of_a_name_finds_edits_in_the_batch_s_order(client: Client, queue: EditQueue) -> None:
    """In whatever case; the one that is called so stands first, wherever it is."""
    queue.enqueue([edit(name) for name in ("cat-10", "dog-1", "Cat-2", "a-cat-1", "cat-1")], batch="pets")
    get = client(Scope.READ).get
    found = get("/v1/batches/pets/search?text=CAT").json()
    assert [(one["place"], one["custom_id"]) for one in found["edits"]] == [
        (0, "cat-10"),
        (2, "Cat-2"),
        (3, "a-cat-1"),
        (4, "cat-1"),
    ]
    assert (found["next"], found["edits"][0]["state"]) == (None, "queued")
    assert [one["custom_id"] for one in get("/v1/batches/pets/search?text=cat-1").json()["edits"]] == [
        "cat-1",
        "cat-10",
        "a-cat-1",
    ]
    assert get("/v1/batches/pets/search?text=cow").json()["edits"] == []
    part = get("/v1/batches/pets/search?text=cat&count=2").json()
    assert ([one["place"] for one in part["edits"]], part["next"]) == ([0, 2], 3)
    rest = get(f"/v1/batches/pets/search?text=cat&count=2&from={part['next']}").json()
    assert ([one["place"] for one in rest["edits"]], rest["next"]) == ([3, 4], None)
    assert get("/v1/batches/none/search?text=cat").status_code == 404
    assert get("/v1/batches/pets/search?text=").status_code == 422


def test_a_search_looks_at_so_many_names_and_says_where_it_goes_on(client: Client, ledger: Ledger) -> None:
    """But the edit that is called so is found behind them as well."""
    write_batch(ledger, "large", 26_000, ended=0)
    get = client(Scope.READ).get
    part = get("/v1/batches/large/search?text=025999").json()
    assert (part["edits"], part["next"]) == ([], 25_000)
    rest = get(f"/v1/batches/large/search?text=025999&from={part['next']}").json()
    assert ([one["place"] for one in rest["edits"]], rest["next"]) == ([25_999], None)
    write_batch(ledger, "as-many", 25_000, ended=0)
    assert get("/v1/batches/as-many/search?text=cow").json()["next"] is None
    keys, client_ = ledger.connection.keys, ledger.connection._client
    client_.hset(keys.edit("large/lighthouse-025998"), mapping={"state": "queued", "at": 25_998})
    exact = get("/v1/batches/large/search?text=lighthouse-025998").json()
    assert [one["place"] for one in exact["edits"]] == [25_998]


def test_a_name_is_found_in_all_batches_that_a_key_may_know_of(client: Client, queue: EditQueue) -> None:
    """The newest first; with its batch it is that one alone."""
    for batch in ("team-1", "other"):
        queue.enqueue([edit("cat"), edit("dog")], batch=batch)
    queue.enqueue([edit("dog")], batch="team-2")
    get = client(Scope.READ).get
    found = get("/v1/edits?name=cat").json()["edits"]
    assert {(one["batch"], one["custom_id"], one["state"]) for one in found} == {
        ("other", "cat", "queued"),
        ("team-1", "cat", "queued"),
    }
    assert [one["batch"] for one in get("/v1/edits?name=other/cat").json()["edits"]] == ["other"]
    team = client(Scope.READ, name="team", prefix="team-").get
    assert [one["batch"] for one in team("/v1/edits?name=cat").json()["edits"]] == ["team-1"]
    assert team("/v1/edits?name=other/cat").json()["edits"] == []
    refused = get("/v1/edits?name=c*t")
    assert (refused.status_code, problem(refused)["type"]) == (422, "urn:retouch:problem:invalid")


def test_who_mistypes_a_name_is_told_those_that_have_it(queue: EditQueue) -> None:
    """In the sentence that says that there is no such edit."""
    queue.enqueue([edit("lighthouse-1"), edit("lighthouse-2")], batch="oil")
    with pytest.raises(InputError, match=r"there is no edit 'lighthouse' in batch 'oil'; there is lighthouse-1, light"):
        queue.edit("oil", "lighthouse")
    with pytest.raises(InputError, match=r"there is no edit 'cow' in batch 'oil'$"):
        queue.edit("oil", "cow")
    for wrong in ({"text": ""}, {"text": "a", "first": -1}, {"text": "a", "most": 501}):
        with pytest.raises(InputError, match="search needs a text"):
            queue.search("oil", **wrong)
