"""The ledger's version and its namespace: programs of another version change nothing, installations share a Redis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from retouch.causes import AmbiguityPolicy, PauseCause
from retouch.errors import InputError, SchemaError
from retouch.ledger import SCHEMA, Claim, Ledger, Settlement, Step
from retouch.states import EditState
from tests.ledger_bench import LEASE_MS, Bench, entries

CLAIM = Claim("b/c0", 1, Step.SUBMIT)
RESUBMIT = AmbiguityPolicy.RESUBMIT
MOVES: dict[str, Callable[[Ledger], Any]] = {
    "open_batch": lambda ledger: ledger.producer.open_batch("new", {}),
    "enqueue": lambda ledger: ledger.producer.enqueue("b", entries(3)),
    "seal": lambda ledger: ledger.producer.seal("b"),
    "cancel": lambda ledger: ledger.producer.cancel("b"),
    "retry": lambda ledger: ledger.producer.retry("b"),
    "claim": lambda ledger: ledger.worker.claim("w", lease_ms=LEASE_MS, places=9),
    "renew": lambda ledger: ledger.worker.renew([CLAIM], LEASE_MS),
    "begin": lambda ledger: ledger.worker.begin([CLAIM], LEASE_MS, nonce="n"),
    "begin_submit": lambda ledger: ledger.worker.begin_submit([CLAIM], RESUBMIT, LEASE_MS, nonce="n"),
    "begin_poll": lambda ledger: ledger.worker.begin_poll([CLAIM], LEASE_MS, nonce="n"),
    "settle": lambda ledger: ledger.worker.settle([Settlement(CLAIM, (EditState.SUBMITTING,), EditState.FAILED)]),
    "settle_batch": lambda ledger: ledger.worker.settle_batch(CLAIM),
    "settle_deliveries": lambda ledger: ledger.worker.settle_deliveries([(CLAIM, None)]),
    "pause": lambda ledger: ledger.worker.pause(PauseCause.STORE, "no", probe_every_ms=0),
    "trouble": lambda ledger: ledger.worker.trouble("503", probe_every_ms=1),
    "resume": lambda ledger: ledger.worker.resume(PauseCause.STORE),
    "see_worker": lambda ledger: ledger.worker.see_worker("w", []),
}


def everything(client: redis.Redis) -> dict[str, bytes]:
    """All that Redis holds, as it would write it to disk."""
    answers: Any = client.keys("*")
    return {key: client.dump(key) for key in sorted(answers)}  # type: ignore[misc]


@pytest.mark.parametrize("move", MOVES)
def test_a_newer_ledger_is_left_alone(bench: Bench, move: str) -> None:
    """Every move of a program that does not know the ledger's version says so, and changes nothing."""
    bench.fill(2)
    bench.edits(submits=1)
    bench.client.set(bench.keys.schema, SCHEMA + 1)
    before = everything(bench.client)
    with pytest.raises(SchemaError, match=rf"has schema {SCHEMA + 1}, .* works with schema {SCHEMA}: upgrade"):
        MOVES[move](bench.ledger)
    assert everything(bench.client) == before


def test_every_move_is_held_back(bench: Bench) -> None:
    """The table above names each script of lua/ (change.lua twice)."""
    scripts = set(bench.ledger.connection._scripts._texts)
    assert {"settle_delivery" if m == "settle_deliveries" else m for m in MOVES} - {"cancel", "retry"} == scripts - {
        "change"
    }


def test_readers_say_it_at_first_contact(bench: Bench) -> None:
    """A command that only reads would misread another layout."""
    bench.ledger.reader.check()
    bench.client.set(bench.keys.schema, SCHEMA + 1)
    with pytest.raises(SchemaError, match="nothing was changed"):
        bench.ledger.reader.check()


def test_an_older_ledger_asks_for_a_worker(bench: Bench) -> None:
    """Only workers bring a ledger up to date."""
    bench.client.set(bench.keys.schema, 0)
    with pytest.raises(SchemaError, match="start a worker of this version"):
        bench.ledger.reader.check()


def test_installations_share_a_redis(bench: Bench) -> None:
    """Two namespaces know nothing of each other, and no key stands outside of them."""
    other = Ledger(bench.client, bench.clock, namespace="other")
    other.producer.open_batch("b", {})
    other.producer.enqueue("b", entries(1))
    bench.fill(2)
    bench.run_to_completion()
    assert [view.total for ledger in (other, bench.ledger) for view in ledger.reader.batches()] == [1, 2]
    assert other.worker.claim("w", lease_ms=LEASE_MS, places=9).claims[0].member == "b/c0"
    found: Any = bench.client.keys("*")
    assert {key.partition(":")[0] for key in found} == {"{retouch}", "{other}"}


@pytest.mark.parametrize("name", ["", "a b", "a:b", "{a}", "a'b", "ä", "x" * 65])
def test_a_namespace_must_fit_into_a_key(redis_client: redis.Redis, name: str) -> None:
    """What would break a key, or a script's text, is refused by name."""
    with pytest.raises(InputError, match="must be 1 to 64 of"):
        Ledger(redis_client, namespace=name)
