"""What a bucket may be called, with what its keys may begin, and which addresses lie within a prefix."""

from __future__ import annotations

import re
from collections.abc import Iterable

from retouch.errors import InputError

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")  # also what AWS no longer gives out, and other servers take
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_KEY = "must be the beginning of a key, such as 'edits/'"


def is_bucket(name: str) -> bool:
    """Tell whether a bucket can have this name."""
    return bool(_BUCKET.fullmatch(name))


def check_bucket(name: str, what: str) -> str:
    """Return the name; raises InputError if no bucket can have it. ``what``: where it was given, for the sentence."""
    if not is_bucket(name):
        bare, slash, _ = name.strip().removeprefix("s3://").partition("/")
        advice = f"; write only the name: {bare}" if is_bucket(bare) else ""
        folder = " (a folder in it is a matter of the prefix)" if advice and slash else ""
        raise InputError(
            f"{what} must be the name of a bucket (letters, digits, dots, hyphens and underscores),"
            f" not {name[:100]!r}{advice}{folder}"
        )
    return name


def check_prefix(prefix: str, what: str) -> str:
    """Return the prefix; raises InputError if no key can begin with it. ``what``: where it was given."""
    if any(part in ("", ".", "..") for part in prefix.split("/")[:-1]) or prefix in (".", ".."):
        raise InputError(f"{what} {_KEY}: no part may be empty, '.' or '..'")
    if _UNWRITABLE.search(prefix):
        raise InputError(f"{what} {_KEY}, without control characters")
    return prefix


def check_address(address: str) -> str:
    """Return ``s3://bucket`` or ``s3://bucket/prefix``; raises InputError if it is none."""
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    if not address.startswith("s3://"):
        raise InputError(f"{address[:100]!r} is not s3://BUCKET/PREFIX")
    check_bucket(bucket, f"the bucket of {address[:100]}")
    check_prefix(prefix, f"the prefix of {address[:100]}")
    return address


def is_within(address: str, inputs: Iterable[str]) -> bool:
    """Whether an ``s3://`` address begins with one of these; a bucket's name is compared whole."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    for allowed in inputs:
        theirs, _, prefix = allowed.removeprefix("s3://").partition("/")
        if bucket == theirs and key.startswith(prefix):
            return True
    return False
