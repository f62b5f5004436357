"""The page's frame and its files, and the headers that keep all else out of it."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import NamedTuple

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from retouch.errors import RetouchError
from retouch.media.stores import kept_store
from workers.gateway.gate import FILES
from workers.gateway.problems import Kind, ProblemError

_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self'{store};"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
_SOURCE = re.compile(r"https?://[a-zA-Z0-9._-]+(:[0-9]+)?")
_HEADERS = {
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class File(NamedTuple):
    """A file of the page; ``tag``: its ETag."""

    content: bytes
    media_type: str
    tag: str


@cache
def files() -> Mapping[str, File]:
    """All files by their paths; there are some dozens, of a few kB each."""
    found: dict[str, File] = {}
    folders = [(PurePosixPath(), resources.files("workers.gateway.page") / "files")]
    while folders:
        path, folder = folders.pop()
        for one in folder.iterdir():
            if one.is_dir():
                folders.append((path / one.name, one))
            elif kind := _TYPES.get(PurePosixPath(one.name).suffix):
                content = one.read_bytes()
                found[str(path / one.name)] = File(content, kind, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
    return found


def _store(bucket: str) -> str:
    """What links to pictures in the bucket begin with, as a source of the policy; empty if that is not known."""
    try:
        origin = kept_store(bucket).links_origin() if bucket else ""
    except (RetouchError, ImportError):  # no link is made then either, and that is said where one is asked for
        return ""
    return f" {origin}" if _SOURCE.fullmatch(origin) else ""


@cache
def _template() -> str:
    """The frame, which names all modules and styles, so that a browser asks for them at once."""
    text = (resources.files("workers.gateway.page") / "files" / "index.html").read_text()
    names = sorted(files())
    modules = [f'<link rel="modulepreload" href="{FILES}{name}" nonce="NONCE">' for name in names if name[-3:] == ".js"]
    styles = [f'<link rel="stylesheet" href="{FILES}{name}" nonce="NONCE">' for name in names if name[-4:] == ".css"]
    return text.replace("<!-- files -->", "\n".join([*styles, *modules]))


def add_frame(app: FastAPI, bucket: str) -> None:
    """Add the routes: open, since they hold what anybody may read. ``bucket``: whose pictures the page may show."""

    @app.get("/", include_in_schema=False)
    def frame() -> Response:
        nonce = secrets.token_urlsafe(16)
        policy = {"Content-Security-Policy": _POLICY.format(nonce=nonce, store=_store(bucket))}
        return HTMLResponse(_template().replace("NONCE", nonce), headers={**_HEADERS, **policy})

    @app.get(FILES + "{path:path}", include_in_schema=False)
    def file(path: str, request: Request) -> Response:
        found = files().get(path)
        if found is None:
            raise ProblemError(Kind.NOT_FOUND, "the page has no such file: load the page again")
        # Asked about each time: after an upgrade all files are of the same version. Not the icon, which browsers want
        # with each change of the address.
        kept = "max-age=3600" if found.media_type == _TYPES[".svg"] else "no-cache"
        headers = {**_HEADERS, "ETag": found.tag, "Cache-Control": kept}
        if request.headers.get("if-none-match") == found.tag:
            return Response(status_code=304, headers=headers)
        return Response(found.content, headers=headers, media_type=found.media_type)
