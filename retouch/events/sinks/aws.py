"""SNS, SQS and EventBridge: events go in tens, and each entry that is refused fails by itself.

Credentials and endpoints are boto3's (``AWS_…``); the region is that of the ARN.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from retouch.events.sinks.message import TAKEN, Answer, Message
from retouch.events.sinks.spec import SinkKind, SinkSpec

AT_ONCE = 10  # entries in one call: all that the three take
MAX_BYTES = 256_000  # of all entries of a call: 256 KiB are allowed, and each entry has more than its body
CALLS_AT_ONCE = 4  # to one sink
_CONFIG = Config(
    connect_timeout=5,
    read_timeout=20,
    retries={"total_max_attempts": 1},  # our own schedule tries again
    max_pool_connections=CALLS_AT_ONCE,
)
_KEPT_REASON = 300  # characters of an error of AWS

Send = Callable[[Any, str, Sequence[Message]], Mapping[int, str]]
Waiting = tuple[Message, "asyncio.Future[Answer]"]


class AwsSender:
    """Sends to one topic, queue or bus; what arrives while calls are under way goes together.

    It has threads of its own, so that a service that does not answer takes none from others. One per event loop.
    """

    def __init__(self, spec: SinkSpec) -> None:
        self._name = f"{spec.kind} {spec.shown}"
        self._arn = spec.target
        self._service, self._send = _KINDS[spec.kind]
        self._client: Any = None
        self._threads = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix=f"sink-{spec.kind}")
        self._waiting: list[Waiting] = []
        self._calls: set[asyncio.Task[None]] = set()

    async def send(self, message: Message) -> Answer:
        """Send an event once, with others."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, answer))
        if len(self._calls) < CALLS_AT_ONCE:
            call = asyncio.create_task(self._work())
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
        return await answer

    async def close(self) -> None:
        """End its threads; calls under way go on to their end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        await asyncio.sleep(0)  # what is sent at the same moment joins
        while self._waiting:
            group = self._next_group()
            reasons = await asyncio.get_running_loop().run_in_executor(self._threads, self._call, [m for m, _ in group])
            for (_, answer), reason in zip(group, reasons, strict=True):
                if not answer.done():  # who waits for it may have been cancelled
                    answer.set_result(Answer(reason) if reason else TAKEN)

    def _next_group(self) -> list[Waiting]:
        size = taken = 0
        for message, _ in self._waiting[:AT_ONCE]:
            size += len(message.body)
            if taken and size > MAX_BYTES:
                break
            taken += 1
        group, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return group

    def _call(self, messages: Sequence[Message]) -> list[str]:
        """Make one call; returns why each of the events was not taken, empty where it was."""
        try:
            if self._client is None:
                self._client = _client(self._service, self._arn.split(":")[3])
            failed = self._send(self._client, self._arn, messages)
        except ClientError as error:
            told = error.response.get("Error", {})
            return [self._reason(f"{told.get('Code')}: {told.get('Message')}")] * len(messages)
        except BotoCoreError as error:
            return [self._reason(str(error))] * len(messages)
        except Exception as error:  # an answer of another shape, say: who waits must be told in any case
            return [self._reason(f"{type(error).__name__}: {error}")] * len(messages)
        return [self._reason(failed[place]) if place in failed else "" for place in range(len(messages))]

    def _reason(self, words: str) -> str:
        line = " ".join(words.split())
        return f"{self._name} did not take it: {line[:_KEPT_REASON]}"


def _client(service: str, region: str) -> Any:
    """A client; a session of its own, as boto3's default one must not be used by several threads at a time."""
    session: Any = boto3.Session(region_name=region)
    return session.client(service, config=_CONFIG)


def _to_sns(client: Any, arn: str, messages: Sequence[Message]) -> Mapping[int, str]:
    entries = [
        _entry(place, message, arn)
        | {"Message": message.body, "MessageAttributes": {"type": _text(message.type), "id": _text(message.id)}}
        for place, message in enumerate(messages)
    ]
    return _failed(client.publish_batch(TopicArn=arn, PublishBatchRequestEntries=entries))


def _to_sqs(client: Any, arn: str, messages: Sequence[Message]) -> Mapping[int, str]:
    entries = [
        _entry(place, message, arn)
        | {"MessageBody": message.body, "MessageAttributes": {"type": _text(message.type), "id": _text(message.id)}}
        for place, message in enumerate(messages)
    ]
    return _failed(client.send_message_batch(QueueUrl=_queue_url(client, arn), Entries=entries))


@lru_cache  # every call would otherwise be two
def _queue_url(client: Any, arn: str) -> str:
    *_, account, name = arn.split(":")
    return str(client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"])


def _to_eventbridge(client: Any, arn: str, messages: Sequence[Message]) -> Mapping[int, str]:
    entries = [
        {
            "EventBusName": arn,
            "Source": "retouch",
            "DetailType": message.type,
            "Detail": message.body,
            "Time": message.time,
        }
        for message in messages
    ]
    told = client.put_events(Entries=entries)["Entries"]  # in the order of the request
    return {place: _words(one, "ErrorCode", "ErrorMessage") for place, one in enumerate(told) if one.get("ErrorCode")}


_KINDS: Mapping[SinkKind, tuple[str, Send]] = {
    SinkKind.SNS: ("sns", _to_sns),
    SinkKind.SQS: ("sqs", _to_sqs),
    SinkKind.EVENTBRIDGE: ("events", _to_eventbridge),
}


def _entry(place: int, message: Message, arn: str) -> dict[str, Any]:
    """What an entry has by which its failure is told, and what a FIFO topic or queue asks for.

    Each event is a group of its own there: there is no order among them to be kept, and so none waits for another.
    """
    entry = {"Id": str(place)}
    if arn.endswith(".fifo"):
        entry |= {"MessageGroupId": message.id, "MessageDeduplicationId": message.id}
    return entry


def _text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


def _failed(answer: Mapping[str, Any]) -> Mapping[int, str]:
    failed: Iterable[Mapping[str, Any]] = answer.get("Failed") or ()
    return {int(one["Id"]): _words(one, "Code", "Message") for one in failed}


def _words(told: Mapping[str, Any], *names: str) -> str:
    return ": ".join(str(told[name]) for name in names if told.get(name))
