"""The producer over a fake Redis that runs the real scripts."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import fakeredis
import pytest

import retouch
from retouch import Edit, EditQueue, EditState, Failure, InputError, Output, Result, ServiceError
from retouch.errors import LedgerAwayError, LedgerRefusedError
from retouch.intake.admission import InvalidEditError
from retouch.ledger import PAGE, Finish, Ledger, Retried, Settlement, Step
from tests.harness.processes import run


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(fakeredis.FakeRedis(decode_responses=True))


@pytest.fixture
def queue(ledger: Ledger) -> EditQueue:
    return EditQueue(ledger)


def edit(custom_id: str, **fields: object) -> Edit:
    base = {"custom_id": custom_id, "prompt": "a cat", "init_image": "https://example.com/cat.png"}
    return Edit.model_validate(base | fields)


def parameters(ledger: Ledger, batch: str, custom_id: str) -> dict[str, object]:
    view = ledger.reader.edit(batch, custom_id)
    assert view is not None
    return {name: value for name, value in view.parameters.items() if value is not None}


def finish_all(ledger: Ledger, to: EditState = EditState.COMPLETED) -> None:
    """Be the worker: end everything that is due, edits before batches."""
    while claims := ledger.worker.claim("w", lease_ms=60_000, places=1000).claims:
        submits = [c for c in claims if c.step is Step.SUBMIT]
        ledger.worker.settle([Settlement(c, (EditState.SUBMITTING,), to) for c in submits])
        for claim in claims:
            if claim.step is Step.FINISH:
                ledger.worker.settle_batch(claim, Finish.WRITTEN)


def test_more_than_a_page_is_enqueued_in_order(queue: EditQueue, ledger: Ledger) -> None:
    """Pages do not show."""
    ids = [f"e{n}" for n in range(2 * PAGE + 1)]
    receipt = queue.enqueue((edit(i) for i in ids), batch="b")
    assert (receipt.accepted, receipt.already, receipt.rejected) == (len(ids), 0, [])
    assert queue.status("b").counts == {EditState.QUEUED: len(ids)}
    finish_all(ledger)
    assert [result["custom_id"] for result in queue.results("b")] == ids


def test_a_generator_is_read_only_as_far_as_it_is_written(queue: EditQueue, ledger: Ledger) -> None:
    """A million edits must not be held in memory."""
    behind = []

    def edits() -> Iterator[Edit]:
        for n in range(10 * PAGE):
            if n % PAGE == 0:
                behind.append(n - (view.total if (view := ledger.reader.batch("b")) else 0))
            yield edit(f"e{n}")

    queue.enqueue(edits(), batch="b")
    assert max(behind) <= 2 * PAGE


def test_the_same_again_adds_nothing(queue: EditQueue) -> None:
    """Enqueuing is idempotent."""
    queue.enqueue([edit("a"), edit("b")], batch="b")
    receipt = queue.enqueue([edit("a"), edit("b"), edit("c")], batch="b")
    assert (receipt.accepted, receipt.already) == (1, 2)


def test_the_same_name_with_other_parameters_is_rejected_by_name(queue: EditQueue) -> None:
    """Neither silently dropped nor overwritten."""
    receipt = queue.enqueue([edit("a"), edit("a", seed=1)], batch="b")
    assert receipt.accepted == 1
    assert [(r.line, r.custom_id) for r in receipt.rejected] == [(2, "a")]


def test_a_bad_mapping_is_rejected_with_its_place(queue: EditQueue) -> None:
    """The good ones are enqueued all the same."""
    bad = {"custom_id": "b", "prompt": "x", "init_image": "http://10.0.0.1/x", "samples": 1}
    receipt = queue.enqueue([edit("a"), bad, {"custom_id": 5}], batch="b")
    assert receipt.accepted == 1
    assert [(r.line, r.custom_id) for r in receipt.rejected] == [(2, "b"), (3, None)]
    assert "not a public address" in receipt.rejected[0].errors[0]


def test_a_local_picture_needs_someone_to_upload_it(queue: EditQueue) -> None:
    """The worker has another disk."""
    receipt = queue.enqueue([edit("a", init_image="cat.png")], batch="b")
    assert "RETOUCH_BUCKET" in receipt.rejected[0].errors[0]


def test_defaults_fill_in_and_the_edit_wins(queue: EditQueue, ledger: Ledger) -> None:
    """Also over a default that the edit sets to nothing."""
    edits = [edit("a"), edit("b", strength=0.9), edit("c", strength=None)]
    queue.enqueue(edits, batch="b", defaults={"strength": 0.5, "samples": 2})
    assert parameters(ledger, "b", "a")["strength"] == 0.5
    assert parameters(ledger, "b", "b")["strength"] == 0.9
    assert "strength" not in parameters(ledger, "b", "c")


def test_a_batch_keeps_its_first_defaults_and_every_edit_its_own_parameters(queue: EditQueue, ledger: Ledger) -> None:
    """What a second producer brings is what its edits get."""
    queue.enqueue([edit("a")], batch="b", defaults={"strength": 0.5, "seed": 1})
    queue.enqueue([edit("c")], batch="b", defaults={"strength": 0.6})
    assert parameters(ledger, "b", "c") == edit("c", strength=0.6).fields


def test_defaults_are_stored_once() -> None:
    """A prompt that a batch shares does not stand in each of its edits."""
    client = fakeredis.FakeRedis(decode_responses=True)
    EditQueue(Ledger(client)).enqueue([edit("a")], batch="b", defaults={"negative_prompt": "blurry"})
    stored = client.hget("{retouch}:edits:b", "a")
    assert json.loads(stored or "").keys() == {"prompt", "init_image"}


@pytest.mark.parametrize("defaults", [{"custom_id": "x"}, {"samples": 9}, {"foo": 1}])
def test_bad_defaults_are_refused_before_anything_is_written(queue: EditQueue, defaults: dict[str, object]) -> None:
    """They would make every edit wrong."""
    with pytest.raises(InvalidEditError):
        queue.enqueue([edit("a")], batch="b", defaults=defaults)
    with pytest.raises(InputError, match="no batch"):
        queue.status("b")


def test_waiting_ends_with_the_batch(queue: EditQueue, ledger: Ledger) -> None:
    """And sees it on the way."""
    queue.enqueue([edit("a")], batch="b")
    seen = []

    def on_progress(view: object) -> None:
        seen.append(view)
        finish_all(ledger)

    assert queue.wait("b", 30, on_progress).counts == {EditState.COMPLETED: 1}
    assert len(seen) == 2


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
    assert named - {"Iterator", "None"} <= set(retouch.__all__)


def test_the_reference_names_every_method() -> None:
    """docs/producers.md has a row for each."""
    page = (Path(__file__).parents[2] / "docs" / "producers.md").read_text()
    names = [name for name, _ in inspect.getmembers(EditQueue, callable) if not name.startswith("_")]
    assert [name for name in names if f"`{name}(" not in page and f"`EditQueue.{name}(" not in page] == []


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
