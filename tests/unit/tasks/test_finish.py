"""What becomes of a batch by how its end is written, and in which order that is done."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from pyarrow import parquet

from retouch.errors import LedgerAwayError, StoreRefusedError, StoreUnavailableError
from retouch.ledger import Claim, Entry, Step
from tests.unit.worker_stage import Worker

RETRY_MS = 6000  # with every random number at 0.5
LATER = [Entry("later", "digest", "{}", 1, None)]
WRITTEN = ["delete b/_SUCCESS", "put b/manifest.jsonl", "put b/_SUCCESS"]


def ended(worker: Worker) -> Claim:
    """The claim on a batch of two whose edits have all ended."""
    worker.fill(2)
    worker.run_to_completion()
    return worker.one(Step.FINISH)


def test_success_comes_after_the_manifest_and_the_announcement_last(worker: Worker) -> None:
    """An old ``_SUCCESS`` goes first; then manifest, ``_SUCCESS``, and only then the move that announces the end."""
    claim = ended(worker)
    states: list[str] = []
    worker.outside.store.meanwhile = lambda _key: states.append(worker.ended())
    worker.do([claim])
    store = worker.outside.store
    assert (store.acts, states, worker.ended()) == (WRITTEN, ["finishing", "finishing"], "completed")
    lines = [json.loads(line) for line in store.objects["b/manifest.jsonl"].splitlines()]
    assert [line["custom_id"] for line in lines] == ["c0", "c1"]
    assert store.objects["b/_SUCCESS"] == b""


def test_an_outage_of_redis_in_the_middle_cuts_no_manifest(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every page is read again when Redis is back; none is taken for the last one."""
    monkeypatch.setattr("workers.ledger_calls.retry_delay_s", lambda *_: 0)
    for module in ("retouch.ledger.reader", "tasks.finish"):
        monkeypatch.setattr(f"{module}.PAGE", 2)
    worker.fill(5)
    worker.run_to_completion()
    read_all, calls = worker.ledger.connection.read_all, []

    def away_every_second_time(commands: Any) -> list[Any]:
        calls.append(1)
        if len(calls) % 2 == 0:
            raise LedgerAwayError("gone")
        return read_all(commands)

    monkeypatch.setattr(worker.ledger.connection, "read_all", away_every_second_time)
    worker.do([worker.one(Step.FINISH)])
    lines = [json.loads(line) for line in worker.outside.store.objects["b/manifest.jsonl"].splitlines()]
    assert [line["custom_id"] for line in lines] == ["c0", "c1", "c2", "c3", "c4"]


def test_an_ended_batch_is_kept_for_its_retention(worker: Worker) -> None:
    """As long as the worker's settings say."""
    worker.do([ended(worker)])
    removed_at = worker.client.zscore(worker.keys.chores, "b")
    assert (removed_at, worker.client.zscore(worker.keys.due, "b")) == (
        worker.clock.now + worker.settings.retention_ms,
        None,
    )


ERRORS = {"away": (StoreUnavailableError("why"), True), "unwilling": (StoreRefusedError("why"), False)}


@pytest.mark.parametrize("act", ["delete b/_SUCCESS", "manifest.jsonl", "b/_SUCCESS"])
@pytest.mark.parametrize(("error", "good"), ERRORS.values(), ids=ERRORS)
def test_a_file_that_cannot_be_written_announces_nothing(
    worker: Worker, error: Exception, good: bool, act: str
) -> None:
    """No ``_SUCCESS`` is there, the batch is due again, and a worker whose store refuses takes nothing on."""
    claim = ended(worker)
    worker.context.store_watch.succeeded()
    worker.outside.store.errors[act] = error
    worker.do([claim])
    batch = worker.client.hgetall(worker.keys.batch("b"))
    assert (batch["state"], batch["note"], worker.pauses()) == ("finishing", "why", {})
    assert worker.context.store_watch.good is good
    assert worker.due_in("b") == RETRY_MS
    assert "b/_SUCCESS" not in worker.outside.store.objects


def test_a_batch_that_could_not_be_finished_is_tried_again(worker: Worker) -> None:
    """When the store is back its end is written, and the note of the trouble goes."""
    claim = ended(worker)
    worker.outside.store.errors["manifest.jsonl"] = StoreUnavailableError("why")
    worker.do([claim])
    worker.outside.store.errors.clear()
    worker.later(RETRY_MS)
    worker.do([worker.one(Step.FINISH)])
    batch = worker.client.hgetall(worker.keys.batch("b"))
    assert (batch["state"], batch.get("note")) == ("completed", None)


def test_who_lost_its_lease_writes_no_success(worker: Worker) -> None:
    """Another worker may have seen the batch open again since: its end is that worker's to write."""
    claim = ended(worker)
    worker.outside.store.meanwhile = lambda _key: worker.run_out(claim)
    worker.do([claim])
    assert worker.outside.store.acts == WRITTEN[:2]
    assert worker.ended() == "finishing"


def test_a_batch_that_is_open_again_only_loses_its_old_success(worker: Worker) -> None:
    """New edits were enqueued since: no manifest is written, and the batch goes on."""
    worker.do([ended(worker)])
    worker.outside.store.acts.clear()
    worker.write("b", LATER)
    worker.do([worker.one(Step.FINISH)])
    assert worker.outside.store.acts == ["delete b/_SUCCESS"]
    assert worker.ended() == "open"


def test_a_batch_that_is_opened_again_while_its_manifest_is_written_gets_no_success(worker: Worker) -> None:
    """The new edits come before the last file: it is not written, and the claim is settled at once."""
    claim = ended(worker)
    worker.outside.store.meanwhile = lambda _key: worker.write("b", LATER)
    worker.do([claim])
    assert worker.outside.store.acts == WRITTEN[:2]
    assert (worker.ended(), worker.claim(submits=0).claims) == ("open", [])


def test_a_success_that_new_work_has_overtaken_is_removed_at_once(worker: Worker) -> None:
    """They come while that file itself is on its way: the next claim, due at once, removes it."""
    claim = ended(worker)
    worker.outside.store.meanwhile = lambda key: worker.write("b", LATER) if key == "b/_SUCCESS" else None
    worker.do([claim])
    assert worker.outside.store.acts == WRITTEN
    worker.do([worker.one(Step.FINISH)])
    assert worker.outside.store.acts == [*WRITTEN, "delete b/_SUCCESS"]
    assert (worker.ended(), worker.claim(submits=0).claims) == ("open", [])


def test_a_batch_that_is_gone_is_left_alone(worker: Worker) -> None:
    """It was removed when its retention ended; its files stay as they are."""
    claim = ended(worker)
    worker.client.delete(worker.keys.batch("b"))
    worker.do([claim])
    assert worker.outside.store.acts == []


def test_a_claim_that_was_lost_announces_nothing(worker: Worker) -> None:
    """The newer claim does."""
    claim = ended(worker)
    worker.client.hincrby(worker.keys.batch("b"), "fence", 1)
    worker.do([claim])
    assert worker.ended() == "finishing"


@pytest.mark.parametrize(
    ("errors", "acts"),
    [({}, WRITTEN), ({"manifest.jsonl": StoreUnavailableError("why")}, WRITTEN[:1])],
    ids=["written", "not written"],
)
def test_a_message_that_comes_twice_writes_once(worker: Worker, errors: dict[str, Exception], acts: list[str]) -> None:
    """While the first is at work, and after it: no file is tried again before the batch is due."""
    claim = ended(worker)
    worker.outside.store.errors = errors
    worker.do_twice([claim])
    worker.do([claim])
    assert worker.outside.store.acts == acts


# --- the table ------------------------------------------------------------------------------------

WITH_TABLE = ["delete b/_SUCCESS", "put b/manifest.jsonl", "put b/results.parquet", "put b/_SUCCESS"]


def test_the_table_comes_between_the_manifest_and_success(make_worker: Callable[..., Worker]) -> None:
    """A row for each edit; written again, because its worker has lost the batch, it has the same bytes."""
    worker = make_worker(results_parquet=True)
    claim = ended(worker)
    worker.outside.store.meanwhile = lambda key: worker.run_out(claim) if key == "b/results.parquet" else None
    worker.do([claim])
    first = worker.outside.store.objects.pop("b/results.parquet")
    worker.outside.store.meanwhile = lambda _key: None
    worker.later(2 * worker.settings.lease_ms)
    worker.do([worker.one(Step.FINISH)])
    assert worker.outside.store.acts == [*WITH_TABLE[:3], *WITH_TABLE]
    assert worker.outside.store.objects["b/results.parquet"] == first
    rows = parquet.read_table(io.BytesIO(first)).to_pylist()
    assert [(row["batch"], row["custom_id"], row["state"]) for row in rows] == [
        ("b", "c0", "completed"),
        ("b", "c1", "completed"),
    ]


def test_without_its_table_a_batch_does_not_end(make_worker: Callable[..., Worker]) -> None:
    """Who waits for ``_SUCCESS`` finds it there."""
    worker = make_worker(results_parquet=True)
    claim = ended(worker)
    worker.outside.store.errors["results.parquet"] = StoreUnavailableError("why")
    worker.do([claim])
    assert worker.ended() == "finishing"
    assert "b/_SUCCESS" not in worker.outside.store.objects
