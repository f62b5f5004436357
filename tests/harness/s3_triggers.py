"""A bucket of AWS whose notifications come to a queue by one of its routes, on this machine."""

from __future__ import annotations

import json
from typing import Any

from tests.harness.aws import REGION, Aws

ROUTES = ("direct", "sns", "sns-raw", "eventbridge")
TRIES = 5


class Triggers:
    """A bucket of the name, and queues of it: ``new`` has the notifications, ``failed`` what could not be taken."""

    def __init__(self, aws: Aws, name: str, route: str = "direct") -> None:
        self.aws = aws
        self.bucket = name
        self.failed = f"{name}-failed"
        self._s3: Any = aws._session.client("s3", endpoint_url=aws.url)
        self._s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        dead = aws.queue(self.failed)
        policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": TRIES})
        self._queue = aws.queue(f"{name}-new", RedrivePolicy=policy)
        {"direct": self._direct, "sns": self._sns, "sns-raw": self._sns, "eventbridge": self._eventbridge}[route](route)

    @property
    def url(self) -> str:
        """Of the queue."""
        return str(self.aws.sqs.get_queue_url(QueueName=f"{self.bucket}-new")["QueueUrl"])

    def put(self, key: str, data: bytes) -> str:
        """Put an object; returns its address."""
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=data)
        return f"s3://{self.bucket}/{key}"

    def send(self, body: str) -> None:
        """Put any message into the queue."""
        self.aws.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    @property
    def left(self) -> int:
        """How many messages are in the queue, hidden or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.aws.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def _notify(self, **how: Any) -> None:
        self._s3.put_bucket_notification_configuration(Bucket=self.bucket, NotificationConfiguration=how)

    def _direct(self, _route: str) -> None:
        self._notify(QueueConfigurations=[{"QueueArn": self._queue, "Events": ["s3:ObjectCreated:*"]}])

    def _sns(self, route: str) -> None:
        topic = self.aws.sns.create_topic(Name=self.bucket)["TopicArn"]
        raw = {"RawMessageDelivery": "true" if route == "sns-raw" else "false"}
        self.aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=self._queue, Attributes=raw)
        self._notify(TopicConfigurations=[{"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}])

    def _eventbridge(self, _route: str) -> None:
        pattern = {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [self.bucket]}},
        }
        self.aws.events.put_rule(Name=self.bucket, EventPattern=json.dumps(pattern))
        self.aws.events.put_targets(Rule=self.bucket, Targets=[{"Id": "queue", "Arn": self._queue}])
        self._notify(EventBridgeConfiguration={})
