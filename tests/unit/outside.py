"""What a worker calls, scripted: the API, the results' host, the store and the webhook's receiver."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from multidict import CIMultiDict
from PIL import Image

from retouch.errors import HeldBackError, LostObjectError, RefusedError, StoreError
from retouch.media.store import Found
from retouch.provider.answers import Answer
from tests.harness.keys import numbered


def picture() -> bytes:
    """A small whole PNG."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    return out.getvalue()


class Api:
    """Answers its calls in order with what it was told: an Answer, or an error to raise.

    ``looks`` are the ids it was asked about and never gave: it answers them with ``unknown``; a path that it does
    not have it answers with ``elsewhere``.
    """

    def __init__(self) -> None:
        self.posts: list[tuple[Mapping[str, Any], str]] = []
        self.asked: list[str] = []
        self.looks: list[str] = []
        self.unknown: Exception = RefusedError("no such id", definite=True)
        self.elsewhere: Exception = RefusedError("Not Found", definite=True)
        self._gave: set[str | None] = set()
        self.meanwhile: Callable[[], object] = lambda: None  # what happens while a call is under way
        self._outcomes: list[Answer | Exception] = []

    @property
    def submits(self) -> list[str]:
        """``batch/custom_id/number`` of each submit, in order."""
        return [numbered(key) for _, key in self.posts]

    def will(self, *outcomes: Answer | Exception) -> None:
        """Set what the next calls come to."""
        self._outcomes = list(outcomes)

    async def submit(self, payload: Mapping[str, Any], key: str, may_go: Callable[[], bool]) -> Answer:
        self.meanwhile()
        if not may_go():
            raise HeldBackError("the lease is over")
        self.posts.append((payload, key))
        answer = self._next()
        self._gave.add(answer.provider_id)
        return answer

    async def status(self, provider_id: str, may_go: Callable[[], bool]) -> Answer:
        self.meanwhile()
        if not may_go():
            raise HeldBackError("its moment is over")
        if provider_id not in self._gave:
            self.looks.append(provider_id)
            raise self.unknown
        self.asked.append(provider_id)
        return self._next()

    async def nowhere(self, may_go: Callable[[], bool]) -> None:
        if not may_go():
            raise HeldBackError("its moment is over")
        self.looks.append("nowhere")
        raise self.elsewhere

    def _next(self) -> Answer:
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class Response:
    """A reply of the results' host."""

    def __init__(self, body: bytes) -> None:
        self.headers: CIMultiDict[str] = CIMultiDict()
        self.content_length = len(body)
        self._body = body

    async def read(self) -> bytes:
        return self._body


class Results:
    """Serves a picture at every link, but for those that ``errors`` names."""

    def __init__(self) -> None:
        self.errors: dict[str, Exception] = {}
        self.fetched: list[str] = []
        self.large = asyncio.Semaphore(1)

    @asynccontextmanager
    async def get(self, url: str) -> AsyncIterator[Response]:
        self.fetched.append(url)
        if url in self.errors:
            raise self.errors[url]
        yield Response(picture())


class Store:
    """Keeps what is put; ``errors`` names by the end of their keys the writes that fail, and ``sign`` for signing."""

    def __init__(self) -> None:
        self.errors: dict[str, Exception] = {}
        self.acts: list[str] = []
        self.objects: dict[str, bytes] = {}
        self.lifetimes: list[int] = []
        self.unsigned = ""  # why no link can be signed
        self.meanwhile: Callable[[str], object] = lambda _key: None  # what happens while an object is written

    def uri(self, key: str) -> str:
        return f"s3://bucket/{key}"

    async def signing_trouble(self) -> str:
        return self.unsigned

    def presign_get(self, _uri: str, expires_s: int) -> str:
        self._may("sign")
        self.lifetimes.append(expires_s)
        return f"https://bucket.test/signed-{len(self.lifetimes)}"

    async def put(self, key: str, data: bytes, _content_type: str) -> None:
        self._may(key)
        self.meanwhile(key)
        self.acts.append(f"put {key}")
        self.objects[key] = data

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes], content_type: str) -> None:
        await self.put(key, b"".join([chunk async for chunk in chunks]), content_type)

    async def delete(self, key: str) -> None:
        self._may(f"delete {key}")
        self.acts.append(f"delete {key}")
        self.objects.pop(key, None)

    def _may(self, act: str) -> None:
        for end, error in self.errors.items():
            if act.endswith(end):
                raise error


class Webhook:
    """Takes every event with ``answer``: a status and a Retry-After in seconds, or an error to raise."""

    def __init__(self) -> None:
        self.answer: tuple[int, float | None] | Exception = (204, None)
        self.posts: list[tuple[bytes, Mapping[str, str]]] = []
        self.urls: list[str] = []

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, float | None]:
        self.posts.append((body, headers))
        self.urls.append(url)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def close(self) -> None:
        pass


class Bucket:
    """A bucket in memory that is read, listed and emptied; ``acts`` are the deletions, in order."""

    def __init__(self, name: str = "bucket") -> None:
        self.name = name
        self.objects: dict[str, bytes] = {}
        self.acts: list[str] = []
        self.trouble: StoreError | None = None  # what a read fails with

    def uri(self, key: str) -> str:
        return f"s3://{self.name}/{key}"

    async def chunks(self, key: str) -> AsyncIterator[memoryview]:
        if self.trouble:
            raise self.trouble
        if key not in self.objects:
            raise LostObjectError(f"there is no object {self.uri(key)}")
        for at in range(0, len(self.objects[key]) or 1, 50):
            yield memoryview(self.objects[key][at : at + 50])

    async def read_range(self, key: str, start: int, length: int) -> tuple[bytes, int]:
        if key not in self.objects:
            raise LostObjectError(f"there is no object {self.uri(key)}")
        return self.objects[key][start : start + length], len(self.objects[key])

    async def find(self, key: str) -> Found | None:
        data = self.objects.get(key)
        return None if data is None else Found(key, len(data), datetime.now(UTC), hashlib.md5(data).hexdigest())

    async def pages(self, folder: str) -> AsyncIterator[list[Found]]:
        names = sorted(key for key in self.objects if key.startswith(folder))
        for at in range(0, len(names), 2):
            yield [
                Found(key, len(self.objects[key]), datetime.now(UTC))
                for key in names[at : at + 2]
                if key in self.objects
            ]

    async def delete(self, key: str) -> None:
        await self.delete_all([key])

    async def delete_all(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.acts.append(key)
            self.objects.pop(key, None)
