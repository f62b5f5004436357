"""The claims of deliveries, taken up and ended: many become one call of the ledger."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import NamedTuple

from retouch.ledger import Claim, Delivery, DeliverySettled, Ledger, Origin, Pending
from workers.coalescer import Coalescer
from workers.leases import Leases
from workers.ledger_calls import LedgerCalls

AT_ONCE = 200  # deliveries in one script: a few ms of Redis' time
LINGER_S = 0.01  # nothing beside a delivery, and a call then carries several


class Begun(NamedTuple):
    """A delivery that this worker makes, and the installation that its event is from."""

    pending: Pending
    origin: Origin


class Deliveries:
    """Begins and ends claims of deliveries, however long Redis is away. Used on the event loop only."""

    def __init__(self, ledger: Ledger, call: LedgerCalls, leases: Leases, lease_ms: int) -> None:
        self._ledger = ledger
        self._call = call
        self._leases = leases
        self._lease_ms = lease_ms
        self._begin: Coalescer[Claim, Begun | None] = Coalescer(self._begin_many, limit=AT_ONCE)
        self._settle: Coalescer[Delivery, DeliverySettled] = Coalescer(
            self._settle_many, limit=AT_ONCE, linger_s=LINGER_S
        )

    async def begin(self, claim: Claim, began_at: float) -> Begun | None:
        """Take a claim up, and read what is to be delivered; None if it is another's, or begun already.

        ``began_at``: when its lease was last known to begin anew (monotonic seconds).
        """
        begun = await self._begin(claim)
        if begun:
            self._leases.begin([claim], began_at)
        return begun

    async def settle(self, delivery: Delivery) -> DeliverySettled:
        """End a claim; returns what became of it, and of its sink."""
        return await self._settle(delivery)

    async def _begin_many(self, claims: Sequence[Claim]) -> Sequence[Begun | None]:
        nonce = secrets.token_hex(8)
        own = set(await self._call(self._ledger.worker.begin, claims, self._lease_ms, nonce=nonce))
        if not own:
            return [None] * len(claims)
        origin = await self._call(self._ledger.reader.origin)
        ours = list(own)
        pending = dict(zip(ours, await self._call(self._ledger.reader.pending, ours), strict=True))
        found = (pending.pop(claim, None) for claim in claims)  # of a claim that came twice, one call alone has it
        return [Begun(one, origin) if one else None for one in found]

    async def _settle_many(self, deliveries: Sequence[Delivery]) -> Sequence[DeliverySettled]:
        return await self._call(self._ledger.worker.settle_deliveries, deliveries)
