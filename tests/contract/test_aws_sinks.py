"""SNS, SQS and EventBridge: what is sent arrives there whole, in tens, and each refused entry fails by itself."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from retouch.events.sinks import aws as sinks
from retouch.events.sinks.message import TAKEN, Answer, Message
from retouch.events.sinks.spec import SinkKind, parse_sinks
from tests.harness.aws import ACCOUNT, REGION, Aws, aws
from tests.harness.waiting import LIMIT_S


@pytest.fixture(scope="module")
def services() -> Iterator[Aws]:
    """One server for all tests of this file; each has queues of its own."""
    with aws() as found:
        yield found


@pytest.fixture(autouse=True)
def environment(services: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker's own."""
    for name, value in services.environment.items():
        monkeypatch.setenv(name, value)


def messages(count: int, text: str = "x") -> list[Message]:
    return [
        Message.of({"id": f"evt-{n}", "type": "retouch.paused", "time": "2026-11-26T19:50:10.181Z", "data": text})
        for n in range(count)
    ]


def sender(url: str) -> sinks.AwsSender:
    return sinks.AwsSender(*parse_sinks(url))


def send(to: sinks.AwsSender, *of: Message) -> list[Answer]:
    """Send all at once."""

    async def run() -> list[Answer]:
        try:
            return await asyncio.gather(*map(to.send, of))
        finally:
            await to.close()

    return asyncio.run(run())


def bodies(found: list[dict[str, Any]]) -> list[Any]:
    return [json.loads(message["Body"]) for message in found]


def test_events_come_to_a_queue(services: Aws) -> None:
    """All of them, as they are, with type and id beside, so that a consumer need not read the body."""
    arn, sent = services.queue("plain"), messages(23, "ü\x01")
    assert send(sender(f"sqs:{arn}"), *sent) == [TAKEN] * 23
    found = services.received("plain")
    assert sorted(bodies(found), key=str) == sorted((json.loads(one.body) for one in sent), key=str)
    texts = {name: value["StringValue"] for name, value in found[0]["MessageAttributes"].items()}
    assert texts == {"type": "retouch.paused", "id": json.loads(found[0]["Body"])["id"]}


def test_events_come_to_a_topic(services: Aws) -> None:
    """And from there to who listens."""
    sent = messages(12)
    assert send(sender(f"sns:{services.topic('topic')}"), *sent) == [TAKEN] * 12
    found = services.received("topic")
    assert {one["id"] for one in bodies(found)} == {one.id for one in sent}
    assert found[0]["MessageAttributes"]["type"]["StringValue"] == "retouch.paused"


def test_events_come_to_a_bus(services: Aws) -> None:
    """With their type as the detail's, so that a rule can choose."""
    sent = messages(12)
    assert send(sender(f"eventbridge:{services.bus('bus')}"), *sent) == [TAKEN] * 12
    found = bodies(services.received("bus"))
    assert {one["detail"]["id"] for one in found} == {one.id for one in sent}
    assert {(one["source"], one["detail-type"]) for one in found} == {("retouch", "retouch.paused")}


def test_a_fifo_queue_takes_each_event_once(services: Aws) -> None:
    """What comes a second time under its id is dropped by the queue."""
    arn = services.queue("orders.fifo", FifoQueue="true")
    for _ in range(2):
        assert send(sender(f"sqs:{arn}"), *messages(3)) == [TAKEN] * 3
    assert len(services.received("orders.fifo")) == 3


def test_a_fifo_topic_is_sent_to(services: Aws) -> None:
    """With what it asks for."""
    arn = services.topic("orders2.fifo", FifoQueue="true")
    assert send(sender(f"sns:{arn}"), *messages(3)) == [TAKEN] * 3


def test_what_is_sent_together_goes_in_tens(services: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no call has more bytes than the services take."""
    calls: list[list[str]] = []

    def take(_client: Any, _arn: str, of: Sequence[Message]) -> dict[int, str]:
        calls.append([one.id for one in of])
        return {}

    monkeypatch.setattr(sinks, "_KINDS", {SinkKind.SQS: ("sqs", take)})
    url = f"sqs:{services.queue('calls')}"
    assert send(sender(url), *messages(25)) == [TAKEN] * 25
    assert sorted(len(call) for call in calls) == [5, 10, 10]
    calls.clear()
    assert send(sender(url), *messages(5, "x" * 100_000)) == [TAKEN] * 5
    assert sorted(len(call) for call in calls) == [1, 2, 2]


def test_an_entry_that_is_refused_fails_alone(services: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others of its call are taken; the reason is AWS's own."""
    answers = {
        "sqs": {"Successful": [], "Failed": [{"Id": "1", "Code": "InternalError", "Message": "try again"}]},
        "sns": {"Successful": [], "Failed": [{"Id": "1", "Code": "InternalError", "Message": "try again"}]},
        "eventbridge": {
            "Entries": [{"EventId": "a"}, {"ErrorCode": "InternalError", "ErrorMessage": "try again"}, {"EventId": "b"}]
        },
    }

    class Client:
        def __init__(self, answer: dict[str, Any]) -> None:
            self.answer = answer

        def get_queue_url(self, **_: str) -> dict[str, str]:
            return {"QueueUrl": "url"}

        def send_message_batch(self, **_: Any) -> dict[str, Any]:
            return self.answer

        publish_batch = put_events = send_message_batch

    arns = {"sqs": "sqs", "sns": "sns", "eventbridge": "events"}
    for kind, service in arns.items():
        name = "event-bus/a" if kind == "eventbridge" else "a"
        to = sender(f"{kind}:arn:aws:{service}:{REGION}:{ACCOUNT}:{name}")
        to._client = Client(answers[kind])
        refused = Answer(f"{kind} a did not take it: InternalError: try again")
        assert send(to, *messages(3)) == [TAKEN, refused, TAKEN]


def test_an_answer_of_another_shape_is_told(services: Aws) -> None:
    """Nobody waits for ever."""

    class Odd:
        def put_events(self, **_: Any) -> dict[str, Any]:
            return {}

    to = sender(f"eventbridge:arn:aws:events:{REGION}:{ACCOUNT}:event-bus/a")
    to._client = Odd()
    assert send(to, *messages(2)) == [Answer("eventbridge a did not take it: KeyError: 'Entries'")] * 2


def test_a_queue_that_is_not_there_is_told(services: Aws) -> None:
    """Each event is not taken, for AWS's reason; nothing is raised."""
    [answer] = send(sender(f"sqs:arn:aws:sqs:{REGION}:{ACCOUNT}:nowhere"), *messages(1))
    assert answer.reason.startswith("sqs nowhere did not take it: ")
    assert "NonExistentQueue" in answer.reason
    assert not answer.gone


def test_a_service_that_is_not_there_is_told(services: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection, or no credentials: the events are tried again."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    [answer] = send(sender(f"sns:arn:aws:sns:{REGION}:{ACCOUNT}:a"), *messages(1))
    assert "Could not connect" in answer.reason
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    [answer] = send(sender(f"sns:arn:aws:sns:{REGION}:{ACCOUNT}:a"), *messages(1))
    assert "credentials" in answer.reason


def test_a_service_that_does_not_answer_takes_no_thread_of_others(services: Aws) -> None:
    """Its calls are in threads of its own, a few at most; another sink goes on."""
    gate = threading.Event()
    started = threading.Semaphore(0)

    class Stuck:
        def put_events(self, **_: Any) -> dict[str, Any]:
            started.release()
            gate.wait(LIMIT_S)
            return {"Entries": [{} for _ in range(10)]}

    stuck = sender(f"eventbridge:arn:aws:events:{REGION}:{ACCOUNT}:event-bus/a")
    stuck._client = Stuck()
    quick = sender(f"sqs:{services.queue('quick')}")

    async def run() -> list[Answer]:
        waiting = [asyncio.create_task(stuck.send(one)) for one in messages(100)]
        await asyncio.to_thread(started.acquire)
        answers = await asyncio.gather(*map(quick.send, messages(10)))
        assert not any(task.done() for task in waiting)
        gate.set()
        await asyncio.gather(*waiting)
        await asyncio.gather(stuck.close(), quick.close())
        return answers

    assert asyncio.run(run()) == [TAKEN] * 10
