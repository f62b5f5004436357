"""What may be shown of a URL and of a text, so that no secret is shown."""

from __future__ import annotations

import html
import json
import re
from urllib.parse import quote, unquote

_QUOTED = re.compile(r"%[0-9A-F]{2}")

_UNRESERVED = "!$&'()*+,;=:@"  # what may stand in a path as it is

# What a link may say of a picture without letting its bearer in. All else may be a key, under whatever name.
_HARMLESS = frozenset(
    (
        *("id", "v", "version", "versionid", "w", "h", "width", "height", "size", "dpr", "fit", "crop", "auto", "fm"),
        *("fmt", "format", "q", "quality", "page", "n", "name", "file", "filename", "type", "lang", "raw", "dl"),
        *("download", "export", "variant", "ext", "rev", "t", "ts"),
    )
)
_PART = re.compile(r"([A-Za-z_-]{1,20})(?:=[\w.,:%+-]{0,40})?")
_PARAMETERS = re.compile(r";[^/?#]*=[^/?#]*")  # of a part of a path

# In a text: what follows a ? and is no end of a sentence, and a user with a password before a host.
_QUERY = re.compile(r"\?(?=[^\s'\"<>]{0,200}=)[^\s'\"<>]*")
_USER = re.compile(r"(?<![\w.~%+-])[\w.~%+-]{1,100}:[^\s/'\"@]{1,200}@(?=[\w\[])")

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
    """Return the URL without what may let its bearer in: fragment, and a query that says more than which picture."""
    base, mark, query = url.partition("#")[0].partition("?")
    base = _PARAMETERS.sub("", base)
    return f"{base}?{query}" if mark and _is_harmless(query) else base


def presentable(text: str) -> str:
    """Return a text for people without what may let somebody in: queries, and users with passwords, of addresses."""
    text = _QUERY.sub(lambda match: match[0] if _is_harmless(match[0][1:].rstrip(".,;:)")) else "", text)
    return _USER.sub("", text)


def _is_harmless(query: str) -> bool:
    parts = [_PART.fullmatch(part) for part in query.split("&")]
    return all(part and part[1].lower() in _HARMLESS for part in parts)


def without_query(url: str) -> str:
    """Return the URL for a log line, without user, query and fragment: each may hold a secret."""
    base = url.split("?", 1)[0].split("#", 1)[0]
    scheme, sep, rest = base.partition("://")
    if not sep:
        return base.rpartition("@")[2][:200]
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"[:200]
