"""S3 for producers: its libraries are an extra, and its clients are kept."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from retouch.errors import InputError
from retouch.extras import no_s3

if TYPE_CHECKING:
    from retouch.media.store import Store  # the extra `s3` is optional

TIMEOUT_S = 600.0  # of one picture of 32 MiB over a slow line


def open_store(bucket: str) -> Store:
    """The bucket of that name; raises InputError where S3 support is not installed."""
    try:
        from retouch.media.store import Store  # noqa: PLC0415 - the extra `s3` is optional, and slow to load
    except ImportError:
        raise InputError(no_s3()) from None
    return Store(bucket, timeout_s=TIMEOUT_S)


def kept_store(bucket: str) -> Store:
    """The same, opened once: for what ``retouch.blocking`` runs. Other AWS variables are another store.

    Raises InputError in a process that was forked from one that has used S3: its clients hang there.
    """
    if _process_of_s3() != os.getpid():
        raise InputError(
            "this process was forked from one that has used S3 already, and S3 cannot be used in both: make it with"
            " multiprocessing.get_context('spawn'), or use S3 only after the fork"
        )
    return _kept(bucket, frozenset(_settings()))


@lru_cache(maxsize=16)  # a client takes some 3 MiB, and a fifth of a second to make
def _kept(bucket: str, _settings: frozenset[tuple[str, str]]) -> Store:
    return open_store(bucket)


def _settings() -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in os.environ.items() if name.startswith("AWS_"))


@lru_cache(maxsize=1)
def _process_of_s3() -> int:
    return os.getpid()
