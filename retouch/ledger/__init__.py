"""The ledger: what every edit is, where it stands and what must happen next, in Redis."""

from retouch.ledger.claims import Claim, Harvest, Progress, Settlement, Submission
from retouch.ledger.ledger import Entry, Ledger, Pace, Verdict
from retouch.ledger.views import BatchView, EditView, Event, Pause, Provider, present

__all__ = [
    "BatchView",
    "Claim",
    "EditView",
    "Entry",
    "Event",
    "Harvest",
    "Ledger",
    "Pace",
    "Pause",
    "Progress",
    "Provider",
    "Settlement",
    "Submission",
    "Verdict",
    "present",
]
