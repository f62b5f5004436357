"""``/v1/provider``: how the API is used; submits to it are paused and resumed by hand."""

from __future__ import annotations

import pytest

from retouch.access_keys import Scope
from retouch.ledger import Heartbeat, Ledger, Settlement
from retouch.price import Price
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.ledger_bench import LEASE_MS, RESUBMIT, SUBMITTING
from tests.unit.producing import edit
from tests.unit.workers.gateway.conftest import Client, problem
from workers.gateway.native.installation import UNTOLD


def used(ledger: Ledger, queue: EditQueue) -> None:
    """Two edits were sent, and answered; one result is known."""
    ledger.producer.set_price(Price.of_micros(10_000, "USD"))
    took = {"took:submit:4": 1, "took:submit:ms": 80}
    ledger.worker.see_worker("w", {}, {"RETOUCH_RATE_LIMIT": "10/s,300/m"}, says=Heartbeat("1", "h", "1", 2, took))
    queue.enqueue([edit("a"), edit("b")], batch="b")
    claims = ledger.worker.claim("w", lease_ms=LEASE_MS, places=9).claims
    ledger.worker.begin_submit(claims, RESUBMIT, LEASE_MS, nonce="n")
    counts = [("submit:200", "taken"), ("submit:429",)]
    settled = [Settlement(c, SUBMITTING, EditState.COMPLETED, counts=n) for c, n in zip(claims, counts, strict=True)]
    ledger.worker.settle(settled)
    connection = ledger.connection
    connection._client.zadd(connection.keys.kinds, {"sd1.5:8:36": 1})
    connection._client.hset(connection.keys.learned("sd1.5:8:36"), mapping={"20": 3, "21": 1, "64": 0.5})
    connection._client.hset(connection.keys.state, mapping={"refusal": "no such model: secret", "refused_at": "1"})
    began = connection.now() // 60_000 * 60_000 - 60_000
    connection._client.rpush(connection.keys.samples, f"{began} 30 45 3 9 0 60 0 0 0 0 {'0 ' * 13}")


def test_all_of_it_is_one_answer(client: Client, ledger: Ledger, queue: EditQueue) -> None:
    """Places, limits, pauses with what ends them, times, requests, money, and the last minutes."""
    used(ledger, queue)
    ledger.worker.pause("submit:person", "lunch")
    ledger.worker.pause("status:outage", "502")
    told = client(Scope.READ).get("/v1/provider").json()
    assert (told["places_used"], told["places"], told["last_refusal"]) == (0, 9, "no such model: secret")
    limits = [(one["step"], one["requests"], one["seconds"]) for one in told["limits"]]
    assert limits == [("all", 10, 1), ("all", 300, 60)]
    assert told["per_s"] == {"submit": 1.0, "status": 0.0}
    pauses = {one["what"]: (one["remedy"], one["by_hand"]) for one in told["pauses"]}
    assert pauses == {
        "submits": ("to go on: retouch resume", True),
        "status requests": ("it ends by itself when the API answers", False),
    }
    [kind] = told["kinds"]
    assert (kind["kind"], sum(kind["bins"]), len(kind["bins"]) - 1) == ("sd1.5:8:36", 4, len(told["kind_edges_s"]))
    assert told["kind_edges_s"][19] <= kind["p50_s"] <= told["kind_edges_s"][20]
    counted = told["counted"]
    assert (counted["submits"], counted["statuses"], counted["taken"]) == ({"200": 1, "429": 1}, {}, 1)
    answers = counted["submit_answers"]
    assert (answers["answers"], answers["p95_s"], len(answers["bins"])) == (
        1,
        0.0975,
        len(counted["answer_edges_s"]) + 1,
    )
    assert counted["status_answers"]["p50_s"] is None
    assert told["money"] == {"spent": 0.02, "committed": 0, "doubtful": 0, "currency": "USD"}
    samples = told["samples"]
    assert (samples["places_used"], samples["places_most"], samples["submits"]["good"]) == ([1.5], [3], [60])
    kept, record = ledger.connection.keys.samples, "30 45 3 9 0 60 " + "0 " * 17
    ledger.connection._client.lset(kept, 0, f"{ledger.connection.now() - 600_000} {record}")
    stale = client(Scope.READ, name="later").get("/v1/provider").json()
    assert (stale["per_s"], stale["samples"]["submits"]["good"]) == (None, [60])
    assert client(Scope.READ, name="none").get("/v1/provider?minutes=0").json()["samples"]["at"] == []


def test_a_key_of_some_batches_learns_nothing_of_others(client: Client, ledger: Ledger, queue: EditQueue) -> None:
    """Neither how much they do, nor what it costs, nor what the API said of it; why nothing moves it is told."""
    used(ledger, queue)
    ledger.worker.pause("submit:refused", "no such model: secret")
    told = client(Scope.READ, prefix="team-").get("/v1/provider").json()
    assert [told[name] for name in ("counted", "money", "samples", "per_s", "last_refusal")] == [None] * 5
    assert [(one["reason"], one["what"]) for one in told["pauses"]] == [(UNTOLD, "submits")]
    assert "secret" not in str(told)
    assert [kind["kind"] for kind in told["kinds"]] == ["hidden-1:8:36"]  # the model may be another's own


def test_submits_are_paused_and_resumed_by_hand(client: Client, ledger: Ledger, queue: EditQueue) -> None:
    """A worker that has claimed an edit already does not send it."""
    queue.enqueue([edit("a"), edit("b")], batch="b")
    [claim] = ledger.worker.claim("w", lease_ms=LEASE_MS, places=9, submits=1).claims
    caller = client(Scope.OPERATE, Scope.READ)
    assert [caller.post("/v1/provider/pause").json() for _ in range(2)] == [{"changed": True}, {"changed": False}]
    [pause] = caller.get("/v1/provider").json()["pauses"]
    assert (pause["cause"], pause["reason"], pause["by_hand"]) == (
        "person",
        "somebody with the key caller paused it",
        True,
    )
    begun = ledger.worker.begin_submit([claim], RESUBMIT, LEASE_MS, nonce="n")
    assert begun == [None]
    assert ledger.worker.claim("w", lease_ms=LEASE_MS, places=9).claims == []
    assert [caller.post("/v1/provider/resume").json() for _ in range(2)] == [{"changed": True}, {"changed": False}]
    assert len(ledger.worker.claim("w", lease_ms=LEASE_MS, places=9).claims) == 2


@pytest.mark.parametrize("path", ["/v1/provider/pause", "/v1/provider/resume"])
def test_nobody_stops_the_batches_of_others(client: Client, ledger: Ledger, path: str) -> None:
    """A key that is bound to some batches does not, nor one that may only look."""
    for name, scopes, prefix in (("team", (Scope.OPERATE,), "team-"), ("reader", (Scope.READ,), "")):
        refused = client(*scopes, name=name, prefix=prefix).post(path)
        assert (refused.status_code, problem(refused)["type"]) == (403, "urn:retouch:problem:not-allowed")
    assert ledger.reader.pauses() == []
