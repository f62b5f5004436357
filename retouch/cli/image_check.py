"""``retouch enqueue --check-images``: whether each picture is there, before anything is enqueued."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from typing import Any

from retouch.cli.counting import OnProgress, counting
from retouch.cli.terminal import say
from retouch.errors import GoneError, InputError, LostObjectError
from retouch.extras import S3, install
from retouch.intake.checked import CheckedEdits
from retouch.intake.image_check import Beginnings, Found, check_images
from retouch.net.addresses import PrivateHosts

START_BYTES = 1024  # enough to know a picture by, also one that is HTML
SHOWN = 5  # pictures that could not be checked


def reject_bad_images(checked: CheckedEdits, hosts: PrivateHosts, to_upload: Collection[str]) -> None:
    """Reject the edits whose picture is not there or is none, and say which could not be checked.

    ``to_upload``: addresses of pictures that are still on this machine, and checked already. Raises InputError if what
    is needed is not installed.
    """
    images = checked.images()
    addresses = list(dict.fromkeys(address for _, address in images if address not in to_upload))
    if not addresses:
        return
    with counting("checking pictures") as on_progress:
        found = asyncio.run(_check(addresses, hosts, on_progress))
    checked.reject({line: f"init_image {found.bad[address]}" for line, address in images if address in found.bad})
    _tell(len(addresses), found)


async def _check(addresses: list[str], hosts: PrivateHosts, on_progress: OnProgress) -> Found:
    pictures = _pictures(hosts)
    try:
        return await check_images(addresses, pictures, lambda done: on_progress(done, len(addresses)))
    finally:
        await pictures.close()


def _tell(total: int, found: Found) -> None:
    say(f"pictures checked: {total - len(found.unchecked):,} of {total:,}, {len(found.bad):,} bad")
    if not found.unchecked:
        return
    say(f"note: {len(found.unchecked):,} could not be checked, and are taken as they are:")
    for reason, number in Counter(found.unchecked.values()).most_common(SHOWN):
        say(f"  {number:,}: {reason}")


def _pictures(hosts: PrivateHosts) -> _Pictures:
    try:
        from retouch.media.fetch import Fetcher  # noqa: PLC0415 - what it needs belongs to the workers' installation
        from retouch.media.store import Store  # noqa: PLC0415 - as above
    except ImportError:
        raise InputError(f"--check-images needs an HTTP client and S3 support: {install(*S3, 'aiohttp')}") from None
    return _Pictures(Fetcher(hosts), Store)


class _Pictures(Beginnings):
    """Pictures behind URLs and in S3."""

    def __init__(self, fetcher: Any, store: Any) -> None:
        self._fetcher = fetcher
        self._store = store
        self._stores: dict[str, Any] = {}

    async def beginning(self, address: str) -> tuple[bytes, int | None]:
        if not address.startswith("s3://"):
            start, size = await self._fetcher.beginning(address, START_BYTES)
            return start, size
        bucket, _, key = address.removeprefix("s3://").partition("/")
        store = self._stores.get(bucket) or self._open(bucket)
        try:
            start, size = await store.read_range(key, 0, START_BYTES)
        except LostObjectError:
            raise GoneError(f"{address[:200]} is not there") from None
        return start, size

    def _open(self, bucket: str) -> Any:
        self._stores[bucket] = self._store(bucket)
        return self._stores[bucket]

    async def close(self) -> None:
        """Close all connections."""
        await self._fetcher.close()
