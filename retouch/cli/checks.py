"""The checks behind ``retouch doctor``: each returns findings, and none raises."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import requests

from retouch import object_keys
from retouch.advice.pauses import batch_pause_line, remedy, what_waits
from retouch.advice.workers import difference_lines, full_memory
from retouch.cli.options import first_contact
from retouch.cli.sink_lines import sink_trouble, undelivered_hint
from retouch.errors import InputError, LedgerRefusedError, RetouchError
from retouch.extras import no_s3
from retouch.ledger import BatchView
from retouch.ledger.views import PAUSED
from retouch.net.addresses import PrivateHosts, check_url
from retouch.net.gateway_address import is_gateway
from retouch.net.redaction import without_query
from retouch.provider.error_text import says_the_same, words
from retouch.queue import EditQueue

SHOWN_BATCHES = 20  # that are paused: the newest
TIMEOUT_S = 10.0  # of the API and of the bucket
OLDEST = (6, 2)  # the first Redis whose XADD and XTRIM know MINID
CONFIRMING = (7, 2)  # the first with WAITAOF

T = TypeVar("T")

_KEY = re.compile(r"[\x21-\x7e]+")


class Finding(NamedTuple):
    """The outcome of a check; if not ``ok``, ``text`` says what to do."""

    ok: bool
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.ok else 'FAIL'}  {self.subject}: {self.text}"


def redis_findings(redis_url: str) -> Iterator[Finding]:
    """Check that Redis is reachable, new enough and durable, and that workers use it; or that a gateway is."""
    service, variable = ("gateway", "RETOUCH_URL") if is_gateway(redis_url) else ("Redis", "RETOUCH_REDIS_URL")
    try:
        queue = first_contact(redis_url)
        queue.check()
        workers, differences = queue.workers(), queue.differences()
    except InputError as error:
        yield Finding(False, service, str(error))
        return
    except RetouchError as error:
        yield Finding(False, service, f"{error}{_remedy(error, variable)}")
        return
    yield Finding(True, service, f"{queue.address} answers")
    if not queue.remote:
        yield from _server_findings(queue)
    if workers:
        yield Finding(True, "workers", f"{len(workers)} alive")
        yield from (Finding(False, "workers", line) for line in difference_lines(differences))
    else:
        yield Finding(
            False, "workers", "no worker is alive, so that no edit is processed; start one: celery -A workers worker"
        )


def _remedy(error: RetouchError, variable: str = "RETOUCH_REDIS_URL") -> str:
    """What follows an error: one of a Redis that answers says itself what to do."""
    return "" if isinstance(error.__cause__, LedgerRefusedError) else f"; start it, or set {variable}"


def _server_findings(queue: EditQueue) -> Iterator[Finding]:
    try:
        info = queue.server()
    except RetouchError as error:
        text = f"its version, memory and disk were not checked: {error.__cause__ or error}{_remedy(error)}"
        yield Finding(False, "Redis settings", text)
    else:
        yield from server_findings(info)


def server_findings(info: Mapping[str, object]) -> Iterator[Finding]:
    """Check the server's version and settings (``INFO``)."""
    version = str(info.get("redis_version", "0"))
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    shown = f"{info['valkey_version']} (Valkey)" if "valkey_version" in info else version
    if numbers >= CONFIRMING:
        yield Finding(True, "Redis version", shown)
    else:
        lacks = "cannot confirm that writes are on disk" if numbers >= OLDEST else "is too old for Retouch"
        yield Finding(False, "Redis version", f"{shown} {lacks}; use Redis 7.2 or newer, or Valkey")
    policy = info.get("maxmemory_policy", "unknown")
    if full := full_memory(info):
        yield Finding(False, "Redis memory", full)
    elif policy == "noeviction":
        yield Finding(True, "Redis memory", "noeviction")
    else:
        yield Finding(False, "Redis memory", f"maxmemory-policy is {policy}, so that Redis may delete edits when its"
                      " memory is full; set it to noeviction")  # fmt: skip
    if info.get("aof_enabled"):
        yield Finding(True, "Redis disk", "the append-only file is on")
    else:
        yield Finding(
            False, "Redis disk", "the append-only file is off, so that a crash loses edits; set appendonly to yes"
        )


def api_finding(api_url: str, api_key: str) -> Finding:
    """Check that the API accepts the key."""
    if not api_key:
        return Finding(True, "API", "not checked, because RETOUCH_API_KEY is not set here")
    return ask_api(api_url.rstrip("/"), api_key)


def ask_api(api_url: str, api_key: str) -> Finding:
    """Ask for the status of an unknown id: any answer that is not a refusal means that the API accepts the key."""
    shown = without_query(api_url)
    if not _KEY.fullmatch(api_key):
        return Finding(
            False, "API", "RETOUCH_API_KEY holds spaces or other characters that a key cannot have; set it again"
        )
    try:
        reply = _get(f"{api_url}/status/{uuid4()}", api_key)
        nowhere = _get(f"{api_url}/{uuid4()}/{uuid4()}", api_key) if reply.status_code == 404 else None
    except requests.RequestException as error:
        return Finding(False, "API", f"{shown} does not answer ({type(error).__name__}); check RETOUCH_API_URL")
    code = reply.status_code
    if code in (401, 402, 403):
        check = "RETOUCH_API_KEY, and the account's credit" if _is_an_api(reply) else "RETOUCH_API_URL, RETOUCH_API_KEY"
        return Finding(False, "API", f"{shown} refuses the key ({code}); check {check}")
    if 300 <= code < 400:
        return Finding(
            False, "API", f"{shown} redirects ({code}), and redirects are not followed; check RETOUCH_API_URL"
        )
    if code >= 500:
        return Finding(False, "API", f"{shown} answers {code}; try again later")
    if not _is_an_api(reply):
        return Finding(
            False, "API", f"{shown} answers {code} and no JSON, as a web server does that knows no such path;"
            " check RETOUCH_API_URL"
        )  # fmt: skip
    if nowhere is not None and _is_an_api(nowhere) and says_the_same(words(nowhere.json()), words(reply.json())):
        return Finding(
            False, "API", f"{shown} answers {code} to an id as to a path that nobody has, so it may be no API;"
            " check RETOUCH_API_URL"
        )  # fmt: skip
    if code == 404 or 200 <= code < 300:
        return Finding(True, "API", f"{shown} accepts the key that is set here")
    return Finding(False, "API", f"{shown} answers {code}; check RETOUCH_API_URL")


def _get(url: str, api_key: str) -> requests.Response:
    return requests.get(url, headers={"API-Key": api_key}, allow_redirects=False, timeout=TIMEOUT_S)


def _is_an_api(reply: requests.Response) -> bool:
    try:
        return isinstance(reply.json(), dict)
    except ValueError:
        return False


def store_finding(bucket: str, prefix: str) -> Finding:
    """Check that an object can be written to the bucket and removed."""
    if not bucket:
        return Finding(True, "bucket", "not checked, because RETOUCH_BUCKET is not set here")
    try:
        asyncio.run(_probe(bucket, object_keys.input_probe(prefix)))
    except ImportError:
        return Finding(False, "bucket", f"not checked, because {no_s3()}")
    except RetouchError as error:
        return Finding(False, "bucket", f"{error}; check RETOUCH_BUCKET and the AWS_* variables")
    return Finding(True, "bucket", f"{bucket} can be written to")


async def _probe(bucket: str, key: str) -> None:
    from retouch.media.store import Store  # noqa: PLC0415 - the extra `s3` is optional

    store = Store(bucket, timeout_s=TIMEOUT_S)
    await store.put(key, b"", "application/octet-stream")
    await store.delete(key)


def link_findings(api_url: str, api_key: str, bucket: str) -> Iterator[Finding]:
    """Check that an API on the internet can call the bucket's server, to which the links to pictures lead."""
    if not (api_key and bucket and _is_public(api_url)):
        return
    try:
        link = asyncio.run(_link(bucket))
    except (ImportError, RetouchError):
        return  # the check of the bucket has told it
    host = urlsplit(link).netloc
    if _is_public(link):
        yield Finding(True, "links to pictures", f"they lead to {host}")
    else:
        yield Finding(
            False, "links to pictures", f"they lead to {host}, which the API cannot reach from the internet, so that"
            " edits of uploaded pictures fail; use a bucket that it can reach (AWS_ENDPOINT_URL_S3), or public URLs"
        )  # fmt: skip


async def _link(bucket: str) -> str:
    from retouch.media.store import Store  # noqa: PLC0415 - the extra `s3` is optional

    store = Store(bucket)
    await store.signing_trouble()
    return store.presign_get("picture", expires_s=1)


def _is_public(url: str) -> bool:
    """Tell whether the internet may know its host; a name is not looked up, since here it may mean another machine."""
    try:
        check_url(url, PrivateHosts())
    except InputError:
        return False
    return bool(re.search(r"[.:]", urlsplit(url).hostname or ""))


def pause_findings(redis_url: str) -> Iterator[Finding]:
    """Report what is paused: requests of a kind, and batches."""
    pauses, batches = _read(redis_url, EditQueue.pauses), _read(redis_url, _paused_batches)
    if pauses is None or batches is None:
        return
    for pause in pauses:
        text = f"{what_waits(pause)} are paused ({pause.cause}): {pause.reason}; {remedy(pause)}"
        yield Finding(False, "pause", text)
    for view in batches:
        for why in view.paused:
            yield Finding(False, "pause", batch_pause_line(view.batch, why))
    if not pauses and not batches:
        yield Finding(True, "pauses", "none")


def _paused_batches(queue: EditQueue) -> list[BatchView]:
    return queue.batches(SHOWN_BATCHES, state=PAUSED)


def sink_findings(redis_url: str) -> Iterator[Finding]:
    """Report the sinks to which events are not delivered."""
    for sink in _read(redis_url, EditQueue.sinks) or []:
        trouble, hint = sink_trouble(sink), undelivered_hint(sink)
        yield Finding(not trouble, f"events to {sink.name}", trouble or hint or f"{sink.shown} takes them")


def _read(redis_url: str, read: Callable[[EditQueue], list[T]]) -> list[T] | None:
    """Ask Redis; None where that is not possible, which its own check reports."""
    try:
        return read(first_contact(redis_url))
    except RetouchError:
        return None
