"""What is told to others: each event at least once, under one id, signed, and never at the edits' expense."""

from __future__ import annotations

import base64
import json
import signal
from collections import Counter
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from tests.harness.processes import RETOUCH, Process
from tests.harness.receiver import Receiver
from tests.harness.scene import Scene
from tests.harness.waiting import LIMIT_S
from workers.stack.child import clean_environment
from workers.stack.valkey import Valkey

SECRET = "whsec_" + base64.b64encode(bytes(range(40, 72))).decode()


def told_to(receiver: Receiver, scene: Scene) -> dict[str, str]:
    """The settings of a worker that tells the receiver."""
    hosts = f"{scene.environment['RETOUCH_PRIVATE_HOSTS']},{receiver.host}"
    return {"webhook_url": f"{receiver.url}/hook", "webhook_secret": SECRET, "private_hosts": hosts}


def wait_for(scene: Scene, receiver: Receiver, count: int) -> list[dict[str, Any]]:
    """Wait for so many events to be taken."""
    scene.until(lambda: len(receiver.delivered()) >= count, f"{count} events are delivered")
    return receiver.delivered()


@pytest.mark.slow
def test_every_end_is_told_once_signed_and_the_batch_last(scene: Scene) -> None:
    """Each edit's end and then the batch's are posted as signed CloudEvents, each once when all goes well."""
    with Receiver() as receiver:
        scene.worker(**told_to(receiver, scene))
        scene.api.trouble("failure", match="doomed")
        good, bad = scene.enqueue(3), scene.enqueue(1, prompt="doomed")
        results = scene.finish(good)
        scene.finish(bad)
        events = wait_for(scene, receiver, 6)
        for request in receiver.requests:
            Webhook(SECRET).verify(request.body, request.headers)
            assert request.headers["content-type"] == "application/cloudevents+json"
            assert request.headers["webhook-id"] == json.loads(request.body)["id"]
    assert Counter(e["subject"] for e in events) == Counter(
        [*(f"{good}/c{n}" for n in range(3)), good, f"{bad}/c0", bad]
    )
    assert {e["type"] for e in events if "/" not in e["subject"]} == {"retouch.batch.completed"}
    by_subject = {e["subject"]: e for e in events}
    assert by_subject[f"{good}/c1"]["data"] == results["c1"]
    assert by_subject[f"{bad}/c0"]["type"] == "retouch.edit.failed"
    assert all((e["specversion"], e["datacontenttype"]) == ("1.0", "application/json") for e in events)
    assert len({(e["source"], e["id"]) for e in events}) == 6


@pytest.mark.slow
def test_a_batch_is_announced_when_its_files_are_there(scene: Scene) -> None:
    """Whoever hears ``retouch.batch.completed`` finds the whole manifest and ``_SUCCESS``."""
    found: list[set[str]] = []
    with Receiver() as receiver:
        receiver.on_event = lambda r: (
            found.append(set(scene.objects(r.event["subject"]))) if "/" not in r.event["subject"] else None
        )
        scene.worker(**told_to(receiver, scene))
        for _ in range(3):
            scene.enqueue(2)
        scene.until(lambda: len(found) == 3, "three batches are announced")
    assert found == [{"c0/0.png", "c1/0.png", "manifest.jsonl", "_SUCCESS"}] * 3


@pytest.mark.slow
def test_a_refused_event_comes_again_under_its_id(scene: Scene) -> None:
    """After 500 the same event is delivered again: same id, same body, newly signed."""
    with Receiver() as receiver:
        receiver.refuses = lambda request: request.headers["webhook-id"] not in receiver.ids()
        scene.worker(**told_to(receiver, scene))
        scene.finish(scene.enqueue())
        wait_for(scene, receiver, 2)
    tries = Counter(r.headers["webhook-id"] for r in receiver.requests)
    assert sorted(tries.values()) == [2, 2]
    for message_id in tries:
        bodies = {r.body for r in receiver.requests if r.headers["webhook-id"] == message_id}
        assert len(bodies) == 1
    for request in receiver.requests:
        Webhook(SECRET).verify(request.body, request.headers)


@pytest.mark.slow
def test_a_delivery_cut_off_by_a_kill_is_made_again(scene: Scene) -> None:
    """After SIGKILL in the middle of a delivery another worker delivers the same event under the same id."""
    with Receiver() as receiver:
        receiver.gate.clear()
        first = scene.another_worker(lease="2", **told_to(receiver, scene))
        batch = scene.enqueue()
        for _both in range(2):  # in either order: the edit's end, and the batch's
            assert receiver.arrived.acquire(timeout=LIMIT_S)
        first.kill()
        receiver.gate.set()
        scene.another_worker(lease="2", **told_to(receiver, scene))
        scene.finish(batch)
        told = wait_for(scene, receiver, 4)  # the receiver counts the two that were cut: it answered them
    subjects = {e["id"]: e["subject"] for e in told}
    assert Counter(e["id"] for e in told) == dict.fromkeys(subjects, 2)
    assert sorted(subjects.values()) == [batch, f"{batch}/c0"]


@pytest.mark.slow
def test_a_receiver_that_never_answers_holds_up_no_edit(scene: Scene) -> None:
    """With more deliveries hanging than a worker makes at a time, every edit completes, and later every event comes."""
    count = 100
    with Receiver() as receiver:
        receiver.gate.clear()
        scene.worker(max_in_flight="100", **told_to(receiver, scene))
        batch = scene.enqueue(count)
        assert {r["state"] for r in scene.finish(batch).values()} == {"completed"}
        assert receiver.delivered() == []
        receiver.gate.set()
        subjects = {e["subject"] for e in wait_for(scene, receiver, count + 1)}
    assert len(subjects) == count + 1


def test_a_pause_and_its_end_are_told(scene: Scene) -> None:
    """An operator hears that submits pause, and why, and that they go on."""
    with Receiver() as receiver:
        scene.worker(**told_to(receiver, scene))
        scene.until(scene.queue.sinks, "the worker has said to whom it tells")
        scene.queue.pause(reason="lunch")
        scene.queue.resume()
        paused, resumed = sorted(wait_for(scene, receiver, 2), key=lambda event: str(event["type"]))
    assert [(e["type"], e["subject"]) for e in (paused, resumed)] == [
        ("retouch.paused", "submit:person"),
        ("retouch.resumed", "submit:person"),
    ]
    assert paused["data"] == resumed["data"] == {"kind": "submit", "cause": "person", "reason": "lunch"}


def test_a_receiver_that_is_down_holds_up_no_edit(scene: Scene) -> None:
    """With nobody listening every edit completes; a receiver that comes up is told all of it."""
    receiver = Receiver()
    worker = scene.worker(**told_to(receiver, scene))
    batch = scene.enqueue(5)
    assert {r["state"] for r in scene.finish(batch).values()} == {"completed"}
    scene.until(lambda: worker.child.output().count("event.not_delivered") >= 6, "each event was tried")
    with receiver:
        subjects = {e["subject"] for e in wait_for(scene, receiver, 6)}
    assert subjects == {batch, *(f"{batch}/c{n}" for n in range(5))}


def test_events_are_followed_through_an_outage_of_redis(scene: Scene, valkey: Valkey) -> None:
    """``retouch events --follow`` prints what happens, waits while Redis is away, and ends with Ctrl-C."""
    env = clean_environment(RETOUCH_REDIS_URL=scene.environment["RETOUCH_REDIS_URL"])
    with Process([RETOUCH, "events", "--follow"], env=env) as follower:
        first = scene.enqueue()
        scene.queue.cancel(first)
        follower.out.line(f"{first}/c0")
        valkey.kill()
        follower.err.line("Redis cannot be used")
        valkey.start()
        second = scene.enqueue()
        scene.queue.cancel(second)
        follower.out.line(f"{second}/c0")
        follower.signal(signal.SIGINT)
        assert follower.end().code == 130
