"""The ledger: what every edit is, where it stands and what must happen next, in Redis."""

from retouch.ledger.claims import Claim, Entry, Harvest, Pace, Progress, Settlement, Submission, Verdict
from retouch.ledger.ledger import PAGE, Ledger
from retouch.ledger.views import BatchView, EditView, Event, Pause, Provider, present

__all__ = [
    "PAGE",
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
