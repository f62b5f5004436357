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
    DeliverySettled,
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
from retouch.ledger.constants import LEARNED_BINS, LEARNED_KINDS, OTHER_GROUP, PAGE, Finish, JobState
from retouch.ledger.crew import Heartbeat, WorkerView
from retouch.ledger.deciding import Retried
from retouch.ledger.figures import Figures
from retouch.ledger.history import HistoryStep
from retouch.ledger.jobs import Action, Job, JobCost, Which
from retouch.ledger.journal import Journal
from retouch.ledger.keys import DEFAULT_NAMESPACE, SCHEMA
from retouch.ledger.latencies import Latency, Stopwatch
from retouch.ledger.ledger import Ledger
from retouch.ledger.money import BatchMoney, DayMoney, MoneySum
from retouch.ledger.picks import Chosen, Pick
from retouch.ledger.producer import Producer
from retouch.ledger.reader import Reader
from retouch.ledger.samples import RequestSample, Sample
from retouch.ledger.search import FoundEdits, NamedEdit
from retouch.ledger.sinks import Named, Pending, Sink, Undelivered, notify_sink
from retouch.ledger.strips import check_group
from retouch.ledger.views import (
    BatchPauseView,
    BatchView,
    EditRow,
    EditView,
    Event,
    FailureGroup,
    Made,
    Origin,
    Pause,
    Provider,
    present,
)
from retouch.ledger.worker import Worker

__all__ = [
    "ABOUT",
    "DEFAULT_NAMESPACE",
    "LEARNED_BINS",
    "LEARNED_KINDS",
    "NOW",
    "OTHER_GROUP",
    "PAGE",
    "SCHEMA",
    "About",
    "Action",
    "Address",
    "BatchMoney",
    "BatchPauseView",
    "BatchView",
    "BegunPoll",
    "BegunSubmit",
    "Chosen",
    "Claim",
    "DayMoney",
    "Delivery",
    "DeliverySettled",
    "EditRow",
    "EditView",
    "Entry",
    "Event",
    "FailureGroup",
    "Figures",
    "Finish",
    "FoundEdits",
    "Harvest",
    "Heartbeat",
    "HistoryStep",
    "InForce",
    "Intervals",
    "Job",
    "JobCost",
    "JobState",
    "Journal",
    "Latency",
    "Ledger",
    "Made",
    "MoneySum",
    "Named",
    "NamedEdit",
    "Origin",
    "Pause",
    "Pending",
    "Pick",
    "Policy",
    "Producer",
    "Provider",
    "Reader",
    "RequestSample",
    "Retried",
    "Run",
    "Sample",
    "Seen",
    "Settled",
    "Settlement",
    "Sink",
    "Step",
    "Stopwatch",
    "Strike",
    "Undelivered",
    "Verdict",
    "Wait",
    "Which",
    "Worker",
    "WorkerView",
    "body",
    "check_group",
    "made_of",
    "notify_sink",
    "present",
]
