"""Learned polling: how long edits of a kind take, and when each is best asked about.

Three steps, all of them pure: ``kind_of`` names the kind of work an edit is; ``learn`` turns what two polls saw into an
addition to the kind's histogram; ``plan`` places the polls of the next edits, and ``next_poll_s`` reads the plan.
``docs/polling.md`` explains it with a picture.
"""

from retouch.provider.polling.histogram import FIELDS, Histogram
from retouch.provider.polling.kind import kind_of
from retouch.provider.polling.learning import Lesson, learn, remember
from retouch.provider.polling.planning import Plan, plan
from retouch.provider.polling.timing import next_poll_s, phase_of

__all__ = [
    "FIELDS",
    "Histogram",
    "Lesson",
    "Plan",
    "kind_of",
    "learn",
    "next_poll_s",
    "phase_of",
    "plan",
    "remember",
]
