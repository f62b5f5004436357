"""What SeaweedFS itself posts of a new object is read as one."""

from __future__ import annotations

import hashlib
from pathlib import Path

from botocore.exceptions import ClientError

from retouch.triggers.notifications import NewObject, parse
from tests.harness.receiver import Receiver
from tests.harness.waiting import until
from workers.stack.s3 import S3

KEY = "incoming/2026-11-26/a b+ü.png"
WEBHOOK = '[notification.webhook]\nenabled = true\nendpoint = "{}/"\n'


def test_a_new_object_in_seaweedfs_is_read(tmp_path: Path) -> None:
    """With its key and its ETag; new content is another object, and folders, its own files and deletions are none."""
    with Receiver() as receiver:
        (tmp_path / "notification.toml").write_text(WEBHOOK.format(receiver.url))
        server = S3(tmp_path)
        server.start()
        try:
            client = server.client()

            def put(data: bytes) -> bool:
                try:
                    client.put_object(Bucket=server.bucket, Key=KEY, Body=data)
                except ClientError:  # its bucket is there in a moment
                    return False
                return True

            def told() -> list[NewObject]:
                objects = [found for request in receiver.requests for found in parse(request.body)]
                return list(dict.fromkeys(found._replace(at=None) for found in objects if found.key == KEY))

            def deleted() -> bool:
                events = [request.event for request in receiver.requests]
                return any(one["event_type"] == "delete" and one["key"].endswith(KEY) for one in events)

            until(lambda: put(b"one"), "the bucket is there")
            until(lambda: len(told()) == 1, "the object is told of")
            put(b"other")
            until(lambda: len(told()) == 2, "its new content is told of")
            client.delete_object(Bucket=server.bucket, Key=KEY)
            until(deleted, "that it is deleted is told")
            assert told() == [
                NewObject(server.bucket, KEY, "", hashlib.md5(data).hexdigest(), len(data), None)
                for data in (b"one", b"other")
            ]
        finally:
            server.stop()
