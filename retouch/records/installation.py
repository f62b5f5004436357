"""How an installation is as a whole: its workers, its sinks, what it has to do."""

from __future__ import annotations

from typing_extensions import TypedDict

from retouch.records.batches import BatchRecord
from retouch.records.described import described
from retouch.records.money import DayRecord, PriceRecord
from retouch.records.provider import LearnedProviderRecord, PauseRecord


@described
class WorkerRecord(TypedDict):
    """A live worker."""

    worker: str
    """its name"""
    host: str | None
    version: str | None
    """of Retouch"""
    since: str | None
    """when it started"""
    seen: str
    """its last heartbeat"""
    steps: int | None
    """edits, batches and deliveries that it has in hand"""
    settings: dict[str, str]
    """by their variables, without secrets; empty: it does not say, or the key may not operate, or has a prefix"""


@described
class WorkersRecord(TypedDict):
    """The live workers."""

    workers: list[WorkerRecord]
    """by name"""
    differences: dict[str, dict[str, list[str]]]
    """settings that they should have alike: variable, value, the workers that have it"""


@described
class SinkRecord(TypedDict):
    """Where events are delivered."""

    sink: str
    """its name"""
    to: str
    """its host; of AWS, the name of the topic, the queue or the bus"""
    types: list[str]
    """of the events that it is told; empty: all"""
    live: bool
    """a live worker has it; of a batch's own sink always true"""
    gone: str | None
    """what its receiver said, if it is not there any more"""
    gone_since: str | None
    held: str | None
    """why it is asked only now and then, since it took none of several deliveries"""
    held_since: str | None
    next_probe: str | None
    """when it is asked again, if it is held"""
    delivered: int
    """events that it has taken"""
    waiting: int
    """deliveries to be made"""
    undelivered: int
    """deliveries tried in vain, or given up"""
    last_error: str | None
    """why a delivery failed, the last time that one did"""
    last_error_at: str | None


@described
class SinksRecord(TypedDict):
    """What ``retouch sinks --json`` prints."""

    sinks: list[SinkRecord]
    """those of the workers, then the batches' own"""


@described
class StatusRecord(TypedDict):
    """What ``retouch status --json`` prints without a batch."""

    batches: list[BatchRecord]
    """the newest 50, the newest first"""
    price: PriceRecord | None
    """of one image; null: nobody has said"""
    money: DayRecord | None
    """what the submits of today cost; null: no price is known"""
    workers: list[str]
    """the names of those that are alive"""
    worker_differences: dict[str, dict[str, list[str]]]
    """settings that they should have alike: variable, value, the workers that have it"""
    pauses: list[PauseRecord]
    images_at_the_api: int
    provider: LearnedProviderRecord
    queued: int
    """edits that can be submitted now"""
    sinks: list[SinkRecord]


@described
class InstallationRecord(TypedDict):
    """What a gateway tells of the installation as a whole."""

    price: PriceRecord | None
    """of one image; null: nobody has said"""
    money: DayRecord | None
    """what the submits of today cost; null: no price is known, or the key is bound to some batches"""
    workers: list[str]
    """the names of those that are alive"""
    worker_differences: dict[str, dict[str, list[str]]]
    """settings that they should have alike: variable, value, the workers that have it"""
    pauses: list[PauseRecord]
    provider: LearnedProviderRecord
    """``last_refusal`` is null for a key that is bound to some batches: it may be about others"""
    queued: int
    """edits of all batches that can be submitted now"""
