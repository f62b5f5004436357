"""One suite for ``EditQueue`` on Redis and ``EditQueue`` through a gateway that really listens."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image

from config.gateway import GatewaySettings
from retouch import (
    Chosen,
    EditQueue,
    EditRow,
    EditState,
    FailureGroup,
    InputError,
    JobState,
    LostImagesError,
    RejectedEditsError,
    TooManyFailuresError,
)
from retouch.access_keys import AccessKeys, Scope
from retouch.causes import Outcome
from retouch.cli.sheet import _images
from retouch.cli.sheet_pages import Pages
from retouch.ledger import Delivery, FoundEdits, Heartbeat, Ledger, Named, NamedEdit, Settlement, Step
from retouch.net.addresses import PrivateHosts
from retouch.price import Price
from retouch.senders import this_user
from tests.harness.redis_client import connect
from tests.harness.staying import workers_stay
from tests.harness.waiting import LIMIT_S, until
from tests.unit.cli.conftest import picture
from tests.unit.producing import edit, finish_all
from tests.unit.workers.gateway.conftest import serving
from workers.gateway.context import Gateway
from workers.stack.s3 import S3


@pytest.fixture
def ledger(redis_url: str) -> Iterator[Ledger]:
    """An empty ledger on a real server."""
    with connect(redis_url) as client, workers_stay():
        yield Ledger(client)


@pytest.fixture(params=["redis", "gateway"])
def queue(
    request: pytest.FixtureRequest, ledger: Ledger, redis_url: str, s3: S3, s3_prefix: str, monkeypatch: Any
) -> Iterator[EditQueue]:
    """The queue of that ledger: directly, and through a gateway."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    if request.param == "redis":
        with EditQueue.from_url(redis_url, bucket=s3.bucket, prefix=s3_prefix, timeout_s=LIMIT_S) as queue:
            yield queue
        return
    gateway = Gateway(GatewaySettings(bucket=s3.bucket, prefix=s3_prefix), ledger)
    token = AccessKeys(ledger, "here").create("caller", tuple(Scope))
    with serving(gateway) as url, EditQueue.from_url(url, token=token) as queue:
        yield queue


POLLS = {"RETOUCH_POLL_MIN": "0.5"}


def end_some(ledger: Ledger, number: int, to: EditState = EditState.COMPLETED) -> None:
    """Be a worker that ends so many edits, and no batch."""
    claims = ledger.worker.claim("w", lease_ms=60_000, places=number).claims
    assert len(claims) == number
    ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), to) for claim in claims])


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


def test_a_batch_at_a_glance(queue: EditQueue, ledger: Ledger) -> None:
    """Its strips, its edits by their places, and its failures by their reasons, of which one is tried again."""
    queue.enqueue([edit(f"e{n}") for n in range(5)], batch="b")
    messages = ("image 1 is none", "too long", "image 2 is none", "image 3 is none")
    for claim, message in zip(ledger.worker.claim("w", lease_ms=60_000, places=4).claims, messages, strict=True):
        error = json.dumps({"code": "refused", "message": message})
        ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), EditState.FAILED, error=error)])
    assert (queue.strip("b"), queue.group_strip("b")) == (b"ffffq", bytes([1, 2, 1, 1, 0]))
    assert queue.failures("b") == [
        FailureGroup(1, "refused", "image … is none", 3, "e0", "image 1 is none"),
        FailureGroup(2, "refused", "too long", 1, "e1", "too long"),
    ]
    assert queue.edits_at("b", [4, 1, 9]) == [
        EditRow(4, "e4", EditState.QUEUED, 0),
        EditRow(1, "e1", EditState.FAILED, 2),
    ]
    assert len(queue.edits_at("b", range(1201))) == 5
    found = queue.search("b", "E", most=2)
    assert ([row.custom_id for row in found.edits], found.next) == (["e0", "e1"], 2)
    assert queue.search("b", "e", first=3) == FoundEdits(queue.edits_at("b", [3, 4]), None)
    assert queue.named("e1") == queue.named("b/e1") == [NamedEdit("b", "e1", EditState.FAILED)]
    assert [one.custom_id for one in queue.results("b", group=1)] == ["e0", "e2", "e3"]
    assert [row["custom_id"] for row in queue.rows("b", group=2)] == ["e1"]
    assert queue.retry("b", group=1) == (0, 3)
    assert queue.strip("b") == b"qfqqq"
    assert [group.group for group in queue.failures("b")] == [2]


def test_results_are_picked_and_rejected(queue: EditQueue, ledger: Ledger) -> None:
    """What cannot be chosen is told; who reads has the ids, and all at a glance."""
    queue.enqueue([edit(f"e{n}") for n in range(4)], batch="b")
    end_some(ledger, 3)
    assert queue.choose("b", pick=["e2", "e0"], reject=["e1"], clear=["e3", "x"]) == Chosen(3, ["x"], ["e3"])
    first, last = queue.edits_at("b", [0, 3], results=True)
    assert first.result is not None
    assert (first.result["custom_id"], first.result["parameters"]["prompt"], last.result) == ("e0", "a cat", None)
    assert queue.edits_at("b", [0])[0].result is None
    assert (queue.picks("b"), queue.picks("b", "rejected")) == (["e0", "e2"], ["e1"])
    assert queue.choose("b", clear=iter(["e0"])).changed == 1
    assert queue.pick_strip("b") == b"\0rp\0"
    with pytest.raises(InputError, match="e0 is named twice"):
        queue.choose("b", pick=["e0"], clear=["e0"])
    with pytest.raises(InputError, match="must be 'picked' or 'rejected'"):
        queue.picks("b", "best")  # type: ignore[arg-type] # as a program might
    for ask in (queue.choose, queue.picks, queue.pick_strip):
        with pytest.raises(InputError, match="there is no batch 'none'"):
            ask("none")


def test_edits_of_one_picture_are_found(queue: EditQueue) -> None:
    """Wherever they are in the batch; also where the picture is the batch's own."""
    url = "https://example.com/{}.png"
    queue.enqueue([edit(f"e{n}", init_image=url.format(n % 3)) for n in range(7)], batch="b")
    assert queue.alike("b", "e1") == [1, 4]
    assert queue.alike("b", "e0") == [0, 3, 6]
    given = [{"custom_id": name, "prompt": "a cat"} for name in ("x", "y")]
    queue.enqueue([*given, edit("z", init_image=url.format(9))], batch="c", defaults={"init_image": url.format(1)})
    assert (queue.alike("c", "y"), queue.alike("c", "z")) == ([0, 1], [2])
    with pytest.raises(InputError, match="there is no edit 'none'"):
        queue.alike("b", "none")


def test_a_glance_at_what_there_is_not(queue: EditQueue) -> None:
    """It names what is wrong, by both ways."""
    for ask in (queue.strip, queue.group_strip, queue.failures, lambda batch: queue.edits_at(batch, [0])):
        with pytest.raises(InputError, match="there is no batch 'none'"):
            ask("none")
    queue.enqueue([edit("e")], batch="b")
    with pytest.raises(InputError, match="a place is 0 or more"):
        queue.edits_at("b", [-1])
    with pytest.raises(InputError, match="group must be a number from 1 to 255"):
        queue.retry("b", group=0)
    with pytest.raises(InputError, match="there is none, since no edit is failed"):
        queue.results("b", group=1)


def test_a_batch_is_bound_to_its_max_failures(queue: EditQueue, ledger: Ledger) -> None:
    """As soon as more have failed whoever waits is told; another limit is refused, and a person lifts it."""
    edits = [edit(f"e{n}") for n in range(4)]
    queue.enqueue(edits, batch="b", max_failures="25%")
    assert queue.status("b").max_failures == "25%"
    with pytest.raises(InputError, match="was given max_failures 25% before, and not 1"):
        queue.enqueue(edits, batch="b", max_failures=1)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(queue.wait, "b", LIMIT_S / 2)
        end_some(ledger, 2, EditState.FAILED)
        error = waiting.exception(LIMIT_S)
    assert isinstance(error, TooManyFailuresError)
    assert "2 of 4 edits of batch b failed, and max_failures is 25%" in str(error)
    assert (error.view.counts, error.view.finished) == ({EditState.FAILED: 2, EditState.QUEUED: 2}, False)
    with pytest.raises(InputError, match="2 of 4 edits of batch b have failed already"):
        queue.resume("b", max_failures=1)
    assert queue.resume("b", max_failures="50%") is True
    finish_all(ledger)
    assert queue.wait("b", timeout_s=LIMIT_S).counts == {EditState.FAILED: 2, EditState.COMPLETED: 2}
    with pytest.raises(TooManyFailuresError, match=r"max_failures is 1$"):
        queue.wait("b", max_failures=1)


def test_whoever_waits_binds_a_batch_that_is_not_bound(queue: EditQueue, ledger: Ledger) -> None:
    """Once: another one is refused."""
    queue.enqueue([edit("a"), edit("z")], batch="b")
    assert queue.limit_failures("b", "0").max_failures == "0"
    with pytest.raises(InputError, match="was given max_failures 0 before, and not 5%"):
        queue.wait("b", max_failures="5%")
    end_some(ledger, 1, EditState.FAILED)
    with pytest.raises(TooManyFailuresError):
        queue.wait("b", max_failures=0, timeout_s=LIMIT_S)
    queue.resume("b")
    assert queue.status("b").max_failures is None
    with pytest.raises(InputError, match="max_failures is 'many'"):
        queue.limit_failures("b", "many")


def test_a_batch_has_a_sink_of_its_own(queue: EditQueue, ledger: Ledger) -> None:
    """With its types; a host that is not public is refused before anything is written, and shown without its path."""
    queue.enqueue([edit("a")], batch="b", notify="https://hooks.example.com/T0/secret?types=edit.failed")
    [sink] = ledger.reader.batch_sinks("b")
    assert (sink.types, sink.shown) == (("edit.failed",), "hooks.example.com")
    for url, told in (
        ("https://127.0.0.1/secret", "127.0.0.1"),
        ("https://localhost/secret", "localhost"),
        ("http://hooks.example.com/secret", "must be one of https"),
    ):
        with pytest.raises(InputError, match=told) as raised:
            queue.enqueue([edit("a")], batch="c", notify=url)
        assert "secret" not in str(raised.value)
    assert queue.find("c") is None


def test_a_batch_stays_open(queue: EditQueue, ledger: Ledger) -> None:
    """More edits may come; of several times the latest counts, and a person ends it before."""
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    queue.enqueue([edit("a")], batch="b", open_until=later)
    queue.enqueue([edit("z")], batch="b", open_until=later - timedelta(minutes=30))
    assert queue.status("b").open_until == later
    end_some(ledger, 2)
    assert (queue.status("b").ended, queue.status("b").state) == (2, "open")
    assert (queue.seal("b"), queue.seal("b")) == (True, False)
    finish_all(ledger)
    assert queue.wait("b", timeout_s=LIMIT_S).open_until is None
    with pytest.raises(InputError, match="no time zone"):
        queue.enqueue([edit("y")], batch="b", open_until=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the mistake


def test_images_are_downloaded(
    queue: EditQueue, ledger: Ledger, s3: S3, s3_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each checked; through a gateway without S3's own keys, by links. What is gone is told, the others are there."""
    if queue.remote:
        monkeypatch.setattr("retouch.batch_reader.kept_store", None)
    queue.enqueue([edit(f"e{n}") for n in range(5)], batch="b")
    pictures = {f"e{n}": picture(n) for n in range(5)}
    for claim in ledger.worker.claim("w", lease_ms=60_000, places=5).claims:
        data = pictures[claim.member.partition("/")[2]]
        key = f"{s3_prefix}{claim.member}/0.png"
        s3.client().put_object(Bucket=s3.bucket, Key=key, Body=data)
        known = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "width": 8, "height": 8}
        outputs = json.dumps([{"uri": f"s3://{s3.bucket}/{key}", "content_type": "image/png", **known}])
        ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), EditState.COMPLETED, outputs=outputs)])
    saved = queue.download("b", tmp_path / "new", only="completed")
    assert {path.name.partition(".")[0]: path.read_bytes() for path in saved} == pictures
    saved[0].unlink()
    assert queue.download("b", tmp_path / "new") == saved
    s3.client().delete_object(Bucket=s3.bucket, Key=f"{s3_prefix}b/e3/0.png")
    with pytest.raises(LostImagesError, match=r"there is no object s3://.*b/e3/0\.png"):
        queue.download("b", tmp_path / "again")
    assert len(list((tmp_path / "again").iterdir())) == 4


def test_a_sheet_is_drawn(
    queue: EditQueue, ledger: Ledger, s3: S3, s3_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, of a picture that lies elsewhere in S3, and after; through a gateway without S3's own keys."""
    if queue.remote:
        monkeypatch.setattr("retouch.cli.sheet.open_store", None)
    store = {"Bucket": s3.bucket, "Key": f"{s3_prefix}mine/before.png"}
    s3.client().put_object(**store, Body=picture(77))
    EditQueue(ledger).enqueue([edit("a", init_image=f"s3://{store['Bucket']}/{store['Key']}")], batch="b")
    [claim] = ledger.worker.claim("w", lease_ms=60_000, places=1).claims
    data, key = picture(200), f"{s3_prefix}b/a/0.png"
    s3.client().put_object(Bucket=s3.bucket, Key=key, Body=data)
    known = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "width": 8, "height": 8}
    outputs = json.dumps([{"uri": f"s3://{s3.bucket}/{key}", "content_type": "image/png", **known}])
    ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), EditState.COMPLETED, outputs=outputs)])
    sheet = tmp_path / "sheet.png"
    Pages("b", str(sheet), PrivateHosts(), partial(_images, queue, "b")).pairs(queue.results("b"))
    with Image.open(sheet) as drawn:
        colors = {color for _, color in drawn.convert("RGB").getcolors(maxcolors=1 << 24) or []}
    assert {(77, 0, 0), (200, 0, 0)} <= colors


def test_the_use_of_the_api_is_seen_and_stopped(queue: EditQueue, ledger: Ledger) -> None:
    """The workers, the last minutes, what days cost, and a pause of all submits."""
    ledger.producer.set_price(Price.of_micros(10_000, "USD"))
    ledger.worker.see_worker("w", {}, {"RETOUCH_LEASE": "4"}, says=Heartbeat("1", "here", "1.2", 3, {}, POLLS))
    minute = ledger.connection.now() // 60_000 * 60_000 - 60_000
    ledger.connection._client.rpush(ledger.connection.keys.samples, f"{minute} 30 45 3 9 0 60 {'0 ' * 17}")
    [worker] = queue.crew()
    assert (worker.name, worker.host, worker.version, worker.steps) == ("w", "here", "1.2", 3)
    assert worker.settings == {"RETOUCH_LEASE": "4", **POLLS}
    [sample] = queue.samples()
    assert (sample.places_used, sample.submits.good, sample.at.timestamp() * 1000) == (1.5, 60, minute)
    assert [len(queue.money(days)) for days in (1, 3)] == [1, 3]
    assert [queue.pause() for _ in range(2)] == [True, False]
    assert [pause.name for pause in queue.pauses()] == ["submit:person"]
    assert [queue.resume() for _ in range(2)] == [True, False]


def test_sinks_are_seen_and_told_again(queue: EditQueue, ledger: Ledger) -> None:
    """Those of the workers, and a batch's own; what was not taken, and what was, is delivered again; one is dropped."""
    ledger.worker.see_worker("w", {"shop": Named("hooks.test"), "audit": Named("queue", ["edit.failed"])})
    queue.enqueue([edit("a"), edit("z")], batch="b", notify="https://example.com/hook?types=edit.cancelled")
    queue.cancel("b")
    claims = ledger.worker.claim("w", lease_ms=60_000, places=1, sinks={"shop": 9}).claims
    first, second = (claim for claim in claims if claim.step is Step.ANNOUNCE and claim.sink == "shop")
    outcomes = [Delivery(first, Outcome.AGAIN, "it answered 500", 60_000), Delivery(second, Outcome.DELIVERED, "", 0)]
    ledger.worker.settle_deliveries(outcomes)
    assert queue.sinks() == EditQueue(ledger).sinks()
    assert [(sink.name, sink.shown, sink.undelivered) for sink in queue.sinks()] == [
        ("audit", "queue", 0),
        ("shop", "hooks.test", 1),
    ]
    assert [sink.types for sink in queue.batch_sinks()] == [("edit.cancelled",)]
    assert (queue.batch_sinks("b"), queue.batch_sinks("c")) == (queue.batch_sinks(), [])
    assert queue.sink("notify:b").waiting == 2
    [missed] = queue.undelivered()
    assert missed == next(EditQueue(ledger).undelivered("shop"))
    assert (missed["sink"], missed["reason"], missed["tries"]) == ("shop", "it answered 500", 1)
    assert (queue.redeliver("shop"), queue.redeliver("audit")) == (1, 0)
    assert queue.replay("shop", datetime(1, 1, 1, tzinfo=UTC)) == 1
    assert queue.replay("shop", datetime.now(UTC) + timedelta(hours=1)) == 0
    with pytest.raises(InputError, match="a live worker has the sink shop, so it is not dropped"):
        queue.drop_sink("shop")
    for ask in (queue.sink, queue.redeliver, queue.drop_sink, lambda name: list(queue.undelivered(name))):
        with pytest.raises(InputError, match=r"there is no sink 'none'; known: audit, shop"):
            ask("none")
    assert queue.drop_sink("notify:b").name == "notify:b"
    assert queue.batch_sinks() == []


def test_edits_are_done_again(queue: EditQueue, ledger: Ledger) -> None:
    """With what they had, also pictures that the caller may not name itself; the same call again adds nothing."""
    before = [edit("a", seed=1, metadata={"sku": "1"}), edit("z", init_image="s3://elsewhere/z.png", strength=0.3)]
    EditQueue(ledger).enqueue([*before, edit("late")], batch="b")
    end_some(ledger, 2, EditState.FAILED)
    first = queue.redo("b", "failed", changes={"strength": 0.9, "seed": None}, max_failures="50%")
    assert (first.batch, first.accepted, first.already) == ("b-redo-1", 2, 0)
    again = queue.redo("b", "failed", changes={"seed": None, "strength": 0.9})
    assert (again.batch, again.accepted, again.already) == ("b-redo-1", 0, 2)
    made = {one.custom_id: one for one in EditQueue(ledger).made("b-redo-1")}
    assert {name: one.parameters.get("seed") for name, one in made.items()} == {"a": None, "z": None}
    assert {one.parameters["strength"] for one in made.values()} == {0.9}
    assert made["z"].parameters["init_image"] == "s3://elsewhere/z.png"
    assert (made["a"].about.metadata, made["a"].about.redo_of) == ({"sku": "1"}, "b/a")
    view = queue.status("b-redo-1")
    assert (view.redo_of, view.max_failures) == ("b", "50%")
    varied = queue.redo("b", ["z"], vary={"seed": [1, 2]}, size="512x256")
    assert (varied.batch, varied.accepted) == ("b-redo-2", 2)
    assert [one.custom_id for one in EditQueue(ledger).made("b-redo-2")] == ["z.seed-1", "z.seed-2"]
    group = queue.failures("b")[0].group
    grouped = queue.redo("b", "failed", groups=[group, group])
    assert (grouped.batch, grouped.accepted) == ("b-redo-3", 2)
    assert queue.redo("b", "failed", groups=[group]).already == 2
    assert queue.redo("b", "blank").written == queue.redo("b", "failed", groups=[7]).written == 0
    assert queue.find("b-redo-4") is None


def test_an_edit_is_done_again_with_a_picture_of_this_machine(
    queue: EditQueue, ledger: Ledger, tmp_path: Path, s3: S3
) -> None:
    """It is uploaded first, and each variation has its own."""
    queue.enqueue([edit("a")], batch="b")
    end_some(ledger, 1, EditState.FAILED)
    names = [str(tmp_path / f"{n}.png") for n in range(2)]
    for n, name in enumerate(names):
        Path(name).write_bytes(picture(50 + n))
    assert queue.redo("b", "failed", changes={"init_image": names[0]}).accepted == 1
    assert queue.redo("b", "failed", vary={"init_image": names}).accepted == 2
    found = [one for batch in ("b-redo-1", "b-redo-2") for one in EditQueue(ledger).made(batch)]
    places = [one.parameters["init_image"].removeprefix(f"s3://{s3.bucket}/") for one in found]
    bodies = [s3.client().get_object(Bucket=s3.bucket, Key=key)["Body"].read() for key in places]
    assert bodies == [picture(50), picture(50), picture(51)]


@pytest.mark.parametrize(
    ("only", "more", "told"),
    [
        (["zz"], {}, r"batch b has no edit zz \(did you mean z\?\)"),
        (["late"], {}, "late of batch b have not ended yet"),
        ("all", {}, "must be 'failed', 'blank'"),
        ([], {}, "at least one"),
        ("failed", {"changes": {"strength": 7}}, "strength 7 "),
        ("failed", {"changes": {"sede": None}}, "did you mean 'seed'"),
        ("failed", {"changes": {"custom_id": "x"}}, "custom_id cannot be the same"),
        ("failed", {"vary": {"metadata": [{}]}}, "vary metadata: that cannot vary"),
        ("failed", {"vary": {"seed": [1, 1]}}, "vary seed: 1 is there twice"),
        ("failed", {"vary": {"seed": ["x"]}}, "vary seed: seed "),
        ("failed", {"groups": [0]}, "group must be a number from 1 to 255"),
        ("blank", {"groups": [1]}, "groups are of failed edits"),
        ("failed", {"size": "large"}, "size large: write fit:512"),
        ("failed", {"max_failures": "many"}, "max_failures is 'many'"),
        ("failed", {"changes": {"init_image": "no-such.png"}}, "no-such.png"),
    ],
)
def test_what_cannot_be_done_again_is_said(
    queue: EditQueue, ledger: Ledger, only: Any, more: dict[str, Any], told: str
) -> None:
    """And nothing is enqueued."""
    EditQueue(ledger).enqueue([edit("a"), edit("z"), edit("late")], batch="b")
    end_some(ledger, 2, EditState.FAILED)
    with pytest.raises(InputError, match=told):
        queue.redo("b", only, **more)
    with pytest.raises(InputError, match="there is no batch 'none'"):
        queue.redo("none", "failed")
    assert [view.batch for view in queue.batches()] == ["b"]


def test_a_batch_is_removed(queue: EditQueue, ledger: Ledger, s3: S3, s3_prefix: str) -> None:
    """Once it has ended; with its objects where that is asked for, also when it has left Redis."""
    queue.enqueue([edit("a"), edit("z")], batch="b")
    place = {"Bucket": s3.bucket, "Key": f"{s3_prefix}b/manifest.jsonl"}
    s3.client().put_object(**place, Body=b"")
    s3.client().put_object(**place | {"Key": f"{s3_prefix}b2/manifest.jsonl"}, Body=b"")
    for images in (False, True):
        with pytest.raises(InputError, match="batch b has not ended, so it is not removed: first cancel it, or wait"):
            queue.remove("b", images=images)
    finish_all(ledger)
    assert queue.remove("b") == (2, 0)
    assert queue.find("b") is None
    with pytest.raises(InputError, match="there is no batch 'b'"):
        queue.remove("b")
    assert queue.remove("b", images=True) == (0, 1)
    with pytest.raises(InputError, match="there is no batch 'b'"):
        queue.remove("b", images=True)
    queue.enqueue([edit("a")], batch="b")
    assert "Contents" not in s3.client().list_objects_v2(Bucket=s3.bucket, Prefix=f"{s3_prefix}b/")
    assert "Contents" in s3.client().list_objects_v2(Bucket=s3.bucket, Prefix=f"{s3_prefix}b2/")


def test_images_elsewhere_are_not_taken_for_the_batchs(queue: EditQueue, ledger: Ledger, s3: S3) -> None:
    """Where it was made with another bucket or prefix than these."""
    queue.enqueue([edit("a")], batch="b")
    [claim] = ledger.worker.claim("w", lease_ms=60_000, places=1).claims
    output = {"uri": "s3://other/b/a/0.png", "content_type": "image/png", "sha256": "0", "bytes": 1}
    outputs = json.dumps([output | {"width": 8, "height": 8}])
    ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), EditState.COMPLETED, outputs=outputs)])
    finish_all(ledger)
    with pytest.raises(InputError, match=r"s3://other/b/a/0\.png is not below s3://"):
        queue.remove("b", images=True)
    assert queue.status("b").finished


def test_events_are_listed_and_followed(queue: EditQueue, ledger: Ledger) -> None:
    """The same objects both ways; after one of them, and those that come while it waits."""
    queue.enqueue([edit("a"), edit("z")], batch="b")
    assert list(queue.events()) == []
    end_some(ledger, 2)
    found = list(queue.events())
    assert found == list(EditQueue(ledger).events())
    assert [(one["type"], one["subject"]) for one in found] == [
        ("retouch.edit.completed", "b/a"),
        ("retouch.edit.completed", "b/z"),
    ]
    assert list(queue.events(found[0]["id"])) == found[1:]
    following = cast(Generator[Any], queue.events(found[0]["id"], follow=True))
    assert next(following) == found[1]
    with ThreadPoolExecutor() as pool:
        coming = pool.submit(next, following)
        finish_all(ledger)
        assert coming.result(LIMIT_S)["type"] == "retouch.batch.completed"
    following.close()
    with pytest.raises(InputError, match="not an event's id"):
        queue.events("yesterday")


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


def test_batches_are_found_by_who_sent_them(queue: EditQueue, ledger: Ledger) -> None:
    """A gateway keeps the name of the key, whatever its caller says; whoever does edits again is a sender too."""
    queue.enqueue([edit("x")], batch="b", sender="me")
    EditQueue(ledger, sender="somebody else").enqueue([edit("y")], batch="a")
    sender = "key:caller" if queue.remote else "me"
    assert queue.status("b").senders == (sender,)
    assert [view.batch for view in queue.batches(by=sender.upper())] == ["b"]
    assert [view.batch for view in queue.batches(search="BODY")] == ["a"]
    assert [view.batch for view in queue.batches(search="b", by="me" if not queue.remote else "caller")] == ["b"]
    assert queue.history("b", "x")[0].by == sender
    end_some(ledger, 2)
    child = queue.redo("b", ["x"], changes={"seed": 9}).batch
    assert queue.status(child).senders == (("key:caller" if queue.remote else this_user()),)


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


def test_what_is_done_to_many_edits_is_counted_and_then_done(queue: EditQueue, ledger: Ledger) -> None:
    """By the gateway, or by whoever asks for pages; what cannot be is said in the same words."""
    queue.enqueue([edit(f"e{n}") for n in range(3)], batch="b")
    end_some(ledger, 2, EditState.FAILED)
    job = queue.count_job("b", "retry", groups=[1])
    assert (job.state, job.counted, job.to_send) == (JobState.COUNTED, 2, 2)
    assert queue.jobs() == queue.jobs("b") == []
    assert queue.start_job(job.id).started
    if not queue.remote:
        assert queue.run_job(job.id) is False
    until(lambda: queue.job(job.id).state is JobState.DONE, "the job is done")
    assert [(one.id, one.changed) for one in queue.jobs("b")] == [(job.id, 2)]
    assert queue.jobs() == queue.jobs("b")
    assert queue.stop_job(job.id).state is JobState.DONE
    named = queue.count_job("b", "cancel", [EditState.QUEUED], custom_ids=["e2"])
    assert queue.start_job(named.id).counted == 1
    with pytest.raises(InputError, match="there is no edit 'none' in batch 'b'"):
        queue.count_job("b", "cancel", custom_ids=["none"])
    with pytest.raises(InputError, match="there is no job '0123456789abcdef'"):
        queue.stop_job("0123456789abcdef")
    with pytest.raises(InputError, match="there is no batch 'none'"):
        queue.count_job("none", "retry")


def test_what_was_counted_is_done_while_the_caller_waits(queue: EditQueue, ledger: Ledger) -> None:
    """With its progress; if a cancel follows at once, who still writes to the batch is refused from its count on."""
    queue.enqueue([edit(f"e{n}") for n in range(3)], batch="b")
    queue.count_job("b", "cancel")
    assert ledger.producer.open_batch("b").cancelled == ""
    job = queue.count_job("b", "cancel", at_once=True)
    assert ledger.producer.open_batch("b").cancelled != ""
    told: list[tuple[int, int]] = []
    ended = queue.do_job(job.id, lambda done, total: told.append((done, total)))
    assert (ended.state, ended.changed, told[-1]) == (JobState.DONE, 3, (3, 3))
    assert queue.status("b").counts == {EditState.CANCELLED: 3}
    assert queue.do_job(job.id) == ended
    with pytest.raises(InputError, match="there is no job '0123456789abcdef' that can be started"):
        queue.do_job("0123456789abcdef")
