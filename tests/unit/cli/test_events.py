"""``retouch events``: what was not delivered is shown, delivered again by hand, and told by status and doctor."""

from __future__ import annotations

import json
from typing import Any

import pytest

from retouch.causes import Outcome
from retouch.cli import checks
from retouch.ledger import Claim, Delivery, Entry, Ledger, Named, Step
from retouch.queue import EditQueue
from tests.unit.cli.conftest import Run

SINK, OTHER = "webhook-aaaaaa", "webhook-bbbbbb"
GONE = "the receiver at hooks.test answered 410 Gone"


@pytest.fixture
def claims(ledger: Ledger) -> list[Claim]:
    """Three events, each claimed for two sinks of one worker."""
    ledger.worker.see_worker("w", {SINK: Named("hooks.test"), OTHER: Named("other.test")})
    ledger.producer.enqueue("b", [Entry(f"c{n}", "d", "{}", 1, None) for n in range(3)])
    ledger.producer.cancel("b")
    claims = ledger.worker.claim("w", lease_ms=60_000, places=1, sinks={SINK: 9, OTHER: 9}).claims
    return [claim for claim in claims if claim.step is Step.ANNOUNCE]


def settle(ledger: Ledger, claims: list[Claim], outcome: Outcome, reason: str = "", delay_ms: int = 0) -> None:
    ledger.worker.settle_deliveries([Delivery(c, outcome, reason, delay_ms) for c in claims if c.sink == SINK])


def listed(run: Run, *options: str) -> list[dict[str, Any]]:
    """What ``--undelivered`` prints."""
    ended = run("events", "--undelivered", *options)
    assert (ended.code, ended.err) == (0, "")
    return [json.loads(line) for line in ended.out.splitlines()]


def test_what_was_not_delivered_is_shown_as_events(run: Run, claims: list[Claim], ledger: Ledger) -> None:
    """Each as ``retouch events`` shows it, with where, how often, why, since when, and when it is tried again."""
    settle(ledger, claims[:1], Outcome.GIVEN_UP, "the receiver at hooks.test answered 500")
    settle(ledger, claims[1:2], Outcome.AGAIN, "no answer", 5000)
    settle(ledger, claims[2:], Outcome.DELIVERED)
    events = [json.loads(line) for line in run("events").out.splitlines()]
    given_up, waits = listed(run)
    assert {key: given_up[key] for key in events[0]} == events[0]
    extra = {key: value for key, value in given_up.items() if key not in events[0] and key != "since"}
    assert extra == {"sink": SINK, "tries": 1, "reason": "the receiver at hooks.test answered 500"}
    assert (waits["subject"], waits["reason"], waits["nexttry"] > waits["since"]) == ("b/c1", "no answer", True)
    assert all(name.isalnum() and name.islower() for name in {*given_up, *waits})  # attributes of a CloudEvent
    assert listed(run, "--sink", OTHER) == []
    assert [event["id"] for event in listed(run, "--sink", SINK)] == [given_up["id"], waits["id"]]
    assert "events: 2 events were tried and not taken by hooks.test" in run("status").out


def test_it_is_delivered_again(run: Run, claims: list[Claim], ledger: Ledger) -> None:
    """The number is told; what is delivered since is no longer shown, under the id that it had."""
    settle(ledger, claims, Outcome.GIVEN_UP, "500")
    ids = [event["id"] for event in listed(run)]
    assert run("events", "--redeliver", "--sink", OTHER).err == "0 events are to be delivered again\n"
    ended = run("events", "--redeliver")
    assert (ended.code, ended.out, ended.err) == (0, "", "3 events are to be delivered again\n")
    assert [event["id"] for event in listed(run)] == ids
    settle(ledger, ledger.worker.claim("w", lease_ms=1, places=1, sinks={SINK: 9}).claims, Outcome.DELIVERED)
    assert listed(run) == []


@pytest.mark.parametrize("option", ["--undelivered", "--redeliver"])
def test_a_sink_that_is_not_known_is_bad_input(run: Run, claims: list[Claim], option: str) -> None:
    """Exit code 2, with the names that there are."""
    ended = run("events", option, "--sink", "webhook")
    assert (ended.code, ended.out) == (2, "")
    assert f"there is no sink 'webhook'; known: {SINK}, {OTHER}" in ended.err


def test_without_any_sink_there_is_none_to_name(run: Run) -> None:
    """Nothing is undelivered, and nobody is known by any name."""
    assert listed(run) == []
    assert "no worker has named one" in run("events", "--redeliver", "--sink", "webhook").err


@pytest.mark.parametrize(
    "options",
    [
        ("--undelivered", "--redeliver"),
        ("--undelivered", "--follow"),
        ("--redeliver", "--after", "evt-1-0"),
        ("--sink", SINK),
        ("--sink", SINK, "--follow"),
    ],
)
def test_options_that_do_not_go_together_are_refused(run: Run, claims: list[Claim], options: tuple[str, ...]) -> None:
    """Before Redis is asked for anything."""
    assert run("events", *options).code == 2


def test_a_sink_that_is_gone_is_told(
    run: Run, claims: list[Claim], ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By status and by doctor, with what to do; in JSON with its numbers."""
    monkeypatch.setattr(checks, "first_contact", lambda _url: EditQueue(ledger))
    assert [finding.ok for finding in checks.sink_findings("redis://")] == [True, True]
    settle(ledger, claims, Outcome.GONE, GONE)
    told = f"{GONE} at "
    assert f"events: {told}" in run("status").out
    gone, fine = checks.sink_findings("redis://")
    assert (gone.ok, gone.subject, fine.ok) == (False, f"events to {SINK}", True)
    assert told in gone.text
    assert f"retouch events --redeliver --sink {SINK}" in gone.text
    [one, other] = run("status", "--json").json["sinks"]
    assert (one["sink"], one["to"], one["gone"], one["undelivered"]) == (SINK, "hooks.test", GONE, 3)
    assert (other["sink"], other["gone"], other["waiting"]) == (OTHER, None, 3)


def test_a_sink_without_a_live_worker_is_told(
    run: Run, claims: list[Claim], ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its events wait, and are undelivered, although nobody has tried."""
    client, keys = ledger.connection._client, ledger.connection.keys
    monkeypatch.setattr(checks, "first_contact", lambda _url: EditQueue(ledger))
    client.hset(keys.sinks, SINK, json.dumps({"seen": 0, "shown": "hooks.test"}))
    assert "3 events wait for hooks.test, and no live worker has that sink" in run("status").out
    assert [finding.ok for finding in checks.sink_findings("redis://")] == [False, True]
    found = listed(run)
    assert [(e["tries"], e["reason"], "nexttry" in e) for e in found] == [
        (0, "no live worker has this sink", False)
    ] * 3
    assert "no live worker has that sink" in run("events", "--redeliver").err
