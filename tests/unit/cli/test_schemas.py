"""``docs/schemas``: made from the types, true of what is printed, and complete."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from retouch.causes import BatchPause, Outcome
from retouch.events.sinks.spec import TYPES
from retouch.ledger import Delivery, Ledger, Named, Step
from retouch.states import EditState
from scripts import schemas
from tests.unit.cli.conftest import Run, Worker
from tests.unit.cli.test_events import SINK

Manifest = Callable[..., str]


def check(name: str, found: Any) -> None:
    """What was printed is as its schema says; a key that no schema describes is one that was forgotten there."""
    schema = json.loads((schemas.FOLDER / f"{name}.json").read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(found)
    Draft202012Validator(closed(schema)).validate(found)


def closed(node: Any) -> Any:
    """The same schema, by which an object has no other keys than are described."""
    if isinstance(node, list):
        return [closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    more = {"additionalProperties": False} if "properties" in node and "additionalProperties" not in node else {}
    return {key: closed(value) for key, value in node.items()} | more


@pytest.fixture
def batch(run: Run, manifest: Manifest, worker: Worker, ledger: Ledger) -> str:
    """Every end that an edit can come to, with all that it can say; and pauses of both kinds, begun and ended."""
    ledger.worker.see_worker("w", {SINK: Named("hooks.test", TYPES)})
    edits = [{"metadata": {"sku": "1"}, "extra": {"lora": [1]}, "strength": 0.5}, {}, {}]
    run("enqueue", manifest(*edits), "--batch", "b")
    worker.complete(1, images=2)
    worker.complete(1, images=1, state=EditState.FAILED)
    run("cancel", "b")
    worker.finish()
    ledger.worker.pause("submit:person", "lunch")
    ledger.worker.resume("submit:person")
    ledger.producer.pause("b", BatchPause.PERSON, "lunch")
    ledger.producer.resume("b")
    return "b"


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_files_are_as_the_types_say(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """``scripts/schemas`` makes them; ``--check`` names those that differ."""
    monkeypatch.setattr(sys, "argv", ["schemas", "--check"])
    assert (schemas.main(), capsys.readouterr().err) == (0, "")


def test_a_file_that_differs_is_named_and_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that nothing stands for any more."""
    monkeypatch.setattr(schemas, "FOLDER", tmp_path)
    monkeypatch.setattr(sys, "argv", ["schemas"])
    assert schemas.main() == 0
    (tmp_path / "old.json").write_text("{}")
    (tmp_path / "result.json").write_text("{}")
    monkeypatch.setattr(sys, "argv", ["schemas", "--check"])
    assert schemas.main() == 1
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["old.json", "result.json"]
    monkeypatch.setattr(sys, "argv", ["schemas"])
    schemas.main()
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(schemas.SHAPES)


def test_results_and_the_manifest_in_s3_are_as_described(run: Run, batch: str, worker: Worker) -> None:
    """One line for each end."""
    printed = lines(run("results", batch).out)
    assert [record["state"] for record in printed] == ["completed", "failed", "cancelled"]
    for record in [*printed, *lines(worker.bucket.objects["b/manifest.jsonl"].decode())]:
        check("result", record)


def test_events_of_each_type_are_as_described(run: Run, batch: str) -> None:
    """Of an edit, of a batch, and of pauses."""
    events = lines(run("events").out)
    assert {event["type"].removeprefix("retouch.") for event in events} == {
        *("edit.completed", "edit.failed", "edit.cancelled", "batch.completed"),
        *("paused", "resumed"),
    }
    for event in events:
        check("event", event)


def test_undelivered_events_are_as_described(run: Run, batch: str, ledger: Ledger) -> None:
    """Those that are tried again, and those that are not."""
    claims = ledger.worker.claim("w", lease_ms=60_000, places=1, sinks={SINK: 9}).claims
    first, second = [claim for claim in claims if claim.step is Step.ANNOUNCE][:2]
    ledger.worker.settle_deliveries([Delivery(first, Outcome.GIVEN_UP, "500", 0)])
    ledger.worker.settle_deliveries([Delivery(second, Outcome.AGAIN, "500", 5000)])
    printed = lines(run("events", "--undelivered").out)
    assert len(printed) == 2
    for event in printed:
        check("undelivered-event", event)


@pytest.mark.parametrize("options", [(), ("--dry-run",), ("--wait", "--timeout", "0"), ("--skip-invalid",)])
def test_enqueue_is_as_described(run: Run, manifest: Manifest, options: tuple[str, ...]) -> None:
    """With each key that there may be."""
    check("enqueue", run("enqueue", manifest({}, {"samples": 9}), "--batch", "b", "--json", *options).json)
    check("enqueue", run("enqueue", manifest({}), "--batch", "b", "--json", *options).json)


def test_status_and_batches_are_as_described(run: Run, batch: str, ledger: Ledger, manifest: Manifest) -> None:
    """Of one batch, of all, paused and not, with a producer that still writes."""
    ledger.worker.pause("submit:refused", "401")
    ledger.producer.pause("b", BatchPause.REFUSALS, "no")
    run("enqueue", manifest({}), "--batch", "other")
    ledger.connection._client.hset(ledger.connection.keys.batch("other"), "unsealed", '{"p":1700000000000}')
    check("status", run("status", "--json").json)
    check("batches", run("batches", "--json").json)
    check("sinks", run("sinks", "--json").json)
    for name in ("b", "other"):
        check("status-batch", run("status", name, "--json").json)


def test_what_is_not_as_described_is_noticed() -> None:
    """The check itself can fail: a key too many, one too few, a wrong type."""
    good: dict[str, Any] = {"batch": "b", "accepted": 1, "already": 0, "rejected": []}
    check("enqueue", good)
    for bad in (good | {"more": 1}, good | {"accepted": "1"}, {"batch": "b"}):
        with pytest.raises(Exception, match=r"more|'1'|required"):
            check("enqueue", bad)
