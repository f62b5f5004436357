"""``/v1/workers``, ``/v1/keys`` and ``/v1/money``: what the page has a table of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from retouch.access_keys import AccessKeys, Scope
from retouch.errors import InputError
from retouch.ledger import Heartbeat, Ledger
from retouch.price import Price
from retouch.queue import EditQueue
from tests.unit.producing import edit
from tests.unit.workers.gateway.conftest import Client, problem


def test_workers_are_told_with_what_differs_between_them(client: Client, ledger: Ledger) -> None:
    """And with no other setting: a budget, or the API's address, is no matter of whoever may send edits.

    To operators of the whole gateway all are told.
    """
    for name, lease in (("a-1", "4"), ("b-2", "5")):
        says = Heartbeat(name, name[0], "1.2.3", 7, {}, {"RETOUCH_POLL_MIN": "0.5"})
        ledger.worker.see_worker(name, {}, {"RETOUCH_LEASE": lease, "RETOUCH_RATE_LIMIT": "1/s"}, says=says)
    told = client(Scope.READ).get("/v1/workers").json()
    workers = [(one["worker"], one["host"], one["version"], one["steps"]) for one in told["workers"]]
    assert workers == [("a-1", "a", "1.2.3", 7), ("b-2", "b", "1.2.3", 7)]
    assert "RETOUCH_RATE_LIMIT" not in str(told)
    assert [one["settings"] for one in told["workers"]] == [{}, {}]
    team = client(Scope.OPERATE, Scope.READ, name="team", prefix="team-").get("/v1/workers").json()
    assert [one["settings"] for one in team["workers"]] == [{}, {}]
    whole = client(Scope.OPERATE, Scope.READ, name="operator").get("/v1/workers").json()["workers"]
    own = {"RETOUCH_RATE_LIMIT": "1/s", "RETOUCH_POLL_MIN": "0.5"}
    assert [one["settings"] for one in whole] == [{"RETOUCH_LEASE": "4", **own}, {"RETOUCH_LEASE": "5", **own}]
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


def spend(ledger: Ledger, batch: str, spent: int, *, created: datetime | None = None) -> None:
    """Have a batch cost so many micro-units, be made then."""
    keys, client = ledger.connection.keys, ledger.connection._client
    client.hset(keys.batch(batch), mapping={"spent": spent, "currency": "USD"})
    if created:
        at = round(created.timestamp() * 1000)
        client.hset(keys.batch(batch), "created", at)
        client.zadd(keys.batches, {batch: at})


def test_money_is_told_by_day_by_sender_and_by_batch(client: Client, ledger: Ledger, queue: EditQueue) -> None:
    """The dearest first, also without a budget; a key of some batches sees its own, and no day of all."""
    ledger.producer.set_price(Price.of_micros(10_000, "USD"))
    queue.enqueue([edit("a")], batch="team-1", budget="20", sender="ann")
    for batch, sender in (("other", "ann"), ("shared", "ann"), ("shared", "bob")):
        queue.enqueue([edit(sender)], batch=batch, sender=sender)
    spend(ledger, "other", 220_000)
    spend(ledger, "shared", 5_000_000)
    everyone = client(Scope.READ).get("/v1/money?days=3").json()
    assert everyone["price"] == {"amount": 0.01, "currency": "USD"}
    assert [day["spent"] for day in everyone["days"]] == [0, 0, 0]
    assert [(one["batch"], one["senders"]) for one in everyone["batches"]] == [
        ("shared", ["ann", "bob"]),
        ("other", ["ann"]),
        ("team-1", ["ann"]),
    ]
    assert (everyone["batches"][2]["money"]["budget"], everyone["batches"][2]["state"]) == (20, "open")
    sums = [(one["senders"], one["batches"], one["spent"], one["to_come"]) for one in everyone["senders"]]
    assert sums == [(["ann", "bob"], 1, 5.0, 0.02), (["ann"], 2, 0.22, 0.02)]
    total = {name: everyone["total"][name] for name in ("batches", "spent", "to_come")}
    assert (total, everyone["older"]) == ({"batches": 3, "spent": 5.22, "to_come": 0.04}, False)
    one = client(Scope.READ, name="few").get("/v1/money?limit=1").json()
    assert ([each["batch"] for each in one["batches"]], one["total"]["batches"]) == (["shared"], 3)
    team = client(Scope.READ, name="team", prefix="team-").get("/v1/money").json()
    assert (team["days"], [one["batch"] for one in team["batches"]]) == ([], ["team-1"])
    assert len(client(Scope.READ, name="month").get("/v1/money").json()["days"]) == 30


def test_money_is_told_of_the_batches_of_a_time_and_of_a_sender(
    client: Client, ledger: Ledger, queue: EditQueue
) -> None:
    """From its first moment on, without its last one."""
    ledger.producer.set_price(Price.of_micros(10_000, "USD"))
    night = datetime(2026, 11, 26, 18, tzinfo=UTC)
    for batch, minutes in (("before", -1), ("first", 0), ("last", 719), ("after", 720)):
        queue.enqueue([edit("a")], batch=batch, sender="bob" if batch == "last" else "ann")
        spend(ledger, batch, 1_000_000, created=night + timedelta(minutes=minutes))
    get = client(Scope.READ).get
    asked = {"since": "2026-11-26T19:00:00+01:00", "until": "2026-11-27T06:00:00Z"}
    found = get("/v1/money", params=asked).json()
    assert {one["batch"] for one in found["batches"]} == {"first", "last"}
    assert (found["total"]["spent"], found["since"]) == (2, "2026-11-26T19:00:00+01:00")
    assert [one["batch"] for one in get("/v1/money", params=asked | {"by": "bob"}).json()["batches"]] == ["last"]
    for wrong in ("2026-11-26T19:00:00", "0.5", "yesterday"):
        refused = get(f"/v1/money?since={wrong}")
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "since")
    assert [view.batch for view in queue.spending(since=night).batches] == ["after", "last", "first"]
    with pytest.raises(InputError, match="need a time zone"):
        queue.spending(since=datetime(2026, 11, 26))  # noqa: DTZ001 - what is refused


def test_older_batches_than_are_looked_at_are_told(
    client: Client, ledger: Ledger, queue: EditQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in no sum, and none is missing in silence."""
    monkeypatch.setattr("retouch.spending.LOOKED_AT", 2)
    ledger.producer.set_price(Price.of_micros(10_000, "USD"))
    for batch in "abc":
        queue.enqueue([edit("a")], batch=batch)
    found = client(Scope.READ).get("/v1/money").json()
    assert (len(found["batches"]), found["older"]) == (2, True)
    monkeypatch.setattr("retouch.spending.LOOKED_AT", 3)
    assert client(Scope.READ, name="b").get("/v1/money").json()["older"] is False


def test_without_a_price_nothing_is_made_up(client: Client) -> None:
    """There are no days, and no sums."""
    told = client(Scope.READ).get("/v1/money").json()
    assert (told["price"], told["days"], told["batches"], told["senders"], told["total"]) == (None, [], [], [], None)
