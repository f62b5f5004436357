"""What the judge reads: the endpoint's own record, what lies in S3, what the receiver got, the workers' trace."""

from __future__ import annotations

from dataclasses import dataclass, field

from retouch.ledger import EditRow, FailureGroup
from tests.harness.growing import Record


@dataclass(frozen=True)
class Delivery:
    """One event as it arrived. ``at``: monotonic seconds; ``early``: what it claims and was not there yet."""

    event_id: str
    header_id: str
    type: str
    subject: str
    data: Record
    taken: bool
    early: str = ""


@dataclass(frozen=True)
class Stored:
    """One object in S3."""

    sha256: str
    whole_image: bool
    body: bytes = b""  # of manifests only


@dataclass(frozen=True)
class Glance:
    """A batch as the ledger's strips have it: the state of each edit, and why they failed."""

    rows: list[EditRow]
    failures: list[FailureGroup]


@dataclass(frozen=True)
class Unkept:
    """A time in which nothing could be stored, in seconds of the API's clock, and the places there were at the API."""

    began_at: float
    ended_at: float
    places: int


@dataclass
class Evidence:
    """All of one run.

    ``enqueued``: batch → custom id → samples. ``policy``: resubmit, hold or idempotent. ``late_post_s``: after how many
    seconds a POST cannot have been sent before its claim was lost; ``late_request_s``: the same of any request and a
    Retry-After (None: requests were held up on the way, nothing can be said). ``blameless``: nothing that was answered
    is about an edit. ``cancelled``: batch → when a person cancelled it, by the API's clock. ``undone``: ends that were
    told, and taken back by a retry. ``metrics``: what Prometheus would read at the end: ``name{label="value"}`` →
    value.
    """

    policy: str
    enqueued: dict[str, dict[str, int]]
    requests: list[Record]
    objects: dict[str, Stored]
    deliveries: list[Delivery]
    trace: list[Record]
    leaks: list[str] = field(default_factory=list)
    late_post_s: float | None = None
    late_request_s: float | None = None
    blameless: bool = False
    cancelled: dict[str, float] = field(default_factory=dict)
    unkept: Unkept | None = None
    undone: list[Delivery] = field(default_factory=list)
    glances: dict[str, Glance] = field(default_factory=dict)  # of batches that the ledger has still
    metrics: dict[str, float] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)  # edits that the ledger shows as held
    wall_minus_monotonic: float = 0.0
