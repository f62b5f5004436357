"""The claims that this process holds, and until when each is certain to be held."""

from __future__ import annotations

import time
from collections.abc import Iterable

from retouch.ledger import Claim


class Leases:
    """Which claims are open here, with the monotonic time until which each is known to be held.

    Not thread-safe: used on the event loop only.
    """

    def __init__(self, lease_s: float) -> None:
        self._lease_s = lease_s
        self._until: dict[Claim, float] = {}

    def __len__(self) -> int:
        return len(self._until)

    def begin(self, claims: Iterable[Claim], confirmed_at: float) -> None:
        """Hold claims whose lease was begun anew by a call that was made at ``confirmed_at`` (monotonic)."""
        for claim in claims:
            self._until[claim] = confirmed_at + self._lease_s

    def end(self, claim: Claim) -> None:
        """Let go of a claim: it was settled, or lost."""
        self._until.pop(claim, None)

    def open(self) -> list[Claim]:
        """All open claims."""
        return list(self._until)

    def renewed(self, claims: Iterable[Claim], lost: Iterable[str], confirmed_at: float) -> None:
        """Note the outcome of a renewal that was asked for at ``confirmed_at`` (monotonic)."""
        gone = set(lost)
        for claim in claims:
            if claim in self._until:  # it may have been settled meanwhile
                self._until[claim] = 0.0 if claim.member in gone else confirmed_at + self._lease_s

    def holds(self, claim: Claim) -> bool:
        """Tell whether nobody else can have the claim yet.

        Asked right before a submit is sent: a process may have been stopped for longer than its lease.
        """
        return time.monotonic() < self._until.get(claim, 0.0)
