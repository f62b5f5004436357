"""``retouch sinks``: how each sink fares; events are delivered again, a sink is dropped; a batch has one of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from retouch.causes import Outcome
from retouch.cli import checks
from retouch.errors import InputError
from retouch.ledger import Claim, Delivery, Entry, Ledger, Named, Step
from retouch.queue import EditQueue
from tests.unit.cli.conftest import Run

SINK, OTHER = "shop", "audit"
URL = "https://hooks.test/planted"
EDIT = {"custom_id": "c", "prompt": "p", "init_image": "https://images.test/a.png"}


@pytest.fixture
def claims(ledger: Ledger) -> list[Claim]:
    """Six events of a batch, each claimed for the first of two sinks of one worker."""
    ledger.worker.see_worker("w", {SINK: Named("hooks.test"), OTHER: Named("queue", ["edit.failed", "edit.cancelled"])})
    ledger.producer.enqueue("b", [Entry(f"c{n}", "d", "{}", 1, None) for n in range(6)])
    ledger.producer.cancel("b")
    found = ledger.worker.claim("w", lease_ms=60_000, places=1, sinks={SINK: 9}).claims
    return [claim for claim in found if claim.step is Step.ANNOUNCE]


def settle(ledger: Ledger, claims: list[Claim], outcome: Outcome) -> None:
    reason = "" if outcome is Outcome.DELIVERED else "the receiver at hooks.test answered 500"
    ledger.worker.settle_deliveries([Delivery(c, outcome, reason, 60_000) for c in claims])


def remove_worker(ledger: Ledger, *names: str) -> None:
    """No live worker has these sinks."""
    client, keys = ledger.connection._client, ledger.connection.keys
    for name in names:
        client.hset(keys.sinks, name, json.dumps({"seen": 0, "shown": "hooks.test"}))


def test_each_sink_is_shown(run: Run, claims: list[Claim], ledger: Ledger) -> None:
    """What it took, what it did not, and its last error; in JSON too."""
    settle(ledger, claims[:2], Outcome.DELIVERED)
    settle(ledger, claims[2:3], Outcome.AGAIN)
    audit, shop = run("sinks").out.splitlines()
    assert audit == "audit  queue       0 delivered, 6 behind, 0 refused; of edit.failed, edit.cancelled alone"
    assert shop.startswith("shop   hooks.test  2 delivered, 4 behind, 1 refused; last error at 20")
    assert shop.endswith(": the receiver at hooks.test answered 500")
    first, second = run("sinks", "--json").json["sinks"]
    assert (first["sink"], first["types"]) == (OTHER, ["retouch.edit.failed", "retouch.edit.cancelled"])
    assert (second["delivered"], second["waiting"], second["last_error"]) == (
        *(2, 4),
        "the receiver at hooks.test answered 500",
    )


def test_no_sink_at_all_is_said(run: Run) -> None:
    """With what makes one."""
    assert run("sinks").out == "no worker has a sink (RETOUCH_WEBHOOK_URL, RETOUCH_SINKS)\n"


def test_a_sink_that_takes_nothing_is_told(
    run: Run, claims: list[Claim], ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under its line, by status and by doctor, with what to do."""
    monkeypatch.setattr(checks, "first_contact", lambda _url: EditQueue(ledger))
    settle(ledger, claims, Outcome.AGAIN)
    told = "the receiver at hooks.test answered 500; it has taken nothing since "
    assert told in run("sinks").out
    assert f"events: {told}" in run("status").out
    fine, held = checks.sink_findings("redis://")
    assert (fine.ok, held.ok, held.subject) == (True, False, "events to shop")
    assert "6 events wait and lose no try" in held.text
    assert "retouch events --redeliver --sink shop" in held.text
    assert run("status", "--json").json["sinks"][1]["held"] == "the receiver at hooks.test answered 500"


@pytest.mark.parametrize("since", ["1h", "7d", "90s", "99999999d", "2020-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"])
def test_events_are_delivered_again(run: Run, claims: list[Claim], ledger: Ledger, since: str) -> None:
    """Those since then, also what was taken; the number is told."""
    settle(ledger, claims, Outcome.DELIVERED)
    ended = run("sinks", "replay", SINK, "--since", since)
    assert (ended.code, ended.out, ended.err) == (0, "", "6 events are to be delivered to shop again\n")
    assert [sink.waiting for sink in ledger.reader.sinks()] == [6, 6]


WRONG: dict[tuple[str, ...], str] = {
    ("replay",): "which sink? Write: retouch sinks replay NAME",
    ("replay", SINK): "since when? Write --since 2h",
    ("replay", SINK, "--since", "yesterday"): "--since 'yesterday' is no time",
    ("replay", SINK, "--since", "2026-01-01T00:00:00"): "in which time zone?",
    ("replay", SINK, "--since", "2999-01-01T00:00:00Z"): "is still to come",
    ("replay", "nope", "--since", "1h"): "there is no sink 'nope'; known: audit, shop",
    ("replay", "notify:nope", "--since", "1h"): "the batch 'nope' has no sink of its own",
    ("replay", SINK, "--since", "1h", "--yes"): "--yes is for: retouch sinks drop NAME",
    ("replay", SINK, "--since", "1h", "--json"): "--json is for the list",
    ("drop",): "which sink? Write: retouch sinks drop NAME",
    ("drop", "nope", "--yes"): "there is no sink 'nope'",
    ("drop", SINK): "nothing was dropped; to drop the sink shop and 6 events that wait for it without a question, add",
    ("drop", SINK, "--yes"): "a live worker has the sink shop, so it is not dropped",
    ("drop", SINK, "--since", "1h"): "--since is for: retouch sinks replay NAME",
    ("--since", "1h"): "--since is for",
    ("remove", SINK): "",
}


@pytest.mark.parametrize(("arguments", "told"), WRONG.items(), ids=[" ".join(words) for words in WRONG])
def test_what_does_not_go_is_bad_input(run: Run, claims: list[Claim], arguments: tuple[str, ...], told: str) -> None:
    """In one sentence, and nothing is changed."""
    ended = run("sinks", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err


def test_a_sink_that_is_not_used_any_more_is_dropped(run: Run, claims: list[Claim], ledger: Ledger) -> None:
    """With what waits for it, after a yes; the others stay."""
    remove_worker(ledger, SINK)
    assert "retouch sinks drop shop" in run("sinks").out
    ended = run("sinks", "drop", SINK, "--yes")
    assert (ended.code, ended.err) == (0, "the sink shop is dropped, with 6 events that wait for it\n")
    assert [sink.name for sink in ledger.reader.sinks()] == [OTHER]


# --- a batch's own -------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A manifest of one edit."""
    path = tmp_path / "m.jsonl"
    path.write_text(json.dumps(EDIT))
    return str(path)


def own(ledger: Ledger, batch: str = "b") -> dict[str, Any]:
    """What the ledger has of a batch's own sink."""
    text = ledger.connection._client.hget(ledger.connection.keys.notify, batch)
    return json.loads(str(text)) if text else {}


def test_a_batch_gets_a_sink_of_its_own(run: Run, ledger: Ledger, file: str) -> None:
    """With the batch; the same command again, with another URL, corrects it."""
    assert run("enqueue", file, "--batch", "b", "--notify", f"{URL}?types=edit.failed").code == 0
    assert (own(ledger)["url"], own(ledger)["types"]) == (URL, ";edit.failed;")
    assert run("enqueue", file, "--batch", "b", "--notify", "https://new.test/").code == 0
    assert (own(ledger)["url"], own(ledger)["shown"]) == ("https://new.test/", "new.test")
    assert run("enqueue", file, "--batch", "b").code == 0
    assert own(ledger)["url"] == "https://new.test/"


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
@pytest.mark.parametrize("url", ["http://hooks.test/", "https://10.0.0.1/planted", "https://localhost/planted"])
def test_a_url_that_may_not_be_called_enqueues_nothing(
    run: Run, ledger: Ledger, file: str, url: str, options: tuple[str, ...]
) -> None:
    """Exit code 2, before anything is written."""
    ended = run("enqueue", file, "--batch", "b", "--notify", url, *options)
    assert ended.code == 2
    assert "notify: " in ended.err
    assert "planted" not in ended.err
    assert ledger.reader.batches() == []


def test_python_has_it_too(ledger: Ledger) -> None:
    """As an argument of ``enqueue``; what is wrong is refused before anything is written."""
    queue = EditQueue(ledger)
    with pytest.raises(InputError, match="not a public address"):
        queue.enqueue([EDIT], batch="b", notify="https://10.0.0.1/")
    assert queue.batches() == []
    queue.enqueue([EDIT], batch="b", notify=URL)
    [sink] = queue.batch_sinks("b")
    assert (sink.name, sink.shown, sink.live) == ("notify:b", "hooks.test", True)
    assert sink == queue.sink("notify:b")
    assert "planted" not in repr(sink)


def failed(ledger: Ledger) -> None:
    """The batch's end was told five times in vain."""
    for _ in range(5):
        ledger.producer.redeliver("notify:b")
        found = ledger.worker.claim("w", lease_ms=60_000, places=1).claims
        settle(ledger, [claim for claim in found if claim.step is Step.ANNOUNCE], Outcome.AGAIN)


def test_the_trouble_of_a_batch_s_own_is_its_batch_s(
    run: Run, ledger: Ledger, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its status tells it, and the list of sinks; ``doctor`` does not fail for a producer's mistake."""
    monkeypatch.setattr(checks, "first_contact", lambda _url: EditQueue(ledger))
    run("enqueue", file, "--batch", "b", "--notify", f"{URL}?types=edit.cancelled")
    assert "notify:b" not in run("sinks").out
    ledger.producer.cancel("b")
    failed(ledger)
    told = "the receiver at hooks.test answered 500"
    assert "events: 1 event was tried and not taken by hooks.test" in run("status", "b").out
    assert told in run("sinks").out
    assert list(checks.sink_findings("redis://")) == []
    [event] = [json.loads(line) for line in run("events", "--undelivered", "--sink", "notify:b").out.splitlines()]
    assert event["subject"] == "b/c"
    assert run("events", "--redeliver", "--sink", "notify:b").err == "1 event is to be delivered again\n"
    assert run("sinks", "drop", "notify:b", "--yes").code == 0
    assert own(ledger) == {}
