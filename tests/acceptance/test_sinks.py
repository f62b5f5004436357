"""Workers with different sinks: each event comes to each of them, and what does not come is not lost."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from retouch.queue import EditQueue
from tests.acceptance.test_events import told_to
from tests.harness.aws import aws
from tests.harness.processes import RETOUCH, Ended, Process
from tests.harness.receiver import Receiver
from tests.harness.scene import Scene
from workers.stack.child import clean_environment

COUNT = 109  # edits, in each of two batches: with the batches' ends 220 events


def command(scene: Scene, *arguments: str) -> Ended:
    """Run ``retouch`` to its end."""
    env = clean_environment(RETOUCH_REDIS_URL=scene.environment["RETOUCH_REDIS_URL"])
    with Process([RETOUCH, *arguments], env=env) as process:
        return process.end()


def told_as(name: str, receiver: Receiver, scene: Scene) -> dict[str, str]:
    """The settings of a worker whose one sink, of this name, is the receiver."""
    settings = told_to(receiver, scene)
    return settings | {"sinks": f"{settings.pop('webhook_url')}?name={name}"}


def events(scene: Scene) -> dict[str, str]:
    """The ids of all events, with their subjects."""
    return {event["id"]: event["subject"] for event in scene.queue.events()}


def taken(receiver: Receiver) -> Counter[str]:
    """How often the receiver took each event, by id."""
    return Counter(event["id"] for event in receiver.delivered())


def nothing_waits(scene: Scene) -> bool:
    """Every sink has taken every event."""
    return all(sink.waiting + sink.undelivered == 0 for sink in scene.queue.sinks())


@pytest.mark.slow
def test_each_event_comes_to_each_worker_s_sink(scene: Scene) -> None:
    """Two workers with a sink each, and one without, which is seen last: nothing is stuck, and nothing given up."""
    with Receiver() as one, Receiver() as other:
        scene.another_worker(**told_to(one, scene))
        scene.another_worker(**told_as("other", other, scene))
        scene.another_worker()
        scene.until(lambda: len(scene.queue.workers()) == 3, "three workers are there")
        batches = [scene.enqueue(COUNT) for _ in range(2)]
        for batch in batches:
            scene.finish(batch)
        scene.until(lambda: nothing_waits(scene), "every event is delivered")
        told = events(scene)
        assert len(told) == 2 * COUNT + 2
        assert set(taken(one)) == set(taken(other)) == set(told)
    assert "event.given_up" not in scene.logs()


@pytest.mark.slow
def test_a_rolling_restart_loses_no_event(scene: Scene) -> None:
    """While the worker with the webhook is away, others end edits: what happens then is delivered when it is back."""
    with Receiver() as receiver:
        first = scene.another_worker(**told_to(receiver, scene))
        scene.another_worker()
        scene.finish(scene.enqueue(3))
        first.kill()
        away = scene.enqueue(5)
        scene.finish(away)
        scene.another_worker(**told_to(receiver, scene))
        scene.finish(scene.enqueue(3))
        scene.until(lambda: nothing_waits(scene), "every event is delivered")
        assert set(taken(receiver)) == set(events(scene))


def test_a_receiver_that_is_gone_gets_it_all_when_it_is_back(scene: Scene) -> None:
    """410 ends a delivery, and no more come; all is listed, told, and delivered by hand under the same ids."""
    with Receiver() as receiver:
        receiver.usual = 410
        scene.worker(**told_to(receiver, scene))
        scene.finish(scene.enqueue())
        scene.until(lambda: any(sink.gone for sink in scene.queue.sinks()), "the sink is gone")
        asked = len(receiver.requests)
        scene.finish(scene.enqueue(3))
        assert len(receiver.requests) <= asked + 1  # of the first batch: its end may have been under way
        [sink] = scene.queue.sinks()
        listed = [json.loads(line) for line in command(scene, "events", "--undelivered").out.splitlines()]
        assert {event["id"] for event in listed} == set(events(scene))
        assert f"{receiver.host} answered 410 Gone" in command(scene, "status").out
        receiver.usual = 200
        ended = command(scene, "events", "--redeliver", "--sink", sink.name)
        assert ended.err == f"{len(listed)} events are to be delivered again\n"
        scene.until(lambda: nothing_waits(scene), "every event is delivered")
        assert set(taken(receiver)) == {event["id"] for event in listed}
        assert all(r.headers["webhook-id"] == r.event["id"] for r in receiver.requests)
    assert "sink.gone" in scene.logs()


def test_a_worker_that_starts_tells_a_receiver_that_is_back(scene: Scene) -> None:
    """Without a person: what was not tried is delivered; what was answered 410 is left to one."""
    with Receiver() as receiver:
        receiver.usual = 410
        first = scene.another_worker(**told_to(receiver, scene))
        scene.finish(scene.enqueue())
        scene.until(lambda: any(sink.gone for sink in scene.queue.sinks()), "the sink is gone")
        second = scene.enqueue()
        scene.finish(second)
        first.kill()
        receiver.usual = 200
        scene.another_worker(**told_to(receiver, scene))
        both = {second, f"{second}/c0"}
        scene.until(lambda: both <= {e["subject"] for e in receiver.delivered()}, "what was not tried is delivered")


def test_two_installations_have_no_id_in_common(scene: Scene) -> None:
    """On one Redis, with one receiver, at the same time."""
    url = scene.environment["RETOUCH_REDIS_URL"]
    queues = [scene.queue, EditQueue.from_url(url, namespace="other")]
    edits: list[dict[str, Any]] = scene.edits(150)
    for queue in queues:
        queue.enqueue(edits, batch="b")
    for queue in queues:
        queue.cancel("b")
    first, second = ({event["id"] for event in queue.events()} for queue in queues)
    assert (len(first), len(second), first & second) == (150, 150, set())


def test_a_dead_and_a_slow_sink_delay_nobody(scene: Scene) -> None:
    """Edits and the events of another sink go on; when the dead one is back it gets all of its events, too."""
    with Receiver() as quick, Receiver() as slow, Receiver() as dead:
        slow.gate.clear()
        dead.usual = 503
        settings = told_to(quick, scene)
        others = f"{slow.url}/slow?name=slow {dead.url}/dead?name=dead&types=edit.completed"
        hosts = ",".join(dict.fromkeys([settings["private_hosts"], quick.host, slow.host, dead.host]))
        scene.worker(**settings | {"sinks": others, "private_hosts": hosts})
        batch = scene.enqueue(20)
        scene.finish(batch)
        told = events(scene)
        scene.until(lambda: set(taken(quick)) == set(told), "the quick one has all")
        scene.until(lambda: any(sink.held for sink in scene.queue.sinks()), "the dead one is held")
        assert len(dead.requests) <= 21
        dead.usual = 200
        scene.until(lambda: len(taken(dead)) == 20, "the dead one has all that it asks for", 60)
        assert taken(slow) == Counter()
        slow.gate.set()
        scene.until(lambda: set(taken(slow)) == set(told), "the slow one has all")


def test_events_come_to_sqs_sns_and_eventbridge(scene: Scene) -> None:
    """From a worker as it is deployed, to moto's services; each sink gets what it asks for."""
    with aws() as services:
        sinks = (
            f"sqs:{services.queue('edits')}?types=edit.completed",
            f"sns:{services.topic('ends')}?types=batch.completed",
            f"eventbridge:{services.bus('bus')}",
        )
        scene.another_worker(sinks=" ".join(sinks), AWS_ENDPOINT_URL=services.url)
        batch = scene.enqueue(23)
        scene.finish(batch)
        scene.until(lambda: nothing_waits(scene), "all is delivered")
        told = {name: [json.loads(one["Body"]) for one in services.received(name)] for name in ("edits", "ends", "bus")}
        ids = events(scene)
        assert {one["id"] for one in told["edits"]} == {i for i, subject in ids.items() if "/" in subject}
        assert {one["subject"] for one in told["ends"]} == {batch}
        assert {one["detail"]["id"] for one in told["bus"]} == set(ids)
