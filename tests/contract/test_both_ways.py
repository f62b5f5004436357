"""One suite for ``EditQueue`` on Redis and ``EditQueue`` through a gateway that really listens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from config.gateway import GatewaySettings
from retouch import EditQueue, EditState, InputError, RejectedEditsError
from retouch.access_keys import AccessKeys, Scope
from retouch.ledger import Ledger
from tests.harness.waiting import LIMIT_S, until
from tests.unit.cli.conftest import picture
from tests.unit.producing import edit, finish_all
from tests.unit.workers.gateway.conftest import serving
from workers.gateway.context import Gateway
from workers.stack.s3 import S3


@pytest.fixture
def ledger(redis_url: str) -> Iterator[Ledger]:
    """An empty ledger on a real server."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield Ledger(client)


@pytest.fixture(params=["redis", "gateway"])
def queue(
    request: pytest.FixtureRequest, ledger: Ledger, redis_url: str, s3: S3, s3_prefix: str, monkeypatch: Any
) -> Iterator[EditQueue]:
    """The queue of that ledger: directly, and through a gateway."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    if request.param == "redis":
        with EditQueue.from_url(redis_url, bucket=s3.bucket, prefix=s3_prefix) as queue:
            yield queue
        return
    gateway = Gateway(GatewaySettings(bucket=s3.bucket, prefix=s3_prefix), ledger)
    token = AccessKeys(ledger, "here").create("caller", tuple(Scope))
    with serving(gateway) as url, EditQueue.from_url(url, token=token) as queue:
        yield queue


def test_the_same_edits_again_are_there_already(queue: EditQueue) -> None:
    """A list, with defaults, another weight, and a field that is set to nothing."""
    edits = [edit(f"e{n}", seed=n, metadata={"sku": f"A-{n}"}) for n in range(3)]
    first = queue.enqueue(edits, batch="b", defaults={"strength": 0.5, "extra": {"lora": "x"}}, weight=2)
    assert (first.accepted, first.already, first.rejected) == (3, 0, [])
    again = queue.enqueue(edits, batch="b", defaults={"strength": 0.5, "extra": {"lora": "x"}}, weight=2)
    assert (again.accepted, again.already) == (0, 3)
    view = queue.edit("b", "e1")
    assert (view.parameters["strength"], view.parameters["seed"], view.state) == (0.5, 1, EditState.QUEUED)
    assert view.parameters["extra"] == {"lora": "x"}
    assert queue.edit("b", "e0").before_it == 0


def test_the_ways_mix(queue: EditQueue, ledger: Ledger) -> None:
    """What one has enqueued, the other has too: the edits are equal."""
    direct = EditQueue(ledger)
    direct.enqueue([edit("a", strength=0.4)], batch="b", defaults={"guidance_scale": 3.0})
    receipt = queue.enqueue([edit("a", strength=0.4), edit("z")], batch="b", defaults={"guidance_scale": 3.0})
    assert (receipt.accepted, receipt.already) == (1, 1)
    assert direct.enqueue([edit("z")], batch="b", defaults={"guidance_scale": 3.0}).already == 1


def test_a_list_with_a_conflict_is_refused_whole(queue: EditQueue) -> None:
    """Each conflict is named by its place, and nothing of the rest is written."""
    queue.enqueue([edit("a")], batch="b")
    with pytest.raises(RejectedEditsError, match="nothing was enqueued") as raised:
        queue.enqueue([edit("new"), edit("a", seed=9)], batch="b")
    assert [(one.line, one.custom_id) for one in raised.value.rejected] == [(2, "a")]
    assert queue.status("b").total == 1


def test_with_skip_the_others_are_enqueued(queue: EditQueue) -> None:
    """Whether an edit is invalid or in conflict, in a list and from a generator."""
    queue.enqueue([edit("a")], batch="b")
    edits: list[Any] = [edit("x"), {"custom_id": "bad"}, edit("a", seed=9), edit("y")]
    receipt = queue.enqueue(edits, batch="b", on_invalid="skip")
    assert (receipt.accepted, [one.line for one in receipt.rejected]) == (2, [2, 3])
    receipt = queue.enqueue((one for one in edits), batch="b", on_invalid="skip")
    assert (receipt.accepted, receipt.already, [one.line for one in receipt.rejected]) == (0, 2, [2, 3])


def test_a_long_generator_is_one_batch(queue: EditQueue) -> None:
    """Longer than a page; it does not end in between."""
    assert queue.enqueue((edit(f"e{n}") for n in range(1201)), batch="b").accepted == 1201
    view = queue.status("b")
    assert (view.total, view.unsealed, view.paused) == (1201, None, ())


def test_nothing_makes_no_batch(queue: EditQueue) -> None:
    """And what is not there is an input error."""
    assert queue.enqueue(iter(()), batch="b").written == 0
    assert queue.find("b") is None
    assert queue.find_edit("b", "a") is None
    assert queue.find_edit("b", "../b") is None
    for ask in (queue.status, queue.wait, lambda batch: list(queue.results(batch)), queue.pause, queue.retry):
        with pytest.raises(InputError, match="there is no batch 'b'"):
            ask("b")
    with pytest.raises(InputError):
        queue.status("../keys")


def test_local_pictures_are_uploaded(queue: EditQueue, tmp_path: Path, s3: S3) -> None:
    """A file and bytes, each once, to where the edit says then."""
    (tmp_path / "a.png").write_bytes(picture())
    given: list[Any] = [{"custom_id": "a", "prompt": "a cat", "init_image": str(tmp_path / "a.png")}]
    given.append({"custom_id": "b", "prompt": "a cat", "init_image": picture(9, 9)})
    assert queue.enqueue(given, batch="b").accepted == 2
    assert queue.enqueue(given, batch="b").already == 2
    keys = [one["Key"] for one in s3.client().list_objects_v2(Bucket=s3.bucket)["Contents"]]
    assert len(keys) >= 2


def test_whoever_waits_is_told(queue: EditQueue, ledger: Ledger) -> None:
    """Of the end, and of what has come out, in the batch's order."""
    queue.enqueue([edit(f"e{n}", metadata={"sku": str(n)}) for n in range(3)], batch="b")
    with pytest.raises(TimeoutError):
        queue.wait("b", timeout_s=0.01)
    seen: list[Any] = []
    waiting = threading.Thread(target=lambda: seen.append(queue.wait("b", timeout_s=LIMIT_S)))
    waiting.start()
    finish_all(ledger)
    until(lambda: bool(seen), "the wait has ended")
    waiting.join(LIMIT_S)
    assert seen[0].finished
    found = list(queue.results("b"))
    assert [(one.custom_id, one.state, one.metadata) for one in found] == [
        (f"e{n}", EditState.COMPLETED, {"sku": str(n)}) for n in range(3)
    ]
    assert [row["custom_id"] for row in queue.rows("b")] == ["e0", "e1", "e2"]
    assert queue.edit("b", "e0").result is not None


def test_decisions(queue: EditQueue, ledger: Ledger) -> None:
    """Pause and resume, retry and cancel, each with what has changed."""
    queue.enqueue([edit("a"), edit("b")], batch="b")
    assert (queue.pause("b"), queue.pause("b")) == (True, False)
    (pause,) = queue.status("b").paused
    assert (pause.cause, queue.edit("b", "a").batch_paused) == ("person", (pause,))
    assert (queue.resume("b"), queue.resume("b")) == (True, False)
    finish_all(ledger, EditState.FAILED)
    assert queue.retry("b") == (0, 2)
    assert queue.status("b").counts == {EditState.QUEUED: 2}
    assert queue.cancel("b") == 2
    assert queue.retry("b", [EditState.CANCELLED], anew=True) == (0, 2)


def test_batches_are_listed(queue: EditQueue, ledger: Ledger) -> None:
    """The newest first, in pages, by state and by the beginning of their names."""
    for name in ("a-1", "b-1", "a-2"):
        queue.enqueue([edit("x")], batch=name)
        until(lambda: ledger.connection.now() > ledger.reader.batches()[0].place[0], "another millisecond")
    queue.pause("b-1")
    assert [view.batch for view in queue.batches()] == ["a-2", "b-1", "a-1"]
    newest = queue.batches(1)[0]
    assert [view.batch for view in queue.batches(before=newest.place)] == ["b-1", "a-1"]
    assert [view.batch for view in queue.batches(prefix="a-")] == ["a-2", "a-1"]
    assert [view.batch for view in queue.batches(state="paused")] == ["b-1"]


def test_the_installation_is_seen(queue: EditQueue, ledger: Ledger) -> None:
    """Why nothing moves: the same both ways."""
    ledger.worker.pause("submit:person", "lunch")
    ledger.worker.see_worker("w", {})
    queue.enqueue([edit("x")], batch="b")
    direct = EditQueue(ledger)
    queue.check()
    assert queue.workers() == direct.workers()
    assert [(one.name, one.reason) for one in queue.pauses()] == [("submit:person", "lunch")]
    assert (queue.queued(), queue.provider()) == (1, direct.provider())
    assert (queue.differences(), queue.result_times()) == ({}, {})
