"""What stores tell of new objects, read from the bytes of a message: shapes of AWS, MinIO, Ceph and SeaweedFS.

| who sends | shape | its keys are |
| --- | --- | --- |
| S3 to SQS, or to SNS with raw delivery; MinIO | ``{"Records": [{"s3": ...}]}`` | quoted, as in a form |
| Ceph | the same, of the source ``ceph:s3`` | plain |
| S3 by EventBridge | ``{"source": "aws.s3", "detail": ...}`` | plain |
| SNS without raw delivery | ``{"Type": "Notification", "Message": "<one of these>"}`` | |
| SeaweedFS | ``{"event_type": "create", "key": "/buckets/B/...", "message": ...}`` | plain |
"""

from __future__ import annotations

import json
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from retouch.errors import InputError

MAX_BYTES = 1024 * 1024  # what SQS takes at most
_MAX_WRAPPED = 3  # a notification within another: EventBridge may send by SNS
_PLAIN_KEYS = ("ceph:s3",)
_SEAWEEDFS_BUCKETS = "/buckets/"
_YEARS = (1970, 2999)
_SEAWEEDFS_PARTS = ".uploads/"  # of objects that are on their way
_SEAWEEDFS_OLD = "Seaweed-X-Amz-Noncurrent-Since-Ns"  # an earlier version, when a newer one has come
_NO_VERSION = ("", "null")  # what stores write of a bucket that keeps no versions


class NewObject(NamedTuple):
    """An object that has appeared, or has got new content.

    ``version``: the store's own, empty if the bucket keeps none. ``size`` in bytes, None if it was not told. ``at``:
    when, by the store's clock; None if it was not told.
    """

    bucket: str
    key: str
    version: str
    etag: str
    size: int | None
    at: datetime | None

    @property
    def uri(self) -> str:
        """Its address."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def content(self) -> str:
        """What tells this content of the key from earlier ones; empty if nothing does."""
        return self.version or self.etag


def parse(body: str | bytes) -> list[NewObject]:
    """The new objects that a message tells of; none if it tells of other things (a deletion, a test of S3's).

    Raises InputError if it is no notification of a known shape: nothing of it may be taken then.
    """
    if len(body) > MAX_BYTES:
        raise InputError(f"it has more than {MAX_BYTES:,} bytes, so it is no notification of a store")
    return _told(_json(body), 0)


def _json(body: str | bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise InputError("it is not JSON, so it is no notification of a store") from None


def _told(message: Any, depth: int) -> list[NewObject]:
    if not isinstance(message, Mapping):
        raise InputError("it is no JSON object, so it is no notification of a store")
    if message.get("Event") == "s3:TestEvent":  # sent once, when notifications are set up
        return []
    try:
        if "Records" in message:
            return [found for record in message["Records"] if (found := _of_record(record))]
        if message.get("Type") == "Notification" and "Message" in message and depth < _MAX_WRAPPED:
            return _told(_json(message["Message"]), depth + 1)
        if message.get("source") == "aws.s3":
            return _of_eventbridge(message)
        if "event_type" in message and isinstance(message.get("key"), str):
            return _of_seaweedfs(message)
    except KeyError as error:
        raise InputError(f"it lacks {error}, which a notification of a new object has") from None
    except (TypeError, ValueError, AttributeError, OverflowError, OSError):  # the last two: a time of no calendar
        raise InputError("a part of it is of another kind than in a notification of a new object") from None
    raise InputError("it has the shape of no notification that is known (docs/triggers.md lists them)")


def _of_record(record: Mapping[str, Any]) -> NewObject | None:
    if not str(record["eventName"]).removeprefix("s3:").startswith("ObjectCreated:"):
        return None
    found = record["s3"]["object"]
    key = str(found["key"])
    return NewObject(
        str(record["s3"]["bucket"]["name"]),
        key if record.get("eventSource") in _PLAIN_KEYS else unquote_plus(key, errors="strict"),
        read_version(found.get("versionId")),
        _etag(found.get("eTag")),
        _size(found.get("size")),
        _instant(record.get("eventTime")),
    )


def _of_eventbridge(message: Mapping[str, Any]) -> list[NewObject]:
    if message["detail-type"] != "Object Created":
        return []
    detail = message["detail"]
    found = detail["object"]
    return [
        NewObject(
            str(detail["bucket"]["name"]),
            str(found["key"]),
            read_version(found.get("version-id")),
            _etag(found.get("etag") or found.get("eTag")),
            _size(found.get("size")),
            _instant(message.get("time")),
        )
    ]


def _of_seaweedfs(message: Mapping[str, Any]) -> list[NewObject]:
    """A change of a file; an update is of its content too. Folders, and its own files, are no objects."""
    entry = (message.get("message") or {}).get("new_entry")
    bucket, _, key = message["key"].removeprefix(_SEAWEEDFS_BUCKETS).partition("/")
    is_object = message["key"].startswith(_SEAWEEDFS_BUCKETS) and key and not bucket.startswith(".")
    if message["event_type"] not in ("create", "update") or not is_object or not entry or entry.get("is_directory"):
        return []
    if key.startswith(_SEAWEEDFS_PARTS) or _SEAWEEDFS_OLD in (entry.get("extended") or {}):
        return []
    about = entry["attributes"]
    at = _plausible(datetime.fromtimestamp(about["mtime"], UTC)) if about.get("mtime") else None
    version = read_version(_seaweedfs_text(entry, "Seaweed-X-Amz-Version-Id"))
    if version:  # each is a file in a folder beside
        key = key.removesuffix(f".versions/v_{version}")
    return [NewObject(bucket, key, version, _seaweedfs_etag(entry), _size(about.get("file_size", 0)), at)]


def _seaweedfs_etag(entry: Mapping[str, Any]) -> str:
    """The object's ETag (or, of a file that came by another way, its MD5)."""
    if etag := _seaweedfs_text(entry, "Seaweed-X-Amz-ETag"):
        return _etag(etag)
    try:
        return b64decode(entry["attributes"].get("md5") or "").hex()
    except Base64Error:
        return ""


def _seaweedfs_text(entry: Mapping[str, Any], name: str) -> str:
    """What it tells in base64; empty if it does not."""
    try:
        return b64decode((entry.get("extended") or {}).get(name) or "").decode("ascii")
    except (Base64Error, UnicodeDecodeError):
        return ""


def read_version(told: object) -> str:
    """A version as a store says it; empty for what is said of a bucket that keeps none."""
    version = "" if told is None else str(told)
    return "" if version in _NO_VERSION else version


def _etag(told: object) -> str:
    return "" if told is None else str(told).strip('"')


def _size(told: object) -> int | None:
    return None if told in (None, "") else int(str(told))


def _instant(told: object) -> datetime | None:
    if not told:
        return None
    instant = datetime.fromisoformat(str(told))
    return _plausible(instant if instant.tzinfo else instant.replace(tzinfo=UTC))


def _plausible(instant: datetime) -> datetime:
    """The time, in UTC; raises ValueError for one from which no day can be counted on."""
    if not _YEARS[0] <= instant.year <= _YEARS[1]:
        raise ValueError("there was no such store then")
    return instant.astimezone(UTC)
