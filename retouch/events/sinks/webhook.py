"""Standard Webhooks (https://www.standardwebhooks.com): how a sink is named, and a delivery signed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from urllib.parse import urlsplit

from retouch.errors import InputError

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that marks secrets is none itself
CONTENT_TYPE = "application/cloudevents+json"


def sink_name(url: str) -> str:
    """Return the name of the sink that a URL is: the same for all workers that post there. It shows nothing.

    A secret in the URL stays one: of so short a digest many others are possible.
    """
    parts = urlsplit(url)
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}{parts.path}?{parts.query}"
    return f"webhook-{hashlib.sha256(place.encode()).hexdigest()[:6]}"


def shown(url: str) -> str:
    """Return what may be shown of a webhook's URL: its host. The rest may be a secret, the path too."""
    return urlsplit(url).netloc.rpartition("@")[2]


def check_secret(secret: str) -> None:
    """Refuse a secret that is not ``whsec_`` and 24 to 64 bytes in base64; raises InputError without it."""
    _key(secret)


def sign(secret: str, message_id: str, timestamp_s: int, body: bytes) -> str:
    """Return the value of ``webhook-signature``: version 1, HMAC-SHA256 over id, time and body."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    digest = hmac.digest(_key(secret), signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def headers(secret: str, message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """Return the headers of one delivery; ``message_id`` stays the same when it is tried again.

    ``timestamp_s`` is the Unix time of this try: receivers refuse old ones, which stops replays.
    """
    return {
        "content-type": CONTENT_TYPE,
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": sign(secret, message_id, timestamp_s, body),
    }


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(SECRET_PREFIX) or not 24 <= len(key) <= 64:
        raise InputError(f"the webhook secret is not {SECRET_PREFIX!r} followed by 24 to 64 bytes in base64")
    return key
