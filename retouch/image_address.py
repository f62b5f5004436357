"""What may stand in ``init_image``: an address, read as people write and paste it, or the picture itself in base64.

Blanks around it and capitals in a scheme are no mistake. What cannot be a picture's address is refused here, before
anything is paid for, with what to write instead. Nothing else of an address is changed: a signed link has to stay as
it is, letter for letter.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from retouch.bucket_names import is_bucket
from retouch.net.redaction import without_query
from retouch.plain_values import is_whole_text
from retouch.share_pages import advice

MAX_ADDRESS = 4096  # characters
_BLANK = " \t\r\n\v\f\u00a0\u200b\u2060\ufeff"

_BACKSLASH = "\\"
_HTTP = ("http://", "https://")
_PLAIN = re.compile(r"https?://[a-z0-9-]+(?:\.[a-z0-9-]+)+/[\w.~%!$&'()*+,;=:@/?#-]*", re.ASCII)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//?)?(.*)", re.DOTALL)
_DOUBLED = re.compile(r"(?:https?|s3):?/*(https?|s3)(?:://|:/|//)(.*)", re.IGNORECASE | re.DOTALL)
_SCHEME_CUT = re.compile(r"(https?|s3)[;,.]?//(.*)", re.IGNORECASE | re.DOTALL)
_TWICE = re.compile(r"(?:\s|[,;|])\s*(?:https?|s3)://", re.IGNORECASE)
_WITHIN = re.compile(r"(?:https?|s3)://[^\s<>\"'()\[\]]+", re.IGNORECASE)
_SHELL = re.compile(r"~\w*[/\\]|\$\{?\w+\}?[/\\]|%\w+%[/\\]")
_DATA = re.compile(r"data:[^,/]{0,40}/?[^,]{0,200},", re.IGNORECASE)
# How PNG, JPEG, WebP and GIF begin in base64, and anything that is too long for the name of a file.
_BASE64 = re.compile(r"(?:iVBORw0KGgo|[/_]9j[/_]|UklGR|R0lGOD)[A-Za-z0-9+/_\s-]{20}|[A-Za-z0-9+/_-]{1000}")
_LIKE_A_HOST = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,12}(?::\d+)?/.", re.IGNORECASE)
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")

_OTHERS = {
    "gs": "is an address in Google Cloud Storage; write https://storage.googleapis.com/{rest} if it is public,"
    " or a signed URL",
    "s3a": "is Hadoop's name for S3; write s3://{rest}",
    "s3n": "is Hadoop's name for S3; write s3://{rest}",
    "blob": "is an address inside a browser's tab; download the picture, and write its path",
    "ipfs": "is an address in IPFS; write the https address of a gateway",
    "arn": "is an ARN; write s3://BUCKET/KEY",
    "hdfs": "is an address in HDFS; copy the picture to S3 or to this machine",
    "dbfs": "is an address in Databricks; write its path below /dbfs, where that is mounted",
}
_AZURE = "is an address in Azure; write an https URL of the blob, with a SAS token if it is not public"


class ImageKind(StrEnum):
    """Where an edit's ``init_image`` is."""

    URL = "url"
    S3 = "s3"
    PATH = "path"
    EMBEDDED = "embedded"  # in the text itself: a data URI, or base64


def kind_of(address: str) -> ImageKind:
    """Tell where the picture of a clean address is."""
    if address.startswith(_HTTP):
        return ImageKind.URL
    if address.startswith("s3://"):
        return ImageKind.S3
    return ImageKind.EMBEDDED if is_embedded(address) else ImageKind.PATH


def is_embedded(text: str) -> bool:
    """Whether the text is a picture itself: a data URI, or base64 (told by how pictures begin, or by its length)."""
    return bool(_DATA.match(text) or _BASE64.match(text))


def file_stem(address: str) -> str:
    """The name of the picture's file without its extension; empty if the address has none."""
    kind, path = kind_of(address), address
    if kind is ImageKind.EMBEDDED:
        return ""
    if kind is ImageKind.URL:
        path = unquote(urlsplit(address).path)
    name = re.split(r"[/\\]", path)[-1]
    return PurePosixPath(name).stem


def shown(address: str) -> str:
    """The address for a message: without what may be secret, and never a whole picture."""
    if address[:5].lower() == "data:":
        return f"{address[:60].partition(',')[0]},…"
    if (found := _WITHIN.search(address)) and address[: found.start()].strip(_BLANK):
        return f"…{without_query(found[0])}"  # what stands before it may be a key too
    return without_query(address) if "://" in address else address


def clean(text: str) -> str:
    """The address without what is no mistake; raises ValueError with the end of a sentence that says what to write."""
    if _PLAIN.fullmatch(text) and len(text) <= MAX_ADDRESS:  # nearly all
        _refuse(advice(text))
        return text
    address = text.strip(_BLANK)
    if is_embedded(address):
        return address
    if len(address) > MAX_ADDRESS:
        raise ValueError(f"has {len(address)} characters; an address has at most {MAX_ADDRESS}")
    if not address:
        raise ValueError("is blank: write the picture's address")
    if not is_whole_text(address):
        raise ValueError("holds half of a character (an emoji that was cut): no program can send it")
    if address.startswith("//"):
        raise ValueError("begins with //: write https: before it, or one / for a path")
    match = _SCHEME.match(address)
    if match is None or (not match[2] and match[1].lower() not in _KNOWN) or _WINDOWS.match(address):
        return _path(address)
    return _with_scheme(address, match[1].lower(), match[2] or "", match[3])


def _path(address: str) -> str:
    if found := _WITHIN.search(address):
        raise ValueError(f"is more than an address; write {without_query(found[0])} alone")
    if match := _SCHEME_CUT.match(address):
        raise ValueError(f"is not a URL; write {match[1].lower()}://{without_query(match[2])}")
    if address[:4].lower() == "www.":
        raise ValueError(f"has no scheme; write https://{without_query(address)}")
    if address[:1] in '<"[=':
        raise ValueError("is more than an address; write the picture's address alone")
    if _SHELL.match(address):
        raise ValueError("begins with what only a shell replaces; write the whole path")
    return address


def _with_scheme(address: str, scheme: str, slashes: str, rest: str) -> str:
    if scheme == "file":
        return _of_file(rest if slashes == "//" else slashes + rest)
    if scheme in _OTHERS or scheme.startswith(("az", "abfs", "wasb", "adl")):
        raise ValueError(_OTHERS.get(scheme, _AZURE).format(rest=without_query(rest)))
    if scheme not in ("http", "https", "s3"):
        raise ValueError("must be an http(s) URL, s3://bucket/key or a local path")
    if slashes != "//":
        raise ValueError(f"is not a URL; write {without_query(f'{scheme}://{_forward(rest)}')}")
    address = f"{scheme}://{rest}"
    if match := _DOUBLED.fullmatch(address):
        raise ValueError(f"has two schemes; write {match[1].lower()}://{without_query(match[2])}")
    _refuse(_s3_trouble(rest) if scheme == "s3" else _url_trouble(address))
    return address


def _forward(rest: str) -> str:
    return rest.replace(_BACKSLASH, "/").lstrip("/")


def _of_file(rest: str) -> str:
    host, slash, path = rest.partition("/")
    if host not in ("", "localhost") or not slash:
        raise ValueError("is not the address of a file on this machine; write its path")
    return "/" + unquote(path)


def _url_trouble(url: str) -> str | None:
    if _TWICE.search(url):
        return "holds more than one address; an edit has one init_image"
    if "\\" in url:
        return f"is not a URL; write / for \\: {without_query(url.replace(_BACKSLASH, '/'))}"
    if re.search(r"\s", url):
        written = re.sub(r"\s", lambda blank: quote(blank[0]), url)
        return f"holds white space; write {without_query(written)}"
    if re.search(r"[<>\"]", url):
        return f"is more than an address; write {without_query(re.split('[<>' + chr(34) + ']', url)[0])} alone"
    return advice(url)


def _s3_trouble(rest: str) -> str | None:
    bucket, _, key = rest.partition("/")
    if not is_bucket(bucket) or not key:
        return "is not s3://bucket/key"
    if key.endswith("/"):
        return "names a folder; write the key of one picture"
    parts = key.split("/")
    if ".." in parts or "." in parts:
        return (
            f"holds {'..' if '..' in parts else '.'}, which S3 does not resolve; write s3://{bucket}/{_resolved(parts)}"
        )
    return None


def _resolved(parts: list[str]) -> str:
    kept: list[str] = []
    for part in parts:
        if part == "..":
            kept = kept[:-1]
        elif part != ".":
            kept.append(part)
    return "/".join(kept)


def _refuse(trouble: str | None) -> None:
    if trouble:
        raise ValueError(trouble)


def hint(path: str) -> str:
    """What may be meant by a path where no file is; empty if nothing else is likely."""
    if _WINDOWS.match(path):
        return " (it is a path of Windows)"
    return f" (if it is a URL, write https://{path[:200]})" if _LIKE_A_HOST.match(path) else ""


_KNOWN = frozenset({"http", "https", "s3", "file", *_OTHERS})
