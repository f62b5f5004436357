"""A queue of SQS: messages are received, kept hidden while they are worked on, and deleted when they are done with.

Credentials are boto3's (``AWS_…``); endpoint and region are those of the queue's URL.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from retouch.errors import InputError, ServiceError
from retouch.net.addresses import is_http_url

AT_ONCE = 10  # messages in one call: all that SQS takes
WAIT_S = 20  # for a first message: all that SQS waits
HIDDEN_S = 120  # a message that was received is seen by nobody else for so long
TRIES = 5  # what docs/triggers.md sets up
DEFAULT_REGION = "us-east-1"  # what servers other than AWS take
_CONFIG = Config(connect_timeout=5, read_timeout=WAIT_S + 10, retries={"total_max_attempts": 2})
_REGION = re.compile(r"(?:^|\.)sqs(?:-fips)?\.([a-z0-9-]+)\.|^([a-z0-9-]+)\.queue\.")
# What a person must mend: the queue, or what its credentials may do.
_REFUSALS = ("AccessDenied", "InvalidClientTokenId", "SignatureDoesNotMatch", "NonExistentQueue", "QueueDoesNotExist")


class QueueRefusedError(ServiceError):
    """There is no such queue, or it may not be used: a person must mend that."""


class Message(NamedTuple):
    """A message that was received; ``tries`` counts this time too. ``handle``: what SQS knows this time by."""

    id: str
    handle: str
    body: str
    tries: int
    sent_at: datetime


class Redrive(NamedTuple):
    """Where SQS puts a message that was received so often and is not done with."""

    tries: int
    queue: str


class Queue:
    """One queue. Every method raises ServiceError if SQS cannot be reached, and QueueRefusedError if it refuses.

    Raises InputError for what is no URL of a queue. Nothing is connected to before the first use.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if not is_http_url(url) or len(parts.path.strip("/").split("/")) < 2 or parts.query or "@" in parts.netloc:
            raise InputError(
                "the queue (--queue, RETOUCH_LISTENER_QUEUE) must be the URL of a queue of SQS, such as"
                " https://sqs.eu-central-1.amazonaws.com/123456789012/new-pictures"
            )
        self.url = url
        self.name = parts.path.rpartition("/")[2]
        self._endpoint = f"{parts.scheme}://{parts.netloc}"
        self._region = _region_of(parts.hostname or "")
        self._client: Any = None

    def redrive(self) -> Redrive | None:
        """The queue's own redrive policy; None if it has none."""
        with self._told("its attributes cannot be read"):
            found = self._sqs().get_queue_attributes(QueueUrl=self.url, AttributeNames=["RedrivePolicy"])
        policy = json.loads(found.get("Attributes", {}).get("RedrivePolicy", "{}"))
        if "deadLetterTargetArn" not in policy:
            return None
        return Redrive(int(policy["maxReceiveCount"]), str(policy["deadLetterTargetArn"]).rpartition(":")[2])

    def receive(self, wait_s: int) -> list[Message]:
        """Up to ten messages, which are hidden for HIDDEN_S; waits so long for the first."""
        with self._told("it gives no messages"):
            found = self._sqs().receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=AT_ONCE,
                WaitTimeSeconds=wait_s,
                VisibilityTimeout=HIDDEN_S,
                MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
            )
        return [_message(one) for one in found.get("Messages", ())]

    def delete(self, messages: Sequence[Message]) -> int:
        """Remove messages for good; returns how many SQS did not remove: they come again."""
        return self._in_tens("delete_message_batch", messages, lambda _: {})

    def hide(self, messages: Sequence[Message], seconds: Callable[[Message], int]) -> int:
        """Let messages come again after so many seconds from now; returns for how many SQS did not do that."""
        return self._in_tens(
            "change_message_visibility_batch", messages, lambda one: {"VisibilityTimeout": seconds(one)}
        )

    def _in_tens(self, call: str, messages: Sequence[Message], more: Callable[[Message], Mapping[str, Any]]) -> int:
        failed = 0
        for first in range(0, len(messages), AT_ONCE):
            group = messages[first : first + AT_ONCE]
            entries = [{"Id": str(n), "ReceiptHandle": one.handle, **more(one)} for n, one in enumerate(group)]
            with self._told("it does not change messages"):
                failed += len(getattr(self._sqs(), call)(QueueUrl=self.url, Entries=entries).get("Failed", ()))
        return failed

    def _sqs(self) -> Any:
        if self._client is None:
            session = boto3.Session()
            region = self._region or session.region_name or DEFAULT_REGION
            self._client = session.client("sqs", region_name=region, endpoint_url=self._endpoint, config=_CONFIG)
        return self._client

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            told = error.response.get("Error", {})
            code = str(told.get("Code", ""))
            kind = QueueRefusedError if re.split(r"[.#]", code)[-1].startswith(_REFUSALS) else ServiceError
            raise kind(f"the queue {self.name}: {what}: {code}: {told.get('Message')}") from None
        except (NoCredentialsError, NoRegionError) as error:
            raise QueueRefusedError(f"the queue {self.name}: {what}: {error}") from None
        except (BotoCoreError, OSError) as error:
            raise ServiceError(f"the queue {self.name} cannot be reached: {error}") from None


def _message(raw: Mapping[str, Any]) -> Message:
    about = raw.get("Attributes", {})
    sent_at = datetime.fromtimestamp(int(about.get("SentTimestamp", 0)) / 1000, UTC)
    return Message(
        raw["MessageId"], raw["ReceiptHandle"], raw["Body"], int(about.get("ApproximateReceiveCount", 1)), sent_at
    )


def _region_of(host: str) -> str | None:
    found = _REGION.search(host)
    return (found[1] or found[2]) if found else None
