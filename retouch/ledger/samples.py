"""How the API was used over the last day, a record a minute, as the workers' heartbeats write it.

A record is numbers with spaces between: ``began looks places most allowed paused``, then what ``SAMPLED`` names.
``began``: the minute (ms). ``looks``: heartbeats in it. ``places``: the sum of what each has seen in use; ``most``: the
most that one has. ``allowed``: how many there might be at last. ``paused``: how many heartbeats found submits paused.
The others: what the ledger's sums have risen by. Minutes in which no worker ran have no record. A newer version may
write more numbers behind these.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from retouch.ledger.constants import SAMPLE_MS, SAMPLED
from retouch.ledger.views import instant, iso
from retouch.records.provider import RequestSamplesRecord, SamplesRecord


@dataclass(frozen=True, slots=True)
class RequestSample:
    """Requests of a kind within a minute by how they fared: 2xx, 429, other answers of 3xx and 4xx, 5xx, no answer.

    ``answer_s``: how long answers took on average; None: there were none.
    """

    good: int
    throttled: int
    refused: int
    broken: int
    silent: int
    answer_s: float | None


@dataclass(frozen=True, slots=True)
class Sample:
    """How the API was used in the minute from ``at`` on.

    ``places_used``: images at the API on average, ``places_most`` at most; ``places``: how many were allowed.
    ``paused``: in which share of it submits were paused. ``unanswered``: submits that were given up without an answer.
    """

    at: datetime
    places_used: float
    places_most: int
    places: int
    paused: float
    submits: RequestSample
    statuses: RequestSample
    unanswered: int
    completed: int
    failed: int
    cancelled: int

    @classmethod
    def parse(cls, text: str) -> Sample:
        """Read a record."""
        began, looks, places, most, allowed, paused, *sums = map(int, text.split())
        risen = dict(zip(SAMPLED, sums, strict=False))
        at = instant(began)
        assert at is not None
        return cls(
            at=at,
            places_used=round(places / looks, 1),
            places_most=most,
            places=allowed,
            paused=round(paused / looks, 2),
            submits=_requests(risen, "submit"),
            statuses=_requests(risen, "status"),
            unanswered=risen["unanswered"],
            completed=risen["ended:completed"],
            failed=risen["ended:failed"],
            cancelled=risen["ended:cancelled"],
        )


def samples_to_json(samples: Sequence[Sample]) -> SamplesRecord:
    """A list for each value, so that a day is some dozens of kB."""
    return {
        "every_s": SAMPLE_MS // 1000,
        "at": [str(iso(one.at.timestamp() * 1000)) for one in samples],
        "places_used": [one.places_used for one in samples],
        "places_most": [one.places_most for one in samples],
        "places": [one.places for one in samples],
        "paused": [one.paused for one in samples],
        "submits": _columns(one.submits for one in samples),
        "statuses": _columns(one.statuses for one in samples),
        "unanswered": [one.unanswered for one in samples],
        "completed": [one.completed for one in samples],
        "failed": [one.failed for one in samples],
        "cancelled": [one.cancelled for one in samples],
    }


def samples_from_json(raw: SamplesRecord) -> list[Sample]:
    """Read what ``samples_to_json`` has made."""
    use = zip(raw["places_used"], raw["places_most"], raw["places"], raw["paused"], strict=True)
    ends = zip(raw["unanswered"], raw["completed"], raw["failed"], raw["cancelled"], strict=True)
    rows = zip(raw["at"], use, _rows(raw["submits"]), _rows(raw["statuses"]), ends, strict=True)
    return [Sample(datetime.fromisoformat(at), *used, one, other, *end) for at, used, one, other, end in rows]


def _requests(risen: dict[str, int], kind: str) -> RequestSample:
    answers, ms = risen[f"answers:{kind}"], risen[f"ms:{kind}"]
    return RequestSample(
        good=risen[f"{kind}:good"],
        throttled=risen[f"{kind}:throttled"],
        refused=risen[f"{kind}:refused"],
        broken=risen[f"{kind}:broken"],
        silent=risen[f"{kind}:silent"],
        answer_s=round(ms / answers / 1000, 4) if answers else None,
    )


def _columns(kind: Iterable[RequestSample]) -> RequestSamplesRecord:
    rows = list(kind)
    return {
        "good": [one.good for one in rows],
        "throttled": [one.throttled for one in rows],
        "refused": [one.refused for one in rows],
        "broken": [one.broken for one in rows],
        "silent": [one.silent for one in rows],
        "answer_s": [one.answer_s for one in rows],
    }


def _rows(raw: RequestSamplesRecord) -> list[RequestSample]:
    columns = (raw["good"], raw["throttled"], raw["refused"], raw["broken"], raw["silent"], raw["answer_s"])
    return [RequestSample(*row) for row in zip(*columns, strict=True)]
