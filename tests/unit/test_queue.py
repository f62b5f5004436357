"""The producer over a fake Redis that runs the real scripts."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

import retouch
from retouch import EditQueue, EditState, Failure, InputError, Output, Result, ServiceError, TooManyFailuresError
from retouch.errors import LedgerAwayError, LedgerRefusedError
from retouch.ledger import Entry, Ledger, Retried, Settlement
from tests.harness.processes import run
from tests.unit.producing import edit, finish_all


def test_waiting_ends_with_the_batch(queue: EditQueue, ledger: Ledger) -> None:
    """And sees it on the way."""
    queue.enqueue([edit("a")], batch="b")
    seen = []

    def on_progress(view: object) -> None:
        seen.append(view)
        finish_all(ledger)

    assert queue.wait("b", 30, on_progress).counts == {EditState.COMPLETED: 1}
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("limit", "most"), [(0, 0), (3, 3), ("0%", 0), ("1%", 2), ("1.5 %", 3), ("99.4%", 198)], ids=str
)
def test_waiting_ends_as_soon_as_too_many_edits_have_failed(
    queue: EditQueue, ledger: Ledger, limit: int | str, most: int
) -> None:
    """As many as are allowed are none too many; the error holds the batch, which is paused."""
    queue.enqueue([edit(f"e{n}") for n in range(200)], batch="b")
    claims = ledger.worker.claim("w", lease_ms=60_000, places=1000).claims

    def fail(number: int) -> None:
        done = [Settlement(claims.pop(), (EditState.SUBMITTING,), EditState.FAILED) for _ in range(number)]
        ledger.worker.settle(done)

    fail(most)
    with pytest.raises(TimeoutError):
        queue.wait("b", 0, max_failures=limit)
    fail(1)
    with pytest.raises(
        TooManyFailuresError, match=f"{most + 1} of 200 edits of batch b failed.*the batch is paused"
    ) as error:
        queue.wait("b", 60, max_failures=limit)
    assert error.value.view == queue.status("b")


def test_too_many_failures_of_a_batch_that_has_ended_are_told_too(queue: EditQueue, ledger: Ledger) -> None:
    """However quick it was; without a limit they are in its counts alone."""
    queue.enqueue([edit("a")], batch="b")
    finish_all(ledger, EditState.FAILED)
    assert queue.wait("b").counts == queue.wait("b", max_failures=1).counts == {EditState.FAILED: 1}
    with pytest.raises(TooManyFailuresError, match=r"1 of 1 edit of batch b failed, and max_failures is 0$"):
        queue.wait("b", max_failures=0)


def test_a_limit_that_is_given_with_the_edits_binds_the_batch(queue: EditQueue, ledger: Ledger) -> None:
    """Whoever waits is told; a person's resume lets it go on, and a second try of the same task changes nothing."""
    edits = [edit(f"e{n}") for n in range(4)]
    queue.enqueue(edits, batch="b", max_failures=1)
    claims = ledger.worker.claim("w", lease_ms=60_000, places=1000, submits=2).claims
    ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), EditState.FAILED) for claim in claims])
    with pytest.raises(TooManyFailuresError, match="max_failures is 1; the batch is paused"):
        queue.wait("b", 60)
    assert queue.batches(state="paused") == [queue.status("b")]
    assert queue.resume("b")
    queue.enqueue(edits, batch="b", max_failures=1)
    with pytest.raises(TimeoutError):
        queue.wait("b", 0, max_failures=1)
    finish_all(ledger)
    assert queue.wait("b").counts == {EditState.COMPLETED: 2, EditState.FAILED: 2}
    with pytest.raises(TooManyFailuresError, match=r"max_failures is 1$"):
        queue.wait("b", max_failures=1)


def test_no_failure_at_all_may_be_the_limit(queue: EditQueue) -> None:
    """Zero is a limit, and None is none."""
    queue.enqueue([edit("a")], batch="b", max_failures=0)
    with queue.writer("c", {}, max_failures=0) as writer:
        writer.add(1, Entry("a", "d", "{}", 1, None))
    queue.enqueue([edit("a")], batch="d")
    assert [queue.status(batch).max_failures for batch in "bcd"] == ["0", "0", None]


def test_a_batch_has_one_limit(queue: EditQueue) -> None:
    """Another is refused, and nothing is written; of one that was written without, the first that waits may say it."""
    queue.enqueue([edit("a")], batch="b")
    with pytest.raises(TimeoutError):
        queue.wait("b", 0, max_failures="1.50 %")
    for again in (partial(queue.wait, "b", 0), partial(queue.enqueue, [edit("c")], batch="b")):
        with pytest.raises(InputError, match=r"batch b was given max_failures 1\.5% before, and not 2"):
            again(max_failures=2)
    assert queue.enqueue([edit("c")], batch="b", max_failures="1.5%").accepted == 1
    with pytest.raises(InputError, match="max_failures is of one batch"):
        queue.resume(max_failures=1)


@pytest.mark.parametrize("limit", [-1, 0.01, "1.5", "101%", "-1%", "%", True, "one", b"1%"])
def test_a_limit_of_failures_is_a_number_or_a_percentage(queue: EditQueue, limit: Any) -> None:
    """A fraction could be meant as either, so it is neither."""
    queue.enqueue([edit("a")], batch="b")
    with pytest.raises(InputError, match="max_failures is"):
        queue.wait("b", 0, max_failures=limit)


def test_waiting_too_long_is_a_timeout(queue: EditQueue) -> None:
    """The batch goes on."""
    queue.enqueue([edit("a")], batch="b")
    with pytest.raises(TimeoutError, match="has not ended"):
        queue.wait("b", 0)


def test_waiting_outlasts_an_outage(queue: EditQueue, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis going away is said once, and waited out."""
    queue.enqueue([edit("a")], batch="b")
    before = ledger.reader.batch("b")
    finish_all(ledger)
    after = ledger.reader.batch("b")
    answers = [before, LedgerAwayError("gone"), LedgerRefusedError("MISCONF"), after]
    told: list[str | None] = []

    def batch(_name: str) -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(ledger.reader, "batch", batch)
    monkeypatch.setattr("retouch.reach.OUTAGE_PAUSE_S", 0.0)
    assert queue.wait("b", on_outage=told.append) == after
    assert told == ["gone", None]


def test_cancel_and_retry_say_how_many(queue: EditQueue, ledger: Ledger) -> None:
    """Cancelled edits can be put back."""
    queue.enqueue([edit("a"), edit("c")], batch="b")
    assert queue.cancel("b") == 2
    assert queue.retry("b") == (0, 0)
    assert queue.retry("b", [EditState.CANCELLED]) == Retried(asked=0, sent=2)
    finish_all(ledger, EditState.FAILED)
    assert queue.retry("b") == Retried(asked=0, sent=2)


@pytest.mark.parametrize(("anew", "retried"), [(False, Retried(1, 1)), (True, Retried(0, 2))])
def test_a_retry_asks_about_what_the_api_took(queue: EditQueue, ledger: Ledger, anew: bool, retried: Retried) -> None:
    """Its result may still be there, which costs nothing; ``anew`` submits all of them again."""
    queue.enqueue([edit("a"), edit("c")], batch="b")
    claims = ledger.worker.claim("w", lease_ms=60_000, places=10).claims
    taken = {"provider_id": "p"}
    ledger.worker.settle(
        [Settlement(c, (EditState.SUBMITTING,), EditState.FAILED, put=taken if i else {}) for i, c in enumerate(claims)]
    )
    assert queue.retry("b", anew=anew) == retried
    assert queue.edit("b", "c").asked is not anew


def test_a_batch_is_paused_and_resumed_by_hand(queue: EditQueue, ledger: Ledger) -> None:
    """Each tells whether it changed anything; the batch's edits are not claimed meanwhile, and others are."""
    queue.enqueue([edit("a")], batch="b")
    queue.enqueue([edit("a")], batch="other")
    assert [queue.pause("b", "lunch") for _ in range(2)] == [True, False]
    [pause] = queue.status("b").paused
    assert (pause.cause, pause.reason) == ("person", "lunch")
    assert queue.edit("b", "a").batch_paused == (pause,)
    assert [c.member for c in ledger.worker.claim("w", lease_ms=60_000, places=10).claims] == ["other/a"]
    assert [queue.resume("b") for _ in range(2)] == [True, False]
    assert queue.status("b").paused == ()
    assert [c.member for c in ledger.worker.claim("w", lease_ms=60_000, places=10).claims] == ["b/a"]


def test_all_submits_are_paused_and_resumed_by_hand(queue: EditQueue, ledger: Ledger) -> None:
    """A person ends what a person began, and a pause for refusals; not an outage, nor a Retry-After."""
    assert [queue.pause() for _ in range(2)] == [True, False]
    for name in ("submit:refused", "submit:outage", "submit:store"):
        ledger.worker.pause(name, "why")
    assert [queue.resume() for _ in range(2)] == [True, False]
    assert {pause.name for pause in queue.pauses()} == {"submit:outage", "submit:store"}


@pytest.mark.parametrize("call", [EditQueue.pause, EditQueue.resume, EditQueue.retry])
def test_a_batch_that_is_not_there_cannot_be_changed(queue: EditQueue, call: Callable[..., object]) -> None:
    """InputError, as everywhere."""
    with pytest.raises(InputError, match="there is no batch 'nope'"):
        call(queue, "nope")


RECORD = {
    "custom_id": "a",
    "state": "completed",
    "attempts": 1,
    "provider_id": "p",
    "seed": None,
    "outputs": [
        {"uri": "s3://b/a/0.png", "sha256": "00", "bytes": 9, "width": 8, "height": 7, "content_type": "image/png"}
    ],
    "error": None,
    "possible_duplicate": True,
    "submitted_at": "2026-01-02T03:04:05.678Z",
    "completed_at": None,
}


def test_a_result_is_typed_and_still_a_mapping() -> None:
    """Attributes for people's programs, the line of the manifest for whatever takes JSON."""
    result = Result(RECORD)
    assert (result.custom_id, result.state, result.attempts, result.provider_id) == ("a", EditState.COMPLETED, 1, "p")
    assert result.outputs == [Output("s3://b/a/0.png", "00", 9, 8, 7, "image/png")]
    assert (result.seed, result.error, result.possible_duplicate, result.completed_at) == (None, None, True, None)
    assert result.submitted_at == datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
    assert (result["custom_id"], result.get("nothing"), list(result)) == ("a", None, list(RECORD))
    assert json.loads(json.dumps(dict(result))) == result.to_json() == RECORD
    failed = Result({"custom_id": "b", "state": "failed", "error": {"code": "refused", "message": "no"}})
    assert (failed.error, failed.outputs) == (Failure("refused", "no"), [])


def test_a_result_of_a_newer_worker_can_be_read() -> None:
    """Keys that are not known yet are kept in the mapping, and do no harm."""
    outputs = [{**RECORD["outputs"][0], "mood": "blue"}]  # type: ignore[index]
    newer = Result(RECORD | {"cost": 3, "outputs": outputs, "error": {"code": "c", "message": "m", "hint": "h"}})
    assert newer.outputs == Result(RECORD).outputs
    assert newer.error == Failure("c", "m")
    assert newer["cost"] == 3


def completed(ledger: Ledger, outputs: dict[str, list[dict[str, object]]]) -> None:
    """Enqueue an edit under each name, and complete it with these images."""
    EditQueue(ledger).enqueue([edit(name) for name in outputs], batch="b")
    for claim in ledger.worker.claim("w", lease_ms=60_000, places=100).claims:
        images = json.dumps(outputs[claim.member.partition("/")[2]])
        came_from = (EditState.SUBMITTING,)
        ledger.worker.settle([Settlement(claim, came_from, EditState.COMPLETED, outputs=images)])


def test_rows_are_flat_under_the_names_of_the_columns(queue: EditQueue, ledger: Ledger) -> None:
    """For pandas.DataFrame; the same values as in the table of the command line."""
    queue.enqueue([edit("a", strength=0.5, metadata={"sku": "17"}), edit("c")], batch="b")
    claims = ledger.worker.claim("w", lease_ms=60_000, places=10).claims
    image = {"uri": "s3://b/0.png", "sha256": "0", "bytes": 1, "width": 8, "height": 8, "content_type": "image/png"}
    ledger.worker.settle(
        [Settlement(claims[0], (EditState.SUBMITTING,), EditState.COMPLETED, outputs=json.dumps([image]))]
    )
    failure = json.dumps({"code": "rejected", "message": "no"})
    ledger.worker.settle([Settlement(claims[1], (EditState.SUBMITTING,), EditState.FAILED, error=failure)])
    good, bad = queue.rows("b")
    assert good.items() >= {"custom_id": "a", "outputs.0.uri": "s3://b/0.png", "parameters.strength": 0.5}.items()
    assert (good["metadata.sku"], good["state"]) == ("17", "completed")
    assert (good["error.code"], good["error.message"]) == (None, None)
    assert (bad["error.code"], bad["error.message"], bad["outputs.0.uri"]) == ("rejected", "no", None)
    assert not any(isinstance(value, dict | list) for row in (good, bad) for value in row.values())
    assert list(queue.rows("b", blank=True)) == []


def test_blank_images_are_told_counted_and_listed(ledger: Ledger, queue: EditQueue) -> None:
    """True or suspect, among others or alone; stored is only what is not false, and readers see it of every image."""
    image: dict[str, object] = RECORD["outputs"][0]  # type: ignore[index]
    blank, suspect = {**image, "blank": True}, {**image, "blank": "suspect"}
    completed(ledger, {"plain": [image], "mixed": [image, blank], "suspect": [suspect]})
    assert {r.custom_id: [o.blank for o in r.outputs] for r in queue.results("b")} == {
        "plain": [False],
        "mixed": [False, True],
        "suspect": ["suspect"],
    }
    assert [r.custom_id for r in queue.results("b", blank=True)] == ["mixed", "suspect"]
    assert [r.custom_id for r in queue.results("b", blank=False)] == ["plain"]
    assert [o["blank"] for r in queue.results("b") for o in r["outputs"]] == [False, False, True, "suspect"]
    assert [o["blank"] for e in queue.events() for o in e["data"]["outputs"]] == [False, False, True, "suspect"]
    assert (queue.status("b").blank, queue.status("b").to_json()["blank"]) == (2, 2)
    with pytest.raises(InputError):
        queue.results("no-such-batch", blank=True)


def test_events_begin_behind_the_one_that_is_named(queue: EditQueue) -> None:
    """By the id that CloudEvents carry; what is no id is refused at the call."""
    queue.enqueue([edit("a"), edit("c")], batch="b")
    queue.cancel("b")
    first, *rest = queue.events()
    assert first["subject"] == "b/a"
    assert list(queue.events(first["id"])) == rest
    with pytest.raises(InputError, match="not an event's id"):
        queue.events("yesterday")


def test_every_call_translates_the_errors_of_redis() -> None:
    """Nobody has to know which client library is inside."""
    queue = EditQueue.from_url("redis://127.0.0.1:1/0", timeout_s=1)
    calls: list[Callable[[], object]] = [
        queue.batches,
        queue.workers,
        queue.pauses,
        queue.provider,
        queue.queued,
        queue.result_times,
        queue.check,
        lambda: queue.edit("b", "a"),
        queue.pause,
        queue.resume,
        lambda: list(queue.events()),
    ]
    for call in calls:
        with pytest.raises(ServiceError, match="RETOUCH_REDIS_URL"):
            call()


def test_the_package_exports_what_the_queue_returns() -> None:
    """Whoever annotates a variable finds the type beside the queue."""
    methods = [inspect.unwrap(m) for name, m in inspect.getmembers(EditQueue, callable) if not name.startswith("_")]
    named = {word for method in methods for word in re.findall(r"[A-Z]\w+", inspect.get_annotations(method)["return"])}
    assert named - {"Any", "Iterator", "None", "Path"} <= set(retouch.__all__)


def test_no_redis_is_a_service_error_that_hides_the_password() -> None:
    """Within seconds, and without the secret."""
    queue = EditQueue.from_url("redis://user:secret@127.0.0.1:1/0", timeout_s=1)
    with pytest.raises(ServiceError, match="RETOUCH_REDIS_URL") as caught:
        queue.check()
    assert "secret" not in str(caught.value)


def test_importing_retouch_is_light() -> None:
    """A pipeline that imports the producer loads no CLI, no HTTP client and no AWS library."""
    heavy = {"rich", "typer", "boto3", "obstore", "requests", "aiohttp", "celery"}
    code = "import sys, retouch; print(*{m.split('.')[0] for m in sys.modules})"
    loaded = run([sys.executable, "-c", code]).out.split()
    assert "retouch" in loaded
    assert not heavy & set(loaded)
