"""The ledger: what every edit is, where it stands and what must happen next, in Redis."""

from retouch.ledger.claims import BegunPoll, BegunSubmit, Claim, Entry, Harvest, Intervals, Settlement, Step, Verdict
from retouch.ledger.constants import LEARNED_BINS, LEARNED_KINDS, PAGE
from retouch.ledger.keys import DEFAULT_NAMESPACE, SCHEMA
from retouch.ledger.ledger import Ledger
from retouch.ledger.producer import Producer
from retouch.ledger.reader import Reader
from retouch.ledger.views import BatchView, EditView, Event, Pause, Provider, present
from retouch.ledger.worker import Worker

__all__ = [
    "DEFAULT_NAMESPACE",
    "LEARNED_BINS",
    "LEARNED_KINDS",
    "PAGE",
    "SCHEMA",
    "BatchView",
    "BegunPoll",
    "BegunSubmit",
    "Claim",
    "EditView",
    "Entry",
    "Event",
    "Harvest",
    "Intervals",
    "Ledger",
    "Pause",
    "Producer",
    "Provider",
    "Reader",
    "Settlement",
    "Step",
    "Verdict",
    "Worker",
    "present",
]
