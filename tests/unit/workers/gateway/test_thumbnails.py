"""Small copies of pictures: made once, kept while there is room, and told in words where there is none."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from config.gateway import GatewaySettings
from retouch.access_keys import Scope
from retouch.errors import StoreUnavailableError
from retouch.ledger import Ledger, Settlement
from retouch.media.fetch import Fetcher
from retouch.media.thumbnails import preview
from retouch.net.addresses import PrivateHosts
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.harness.waiting import LIMIT_S, until
from tests.unit.media.fetch_host import running
from tests.unit.outside import Bucket
from tests.unit.producing import edit
from tests.unit.workers.gateway.conftest import Client, problem
from workers.gateway import thumbnails
from workers.gateway.thumbnails import Source, Thumbnails


def photo(colour: str = "#c06010", size: tuple[int, int] = (640, 480)) -> bytes:
    """A PNG of a colour."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """The bucket of the pictures."""
    found = Bucket()
    monkeypatch.setattr(thumbnails, "kept_store", lambda _name: found)
    return found


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of all copies that are made."""
    sizes: list[int] = []
    make = preview

    def counted(data: bytes, side: int) -> bytes:
        sizes.append(side)
        return make(data, side)

    monkeypatch.setattr(thumbnails, "preview", counted)
    return sizes


def complete(ledger: Ledger, bucket: Bucket, data: bytes, *, batch: str = "b", before: str = "") -> str:
    """An edit ``a`` that has completed with this image; returns its SHA-256."""
    EditQueue(ledger).enqueue([edit("a", **({"init_image": before} if before else {}))], batch=batch)
    bucket.objects[f"edits/{batch}/a/0.png"] = data
    digest = hashlib.sha256(data).hexdigest()
    output = {"uri": bucket.uri(f"edits/{batch}/a/0.png"), "sha256": digest, "bytes": len(data)}
    outputs = json.dumps([{**output, "width": 640, "height": 480, "content_type": "image/png"}])
    [claim] = ledger.worker.claim("w", lease_ms=60_000, places=1).claims
    assert ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), EditState.COMPLETED, outputs=outputs)])
    return digest


AFTER, BEFORE = "/v1/edits/b/a/images/0/thumbnail", "/v1/edits/b/a/before"


def test_an_image_is_shown_small_and_made_once(client: Client, ledger: Ledger, bucket: Bucket, made: list[int]) -> None:
    """In two sizes; whoever has it is not sent it again."""
    digest = complete(ledger, bucket, photo())
    caller = client(Scope.READ)
    answer = caller.get(AFTER)
    with Image.open(io.BytesIO(answer.content)) as shown:
        assert (shown.format, shown.size) == ("JPEG", (160, 120))
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("image/jpeg", "private, no-cache")
    tag = answer.headers["etag"]
    assert tag == f'"{digest[:32]}-160"'
    same = caller.get(AFTER, headers={"If-None-Match": f'"x", W/{tag}'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert caller.get(f"{AFTER}?size=320").headers["etag"] != tag
    assert caller.get(AFTER).content == answer.content
    assert made == [160, 320]
    assert caller.get(f"{AFTER}?size=4000").status_code == 422


def test_who_names_the_image_may_keep_it(client: Client, ledger: Ledger, bucket: Bucket) -> None:
    """For ever: another image, as after a retry, is not shown in its place."""
    digest = complete(ledger, bucket, photo())
    caller = client()
    assert "immutable" in caller.get(f"{AFTER}?sha256={digest}").headers["cache-control"]
    assert "another image" in problem(caller.get(f"{AFTER}?sha256={'0' * 64}"))["detail"]


def test_what_is_not_there_is_said_in_words(client: Client, ledger: Ledger, bucket: Bucket) -> None:
    """An image that the edit has not, an object that is gone or another one; S3 that is away."""
    complete(ledger, bucket, photo())
    caller = client()
    for path in ("/v1/edits/b/a/images/1/thumbnail", "/v1/edits/b/x/images/0/thumbnail", "/v1/edits/b/x/before"):
        assert problem(caller.get(path))["status"] == 404
    assert client(name="z", prefix="z-").get(AFTER).status_code == 404
    bucket.objects["edits/b/a/0.png"] += b" "
    assert "its sha256 differs" in problem(caller.get(AFTER))["detail"]
    bucket.objects.clear()
    gone = problem(caller.get(AFTER))
    assert (gone["status"], "there is no object s3://bucket/edits/b/a/0.png" in gone["detail"]) == (404, True)
    bucket.trouble = StoreUnavailableError("S3 is away")
    assert problem(caller.get(AFTER))["status"] == 503
    bucket.trouble = None
    bucket.objects["edits/b/a/0.png"] = photo()
    assert caller.get(AFTER).status_code == 200


@pytest.mark.parametrize("data", [b"<script>", photo()[:200], b"GIF89a" + bytes(50), photo(size=(9000, 8000))])
def test_a_hostile_picture_is_a_problem_and_no_more(
    client: Client, ledger: Ledger, bucket: Bucket, data: bytes
) -> None:
    """Whoever has it made, or has put it in the place of one."""
    complete(ledger, bucket, data)
    caller = client()
    told = problem(caller.get(AFTER))
    assert (told["status"], "cannot be shown" in told["detail"]) == (404, True)
    assert caller.get("/v1/batches/b").status_code == 200


def test_what_an_edit_was_made_of_is_shown_too(client: Client, ledger: Ledger, bucket: Bucket) -> None:
    """From S3, larger where it is compared; its address is in no message."""
    bucket.objects["in/cat.png"] = photo("#1060c0", (2000, 1000))
    complete(ledger, bucket, photo(), before="s3://bucket/in/cat.png")
    caller = client()
    with Image.open(io.BytesIO(caller.get(f"{BEFORE}?size=1280").content)) as shown:
        assert shown.size == (1280, 640)
    answer = caller.get(BEFORE)
    assert "immutable" not in answer.headers["cache-control"]
    assert caller.get(BEFORE, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> GatewaySettings:
    """Those of the gateway; hosts of this machine may be called where a test says so."""
    hosts = getattr(request, "param", "")
    return GatewaySettings(bucket="bucket", prefix="edits/", private_hosts=hosts)


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/a.png", "http://169.254.169.254/latest", "http://localhost/"])
def test_links_lead_to_public_hosts_alone(client: Client, ledger: Ledger, bucket: Bucket, address: str) -> None:
    """Whoever wrote the edit: the gateway asks no machine of its own network."""
    complete(ledger, bucket, photo(), before="https://example.com/a.png")
    keys = ledger.connection.keys
    made_of = json.dumps({"prompt": "a cat", "init_image": address})
    ledger.connection._client.hset(keys.edits("b"), "a", made_of)
    told = problem(client().get(BEFORE))
    assert (told["status"], "public" in told["detail"]) == (404, True)
    watching = problem(client(Scope.WATCH, name="watch").get(BEFORE))  # which is not told where pictures come from
    assert watching["detail"] == watching["title"]


@pytest.mark.parametrize("settings", ["127.0.0.1"], indirect=True)
def test_a_link_is_followed_by_the_gateway(client: Client, ledger: Ledger, bucket: Bucket) -> None:
    """So that the browser asks no other host; one that is gone is said so."""
    complete(ledger, bucket, photo(), before="https://example.com/a.png")

    async def look() -> tuple[Any, Any]:
        async with running() as host:
            made_of = json.dumps({"prompt": "a cat", "init_image": host.url()})
            ledger.connection._client.hset(ledger.connection.keys.edits("b"), "a", made_of)
            caller = client()
            host.handler = host.says(404)
            gone = await asyncio.to_thread(caller.get, BEFORE)
            host.handler = host.says(body=photo())
            return gone, await asyncio.to_thread(caller.get, BEFORE)

    gone, shown = asyncio.run(look())
    told = problem(gone)
    assert (told["status"], "secret" in told["detail"]) == (404, False)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")


class Slow:
    """A bucket whose reads wait until they are let go; ``reads`` has the keys."""

    def __init__(self) -> None:
        self.reads: list[str] = []
        self.go = threading.Event()

    async def chunks(self, key: str) -> Any:
        self.reads.append(key)
        await asyncio.to_thread(self.go.wait)
        yield memoryview(photo())


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    """Such a bucket."""
    found = Slow()
    monkeypatch.setattr(thumbnails, "kept_store", lambda _name: found)
    yield found
    found.go.set()


def test_what_is_asked_for_at_once_is_made_once(slow: Slow, made: list[int]) -> None:
    """Also if the first who asked has gone; and so many are read at a time."""

    async def ask() -> list[Any]:
        maker = Thumbnails(PrivateHosts())
        asked = [asyncio.create_task(maker.get(Source("s3://bucket/one"), 160)) for _ in range(5)]
        others = [asyncio.create_task(maker.get(Source(f"s3://bucket/{n}"), 160)) for n in range(9)]
        await asyncio.to_thread(until, lambda: len(slow.reads) >= thumbnails.S3_AT_ONCE, "they are read")
        assert len(slow.reads) == thumbnails.S3_AT_ONCE
        asked[0].cancel()
        slow.go.set()
        found = await asyncio.gather(*asked[1:])
        await asyncio.gather(*others)
        return found

    found = asyncio.run(ask())
    assert len(set(found)) == 1
    assert sorted(slow.reads) == sorted(["one", *map(str, range(9))])
    assert len(made) == 10


def test_no_more_is_read_than_is_made(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are often read sooner than they are decoded: those that wait for that would fill the memory."""
    read: list[int] = []
    decode, decoding = threading.Event(), threading.Event()

    def waiting(data: bytes, side: int) -> bytes:
        decoding.set()
        decode.wait()
        return preview(data, side)

    monkeypatch.setattr(thumbnails, "preview", waiting)
    slow.go.set()

    async def ask() -> None:
        maker = Thumbnails(PrivateHosts())
        asked = [asyncio.create_task(maker.get(Source(f"s3://bucket/{n}"), 160)) for n in range(9)]
        await asyncio.to_thread(decoding.wait)
        await asyncio.to_thread(until, lambda: len(slow.reads) >= thumbnails.S3_AT_ONCE, "they are read")
        await maker._s3.run(int)  # its turn comes after all that are to be read
        read.append(len(slow.reads))
        decode.set()
        await asyncio.gather(*asked)

    asyncio.run(ask())
    assert read == [thumbnails.S3_AT_ONCE]
    assert len(slow.reads) == 9


def test_links_to_hosts_that_never_answer_hold_up_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """One tenant has any number of them, another one that is good."""

    async def read(_fetcher: Fetcher, url: str, _max_bytes: int) -> bytes:
        if "never" in url:
            await asyncio.Event().wait()
        return photo()

    monkeypatch.setattr(thumbnails, "LINK_S", LIMIT_S)
    monkeypatch.setattr(Fetcher, "read", read)

    async def ask() -> bool:
        maker = Thumbnails(PrivateHosts())
        stuck = [asyncio.create_task(maker.get(Source(f"https://never.example/{n}"), 160, "one")) for n in range(9)]
        await asyncio.sleep(0)
        await maker.get(Source("https://example.com/a.png"), 160, "two")
        held_up = any(one.done() for one in stuck)
        for one in stuck:
            one.cancel()
        for task in maker._making.values():
            task.cancel()
        return held_up

    assert asyncio.run(ask()) is False


def test_what_was_looked_at_longest_ago_makes_room(bucket: Bucket, made: list[int]) -> None:
    """All that is kept together takes so many bytes at most."""
    for n in range(4):
        bucket.objects[str(n)] = photo(f"#{n}0{n}0{n}0")

    async def ask() -> None:
        size = len((await Thumbnails(PrivateHosts()).get(Source("s3://bucket/0"), 160)).jpeg)
        maker = Thumbnails(PrivateHosts(), room=3 * size + size // 2)
        made.clear()
        for key in (0, 1, 2, 0, 3, 0, 1):
            await maker.get(Source(f"s3://bucket/{key}"), 160)

    asyncio.run(ask())
    assert len(made) == 5  # 1 was made twice: 3 took its place
