"""Numbers and names that Python and the Lua moves share: they are defined here, and written into each script."""

from __future__ import annotations

from enum import StrEnum

from retouch.causes import AmbiguityPolicy, BatchPause, FailureCode, Fared, Outcome, PauseCause
from retouch.ledger.journal import JOURNAL_EDITS, Journal, Mark
from retouch.states import LETTERS, TERMINAL

PAGE = 500  # edits that one script touches at most: some milliseconds of the server's time
EVENTS_KEPT_MS = 7 * 86_400_000  # ms that events stay at most; longer than any delivery is retried
# A batch's share: less than a thousandth of the usual is as good as none, more than a thousandfold as all.
WEIGHT_MIN, WEIGHT_MAX = 0.001, 1000
NOTIFY_PREFIX = "notify:"  # and a batch's id: the name of the batch's own sink
LEARNED_BINS = 64  # the fields of a learned histogram that are weights; those from here on are sums of evidence
KEPT_MS = 3_600_000  # ms that a batch is kept at least after a producer opened it
PRODUCER_GONE_MS = 30_000  # a producer that was not heard of for so long is taken for dead, once another one is done
LIFTED = "lifted"  # in place of a batch's max_failures: a person has resumed it, however many fail
OTHER_GROUP = 255  # the number of all groups of a batch's failures after the first 254
SAMPLE_MS, SAMPLES_KEPT = 60_000, 1440  # how the API is used: a record a minute, for a day
FARES = ("good", "throttled", "refused", "broken", "silent")  # 2xx, 429, other 4xx, 5xx, no answer
SAMPLED = (  # what a record says beside the places, in this order; more may be added at its end
    *(f"{kind}:{fare}" for kind in ("submit", "status") for fare in FARES),
    *("unanswered", "ended:completed", "ended:failed", "ended:cancelled"),
    *(f"{what}:{kind}" for kind in ("submit", "status") for what in ("answers", "ms")),
)
SENDERS_KEPT = 10  # of a batch; those that come later are not named
MAX_SUSPECTS = 5  # different edits that are refused, none taken in between: it is the API, or the account
CHANGED_AT_ONCE = 25  # edits of a job in one script: 2 ms, and some 12 where a fork of Redis shares its memory
COUNTED_AT_ONCE = 250  # edits of a job in one script that only looks at them
JOB_OFFERED_MS = 15 * 60_000  # ms that a job which was counted can be started
JOB_TAKEN_MS = 2_000  # ms without a page of a job, after which somebody else does the next one
JOB_KEPT_MS = 7 * 86_400_000  # ms that a job stays after its end
JOBS_OF_BATCH = 50  # that are kept; the oldest is removed first
JOBS_LISTED = 1000  # of all batches; the one that was started first is forgotten first
JOBS_OFFERED = 20  # of a batch that were counted and not started: each has a byte for each of its edits
LEARNED_KINDS = 200  # kinds of work that are remembered; the one seen longest ago is removed first


class Finish(StrEnum):
    """What a worker has done about the end of a batch."""

    WRITTEN = "written"  # the manifest and _SUCCESS
    REMOVED = "removed"  # an old _SUCCESS: the batch is open again
    AGAIN = "again"  # nothing yet: it is to be tried again


class JobState(StrEnum):
    """Where a job stands: it is counted, and once a person has started it, it runs until it is done, or stopped."""

    COUNTING = "counting"
    COUNTED = "counted"
    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"


NUMBERS_AND_WORDS: dict[str, int | float | str] = {
    "PAGE": PAGE,
    "WEIGHT_MIN": WEIGHT_MIN,
    "WEIGHT_MAX": WEIGHT_MAX,
    "EVENTS_KEPT_MS": EVENTS_KEPT_MS,
    "PRODUCER_GONE_MS": PRODUCER_GONE_MS,
    "KEPT_MS": KEPT_MS,
    "LIFTED": LIFTED,
    "NOTIFY_PREFIX": NOTIFY_PREFIX,
    "LEARNED_BINS": LEARNED_BINS,
    "LEARNED_KINDS": LEARNED_KINDS,
    "SENDERS_KEPT": SENDERS_KEPT,
    "MAX_SUSPECTS": MAX_SUSPECTS,
    "CHANGED_AT_ONCE": CHANGED_AT_ONCE,
    "COUNTED_AT_ONCE": COUNTED_AT_ONCE,
    "JOB_OFFERED_MS": JOB_OFFERED_MS,
    "JOB_TAKEN_MS": JOB_TAKEN_MS,
    "JOB_KEPT_MS": JOB_KEPT_MS,
    "JOBS_OF_BATCH": JOBS_OF_BATCH,
    "JOBS_OFFERED": JOBS_OFFERED,
    "JOBS_LISTED": JOBS_LISTED,
    "OTHER_GROUP": OTHER_GROUP,
    "SAMPLE_MS": SAMPLE_MS,
    "SAMPLES_KEPT": SAMPLES_KEPT,
    "JOURNAL_EDITS": JOURNAL_EDITS,
}
TABLES: dict[str, dict[str, str] | tuple[str, ...]] = {
    "SAMPLED": SAMPLED,
    "LETTER": {str(state): letter for state, letter in LETTERS.items()},
    "TERMINAL": {str(state): str(state) for state in sorted(TERMINAL)},
    **{
        name: {member.name.lower(): member.value for member in members}
        for name, members in {
            "JOB": JobState,
            "FAILURE": FailureCode,
            "CAUSE": PauseCause,
            "BATCH_PAUSE": BatchPause,
            "FINISH": Finish,
            "FARED": Fared,
            "OUTCOME": Outcome,
            "POLICY": AmbiguityPolicy,
            "JOURNAL": Journal,
            "MARK": Mark,
        }.items()
    },
}
