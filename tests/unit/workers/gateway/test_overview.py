"""``/v1/workers``, ``/v1/keys`` and ``/v1/money``: what the page has a table of."""

from __future__ import annotations

from retouch.access_keys import AccessKeys, Scope
from retouch.ledger import Heartbeat, Ledger
from retouch.price import Price
from retouch.queue import EditQueue
from tests.unit.producing import edit
from tests.unit.workers.gateway.conftest import Client, problem


def test_workers_are_told_with_what_differs_between_them(client: Client, ledger: Ledger) -> None:
    """And with no other setting: a budget, or the API's address, is no matter of whoever may send edits."""
    for name, lease in (("a-1", "4"), ("b-2", "5")):
        says = Heartbeat(name, name[0], "1.2.3", 7, {})
        ledger.worker.see_worker(name, {}, {"RETOUCH_LEASE": lease, "RETOUCH_RATE_LIMIT": "1/s"}, says=says)
    told = client(Scope.READ).get("/v1/workers").json()
    workers = [(one["worker"], one["host"], one["version"], one["steps"]) for one in told["workers"]]
    assert workers == [("a-1", "a", "1.2.3", 7), ("b-2", "b", "1.2.3", 7)]
    assert "RETOUCH_RATE_LIMIT" not in str(told)
    assert told["differences"] == {"RETOUCH_LEASE": {"4": ["a-1"], "5": ["b-2"]}}


def test_keys_are_told_without_their_secrets(client: Client, keys: AccessKeys) -> None:
    """To operators of the whole gateway alone."""
    token = keys.create("nightly", [Scope.SUBMIT], prefix="night-")
    answer = client(Scope.OPERATE).get("/v1/keys")
    told = {one["name"]: one for one in answer.json()["keys"]}
    assert (told["nightly"]["prefix"], told["nightly"]["scopes"]) == ("night-", ["submit"])
    assert told["nightly"]["secrets"][0]["used"] is None
    assert token.rpartition("_")[2] not in answer.text
    for name, scopes, prefix in (("team", (Scope.OPERATE,), "team-"), ("reader", (Scope.READ,), "")):
        refused = client(*scopes, name=name, prefix=prefix).get("/v1/keys")
        assert (refused.status_code, problem(refused)["type"]) == (403, "urn:retouch:problem:not-allowed")


def test_money_is_told_by_day_and_by_budget(client: Client, ledger: Ledger, queue: EditQueue) -> None:
    """A key of some batches sees the budgets of its own, and no day of all."""
    ledger.producer.set_price(Price.of_micros(10_000, "USD"))
    for batch in ("team-1", "other"):
        queue.enqueue([edit("a")], batch=batch, budget="20")
    queue.enqueue([edit("a")], batch="unbound")
    everyone = client(Scope.READ).get("/v1/money?days=3").json()
    assert everyone["price"] == {"amount": 0.01, "currency": "USD"}
    assert [day["spent"] for day in everyone["days"]] == [0, 0, 0]
    assert [one["batch"] for one in everyone["batches"]] == ["other", "team-1"]
    assert (everyone["batches"][0]["money"]["budget"], everyone["batches"][0]["state"]) == (20, "open")
    team = client(Scope.READ, name="team", prefix="team-").get("/v1/money").json()
    assert (team["days"], [one["batch"] for one in team["batches"]]) == ([], ["team-1"])
    assert len(client(Scope.READ, name="month").get("/v1/money").json()["days"]) == 30


def test_without_a_price_nothing_is_made_up(client: Client) -> None:
    """There are no days, and no budgets."""
    assert client(Scope.READ).get("/v1/money").json() == {"price": None, "days": [], "batches": []}
