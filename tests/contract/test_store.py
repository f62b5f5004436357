"""The store against a real S3 server, and its errors against a scripted one."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from aiohttp import web
from aiohttp.test_utils import TestServer
from botocore.utils import ContainerMetadataFetcher

from retouch.errors import InputError, LostObjectError, StoreError, StoreRefusedError, StoreUnavailableError
from retouch.media.store import Store
from tests.harness.waiting import LIMIT_S
from workers.stack.ports import LOOPBACK
from workers.stack.s3 import S3

pytestmark = pytest.mark.anyio

SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIAFAKE",
    "AWS_SECRET_ACCESS_KEY": "s3cr3t-s3cr3t",
    "AWS_DEFAULT_REGION": "eu-central-1",
}


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}  # as in a worker


@pytest.fixture(scope="module")
def client(s3: S3) -> Any:
    return s3.client()


@pytest.fixture
def environment(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def store(s3: S3, environment: None) -> Store:
    return Store(s3.bucket)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment with credentials and without an endpoint."""
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


async def pieces(*sizes: int, error: BaseException | None = None) -> AsyncIterator[bytes]:
    for size in sizes:
        yield b"x" * size
    if error:
        raise error


def can_sign(store: Store) -> None:
    """Load what links are signed with."""
    assert asyncio.run(store.signing_trouble()) == ""


def found(client: Any, bucket: str, key: str) -> dict[str, Any]:
    answer = client.get_object(Bucket=bucket, Key=key)
    return {"body": answer["Body"].read(), "type": answer["ContentType"]}


@pytest.mark.parametrize("name", ["a.png", "a b/ü#.png", "x?y=1&z.png", "a+b%20c.png", "a=b:c@d.png"])
async def test_what_is_put_is_found_under_its_very_name(
    s3: S3, client: Any, store: Store, s3_prefix: str, name: str
) -> None:
    """Bytes, content type and key arrive as given; putting again replaces."""
    for body in (b"first", b"second"):
        await store.put(s3_prefix + name, body, "image/png")
        assert found(client, s3.bucket, s3_prefix + name) == {"body": body, "type": "image/png"}
    assert await store.exists(s3_prefix + name)
    assert store.uri(s3_prefix + name) == f"s3://{s3.bucket}/{s3_prefix}{name}"


@pytest.mark.parametrize("sizes", [(), (10,), (1_000_000,) * 12])
async def test_a_stream_is_put_whole(s3: S3, client: Any, store: Store, s3_prefix: str, sizes: tuple[int, ...]) -> None:
    """Nothing, one small piece, or several parts' worth: one object with its content type."""
    await store.put_stream(s3_prefix + "a.webp", pieces(*sizes), "image/webp")
    assert found(client, s3.bucket, s3_prefix + "a.webp") == {"body": b"x" * sum(sizes), "type": "image/webp"}


@pytest.mark.parametrize(
    ("sizes", "error"),
    [
        ((), KeyError("mine")),
        ((10,), FileNotFoundError("mine")),
        ((1_000_000,) * 12, OSError("mine")),
        ((1_000_000,) * 12, StoreError("mine")),
    ],
)
async def test_a_stream_that_raises_leaves_nothing(
    s3: S3, client: Any, store: Store, s3_prefix: str, sizes: tuple[int, ...], error: Exception
) -> None:
    """The stream's own exception comes through, and neither an object nor parts of one are left."""
    with pytest.raises(type(error), match="mine") as caught:
        await store.put_stream(s3_prefix + "a.png", pieces(*sizes, error=error), "image/png")
    assert caught.value is error
    assert not await store.exists(s3_prefix + "a.png")
    uploads = client.list_multipart_uploads(Bucket=s3.bucket, Prefix=s3_prefix)
    assert uploads.get("Uploads", []) == []


async def test_a_deleted_object_is_gone_and_may_be_deleted_again(store: Store, s3_prefix: str) -> None:
    """Deleting is idempotent."""
    await store.put(s3_prefix + "a", b"x", "text/plain")
    for _ in range(2):
        await store.delete(s3_prefix + "a")
        assert not await store.exists(s3_prefix + "a")


def test_presigned_links_serve_any_bucket(s3: S3, client: Any, store: Store, s3_prefix: str) -> None:
    """A link from a key of ours, or an s3:// address elsewhere, is served to anyone who has it."""
    can_sign(store)
    client.create_bucket(Bucket="pictures.of.others")
    client.put_object(Bucket="pictures.of.others", Key="a b/ü.png", Body=b"theirs")
    client.put_object(Bucket=s3.bucket, Key=s3_prefix + "a b.png", Body=b"ours")
    assert requests.get(store.presign_get(s3_prefix + "a b.png", 60), timeout=LIMIT_S).content == b"ours"
    assert (
        requests.get(store.presign_get("s3://pictures.of.others/a b/ü.png", 60), timeout=LIMIT_S).content == b"theirs"
    )


def test_a_presigned_link_ends_when_it_says(s3: S3, client: Any, store: Store, s3_prefix: str) -> None:
    """The end is signed with the rest: a link made longer by hand is refused."""
    can_sign(store)
    client.put_object(Bucket=s3.bucket, Key=s3_prefix + "a", Body=b"ours")
    link = store.presign_get(s3_prefix + "a", 60)
    longer = link.replace("X-Amz-Expires=60", "X-Amz-Expires=600")
    assert longer != link
    assert requests.get(longer, timeout=LIMIT_S).status_code == 403


@pytest.mark.parametrize(
    ("uri", "expires_s"),
    [("s3://bucket", 60), ("s3:///key", 60), ("k", 0), ("k", 8 * 86400), ("s3://a b/k", 60), ("s3://u@h:1/k", 60)]
    + [(f"s3://bucket/{key}", 60) for key in ("../other/k", "a/../../other/k", "./k", "\ud800")],
)
def test_links_that_cannot_be_are_refused(store: Store, uri: str, expires_s: int) -> None:
    """Half an address, a bucket or a key that none can be, no time at all, or more than S3's seven days."""
    can_sign(store)
    with pytest.raises(InputError):
        store.presign_get(uri, expires_s)


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/./b", "a\n", "\x00"])
async def test_keys_that_would_be_written_elsewhere_are_refused(store: Store, key: str) -> None:
    """obstore tidies keys or refuses them for ever; an object must lie where its uri says."""
    with pytest.raises(InputError):
        await store.put(key, b"x", "text/plain")
    with pytest.raises(InputError):
        await store.put_stream(key, pieces(1), "text/plain")


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
async def test_wrong_credentials_are_for_a_person(
    s3: S3, environment: None, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A bad key id or a bad secret is told apart from an outage, and not shown."""
    monkeypatch.setenv(name, "WRONGWRONGWRONG")
    store = Store(s3.bucket)
    for call in (
        partial(store.put, "a", b"x", "text/plain"),
        partial(store.put_stream, "a", pieces(9), "text/plain"),
        partial(store.exists, "a"),
        partial(store.delete, "a"),
    ):
        with pytest.raises(StoreRefusedError, match=s3.bucket) as caught:
            await call()
        assert "WRONG" not in str(caught.value)
        assert s3.environment["AWS_ACCESS_KEY_ID"] not in str(caught.value)


async def test_no_credentials_at_all_is_for_a_person(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials the message says where they come from."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    store = Store(s3.bucket, endpoint_url=s3.url)
    with pytest.raises(StoreRefusedError, match="no AWS credentials were found"):
        await store.put("a", b"x", "text/plain")
    assert "no AWS credentials were found" in await store.signing_trouble()
    with pytest.raises(StoreRefusedError, match="no AWS credentials were found"):
        store.presign_get("a", 60)


async def test_a_missing_profile_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_PROFILE with a name that is nowhere configured."""
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(StoreRefusedError, match="nobody"):
        await Store("retouch").open()


async def test_profiles_give_credentials_region_and_endpoint(
    s3: S3, client: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, s3_prefix: str
) -> None:
    """What AWS users put into ~/.aws is enough."""
    config = tmp_path / "config"
    config.write_text(
        f"[profile laptop]\nregion = us-east-1\nservices = local\n"
        f"aws_access_key_id = {s3.environment['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {s3.environment['AWS_SECRET_ACCESS_KEY']}\n"
        f"[services local]\ns3 =\n  endpoint_url = {s3.url}\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "laptop")
    await Store(s3.bucket).put(s3_prefix + "a", b"x", "text/plain")
    assert found(client, s3.bucket, s3_prefix + "a")["body"] == b"x"


async def test_a_credentials_file_is_enough(
    s3: S3, client: Any, environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3_prefix: str
) -> None:
    """Both obstore, which moves the bytes, and boto3, which signs the links, take the keys from it."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    file = tmp_path / "aws_credentials"
    file.write_text("[default]\n" + "".join(f"{name.lower()} = {s3.environment[name]}\n" for name in names))
    for name in names:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    store = Store(s3.bucket)
    await store.put(s3_prefix + "a", b"x", "text/plain")
    assert await store.signing_trouble() == ""
    assert found(client, s3.bucket, s3_prefix + "a")["body"] == b"x"
    read = await asyncio.to_thread(requests.get, store.presign_get(s3_prefix + "a", 60), timeout=LIMIT_S)
    assert read.content == b"x"


async def test_what_obstore_reads_by_itself_changes_nothing(
    s3: S3, client: Any, environment: None, monkeypatch: pytest.MonkeyPatch, s3_prefix: str
) -> None:
    """The endpoint that was given wins, and requests are signed, whatever obstore finds in the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    monkeypatch.setenv("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true")
    await Store(s3.bucket, endpoint_url=s3.url).put(s3_prefix + "a", b"x", "text/plain")
    assert found(client, s3.bucket, s3_prefix + "a")["body"] == b"x"


class Scripted:
    """Something that answers like S3, with one status and error code for all."""

    def __init__(self, status: int, code: str) -> None:
        self.status, self.code, self.asked = status, code, 0
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self.server = TestServer(app)

    async def _handle(self, request: web.Request) -> web.Response:
        self.asked += 1
        await request.read()
        echo = request.headers.get("Authorization", "")
        body = f"<?xml version='1.0'?><Error><Code>{self.code}</Code><Message>{echo}</Message></Error>"
        return web.Response(status=self.status, text=body)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "AuthorizationHeaderMalformed", StoreRefusedError),
        (400, "ExpiredToken", StoreRefusedError),
        (400, "InvalidBucketName", StoreRefusedError),
        (401, "Unauthorized", StoreRefusedError),
        (403, "AccessDenied", StoreRefusedError),
        (403, "RequestTimeTooSkewed", StoreRefusedError),
        (400, "KMS.DisabledException", StoreUnavailableError),
        (404, "NoSuchBucket", StoreRefusedError),
        (400, "RequestTimeout", StoreUnavailableError),
        (409, "OperationAborted", StoreUnavailableError),
        (429, "TooManyRequests", StoreUnavailableError),
        (500, "InternalError", StoreUnavailableError),
        (503, "SlowDown", StoreUnavailableError),
    ],
)
async def test_each_refusal_is_one_decision(
    elsewhere: pytest.MonkeyPatch, status: int, code: str, kind: type[StoreError]
) -> None:
    """What a person must mend is told from what passes; the message is short, names the bucket and no secret."""
    scripted = Scripted(status, code)
    await scripted.server.start_server()
    store = Store("bucket-1", endpoint_url=str(scripted.server.make_url("/")))
    for put in (partial(store.put, "a", b"x"), partial(store.put_stream, "a", pieces(9))):
        with pytest.raises(StoreError, match=f"bucket-1.*{code}") as caught:
            await put("text/plain")
        assert type(caught.value) is kind
        assert len(str(caught.value)) < 120
        assert not any(secret in str(caught.value) for secret in ("AKIAFAKE", "Signature", "s3cr3t"))
    await scripted.server.close()


async def test_another_region_is_for_a_person(elsewhere: pytest.MonkeyPatch) -> None:
    """S3 answers 301 without a place when the bucket lies in another region."""
    scripted = Scripted(301, "PermanentRedirect")
    await scripted.server.start_server()
    with pytest.raises(StoreRefusedError, match=r"bucket-1.* another region"):
        await Store("bucket-1", endpoint_url=str(scripted.server.make_url("/"))).put("a", b"x", "text/plain")
    await scripted.server.close()


async def test_retries_are_few(elsewhere: pytest.MonkeyPatch) -> None:
    """The caller retries at leisure: a server in trouble is asked three times, not thirty."""
    scripted = Scripted(503, "SlowDown")
    await scripted.server.start_server()
    with pytest.raises(StoreUnavailableError):
        await Store("bucket-1", endpoint_url=str(scripted.server.make_url("/"))).put("a", b"x", "text/plain")
    assert scripted.asked == 3
    await scripted.server.close()


async def test_an_absent_server_is_passing_trouble(elsewhere: pytest.MonkeyPatch) -> None:
    """Where nothing listens, something may listen later."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening
        store = Store("bucket-1", endpoint_url=f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(StoreUnavailableError, match="bucket-1"):
            await store.put("a", b"x", "text/plain")


async def test_making_a_store_opens_and_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings are looked for at the first use only."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("boto3 was asked")

    monkeypatch.setattr(boto3, "Session", refuse)
    assert repr(Store("bucket-1")) == "Store('bucket-1')"


@pytest.mark.parametrize(
    ("bucket", "start"),
    [
        ("bucket-1", "https://bucket-1.s3.eu-central-1.amazonaws.com/a/b.png?"),
        ("bucket.1", "https://s3.eu-central-1.amazonaws.com/bucket.1/a/b.png?"),
    ],
)
def test_links_to_aws_are_regional_and_signed_in_version_4(
    elsewhere: pytest.MonkeyPatch, bucket: str, start: str
) -> None:
    """AWS takes virtual-hosted names, except for buckets with dots, which its certificates do not cover."""
    store = Store(bucket)
    can_sign(store)
    link = store.presign_get("a/b.png", 60)
    assert link.startswith(start)
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in link


async def test_credentials_are_loaded_once_and_off_the_event_loop(
    s3: S3, environment: None, monkeypatch: pytest.MonkeyPatch, s3_prefix: str
) -> None:
    """A role's credentials may take a second of network to load: that stops no other request."""
    loaded_in: list[threading.Thread] = []
    original = Store._load_credentials

    def load(self: Store) -> Any:
        loaded_in.append(threading.current_thread())
        return original(self)

    monkeypatch.setattr(Store, "_load_credentials", load)
    store = Store(s3.bucket)
    for _ in range(3):
        await store.put(s3_prefix + "a", b"x", "text/plain")
    assert len(loaded_in) == 1
    assert loaded_in[0] is not threading.main_thread()


class Role:
    """A container's metadata service: it gives credentials that end in 20 minutes, or hangs."""

    def __init__(self, s3: S3) -> None:
        self._own = s3.environment
        self.asked = 0
        self.answers = asyncio.Event()
        app = web.Application()
        app.router.add_get("/role", self._handle)
        self.server = TestServer(app)

    async def _handle(self, _request: web.Request) -> web.Response:
        self.asked += 1
        await self.answers.wait()
        ends = datetime.now(UTC) + timedelta(minutes=20)
        return web.json_response(
            {
                "AccessKeyId": self._own["AWS_ACCESS_KEY_ID"],
                "SecretAccessKey": self._own["AWS_SECRET_ACCESS_KEY"],
                "Token": "",
                "Expiration": ends.isoformat(),
            }
        )


async def test_a_role_that_hangs_stops_neither_the_loop_nor_those_who_sign(
    s3: S3, client: Any, environment: None, monkeypatch: pytest.MonkeyPatch, s3_prefix: str
) -> None:
    """Signing says why it cannot, after one question; when the service answers, links and objects are there again."""
    role = Role(s3)
    await role.server.start_server()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", str(role.server.make_url("/role")))
    monkeypatch.setattr(ContainerMetadataFetcher, "TIMEOUT_SECONDS", LIMIT_S)
    store = Store(s3.bucket)
    await store.open()
    assert role.asked == 0
    async with asyncio.timeout(LIMIT_S):  # boto3 alone asks three times, and holds the loop meanwhile
        assert "AWS credentials cannot be renewed: no answer for" in await store.signing_trouble()
        assert "AWS credentials cannot be renewed: no answer for" in await store.signing_trouble()
        with pytest.raises(StoreUnavailableError, match="cannot be renewed"):
            store.presign_get("a", 60)
    assert role.asked == 1
    role.answers.set()
    await store.put(s3_prefix + "a", b"ours", "text/plain")
    assert await store.signing_trouble() == ""
    asked = role.asked
    assert store.presign_get(s3_prefix + "a", 60).count("X-Amz-Signature=") == 1
    assert (found(client, s3.bucket, s3_prefix + "a")["body"], role.asked) == (b"ours", asked)
    await role.server.close()


@pytest.mark.parametrize("endpoint_url", ["not a url", "http://", "http://[::1"])
async def test_an_endpoint_that_is_none_is_named(elsewhere: pytest.MonkeyPatch, endpoint_url: str) -> None:
    """A mistyped endpoint is a sentence, not a traceback from inside a library."""
    with pytest.raises(StoreRefusedError, match="the AWS settings cannot be used"):
        await Store("bucket-1", endpoint_url=endpoint_url).open()


@pytest.mark.parametrize(
    ("start", "length", "read"), [(0, 4, b"0123"), (2, 3, b"234"), (8, 64, b"89"), (10, 5, b""), (500, 5, b"")]
)
async def test_a_range_of_an_object_is_read(store: Store, start: int, length: int, read: bytes) -> None:
    """With its whole size; fewer bytes at its end, none behind it."""
    await store.put("range", b"0123456789", "text/plain")
    assert await store.read_range("range", start, length) == (read, 10)


async def test_an_object_without_a_byte_has_a_range_of_none(store: Store) -> None:
    """A server refuses any range of it."""
    await store.put("empty", b"", "text/plain")
    assert await store.read_range("empty", 0, 5) == (b"", 0)


@pytest.mark.parametrize("bucket", ["retouch", "no-such-bucket"])
async def test_a_range_of_what_is_not_there_is_an_error_of_its_own(store: Store, bucket: str) -> None:
    """Also where the bucket itself is missing: no trouble of S3, but of an address."""
    with pytest.raises(LostObjectError, match=f"there is no object s3://{bucket}/no-such-key"):
        await Store(bucket).read_range("no-such-key", 0, 5)


async def test_a_server_that_takes_connections_and_is_silent_is_given_up(elsewhere: pytest.MonkeyPatch) -> None:
    """Long before the time that a large picture may take over a slow line."""
    with socket.create_server((LOOPBACK, 0)) as silent:
        url = f"http://{LOOPBACK}:{silent.getsockname()[1]}"
        store = Store("b", endpoint_url=url, timeout_s=600, answer_timeout_s=0.2)
        elsewhere.setattr("retouch.media.store._PAGE_S", 0.1)
        readings = anext(aiter(store.chunks("k"))), anext(aiter(store.pages("f/")))
        for ask in (store.exists("k"), store.read_range("k", 0, 9), store.delete("k"), *readings):
            with pytest.raises(StoreUnavailableError, match=r"has not answered within 0\.2 s"):
                await ask
