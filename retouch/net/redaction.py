"""What may be shown of a URL and of a text, so that no secret is shown."""

from __future__ import annotations

import html
import json
import re
from urllib.parse import quote, unquote

_QUOTED = re.compile(r"%[0-9A-F]{2}")

_UNRESERVED = "!$&'()*+,;=:@"  # what may stand in a path as it is

# How object stores, CDNs and APIs name what lets the bearer of a link in.
_SIGNED = re.compile(
    r"[&;](?:x-(?:amz|goog|oss|cos|obs)-(?:signature|security-token|credential)|[a-z]*accesskeyid"
    r"|[a-z_-]*(?:signature|token|secret|password|api_?key)|sig|key|auth|hmac|hdnts|policy|key-pair-id)=",
    re.IGNORECASE,
)

# Each link is consumed whole, with or without a query, so that a hostile text costs no more than its length.
_LINK = re.compile(r"(://[^\s?#'\"<>]*+)(?:[?#][^\s'\"<>]*+)?")


def spellings(secret: str) -> tuple[str, ...]:
    """Return all forms in which a text may contain a secret: plain, and as encoded by URLs, JSON, HTML and Python."""
    quoted = {quote(secret, safe=safe) for safe in ("", "/", _UNRESERVED, _UNRESERVED + "/")}
    lower = {_QUOTED.sub(lambda match: match[0].lower(), form) for form in quoted}
    escaped = json.dumps(secret)[1:-1]
    others = {html.escape(secret), html.escape(secret, quote=False), repr(secret)[1:-1], repr(secret.encode())[2:-1]}
    forms = {secret, unquote(secret), escaped, escaped.replace("/", "\\/")} | quoted | lower | others
    return tuple(sorted(forms - {""}, key=len, reverse=True))  # a longer form may begin with a shorter one


def without_queries(text: str) -> str:
    """Return a text of any kind without the query and fragment of every link in it: they may be secrets."""
    return _LINK.sub(r"\1", text) if "://" in text else text


def without_signature(url: str) -> str:
    """Return the URL without its query if that has a name under which a secret stands: a signed link gives access."""
    base, mark, query = url.partition("?")
    return base if mark and _SIGNED.search(f"&{query}") else url


def without_query(url: str) -> str:
    """Return the URL for a log line, without user, query and fragment: each may hold a secret."""
    base = url.split("?", 1)[0].split("#", 1)[0]
    scheme, sep, rest = base.partition("://")
    if not sep:
        return base.rpartition("@")[2][:200]
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"[:200]
