"""The page's frame and its files, and the headers that keep all else out of it.

What a browser waits for is mostly the number of files. So all styles are one file, the frame names the modules that it
needs for any view, and the path of a file holds the version of them all: a browser keeps it, and asks for it no more.
"""

from __future__ import annotations

import hashlib
import posixpath
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

_TYPES = {".js": "text/javascript", ".svg": "image/svg+xml"}
_FIRST, _STYLE = "main.js", "style.css"
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
    """A file of the page, as it is sent."""

    content: bytes
    media_type: str


@cache
def files() -> Mapping[str, File]:
    """All files by their paths: some dozens, of a few kB each; the styles are one, in the order of their names."""
    found: dict[str, File] = {}
    styles: dict[str, bytes] = {}
    folders = [(PurePosixPath(), resources.files("workers.gateway.page") / "files")]
    while folders:
        path, folder = folders.pop()
        for one in folder.iterdir():
            if one.is_dir():
                folders.append((path / one.name, one))
            elif one.name.endswith(".css"):
                styles[one.name] = one.read_bytes()
            elif kind := _TYPES.get(PurePosixPath(one.name).suffix):
                found[str(path / one.name)] = File(one.read_bytes(), kind)
    found[_STYLE] = File(b"\n".join(styles[name] for name in sorted(styles)), "text/css")
    return found


@cache
def version() -> str:
    """What changes with any of the files."""
    parts = hashlib.sha256()
    for name, file in sorted(files().items()):
        parts.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(file.content).digest())
    return parts.hexdigest()[:16]


def first_modules() -> list[str]:
    """The modules that the page begins with, whichever view it shows."""
    found = [_FIRST]
    for name in found:  # which grows
        folder = posixpath.dirname(name)
        imported = re.findall(r'^import (?:[^;"]* from )?"(\.[^"]+)";$', files()[name].content.decode(), re.MULTILINE)
        found += [path for one in imported if (path := posixpath.normpath(posixpath.join(folder, one))) not in found]
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
    """The frame, which names what it begins with, so that a browser asks for all of it at once."""
    text = (resources.files("workers.gateway.page") / "files" / "index.html").read_text()
    links = [f'<link rel="modulepreload" href="{FILES}VERSION/{name}" nonce="NONCE">' for name in first_modules()]
    return text.replace("<!-- modules -->", "\n".join(links)).replace("VERSION", version())


def add_frame(app: FastAPI, bucket: str) -> None:
    """Add the routes: open, since they hold what anybody may read. ``bucket``: whose pictures the page may show."""

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    def frame() -> Response:
        nonce = secrets.token_urlsafe(16)
        policy = {"Content-Security-Policy": _POLICY.format(nonce=nonce, store=_store(bucket))}
        return HTMLResponse(_template().replace("NONCE", nonce), headers={**_HEADERS, **policy})

    async def file(request: Request) -> Response:
        found = files().get(request.path_params["path"])
        if found is None:
            raise ProblemError(Kind.NOT_FOUND, "the page has no such file: load the page again")
        # A page that was opened before an upgrade gets what there is now, which is not what its path names.
        kept = "max-age=31536000, immutable" if request.path_params["version"] == version() else "no-store"
        return Response(found.content, headers={**_HEADERS, "Cache-Control": kept}, media_type=found.media_type)

    # Not FastAPI's: in the event loop, without parameters to check, each costs half as much.
    app.add_route(FILES + "{version}/{path:path}", file, include_in_schema=False)
