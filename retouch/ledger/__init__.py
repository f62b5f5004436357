"""The ledger: what every edit is, where it stands and what must happen next, in Redis."""

from retouch.ledger.address import Address
from retouch.ledger.claims import (
    ABOUT,
    NOW,
    About,
    BegunPoll,
    BegunSubmit,
    Claim,
    Delivery,
    Entry,
    Harvest,
    InForce,
    Intervals,
    Policy,
    Run,
    Seen,
    Settled,
    Settlement,
    Step,
    Strike,
    Verdict,
    Wait,
    body,
    made_of,
)
from retouch.ledger.constants import LEARNED_BINS, LEARNED_KINDS, PAGE, Finish
from retouch.ledger.keys import DEFAULT_NAMESPACE, SCHEMA
from retouch.ledger.ledger import Ledger
from retouch.ledger.producer import Producer, Retried
from retouch.ledger.reader import Reader
from retouch.ledger.sinks import Sink, Undelivered
from retouch.ledger.views import BatchPauseView, BatchView, EditView, Event, Made, Origin, Pause, Provider, present
from retouch.ledger.worker import Worker

__all__ = [
    "ABOUT",
    "DEFAULT_NAMESPACE",
    "LEARNED_BINS",
    "LEARNED_KINDS",
    "NOW",
    "PAGE",
    "SCHEMA",
    "About",
    "Address",
    "BatchPauseView",
    "BatchView",
    "BegunPoll",
    "BegunSubmit",
    "Claim",
    "Delivery",
    "EditView",
    "Entry",
    "Event",
    "Finish",
    "Harvest",
    "InForce",
    "Intervals",
    "Ledger",
    "Made",
    "Origin",
    "Pause",
    "Policy",
    "Producer",
    "Provider",
    "Reader",
    "Retried",
    "Run",
    "Seen",
    "Settled",
    "Settlement",
    "Sink",
    "Step",
    "Strike",
    "Undelivered",
    "Verdict",
    "Wait",
    "Worker",
    "body",
    "made_of",
    "present",
]
