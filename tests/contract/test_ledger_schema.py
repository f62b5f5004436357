"""The ledger's version and its namespace: programs of another version change nothing, installations share a Redis."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import redis

from retouch.causes import BatchPause, Outcome
from retouch.errors import InputError, SchemaError
from retouch.ledger import SCHEMA, Claim, Delivery, Finish, Ledger, Pick, Settlement, Step, scripts
from retouch.ledger.worker import WORKER_SEEN_MS
from retouch.price import Budget, Price
from retouch.states import EditState
from tests.ledger_bench import DEADLINE_MS, LEASE_MS, RESUBMIT, Bench, entries

CLAIM = Claim("b/c0", 1, Step.SUBMIT)
PRICE = Price(Decimal("0.01"), "USD")
MOVES: dict[str, Callable[[Ledger], Any]] = {
    "open_batch": lambda ledger: ledger.producer.open_batch("b"),
    "enqueue": lambda ledger: ledger.producer.enqueue("b", entries(3), {"model_id": "sd1.5"}),
    "seal": lambda ledger: ledger.producer.seal("b"),
    "keep_open": lambda ledger: ledger.producer.keep_open("b", 1),
    "cancel": lambda ledger: ledger.producer.cancel("b"),
    "retry": lambda ledger: ledger.producer.retry("b"),
    "start_job": lambda ledger: ledger.jobs.start("j"),
    "advance_job": lambda ledger: ledger.jobs.advance("j"),
    "stop_job": lambda ledger: ledger.jobs.stop("j"),
    "remove_batch": lambda ledger: ledger.producer.remove("b"),
    "claim": lambda ledger: ledger.worker.claim("w", lease_ms=LEASE_MS, places=9),
    "renew": lambda ledger: ledger.worker.renew([CLAIM], LEASE_MS),
    "begin_submit": lambda ledger: ledger.worker.begin_submit([CLAIM], RESUBMIT, LEASE_MS, nonce="n"),
    "begin_poll": lambda ledger: ledger.worker.begin_poll([CLAIM], LEASE_MS, DEADLINE_MS, nonce="n"),
    "begin": lambda ledger: ledger.worker.begin([CLAIM], LEASE_MS, nonce="n"),
    "keep_link": lambda ledger: ledger.worker.keep_link(CLAIM, "https://images.example/1"),
    "settle": lambda ledger: ledger.worker.settle([Settlement(CLAIM, (EditState.SUBMITTING,), EditState.FAILED)]),
    "pick": lambda ledger: ledger.picks.choose("b", {Pick.PICKED: ["c0"]}),
    "observe": lambda ledger: ledger.worker.observe(good={"submit": 1}),
    "settle_batch": lambda ledger: ledger.worker.settle_batch(CLAIM, Finish.WRITTEN),
    "settle_deliveries": lambda ledger: ledger.worker.settle_deliveries([Delivery(CLAIM, Outcome.DELIVERED)]),
    "redeliver": lambda ledger: ledger.producer.redeliver("webhook-000000"),
    "pause": lambda ledger: ledger.worker.pause("submit:person", "no"),
    "resume": lambda ledger: ledger.worker.resume("submit:person"),
    "tell_wait": lambda ledger: ledger.worker.tell_wait("submit", 1),
    "pause_batch": lambda ledger: ledger.producer.pause("b", BatchPause.PERSON, "no"),
    "limit_failures": lambda ledger: ledger.producer.limit_failures("b", "1%"),
    "resume_batch": lambda ledger: ledger.producer.resume("b"),
    "notify": lambda ledger: ledger.producer.notify("b", "https://a.test", "a.test", []),
    "replay": lambda ledger: ledger.producer.replay("s", 0),
    "drop_sink": lambda ledger: ledger.producer.drop_sink("s"),
    "see_worker": lambda ledger: ledger.worker.see_worker("w", {}),
    "release_batch": lambda ledger: ledger.producer.release("b"),
    "change_key": lambda ledger: ledger.access.change("k", None, "{}"),
    "use_key": lambda ledger: ledger.access.use("k", "0" * 64, requests=1, seconds=1),
    "keep_visit": lambda ledger: ledger.access.keep_visit("0" * 64, "{}", 1000),
    "begin_request": lambda ledger: ledger.requests.begin("k/1", "f", "a"),
    "set_price": lambda ledger: ledger.producer.set_price(PRICE),
    "agree_price": lambda ledger: ledger.worker.agree_price(PRICE),
    "set_budget": lambda ledger: ledger.producer.set_budget("b", Budget(1)),
    "end_request": lambda ledger: ledger.requests.end("k/1", "a"),
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
    """The table above names each script of lua/ but the one that upgrades; some by another name."""
    script_of = {"settle_deliveries": "settle_delivery", "observe": "settle", "cancel": "make_job", "retry": "make_job"}
    not_first = {"fill_job"}  # comes after another one
    assert {script_of.get(move, move) for move in MOVES} == set(scripts.names()) - {"upgrade"} - not_first


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


def of_schema_1(bench: Bench) -> None:
    """A ledger as schema 1 left it: without a number, with an edit at the API and pauses by their old names."""
    bench.at_the_api(1, of=2)
    bench.client.delete(bench.keys.schema)
    pause = {"reason": "503", "since": bench.clock.now - 60_000, "touched": 0, "until": 0, "every": 1000}
    bench.client.hset(bench.keys.pauses, mapping={"outage": json.dumps(pause), "api": json.dumps(pause)})
    bench.client.hset(bench.keys.state, mapping={"fails": 7, "closed_at": bench.clock.now})


@pytest.mark.parametrize("move", MOVES)
def test_a_ledger_without_a_number_is_of_schema_1(bench: Bench, move: str) -> None:
    """No move takes it for a new one: each says what to do, and changes nothing."""
    of_schema_1(bench)
    before = everything(bench.client)
    with pytest.raises(SchemaError, match=r"has schema 1, .* start a worker of this version"):
        MOVES[move](bench.ledger)
    assert everything(bench.client) == before


def test_an_upgrade_waits_for_the_older_workers(bench: Bench) -> None:
    """They would misread the new ledger: none may be alive, and until then nothing is changed."""
    of_schema_1(bench)
    bench.client.zadd(bench.keys.workers, {"old": bench.clock.now, "long dead": bench.clock.now - WORKER_SEEN_MS - 1})
    before = everything(bench.client)
    assert bench.ledger.worker.upgrade() == 1
    assert everything(bench.client) == before
    bench.clock.now += WORKER_SEEN_MS + 1
    assert bench.ledger.worker.upgrade() == 0
    assert bench.client.get(bench.keys.schema) == str(SCHEMA)


@pytest.mark.parametrize("number", [None, "1"])
def test_an_upgrade_keeps_the_edits_and_finds_pauses_out_anew(bench: Bench, number: str | None) -> None:
    """The edits go on where they were; the outage until now is added to their deadlines."""
    of_schema_1(bench)
    if number:
        bench.client.set(bench.keys.schema, number)
    deadline = int(bench.stored(bench.keys.edit("b/c0"), "deadline"))
    assert bench.ledger.worker.upgrade() == 0
    assert bench.pauses() == {}
    assert bench.client.hmget(bench.keys.state, "fails", "closed_at") == [None, None]
    poll, submit = sorted(bench.edits(), key=lambda c: c.step)
    [progress] = bench.begin_polls([poll])
    assert progress is not None
    assert progress.deadline == deadline + 60_000
    assert bench.intend([submit]) == [1]


def test_an_upgrade_happens_once(bench: Bench) -> None:
    """Asked of a ledger of this schema, or of a newer one, it changes nothing."""
    bench.fill(1)
    bench.fail()
    for number in (SCHEMA, SCHEMA + 1):
        bench.client.set(bench.keys.schema, number)
        before = everything(bench.client)
        assert bench.ledger.worker.upgrade() == 0
        assert everything(bench.client) == before


@pytest.mark.parametrize("way", ["a move", "an upgrade"])
def test_a_fresh_ledger_gets_its_number(bench: Bench, way: str) -> None:
    """With its first move, whoever makes it."""
    bench.ledger.reader.check()
    if way == "a move":
        bench.ledger.worker.see_worker("w", {})
    else:
        assert bench.ledger.worker.upgrade() == 0
    assert bench.client.get(bench.keys.schema) == str(SCHEMA)


def test_installations_share_a_redis(bench: Bench) -> None:
    """Two namespaces know nothing of each other, and no key stands outside of them."""
    other = Ledger(bench.client, bench.clock, namespace="other")
    other.producer.open_batch("b")
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
