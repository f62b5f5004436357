"""Images of a batch on their way from S3: the gateway signs links to them, and S3 gives them to whoever has one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import requests
from requests.adapters import HTTPAdapter

from retouch.errors import LedgerError, LostObjectError, StoreRefusedError, StoreUnavailableError
from retouch.gateway.client import CONNECT_S, Client, reason_of

AT_ONCE = 16  # images on their way at a time
MOST = 100  # links in one request: more the gateway does not sign
CHUNK = 1024 * 1024  # bytes
SILENT_S = 60.0
TRIES = 3  # of an image; what came of it is not asked for again
PAUSE_S = 0.5

T = TypeVar("T")


class GatewayImages:
    """Reads images of one batch (``retouch.media.downloads.ImageSource``). For one event loop.

    A link is asked for right before it is used, so that none expires; those that are wanted at the same time are asked
    for together.
    """

    def __init__(self, client: Client, batch: str) -> None:
        self._client = client
        self._path = f"/v1/batches/{batch}/links"
        self._threads = ThreadPoolExecutor(AT_ONCE, "retouch-images")
        self._wanted: dict[str, asyncio.Future[str]] = {}  # by uri; of what edits were made of, by custom_id
        self._asking: asyncio.Task[None] | None = None
        self._session = requests.Session()
        self._session.auth = _as_it_is
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=AT_ONCE))

    def chunks(self, uri: str) -> AsyncIterator[memoryview]:
        """Read one image; raises LostObjectError if there is none, other StoreErrors, and InputError."""
        return self._read(uri, uri)

    def input(self, custom_id: str, uri: str) -> AsyncIterator[memoryview]:
        """Read the picture that an edit was made of, which messages call ``uri``; raises as ``chunks``."""
        return self._read(custom_id, uri)

    async def _read(self, wanted: str, uri: str) -> AsyncIterator[memoryview]:
        read = 0
        for left in reversed(range(TRIES)):
            link = await self._link(wanted)
            if not link:
                raise LostObjectError(f"the gateway gives no link to {uri}: the batch has left Redis")
            try:
                async for chunk in self._pieces(uri, link, read):
                    read += len(chunk)
                    yield memoryview(chunk)
                return
            except StoreUnavailableError:
                if not left:
                    raise
            await asyncio.sleep(PAUSE_S)

    async def _pieces(self, uri: str, link: str, start: int) -> AsyncIterator[bytes]:
        try:
            answer = await self._on_thread(partial(self._get, link, start))
            with answer:
                _check(answer, uri, start)
                pieces = answer.iter_content(CHUNK)
                while chunk := await self._on_thread(partial(next, pieces, b"")):
                    yield chunk
        except requests.RequestException as error:
            raise StoreUnavailableError(f"the S3 server that the gateway names: {reason_of(error)}") from None

    def _get(self, link: str, start: int) -> requests.Response:
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        timeout = (CONNECT_S, SILENT_S)
        return self._session.get(link, headers=headers, timeout=timeout, stream=True, allow_redirects=False)

    async def _link(self, uri: str) -> str:
        wanted = self._wanted.setdefault(uri, asyncio.get_running_loop().create_future())
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(wanted)

    async def _ask(self) -> None:
        """Have links signed for all that wants one, and for what wants one meanwhile."""
        while self._wanted:
            asked = {uri: self._wanted.pop(uri) for uri in list(self._wanted)[:MOST]}
            try:
                links = await self._on_thread(partial(self._links, list(asked)))
            except Exception as error:  # of each that waits
                for wanted in asked.values():
                    wanted.set_exception(error)
            else:
                for uri, wanted in asked.items():
                    wanted.set_result(links[uri])
        self._asking = None

    def _links(self, wanted: list[str]) -> dict[str, str]:
        """Links by uri, and by the custom_id of an edit to what it was made of: empty if that cannot be had."""
        uris, inputs = [one for one in wanted if "://" in one], [one for one in wanted if "://" not in one]
        asked = {"uris": uris} | ({"inputs": inputs} if inputs else {})
        try:
            answer = self._client.json("POST", self._path, json=asked)
            links, made_of = answer["links"], answer.get("inputs") or {}
            return {uri: str(links[uri]) for uri in uris} | {name: str(made_of.get(name, "")) for name in inputs}
        except LedgerError as error:
            raise StoreUnavailableError(f"the gateway gives no links: {error}") from error
        except (KeyError, TypeError, AttributeError):
            raise StoreUnavailableError("the gateway's answer has no links") from None

    async def _on_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """A link is the permission itself: it goes with no key, and with none of ``~/.netrc``."""
    return request


def _check(answer: requests.Response, uri: str, start: int) -> None:
    """Raise StoreError unless the answer is the image from there on."""
    status = answer.status_code
    if status == (206 if start else 200):
        return
    if status == 404:
        raise LostObjectError(f"there is no object {uri}")
    told = f"the S3 server that the gateway names answers {status} for {uri}"
    raise StoreUnavailableError(told) if status >= 500 or status == 429 else StoreRefusedError(told)
