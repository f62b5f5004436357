"""S3 for commands: its libraries are an extra."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retouch.errors import InputError

if TYPE_CHECKING:
    from retouch.media.store import Store  # the extra `s3` is optional

TIMEOUT_S = 600.0  # of one picture of 32 MiB over a slow line


def open_store(bucket: str) -> Store:
    """The bucket of that name; raises InputError where S3 support is not installed."""
    try:
        from retouch.media.store import Store  # noqa: PLC0415 - the extra `s3` is optional, and slow to load
    except ImportError:
        raise InputError("S3 support is not installed: pip install 'retouch[s3]'") from None
    return Store(bucket, timeout_s=TIMEOUT_S)
