"""What each store tells of a new object, as it was seen or is documented by it, and what is no news."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.errors import InputError
from retouch.triggers.notifications import MAX_BYTES, NewObject, parse

KEY = "in/2026-11-26/a b+ü%2F.png"
QUOTED = "in/2026-11-26/a+b%2B%C3%BC%252F.png"
AT = datetime(2026, 11, 26, 9, 0, 1, 5000, UTC)
ETAG = "202cb962ac59075b964b07152d234b70"
FOUND = NewObject("photos", KEY, "", ETAG, 3, AT)


def record(
    key: str = QUOTED, *, event: str = "ObjectCreated:Put", source: str = "aws:s3", **more: Any
) -> dict[str, Any]:
    return {
        "eventVersion": "2.1",
        "eventSource": source,
        "awsRegion": "eu-central-1",
        "eventTime": "2026-11-26T09:00:01.005Z",
        "eventName": event,
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "new-pictures",
            "bucket": {"name": "photos", "arn": "arn:aws:s3:::photos"},
            "object": {"key": key, "size": 3, "eTag": ETAG, "sequencer": "617f08299329d189", **more},
        },
    }


def records(*of: dict[str, Any]) -> dict[str, Any]:
    return {"Records": list(of or (record(),))}


EVENTBRIDGE = {
    "version": "0",
    "id": "17793124-05d4-b198-2fde-7ededc63b103",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "account": "123456789012",
    "time": "2026-11-26T09:00:01Z",
    "region": "eu-central-1",
    "resources": ["arn:aws:s3:::photos"],
    "detail": {
        "version": "0",
        "bucket": {"name": "photos"},
        "object": {"key": KEY, "size": 3, "etag": ETAG, "version-id": "v1", "sequencer": "617f08299329d189"},
        "request-id": "N4N7GDK58NMKJ12R",
        "requester": "123456789012",
        "reason": "PutObject",
    },
}


def wrapped(message: dict[str, Any]) -> dict[str, Any]:
    """As SNS sends it, unless raw delivery is on."""
    about = {"Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:eu-central-1:1:t"}
    return about | {"Message": json.dumps(message), "Timestamp": "2026-11-26T09:00:02.000Z", "SignatureVersion": "1"}


MINIO = {"EventName": "s3:ObjectCreated:Put", "Key": f"photos/{KEY}"} | records(
    record(source="minio:s3", event="s3:ObjectCreated:Put", contentType="image/png", userMetadata={})
)
CEPH = records(record(KEY, source="ceph:s3", versionId="", size="3", metadata=[], tags=[]))


def seaweedfs(kind: str = "create", key: str = f"/buckets/photos/{KEY}", **entry: Any) -> dict[str, Any]:
    """As SeaweedFS 4.48 posts it."""
    attributes = {"file_size": 3, "mtime": int(AT.timestamp()), "file_mode": 432, "md5": "ICy5YqxZB1uWSwcVLSNLcA=="}
    hexadecimal = "MjAyY2I5NjJhYzU5MDc1Yjk2NGIwNzE1MmQyMzRiNzA="  # what it puts there: the ETag's text, in base64
    entry = {"name": "x", "attributes": attributes, "extended": {"Seaweed-X-Amz-ETag": hexadecimal}, **entry}
    side = "old_entry" if kind == "delete" else "new_entry"
    return {"event_type": kind, "key": key, "message": {side: entry, "delete_chunks": True, "signatures": [-423109199]}}


def versioned(**extended: str) -> dict[str, Any]:
    """As it posts what comes into a bucket that keeps versions."""
    version = {"Seaweed-X-Amz-Version-Id": base64.b64encode(b"671f").decode()}
    return seaweedfs(key=f"/buckets/photos/{KEY}.versions/v_671f", extended=version | extended)


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (records(), FOUND),
        (records(record(versionId="v1", eTag=f'"{ETAG}"')), FOUND._replace(version="v1")),
        (wrapped(records()), FOUND),
        (EVENTBRIDGE, FOUND._replace(version="v1", at=AT.replace(microsecond=0))),
        (wrapped(EVENTBRIDGE), FOUND._replace(version="v1", at=AT.replace(microsecond=0))),
        (MINIO, FOUND),
        (CEPH, FOUND),
        (seaweedfs(), FOUND._replace(at=AT.replace(microsecond=0))),
        (seaweedfs("update"), FOUND._replace(at=AT.replace(microsecond=0))),
        (versioned(), FOUND._replace(version="671f", at=AT.replace(microsecond=0))),
        (seaweedfs(extended={}), FOUND._replace(at=AT.replace(microsecond=0))),
    ],
    ids=[
        "SQS",
        "version",
        "SNS",
        "EventBridge",
        "EventBridge by SNS",
        "MinIO",
        "Ceph",
        "SeaweedFS",
        "update",
        "SeaweedFS' version",
        "no ETag",
    ],
)
def test_a_new_object_is_read(message: dict[str, Any], found: NewObject) -> None:
    """Its key as it is in the bucket: it is quoted in the records of AWS and MinIO, and nowhere else."""
    assert parse(json.dumps(message)) == [found]
    assert parse(json.dumps(message).encode()) == [found]


def test_all_records_of_a_message_are_read() -> None:
    """Those of other events are passed over."""
    message = records(record("a.png"), record("b.png", event="ObjectRemoved:Delete"), record("c%2Fd.png", size=None))
    assert [(found.key, found.size) for found in parse(json.dumps(message))] == [("a.png", 3), ("c/d.png", None)]


@pytest.mark.parametrize(
    "message",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-26T09:00:00.000Z", "Bucket": "photos"},
        wrapped({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"}),
        records(record(event="ObjectRemoved:Delete")),
        EVENTBRIDGE | {"detail-type": "Object Deleted"},
        {"Records": []},
        seaweedfs("delete"),
        seaweedfs("rename"),
        seaweedfs(is_directory=True),
        seaweedfs(key="/buckets/photos"),
        seaweedfs(key="/buckets/photos/.uploads/0769188a_2c8e/0001_8f45.part"),
        versioned(**{"Seaweed-X-Amz-Noncurrent-Since-Ns": "MTc5NTc0NjUxNzYwMDYxOTUxNQ=="}),
        seaweedfs(key="/buckets/.system/owners/photos/x"),
        seaweedfs(key="/elsewhere/x.png"),
    ],
)
def test_what_is_no_news_of_an_object_tells_of_none(message: dict[str, Any]) -> None:
    """The test of S3's, deletions, folders."""
    assert parse(json.dumps(message)) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"hello",
        b"[]",
        b"{}",
        b'{"Records": 5}',
        b'{"Records": [{}]}',
        b'{"Records": [5]}',
        b'{"Type": "Notification", "Message": "hello"}',
        b'{"source": "aws.s3"}',
        json.dumps(records(record("a%FF.png"))).encode(),
        json.dumps(records(record(size="many"))).encode(),
        json.dumps({"Records": [record() | {"eventTime": "yesterday"}]}).encode(),
        json.dumps(wrapped(wrapped(wrapped(wrapped(records()))))).encode(),
        b"[" * 100_000,
        b" " * (MAX_BYTES + 1),
    ],
)
def test_what_is_no_notification_is_refused(body: bytes) -> None:
    """In one sentence, which shows nothing of it."""
    with pytest.raises(InputError, match="notification"):
        parse(body)


@pytest.mark.parametrize(
    "message",
    [
        *(records(record() | {"eventTime": when}) for when in ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59")),
        EVENTBRIDGE | {"time": "9999-12-31T23:59:59-23:59"},
        *(
            {
                "event_type": "create",
                "key": "/buckets/photos/a.png",
                "message": {"new_entry": {"attributes": {"mtime": mtime}}},
            }
            for mtime in (1e18, 2**63, 1e308, -(2**62))
        ),
    ],
    ids=str,
)
def test_a_time_of_no_calendar_is_refused(message: dict[str, Any]) -> None:
    """And is no bug: no day could be counted on from there."""
    with pytest.raises(InputError, match="of another kind"):
        parse(json.dumps(message))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["Records", "s3", "object", "key", "detail", "source", "Message"]), inner)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["Records", "Type", "Message", "source", "event_type", "key", "message"]), JSON))
def test_whatever_comes_is_read_or_refused(message: dict[str, Any]) -> None:
    """Nothing else is raised."""
    with suppress(InputError):
        parse(json.dumps(message))
