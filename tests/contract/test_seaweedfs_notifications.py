"""What SeaweedFS itself posts of a new object is read as one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial

import pytest

from retouch.triggers.notifications import NewObject, parse
from tests.harness.receiver import Receiver
from tests.harness.waiting import until
from workers.stack.s3 import S3

KEY = "incoming/2026-11-26/a b+ü.png"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """Where it posts."""
    with Receiver() as found:
        yield found


@pytest.fixture(scope="module")
def server(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A server that posts all that happens in two buckets, of which one keeps versions."""
    found = S3(tmp_path_factory.mktemp("s3"))
    found.notify(f"{receiver.url}/", "secret", [f"{found.bucket}/", "versions/"])
    found.start()
    try:
        found.make_buckets(["versions"])
        found.client().put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
        yield found
    finally:
        found.kill()


def told(receiver: Receiver, bucket: str) -> list[NewObject]:
    """The objects of which it has told, each once."""
    objects = [found for request in receiver.requests for found in parse(request.body)]
    mine = [found._replace(at=None) for found in objects if (found.bucket, found.key) == (bucket, KEY)]
    return list(dict.fromkeys(mine))


def has_told(receiver: Receiver, bucket: str, number: int) -> bool:
    """Whether it has told of so many."""
    return len(told(receiver, bucket)) == number


def test_a_new_object_is_read(server: S3, receiver: Receiver) -> None:
    """With its key and its ETag; new content is another object. It shows its token."""
    client, bucket = server.client(), server.bucket
    for number, data in enumerate((b"one", b"other"), 1):
        client.put_object(Bucket=bucket, Key=KEY, Body=data)
        until(partial(has_told, receiver, bucket, number), "the object is told of")
    assert told(receiver, bucket) == [
        NewObject(bucket, KEY, "", hashlib.md5(data).hexdigest(), len(data), None) for data in (b"one", b"other")
    ]
    assert {request.headers.get("authorization") for request in receiver.requests} == {"Bearer secret"}


def test_a_new_version_of_an_object_is_read(server: S3, receiver: Receiver) -> None:
    """Under the object's own key; the version before it is not told of again."""
    client, versions = server.client(), []
    for number, data in enumerate((b"one", b"other"), 1):
        versions.append(client.put_object(Bucket="versions", Key=KEY, Body=data)["VersionId"])
        until(partial(has_told, receiver, "versions", number), "the version is told of")
    assert [found.version for found in told(receiver, "versions")] == versions
    client.put_object(Bucket="versions", Key="last", Body=b"x")
    until(lambda: any(b"/last" in request.body for request in receiver.requests), "all is told")
    tellings = [found for request in receiver.requests for found in parse(request.body) if found.bucket == "versions"]
    assert [found.version for found in tellings if found.key == KEY] == versions
