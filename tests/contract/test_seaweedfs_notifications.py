"""What SeaweedFS itself posts of a new object is read as one."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from boto3.s3.transfer import TransferConfig

from retouch.media.store import Store
from retouch.media.stores import kept_store
from retouch.triggers.notifications import NewObject, parse
from retouch.triggers.scanning import seen
from tests.harness.receiver import Receiver
from tests.harness.waiting import until
from workers.stack.s3 import S3

MIB = 1024 * 1024
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


@pytest.fixture
def store(server: S3, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Store]:
    """Its buckets, as programs of Retouch open them."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return kept_store


def told(receiver: Receiver, bucket: str, key: str = KEY) -> list[NewObject]:
    """The objects of which it has told, each once."""
    objects = [found for request in receiver.requests for found in parse(request.body)]
    return list(dict.fromkeys(found for found in objects if (found.bucket, found.key) == (bucket, key)))


def has_told(receiver: Receiver, bucket: str, number: int, key: str = KEY) -> bool:
    """Whether it has told of so many."""
    return len(told(receiver, bucket, key)) == number


def test_a_new_object_is_read(server: S3, receiver: Receiver) -> None:
    """With its key and its ETag; new content is another object. It shows its token."""
    client, bucket = server.client(), server.bucket
    for number, data in enumerate((b"one", b"other"), 1):
        client.put_object(Bucket=bucket, Key=KEY, Body=data)
        until(partial(has_told, receiver, bucket, number), "the object is told of")
    assert [found._replace(at=None) for found in told(receiver, bucket)] == [
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


def test_a_scan_sees_what_was_told(server: S3, receiver: Receiver, store: Callable[[str], Store]) -> None:
    """So that nothing is paid for twice: plain, in parts, in a bucket with versions. What is gone is left out."""
    client = server.client()
    parts = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    for bucket in (server.bucket, "versions"):
        for key, data in (("plain.png", b"x"), ("large.png", bytes(5 * MIB + 1))):
            client.upload_fileobj(io.BytesIO(data), bucket, key, Config=parts)
            until(partial(has_told, receiver, bucket, 1, key), "the object is told of")
            assert seen(store(bucket), bucket, [key, "gone.png"]) == told(receiver, bucket, key)
