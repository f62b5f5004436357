"""How producers meet the failures of Redis, or of a gateway: an error that names it, or waiting until it is back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from retouch.errors import LedgerAwayError, LedgerError, LedgerRefusedError, ServiceError

OUTAGE_PAUSE_S = 0.5  # between two attempts to reach Redis


def no_redis(address: str) -> str:
    """What is said of a Redis that cannot be used; the reason follows."""
    return f"cannot use Redis at {address} (RETOUCH_REDIS_URL)"


OnOutage = Callable[[str | None], None]
T = TypeVar("T")


class Reach:
    """Calls to a service: ``with reach(): ...``. ``unusable``: what is said if it cannot be used, before the reason."""

    def __init__(self, unusable: str) -> None:
        self._unusable_text = unusable

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Turn the ledger's errors into a ServiceError that names the service."""
        try:
            yield
        except LedgerError as error:
            raise self._unusable(error) from error

    def through_outages(self, read: Callable[[], T], on_outage: OnOutage | None, end: float | None = None) -> T | None:
        """What ``read`` returns, after outages of any length; None when ``end`` (monotonic seconds) comes first."""
        told = False
        while True:
            try:
                answer = read()
            except (LedgerAwayError, LedgerRefusedError) as error:
                if on_outage and not told:
                    on_outage(str(error))
                told = True
                if end is not None and time.monotonic() >= end:
                    return None
                time.sleep(OUTAGE_PAUSE_S)
            except LedgerError as error:
                raise self._unusable(error) from error
            else:
                if on_outage and told:
                    on_outage(None)
                return answer

    def _unusable(self, error: LedgerError) -> ServiceError:
        return ServiceError(f"{self._unusable_text}: {error}")
