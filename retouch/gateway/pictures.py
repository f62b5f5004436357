"""Pictures of this machine on their way to S3: the gateway gives a link for each, and S3 takes it."""

from __future__ import annotations

import asyncio
from pathlib import PurePosixPath

import requests

from retouch.errors import InputError, LedgerError, StoreRefusedError, StoreUnavailableError
from retouch.gateway import PICTURES
from retouch.gateway.client import CONNECT_S, Client, reason_of, understood

PUT_S = 600.0
TRIES = 3


class GatewayPictures:
    """Takes pictures as a bucket does (``retouch.intake.uploads.ObjectStore``), and knows where they are then.

    ``batch``: whose edits will name them. ``addresses``: where pictures are that were uploaded before.
    """

    def __init__(self, client: Client, batch: str = "", addresses: dict[str, str] | None = None) -> None:
        self._client = client
        self._batch = batch
        self._addresses = {} if addresses is None else addresses

    def of(self, batch: str) -> GatewayPictures:
        """The same, for edits of this batch: a key that may not name it is refused before a picture is sent."""
        return GatewayPictures(self._client, batch, self._addresses)

    def moved(self, address: str) -> str:
        """The address of a picture, once it is uploaded; any other address is returned as it is."""
        return self._addresses.get(address, address)

    async def exists(self, key: str) -> bool:
        """Whether this object has uploaded the picture already."""
        return f"s3://{PICTURES}/{key}" in self._addresses

    async def put(self, key: str, data: bytes, content_type: str) -> bool:
        """Upload a picture; False: the gateway has it already. Raises StoreError, InputError for a refused key."""
        address, sent = await asyncio.to_thread(self._put, key, data, content_type)
        self._addresses[f"s3://{PICTURES}/{key}"] = address
        return sent

    def _put(self, key: str, data: bytes, content_type: str) -> tuple[str, bool]:
        asked = {"sha256": PurePosixPath(key).stem, "size": len(data), "content_type": content_type}
        asked |= {"batch": self._batch} if self._batch else {}
        reason = ""
        for _ in range(TRIES):  # a new link each time: one is good for a quarter of an hour
            try:
                link = self._client.json("POST", "/v1/uploads", json=asked)
                with understood():
                    place, url = str(link["init_image"]), str(link.get("url", ""))  # no url: it is there
                    headers = dict(link["headers"]) if url else {}
            except LedgerError as error:
                raise StoreUnavailableError(f"the gateway gives no link: {error}") from error
            if not url:
                return place, False
            reason, may_pass = _send(url, headers, data)
            if not reason:
                return place, True
            if not may_pass:
                raise StoreRefusedError(reason)
        raise StoreUnavailableError(reason)


def _send(url: str, headers: dict[str, str], data: bytes) -> tuple[str, bool]:
    """Put a picture to its link; returns what is wrong (empty: nothing), and whether that may pass."""
    if not url.startswith(("http://", "https://")):
        raise InputError("the gateway's link for a picture is none")
    try:
        answer = requests.put(
            url,
            data=data,
            headers=headers,
            timeout=(CONNECT_S, PUT_S),
            allow_redirects=False,
            auth=lambda request: request,  # the link itself is the permission: no key, and none of ~/.netrc
        )
    except requests.RequestException as error:
        return f"the S3 server that the gateway names: {reason_of(error)}", True
    if answer.status_code == requests.codes.ok:
        return "", False
    return f"the S3 server that the gateway names answers {answer.status_code}", answer.status_code >= 500
