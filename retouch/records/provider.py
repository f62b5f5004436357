"""How the API is used: now, and in all."""

from __future__ import annotations

from typing_extensions import TypedDict

from retouch.records.described import described
from retouch.records.money import TotalMoneyRecord


@described
class PauseRecord(TypedDict):
    """Why requests of a kind are not sent."""

    kind: str
    """``submit`` or ``status``"""
    cause: str
    """``throttled``, ``outage``, ``refused``, ``store``, ``budget``, ``person``, or one of a newer version"""
    reason: str
    """for people"""
    since: str
    next_probe: str | None
    """when one request finds out whether the cause is gone; null: a person, or a check, ends the pause"""


@described
class ToldPauseRecord(PauseRecord):
    """Why requests of a kind are not sent, and what ends that."""

    what: str
    """what is not sent, for people"""
    remedy: str
    """what ends it, for people"""
    by_hand: bool
    """``/v1/provider/resume`` ends it"""


@described
class TimesRecord(TypedDict):
    """How long results of a kind of work take, in seconds."""

    p50_s: float
    """half come within this time"""
    p95_s: float
    """95 % come within this time"""


@described
class KindRecord(TimesRecord):
    """How long results of a kind of work take: what was learned of it."""

    kind: str
    bins: list[float]
    """how many results took at most each of ``kind_edges_s``, and more than the edge before; the last one: longer.
    Older results count less"""


@described
class ProviderRecord(TypedDict):
    """How the API is used."""

    places_used: int
    """images at the API"""
    places: int | None
    """how many are allowed"""
    troubles_in_a_row: int
    """errors of its server and lost connections, of submits or of status requests"""
    paced_until: str | None
    """when the next request may be sent"""
    result_s: float | None
    """seconds that results took lately, if the number of places is learned"""
    last_refusal: str | None
    last_refusal_at: str | None
    status_refused: int
    """edits of which it refuses to say how they stand, since it has said that of one"""


@described
class LearnedProviderRecord(ProviderRecord):
    """How the API is used, and what was learned of it."""

    learned: dict[str, TimesRecord]
    """by kind of work"""


@described
class LimitRecord(TypedDict):
    """So many requests may be sent in so many seconds, by the settings of the workers; where they differ the most."""

    step: str
    """``submit``, ``status``, or ``all`` (both together)"""
    requests: int
    seconds: int


@described
class AnswersRecord(TypedDict):
    """How long the API takes to answer requests of a kind."""

    answers: int
    p50_s: float | None
    """half came within this time; null: there were none"""
    p95_s: float | None
    bins: list[int]
    """how many took at most each of ``answer_edges_s``, and more than the edge before; the last one: longer"""


@described
class ApiCountsRecord(TypedDict):
    """What was asked of the API in all."""

    since: str | None
    """when counting began"""
    submits: dict[str, int]
    """by the HTTP status of the answer; ``none``: not answered, ``unreached``: not sent"""
    statuses: dict[str, int]
    taken: int
    """submits that the API took"""
    unanswered: int
    """submits that were sent and given up without an answer"""
    possible_duplicates: int
    """edits that may have been paid for twice"""
    answer_edges_s: list[float]
    submit_answers: AnswersRecord
    status_answers: AnswersRecord


@described
class RequestSamplesRecord(TypedDict):
    """Requests of one kind by how they fared, a number for each minute."""

    good: list[int]
    """taken or told: 2xx"""
    throttled: list[int]
    """asked to wait: 429"""
    refused: list[int]
    """other answers of 3xx and 4xx"""
    broken: list[int]
    """errors of the server: 5xx"""
    silent: list[int]
    """not answered, or the API was not reached"""
    answer_s: list[float | None]
    """how long answers took on average, in seconds; null: there were none"""


@described
class SamplesRecord(TypedDict):
    """How the API was used over time: every list has a value for each of ``at``, the minutes in which workers ran."""

    every_s: int
    """how many seconds each is about"""
    at: list[str]
    """when they begin, the oldest first"""
    places_used: list[float]
    """images at the API, on average"""
    places_most: list[int]
    """the same, at most"""
    places: list[int]
    """how many were allowed"""
    paused: list[float]
    """the share of that time in which submits were paused, 0 to 1"""
    submits: RequestSamplesRecord
    statuses: RequestSamplesRecord
    unanswered: list[int]
    """submits that were given up without an answer"""
    completed: list[int]
    """edits that ended so"""
    failed: list[int]
    cancelled: list[int]


@described
class ApiUseRecord(ProviderRecord):
    """How the API is used. A key that is bound to some batches is told nothing of the work of others."""

    limits: list[LimitRecord]
    """none: any number of requests"""
    per_s: dict[str, float] | None
    """requests a second by ``submit`` and ``status``, in the minute that is just over; null: no worker ran then"""
    pauses: list[ToldPauseRecord]
    kinds: list[KindRecord]
    """the ten kinds of work that were seen last"""
    kind_edges_s: list[float]
    counted: ApiCountsRecord | None
    """null for a key that is bound to some batches"""
    money: TotalMoneyRecord | None
    """the same; or no price is known"""
    samples: SamplesRecord | None
    """null for a key that is bound to some batches"""
