"""What the steps of edits work with; one of it per process, made in ``workers/composition.py``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from config.settings import Settings
from retouch.ledger import Claim, Ledger, Stopwatch
from workers.clients import Clients
from workers.deliveries import Deliveries
from workers.leases import Leases
from workers.ledger_calls import LedgerCalls
from workers.pacer import Pacer
from workers.pauses import Pauses
from workers.poll_times import PollTimes
from workers.server_clock import ServerClock
from workers.settling import Settling
from workers.store_watch import StoreWatch


@dataclass(frozen=True, slots=True)
class Context:
    """The settings and the parts of a process that its steps share; all but the ledger belong to the event loop."""

    settings: Settings
    ledger: Ledger
    call: LedgerCalls
    clients: Clients
    clock: ServerClock
    leases: Leases
    pacer: Pacer
    pauses: Pauses
    poll_times: PollTimes
    settle: Settling
    deliveries: Deliveries
    store_watch: StoreWatch
    stopwatch: Stopwatch


Work = Callable[[Context, Sequence[Claim]], Awaitable[None]]  # what is done with a chunk of claims
