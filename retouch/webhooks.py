"""Standard Webhooks (https://www.standardwebhooks.com): how a delivery is signed, and when it is repeated."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from retouch.errors import InputError

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that marks secrets is none itself
CONTENT_TYPE = "application/cloudevents+json"

# When an event is delivered, in seconds after its first try: the schedule that the specification proposes.
TRY_AT_S = (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
_JITTER = 0.2  # a receiver that comes back is not met by all its events in the same second


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


def next_delivery_s(tries: int, random01: float) -> float | None:
    """Return the seconds from now to the next try after ``tries`` failed ones; None when 24 h are used up.

    ``random01`` in [0, 1) shortens the wait by up to a fifth, so that all tries fit into the 24 hours.
    """
    if tries <= 0:
        return 0.0
    if tries >= len(TRY_AT_S):
        return None
    return (TRY_AT_S[tries] - TRY_AT_S[tries - 1]) * (1 - _JITTER * random01)


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(SECRET_PREFIX) or not 24 <= len(key) <= 64:
        raise InputError(f"the webhook secret is not {SECRET_PREFIX!r} followed by 24 to 64 bytes in base64")
    return key
