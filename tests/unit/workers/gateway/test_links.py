"""``POST /v1/batches/{batch}/links``: links to a batch's images, and to nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from config.gateway import GatewaySettings
from retouch.access_keys import Scope
from retouch.queue import EditQueue
from tests.unit.producing import edit
from tests.unit.workers.gateway.conftest import Client, problem
from workers.stack.s3 import S3


@pytest.fixture
def settings(s3: S3, s3_prefix: str, monkeypatch: pytest.MonkeyPatch) -> GatewaySettings:
    """Those of a gateway with a real S3."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return GatewaySettings(bucket=s3.bucket, prefix=s3_prefix)


def test_what_edits_were_made_of_is_read_by_a_link(client: Client, queue: EditQueue, s3: S3, s3_prefix: str) -> None:
    """Wherever in S3 it is; not what is elsewhere, and not of batches that the key may not know of."""
    s3.client().put_object(Bucket=s3.bucket, Key=f"{s3_prefix}inputs/a.png", Body=b"before")
    address = f"s3://{s3.bucket}/{s3_prefix}inputs/a.png"
    queue.enqueue([edit("a", init_image=address), edit("url")], batch="team-b")
    asked = {"inputs": ["a", "url", "none"]}
    links = client(Scope.READ, prefix="team-").post("/v1/batches/team-b/links", json=asked).json()
    assert (links["links"], list(links["inputs"])) == ({}, ["a"])
    assert requests.get(links["inputs"]["a"], timeout=60).content == b"before"
    assert client(Scope.READ, name="other", prefix="b").post("/v1/batches/team-b/links", json=asked).status_code == 404
    assert client(name="third").post("/v1/batches/gone/links", json=asked).json()["inputs"] == {}


def test_an_image_is_read_by_its_link(client: Client, s3: S3, s3_prefix: str) -> None:
    """By whoever has it, and for as long as was asked; it is for that object alone."""
    for name in ("0", "1"):
        s3.client().put_object(Bucket=s3.bucket, Key=f"{s3_prefix}b/a/{name}.png", Body=name.encode())
    uris = [f"s3://{s3.bucket}/{s3_prefix}b/a/{name}.png" for name in ("0", "1")]
    answer = client(Scope.READ, prefix="b").post("/v1/batches/b/links", json={"uris": uris, "expires_s": 60})
    assert answer.status_code == 200
    links = answer.json()["links"]
    assert [requests.get(links[uri], timeout=60).content for uri in uris] == [b"0", b"1"]
    assert "X-Amz-Expires=60" in links[uris[0]]
    assert requests.get(links[uris[0]].replace("/0.png", "/1.png"), timeout=60).status_code == 403


def test_a_browser_saves_an_image_by_its_link_as_a_file(client: Client, s3: S3, s3_prefix: str) -> None:
    """Where that is asked for; it is named as the edit."""
    keys = [f"{s3_prefix}b/cat-1/{name}" for name in ("0.png", "1.jpg")]
    uris = [f"s3://{s3.bucket}/{key}" for key in keys]
    for key in keys:
        s3.client().put_object(Bucket=s3.bucket, Key=key, Body=b"x")
    caller = client(Scope.WATCH)
    links = caller.post("/v1/batches/b/links", json={"uris": uris, "save": True}).json()["links"]
    told = [requests.get(links[uri], timeout=60).headers["content-disposition"] for uri in uris]
    assert told == ['attachment; filename="cat-1.png"', 'attachment; filename="cat-1.1.jpg"']
    links = caller.post("/v1/batches/b/links", json={"uris": uris}).json()["links"]
    assert "content-disposition" not in requests.get(links[uris[0]], timeout=60).headers


@pytest.mark.parametrize(
    "uri",
    [
        "s3://{place}other/a/0.png",
        "s3://{place}b2/a/0.png",
        "s3://{place}b",
        "s3://{place}b/",
        "s3://{place}b/../other/a/0.png",
        "s3://{place}b/./0.png",
        "s3://{place}_uploads/caller/x.png",
        "s3://another/b/a/0.png",
        "https://example.com/a.png",
        "",
    ],
)
def test_what_is_not_of_the_batch_gets_no_link(client: Client, s3: S3, s3_prefix: str, uri: str) -> None:
    """Neither beside another that is, nor by a path that leads out."""
    place = f"{s3.bucket}/{s3_prefix}"
    asked = {"uris": [f"s3://{place}b/a/0.png", uri.format(place=place)]}
    answer = client().post("/v1/batches/b/links", json=asked)
    assert answer.status_code == 422
    assert problem(answer)["errors"][0]["field"] == "uris.1"
    assert "X-Amz" not in answer.text


@pytest.mark.parametrize(
    "other",
    [{"uris": ["s3://b/x"] * 101}, {"expires_s": 0}, {"expires_s": 86_401}, {"expires_s": "60"}, {"save": 0}],
)
def test_what_is_not_as_the_document_says_is_refused(client: Client, other: dict[str, Any]) -> None:
    """By its field."""
    answer = client().post("/v1/batches/b/links", json={"uris": ["s3://b/x"]} | other)
    assert answer.status_code == 422
    assert problem(answer)["errors"][0]["field"].partition(".")[0] in other


def test_no_objects_have_no_links(client: Client) -> None:
    """A script whose batch has no images so far asks for none."""
    assert client().post("/v1/batches/b/links", json={"uris": []}).json()["links"] == {}


def test_a_key_has_links_to_its_own_batches(client: Client, s3: S3, s3_prefix: str) -> None:
    """With the scope to read."""
    asked = {"uris": [f"s3://{s3.bucket}/{s3_prefix}b/a/0.png"]}
    assert client(prefix="a").post("/v1/batches/b/links", json=asked).status_code == 404
    assert client(Scope.SUBMIT, name="other").post("/v1/batches/b/links", json=asked).status_code == 403


def test_a_body_that_is_none_is_told_as_described(client: Client) -> None:
    """One that is too large, and one that is compressed."""
    caller, kind = client(), {"Content-Type": "application/json"}
    assert caller.post("/v1/batches/b/links", data="x" * 2_000_000, headers=kind).status_code == 413
    zipped = kind | {"Content-Encoding": "gzip"}
    assert caller.post("/v1/batches/b/links", data="x", headers=zipped).status_code == 415
