"""SNS, SQS and EventBridge on this machine: moto's server, in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

REGION, ACCOUNT = "eu-central-1", "123456789012"


class Aws:
    """The services, and a queue that everything comes to: what was sent to it, to a topic or to a bus."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session: Any = boto3.Session("id", "secret", region_name=REGION)
        self.sqs, self.sns, self.events = (self._client(name) for name in ("sqs", "sns", "events"))

    def _client(self, name: str) -> Any:
        return self._session.client(name, endpoint_url=self.url)

    @property
    def environment(self) -> dict[str, str]:
        """What boto3 reads."""
        return {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL": self.url}

    def queue(self, name: str, **attributes: str) -> str:
        """Make a queue; returns its ARN."""
        self.sqs.create_queue(QueueName=name, Attributes=attributes)
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    def topic(self, name: str, **attributes: str) -> str:
        """Make a topic that a queue of its name listens to; returns its ARN."""
        queue = self.queue(name, **{key: value for key, value in attributes.items() if key == "FifoQueue"})
        mine = {"FifoTopic": "true"} if attributes else {}
        arn = str(self.sns.create_topic(Name=name, Attributes=mine)["TopicArn"])
        self.sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
        return arn

    def bus(self, name: str) -> str:
        """Make a bus whose events of ours come to a queue of its name; returns its ARN."""
        queue = self.queue(name)
        arn = str(self.events.create_event_bus(Name=name)["EventBusArn"])
        self.events.put_rule(Name="ours", EventBusName=name, EventPattern=json.dumps({"source": ["retouch"]}))
        self.events.put_targets(Rule="ours", EventBusName=name, Targets=[{"Id": "q", "Arn": queue}])
        return arn

    def received(self, queue: str) -> list[dict[str, Any]]:
        """All messages of a queue, which is empty then."""
        url, found = self.sqs.get_queue_url(QueueName=queue)["QueueUrl"], []
        while page := self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
        ).get("Messages"):
            found += page
            for message in page:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found


@contextmanager
def aws() -> Iterator[Aws]:
    """The services while the block runs; they begin empty."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Aws(f"http://{host}:{port}")
    finally:
        server.stop()
