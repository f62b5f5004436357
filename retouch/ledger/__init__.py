"""The ledger: what every edit is, where it stands and what must happen next, in Redis."""

from retouch.ledger.claims import Claim, Harvest, Progress, Settlement, Submission
from retouch.ledger.ledger import Entry, Ledger, Verdict
from retouch.ledger.views import BatchView, EditView, Event, Pause, present

__all__ = [
    "BatchView",
    "Claim",
    "EditView",
    "Entry",
    "Event",
    "Harvest",
    "Ledger",
    "Pause",
    "Progress",
    "Settlement",
    "Submission",
    "Verdict",
    "present",
]
