"""Standard Webhooks (https://www.standardwebhooks.com): how a delivery is signed, posted, and its answer read."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol

from retouch.errors import InputError, ResultError
from retouch.events.sinks.message import TAKEN, Answer, Message
from retouch.events.sinks.spec import shown_host
from retouch.net.redaction import without_query

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that marks secrets is none itself
CONTENT_TYPE = "application/cloudevents+json"
GONE = 410  # the receiver is not there any more, and wants no more of this


class Poster(Protocol):
    """Posts to public addresses (``retouch.media.fetch.Fetcher``)."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, float | None]:
        """POST once; returns the status and the Retry-After in seconds. Raises ResultError."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class WebhookSender:
    """Posts events to a receiver, signed with ``secret``; without one they have no signature."""

    def __init__(self, poster: Poster, url: str, secret: str | None) -> None:
        self._poster = poster
        self._url = url
        self._secret = secret
        self._host = shown_host(url)

    async def send(self, message: Message) -> Answer:
        """Post an event once."""
        body, now_s = message.body.encode(), int(datetime.now(UTC).timestamp())
        try:
            status, wait_s = await self._poster.post(self._url, body, headers(self._secret, message.id, now_s, body))
        except ResultError as error:  # the path may be a secret
            return Answer(str(error).replace(without_query(self._url), self._host))
        if 200 <= status < 300:
            return TAKEN
        told = f"the receiver at {self._host} answered {status}{' Gone' if status == GONE else ''}"
        return Answer(told, status == GONE, wait_s)

    async def close(self) -> None:
        """Close its connections."""
        await self._poster.close()


def check_secret(secret: str) -> None:
    """Refuse a secret that is not ``whsec_`` and 24 to 64 bytes in base64; raises InputError without it."""
    _key(secret)


def sign(secret: str, message_id: str, timestamp_s: int, body: bytes) -> str:
    """Return the value of ``webhook-signature``: version 1, HMAC-SHA256 over id, time and body."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    digest = hmac.digest(_key(secret), signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def headers(secret: str | None, message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """Return the headers of one delivery; ``message_id`` stays the same when it is tried again.

    ``timestamp_s`` is the Unix time of this try: receivers refuse old ones, which stops replays. Without a secret there
    is no signature.
    """
    unsigned = {"content-type": CONTENT_TYPE, "webhook-id": message_id, "webhook-timestamp": str(timestamp_s)}
    if secret is None:
        return unsigned
    return unsigned | {"webhook-signature": sign(secret, message_id, timestamp_s, body)}


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(SECRET_PREFIX) or not 24 <= len(key) <= 64:
        raise InputError(f"the webhook secret is not {SECRET_PREFIX!r} followed by 24 to 64 bytes in base64")
    return key
