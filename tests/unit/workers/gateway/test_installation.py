"""``GET /v1/installation``: why nothing moves, for those whose batches are all right."""

from __future__ import annotations

from retouch.access_keys import Scope
from retouch.ledger import Ledger
from retouch.price import Price
from tests.unit.workers.gateway.conftest import Client, problem
from workers.gateway.native.installation import UNTOLD


def test_workers_and_pauses_are_told(client: Client, ledger: Ledger) -> None:
    """To whoever may read, and to nobody else."""
    ledger.worker.pause("submit:person", "lunch")
    ledger.worker.see_worker("w", {})
    told = client(Scope.READ).get("/v1/installation").json()
    assert (told["workers"], told["queued"]) == (["w"], 0)
    assert [(one["cause"], one["reason"]) for one in told["pauses"]] == [("person", "lunch")]
    refused = client(Scope.SUBMIT, name="sender").get("/v1/installation")
    assert (refused.status_code, problem(refused)["type"]) == (403, "urn:retouch:problem:not-allowed")


def test_the_money_of_all_is_told_to_keys_of_all(client: Client, ledger: Ledger) -> None:
    """A key that is bound to some batches reads the price alone."""
    ledger.producer.set_price(Price.of_micros(10_000, "USD"))
    everyone = client(Scope.READ).get("/v1/installation").json()
    team = client(Scope.READ, name="team", prefix="team-").get("/v1/installation").json()
    assert (everyone["money"]["spent"], team["money"]) == (0, None)
    assert everyone["price"] == team["price"] == {"amount": 0.01, "currency": "USD"}


def test_a_refusal_of_others_is_not_told(client: Client, ledger: Ledger) -> None:
    """The API's words may quote a prompt: a key that is bound to some batches does not read them."""
    ledger.worker.pause("submit:person", "lunch")  # the ledger is made by its first use
    connection = ledger.connection
    connection._client.hset(connection.keys.state, mapping={"refusal": "no such model: secret", "refused_at": "1"})
    everyone = client(Scope.READ).get("/v1/installation").json()["provider"]
    assert everyone["last_refusal"] == "no such model: secret"
    team = client(Scope.READ, name="team", prefix="team-").get("/v1/installation").json()["provider"]
    assert (team["last_refusal"], team["last_refusal_at"]) == (None, None)


def test_a_pause_is_told_without_the_words_of_the_api(client: Client, ledger: Ledger) -> None:
    """To a key that is bound to some batches; what a person has written is for all."""
    ledger.worker.pause("submit:person", "lunch")
    ledger.worker.pause("submit:refused", "no such model: secret")
    everyone = client(Scope.READ).get("/v1/installation").json()["pauses"]
    assert {one["cause"]: one["reason"] for one in everyone} == {"person": "lunch", "refused": "no such model: secret"}
    team = client(Scope.READ, name="team", prefix="team-").get("/v1/installation").json()["pauses"]
    assert {one["cause"]: one["reason"] for one in team} == {"person": "lunch", "refused": UNTOLD}
