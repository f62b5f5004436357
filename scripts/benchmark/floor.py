"""The floor: the same calls from a bare event loop, with nothing kept and nothing checked.

``python -m scripts.benchmark.floor EDITS`` makes them and waits to be killed. What Retouch costs above it is the
price of a queue.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from datetime import timedelta

import aiohttp
import obstore
import uvloop
from obstore.store import S3Store

from scripts.benchmark.work import Work

CONCURRENCY = 96


async def run(edits: int) -> None:
    """Make ``edits`` edits, CONCURRENCY at a time."""
    store = S3Store(
        os.environ["RETOUCH_BUCKET"],
        endpoint=os.environ["AWS_ENDPOINT_URL_S3"],
        region=os.environ["AWS_REGION"],
        access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
        secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        client_options={"allow_http": True, "timeout": timedelta(seconds=60)},
    )
    work = enumerate(Work("floor", edits).edits())
    headers = {"API-Key": os.environ["RETOUCH_API_KEY"]}
    connector = aiohttp.TCPConnector(limit=2 * CONCURRENCY)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        await asyncio.gather(*(_edit_all(session, store, work) for _ in range(CONCURRENCY)))
        await asyncio.Event().wait()  # what it took is read from outside


async def _edit_all(
    session: aiohttp.ClientSession, store: S3Store, work: Iterator[tuple[int, dict[str, object]]]
) -> None:
    for number, edit in work:
        await _edit(session, store, number, edit)


async def _edit(session: aiohttp.ClientSession, store: S3Store, number: int, edit: dict[str, object]) -> None:
    url = os.environ["RETOUCH_API_URL"]
    async with session.post(url, json=edit) as response:
        provider_id = (await response.json())["id"]
    async with session.get(f"{url}/status/{provider_id}") as response:
        [link] = (await response.json())["download_urls"]
    async with session.get(link) as response:
        image = await response.read()
    await obstore.put_async(store, f"floor/{number}/0.png", image, use_multipart=False)


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1])))
