"""The body of a request, kept while it comes, beyond a few bytes on disk: a sender may be slow, and a body large."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from python_multipart.exceptions import FormParserError
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message

from workers.gateway.problems import Kind, ProblemError

SILENT_S = 30.0  # a sender that sends nothing for so long has gone
WHOLE_S = 3600.0  # a body that has not come whole by then never will: some senders send a byte now and then
IN_MEMORY = 256 * 1024  # bytes of a body; what is larger is written to disk in such pieces
MIB = 1024 * 1024
SMALL = 128 * 1024  # bytes of an object with a few fields


@dataclass(frozen=True)
class Body:
    """A whole body, at its beginning. ``sha256``: of its bytes, hexadecimal."""

    file: BinaryIO
    size: int
    sha256: str


@asynccontextmanager
async def kept_body(request: Request, most: int) -> AsyncIterator[Body]:
    """Read a body of at most so many bytes to its end; it is gone when the context ends.

    Raises ProblemError if it is larger, is compressed, does not come, or its sender goes away.
    """
    _check_head(request, most)
    digest, size, part = hashlib.sha256(), 0, bytearray()
    with tempfile.SpooledTemporaryFile(IN_MEMORY, prefix="retouch-body-") as file:

        def keep(chunk: bytes) -> None:
            digest.update(chunk)
            file.write(chunk)

        try:
            async for chunk in _chunks(request, most):
                size += len(chunk)
                part += chunk
                if len(part) >= IN_MEMORY:
                    await run_in_threadpool(keep, bytes(part))
                    part.clear()
            if size < IN_MEMORY:  # no disk is waited for
                keep(bytes(part))
            else:
                await run_in_threadpool(keep, bytes(part))
            file.seek(0)
        except OSError as error:
            raise ProblemError(Kind.AWAY, f"the gateway cannot keep the body on its disk: {error.strerror}") from None
        yield Body(cast(BinaryIO, file), size, digest.hexdigest())


async def small_body(request: Request, most: int) -> bytes:
    """A body that is held in memory; raises ProblemError as ``kept_body`` does."""
    _check_head(request, most)
    body = bytearray()
    async for chunk in _chunks(request, most):
        body += chunk
    return bytes(body)


class SmallBodyRoute(APIRoute):
    """A route; the body that FastAPI reads for its handler is held in memory, so it has at most SMALL bytes."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Its handler."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def bounded(request: Request) -> Response:
            body = await small_body(request, SMALL)

            async def whole() -> Message:
                return {"type": "http.request", "body": body, "more_body": False}

            return await handle(Request(request.scope, whole))

        return bounded


@asynccontextmanager
async def kept_form(request: Request, most: int) -> AsyncIterator[FormData]:
    """Read a form (``multipart/form-data``) of at most so many bytes; its files are kept on disk, as ``kept_body``."""
    _check_head(request, most)
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise ProblemError(Kind.WRONG_TYPE, "Content-Type must be multipart/form-data")
    try:
        form = await MultiPartParser(request.headers, _chunks(request, most), max_files=1, max_fields=20).parse()
    except (MultiPartException, FormParserError, KeyError) as error:  # the last: without a boundary
        raise ProblemError(Kind.BAD_REQUEST, f"the form cannot be read: {error}") from None
    except OSError as error:
        raise ProblemError(Kind.AWAY, f"the gateway cannot keep the body on its disk: {error.strerror}") from None
    try:
        yield form
    finally:
        await form.close()


async def _chunks(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    stream, size = request.stream(), 0
    end = time.monotonic() + WHOLE_S
    while True:
        try:
            async with asyncio.timeout(min(SILENT_S, end - time.monotonic())):
                chunk = await anext(stream, None)
        except TimeoutError:
            late = time.monotonic() >= end
            reason = f"has not come whole within {WHOLE_S:.0f} s" if late else f"stopped coming for {SILENT_S:.0f} s"
            detail = f"the body {reason}; nothing was enqueued"
            raise ProblemError(Kind.TOO_SLOW, detail, {"Connection": "close"}) from None
        except ClientDisconnect:
            raise ProblemError(Kind.BAD_REQUEST, "the sender has gone before the body's end") from None
        if chunk is None:
            return
        size += len(chunk)
        if size > most:
            raise _too_large(most)
        yield chunk


def _check_head(request: Request, most: int) -> None:
    if (coding := request.headers.get("content-encoding", "identity").lower()) != "identity":
        raise ProblemError(Kind.WRONG_TYPE, f"a body with Content-Encoding {coding[:40]} is not taken: send it plain")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise _too_large(most)


def _too_large(most: int) -> ProblemError:
    large = f"{most // MIB} MiB: send it in parts, to the same batch" if most >= MIB else f"{most:,} bytes"
    detail = f"the body is larger than {large}"
    return ProblemError(Kind.TOO_LARGE, detail, {"Connection": "close"})
