"""``POST /v1/uploads``: links by which a caller puts pictures of its own into the bucket, and nothing else."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
import requests

from config.gateway import GatewaySettings
from retouch.access_keys import AccessKeys
from retouch.errors import StoreRefusedError
from retouch.media.store import Store
from tests.unit.cli.conftest import picture
from tests.unit.workers.gateway.conftest import Client, owner, problem
from workers.stack.s3 import S3

PICTURE = picture()
SHA256 = hashlib.sha256(PICTURE).hexdigest()
OTHER = b64encode(hashlib.sha256(PICTURE[:-1] + b"x").digest()).decode()


@pytest.fixture
def settings(s3: S3, s3_prefix: str, monkeypatch: pytest.MonkeyPatch) -> GatewaySettings:
    """Those of a gateway with a real S3."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return GatewaySettings(bucket=s3.bucket, prefix=s3_prefix)


def asked(**other: Any) -> dict[str, Any]:
    """What is said of the picture."""
    return {"sha256": SHA256, "size": len(PICTURE), "content_type": "image/png"} | other


def test_a_picture_is_uploaded_by_its_link(client: Client, keys: AccessKeys, s3: S3, s3_prefix: str) -> None:
    """And can be named by an edit of the same key; not of another one, nor of one that has its name later."""
    caller = client()
    place = f"{s3_prefix}_uploads/{owner(keys)}/"
    answer = caller.post("/v1/uploads", json=asked())
    assert answer.status_code == 201
    link = answer.json()
    assert link["init_image"] == f"s3://{s3.bucket}/{place}{SHA256}.png"
    put = requests.put(link["url"], data=PICTURE, headers=link["headers"], timeout=60)
    assert put.status_code == 200, put.text
    stored = s3.client().get_object(Bucket=s3.bucket, Key=f"{place}{SHA256}.png")["Body"].read()
    assert stored == PICTURE
    body = {"edits": [{"custom_id": "a", "prompt": "a cat", "init_image": link["init_image"]}]}
    assert caller.post("/v1/batches", json=body).status_code == 201
    assert client(name="other").post("/v1/batches", json=body).status_code == 422
    keys.revoke("caller")
    again = client()
    assert again.post("/v1/batches", json=body).status_code == 422
    assert again.post("/v1/uploads", json=asked()).status_code == 201


def test_a_key_is_refused_before_a_picture_is_sent_for_a_batch_that_it_may_not_name(client: Client) -> None:
    """Else it would lie there for nothing."""
    caller = client(prefix="team-")
    refused = problem(caller.post("/v1/uploads", json=asked(batch="b")))
    assert (refused["status"], refused["detail"]) == (403, "batches of key caller begin with team-, and b does not")
    assert caller.post("/v1/uploads", json=asked(batch="team-b")).status_code == 201


def test_a_picture_that_is_there_is_not_sent_again(
    client: Client, keys: AccessKeys, s3: S3, s3_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same key, and whole. After a day it is: a lifecycle rule may remove the one that is there."""
    caller = client()
    key = f"{s3_prefix}_uploads/{owner(keys)}/{SHA256}.png"
    s3.client().put_object(Bucket=s3.bucket, Key=key, Body=PICTURE[:-1])
    assert caller.post("/v1/uploads", json=asked()).status_code == 201
    s3.client().put_object(Bucket=s3.bucket, Key=key, Body=PICTURE)
    answer = caller.post("/v1/uploads", json=asked())
    assert (answer.status_code, answer.json()) == (200, {"init_image": f"s3://{s3.bucket}/{key}"})
    assert client(name="other").post("/v1/uploads", json=asked()).status_code == 201
    monkeypatch.setattr("workers.gateway.native.uploads.REUSED", timedelta(0))
    assert caller.post("/v1/uploads", json=asked()).status_code == 201


def test_an_s3_that_does_not_say_what_is_not_there(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS refuses that question to whoever may not list the bucket: the picture is sent."""

    async def refused(_store: Store, _key: str) -> None:
        raise StoreRefusedError("403")

    monkeypatch.setattr(Store, "find", refused)
    assert client().post("/v1/uploads", json=asked()).status_code == 201


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (PICTURE + b"more", {"Content-Length": str(len(PICTURE) + 4)}, 403),
        (PICTURE, {"Content-Type": "text/html"}, 403),
        (PICTURE[:-1] + b"x", {}, 400),
        (PICTURE[:-1] + b"x", {"x-amz-checksum-sha256": OTHER}, 403),
        (PICTURE[:-1] + b"x", {"x-amz-checksum-sha256": None}, 403),
    ],
    ids=["more bytes", "another type", "other bytes", "other bytes as they are", "other bytes that are not told"],
)
def test_a_link_is_for_what_was_asked_alone(client: Client, data: bytes, headers: dict[str, Any], status: int) -> None:
    """Neither for another picture, nor for a page: an edit that is checked is not to find other bytes later."""
    link = client().post("/v1/uploads", json=asked()).json()
    put = requests.put(link["url"], data=data, headers=link["headers"] | headers, timeout=60)
    assert put.status_code == status, put.text


@pytest.mark.parametrize(
    "other",
    [{"size": 0}, {"size": 32 * 1024 * 1024 + 1}, {"content_type": "text/html"}, {"sha256": "../x"}, {"name": "x"}],
)
def test_what_no_picture_is_gets_no_link(client: Client, other: dict[str, Any]) -> None:
    """And is told what is wrong, by its field."""
    answer = client().post("/v1/uploads", json=asked(**other))
    assert answer.status_code == 422
    assert problem(answer)["errors"][0]["field"] in other
