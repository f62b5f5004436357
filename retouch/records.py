"""The shapes of what Retouch prints, writes to S3 and tells as events; ``docs/schemas`` is made from them.

Readers must ignore keys that are not described here: a newer version adds some. Times are RFC 3339 in UTC.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,  # pydantic takes no other before Python 3.12
)

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict


@cache
def _texts(module: str) -> dict[str, dict[str, str]]:
    """What stands below the fields of the classes of a module: class, field, text."""
    nodes = ast.parse(inspect.getsource(sys.modules[module])).body
    return {node.name: dict(_below(node.body)) for node in nodes if isinstance(node, ast.ClassDef)}


def _below(fields: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for pair in pairwise(fields):
        match pair:
            case ast.AnnAssign(target=ast.Name(id=field)), ast.Expr(value=ast.Constant(value=str(text))):
                yield field, inspect.cleandoc(text)


def _describe(schema: dict[str, Any], record: type) -> None:
    """Write into a record's JSON Schema what stands below its own fields.

    pydantic's ``use_attribute_docstrings`` reads it whenever it learns a shape, for which Python 3.11 parses this file
    anew each time: that was most of the time that a gateway took to start.
    """
    for field, text in _texts(record.__module__)[record.__name__].items():
        schema["properties"][field]["description"] = text


_DESCRIBED = with_config(ConfigDict(json_schema_extra=_describe))

Ending = Literal["completed", "failed", "cancelled"]
State = Literal["queued", "submitting", "waiting", "copying", "held", "completed", "failed", "cancelled"]
Counts = dict[State, int]


@_DESCRIBED
class OutputRecord(TypedDict):
    """An image in S3."""

    uri: str
    """``s3://bucket/key``"""
    sha256: str
    """of its bytes, hexadecimal"""
    bytes: int
    """its length"""
    width: int
    """pixels"""
    height: int
    """pixels"""
    content_type: str
    """``image/png``, ``image/jpeg`` or ``image/webp``"""
    blank: bool | Literal["suspect"]
    """black or of one colour; ``suspect``: it has so few bytes that it may be"""
    filtered: bool
    """the API says that its safety filter took the picture away"""


@_DESCRIBED
class FailureRecord(TypedDict):
    """Why an edit failed or was cancelled."""

    code: str
    """for programs, such as ``refused``; ``docs/troubleshooting.md`` has all"""
    message: str
    """for people: the API's own words where it gave any"""


@_DESCRIBED
class PriceRecord(TypedDict):
    """What something costs, to the cent, and to the last digit of ``RETOUCH_PRICE`` below that."""

    amount: float
    currency: str
    """as in ``RETOUCH_PRICE``, such as ``USD`` or ``EUR``"""


@_DESCRIBED
class JobCostRecord(TypedDict):
    """What a job costs."""

    amount: float
    """what is submitted again"""
    at_most: float
    """the same, if the API has nothing any more of what it is asked about"""
    currency: str
    """such as ``USD``"""


@_DESCRIBED
class JobRecord(TypedDict):
    """What a person has decided about many edits of a batch: an object of ``retouch jobs --json``."""

    job: str
    """its id"""
    batch: str
    """the batch"""
    action: Literal["retry", "anew", "cancel"]
    """``retry``: the API is asked first about what it took; ``anew``: all are submitted again"""
    states: list[State]
    """of the edits that it is about"""
    groups: list[int]
    """of failures, which it is about; empty: any"""
    by: str
    """who has started it: a key of the gateway; empty: somebody who reaches Redis"""
    state: Literal["counting", "counted", "running", "stopped", "done"]
    """``counted``: it can be started; nothing was changed yet"""
    counted: int
    """how many edits it is about"""
    to_ask: int
    """of these: about so many the API is asked first, which costs nothing"""
    to_send: int
    """of these: so many are submitted again"""
    at_work: int
    """edits at the API, which a cancel leaves alone"""
    changed: int
    """edits that were cancelled, or tried again, so far"""
    asked: int
    """of these: about so many the API is asked"""
    skipped: int
    """edits that had changed since they were counted, and were left alone"""
    created: str
    """when it was counted"""
    started: str | None
    """when it was started"""
    ended: str | None
    """when it was done, or stopped"""
    left_since: str | None
    """nobody has gone on with it since then, though it is at work; null: somebody does, or it has ended"""
    cost: JobCostRecord | None
    """null: no price is known"""


@_DESCRIBED
class JobsRecord(TypedDict):
    """Jobs: what ``retouch jobs --json`` prints."""

    jobs: list[JobRecord]
    """those at work; of one batch also those that have ended, the newest first"""


@_DESCRIBED
class ResultRecord(TypedDict):
    """What became of an edit: a line of ``retouch results`` and of ``manifest.jsonl``, the data of its event."""

    custom_id: str
    """its name in its batch"""
    state: Ending
    """how it ended"""
    attempts: int
    """how often it was sent to the API"""
    provider_id: str | None
    """the API's id of it"""
    seed: int | None
    """the seed that the API used where it says so, else the one that was sent, else null"""
    outputs: list[OutputRecord]
    """its images, in the API's order; a failed edit may have some"""
    error: FailureRecord | None
    """null if it completed"""
    possible_duplicate: bool
    """it was sent more than once, and may have been paid for more than once"""
    cost: PriceRecord | None
    """what all its submits cost, with those that may have been paid for; null: nothing, or no price was known"""
    submitted_at: str | None
    """when the API took it"""
    completed_at: str
    """when it ended"""
    parameters: dict[str, Any]
    """what was sent to the API, with ``seed`` as above and without ``init_image``"""
    init_image: str | None
    """the picture that was edited as its producer named it; of a signed link without what signs it"""
    uploaded_as: str | None
    """where that picture is in S3, if it was uploaded"""
    redo_of: str | None
    """``batch/custom_id`` of the edit that this one does again"""
    metadata: dict[str, str]
    """what its producer has said about it"""


@_DESCRIBED
class MoneyRecord(TypedDict):
    """What a batch costs, in units of the currency."""

    spent: float
    """for submits that the API took"""
    committed: float
    """set aside for submits that are under way"""
    doubtful: float
    """for submits that were sent and not answered: they may have been paid for"""
    to_come: float
    """about what its queued edits cost at the present price"""
    budget: float | None
    """``spent``, ``committed`` and ``doubtful`` together are never more; null: there is none"""
    currency: str


@_DESCRIBED
class DayRecord(TypedDict):
    """What the submits of a day (UTC) cost, all batches together, in units of the currency."""

    day: str
    """such as ``2026-11-27``"""
    spent: float
    """for submits that the API took"""
    committed: float
    """set aside for submits that are under way"""
    doubtful: float
    """for submits that were sent and not answered: they may have been paid for"""
    currency: str


@_DESCRIBED
class BatchPauseRecord(TypedDict):
    """Why a batch's queued edits are not submitted."""

    cause: str
    """``person``, ``refusals``, ``failures``, ``budget``, or one of a newer version"""
    reason: str
    """for people"""
    since: str | None


@_DESCRIBED
class BatchRecord(TypedDict):
    """Where a batch stands."""

    batch: str
    """its id"""
    state: Literal["open", "finishing", "completed"]
    """``finishing``: all its edits have ended, and its files are being written"""
    counts: Counts
    """edits by state, those states alone in which there are some"""
    total: int
    """all its edits"""
    possible_duplicates: int
    """edits that may have been paid for more than once"""
    blank: int
    """edits with an image that is blank, or may be"""
    created: str | None
    note: str | None
    """why its files are not written yet"""
    paused: list[BatchPauseRecord]
    recovered: int
    """of the edits that a retry asked about: completed with the result that the API still had"""
    sent_anew: int
    """of the same: submitted again"""
    sealed: bool
    """its producer is done; before, it does not end"""
    producer_seen: str | None
    """when a producer that is not done was last heard of"""
    open_until: str | None
    """more edits may come until then: it does not end before"""
    redo_of: str | None
    """the batch whose edits this one does again"""
    max_failures: str | None
    """how many of its edits may fail before it is paused, such as ``10`` or ``1%``; null: any number"""
    money: MoneyRecord | None
    """null: no price is known"""
    senders: list[str]
    """whose edits it has, the first one first, ten at most: ``key:NAME`` of a gateway, ``recipe:NAME``, ``user@host``,
    or what ``RETOUCH_SENDER`` says; empty: an older version made it"""


@_DESCRIBED
class FailureGroupRecord(TypedDict):
    """Edits of a batch that failed for one reason."""

    group: int
    """its number, for ``retouch retry BATCH --group``; 255: all further reasons, beyond the 254 that are told apart"""
    code: str
    """for programs, such as ``refused``; empty for 255"""
    words: str
    """what their messages have in common; ``…`` stands for what differs"""
    count: int
    """how many edits are failed so now"""
    example: str | None
    """the ``custom_id`` of one of them"""
    message: str | None
    """what that one says, in its own words"""


@_DESCRIBED
class BatchStatusRecord(BatchRecord):
    """A batch, as ``retouch status BATCH --json`` prints it."""

    failure_groups: list[FailureGroupRecord]
    """why edits of it failed, the most frequent reason first"""


@_DESCRIBED
class AdvisedGroupRecord(FailureGroupRecord):
    """The same, with what to know before they are tried again."""

    advice: str
    """why the same may fail again, and what to do instead; empty: nothing is known"""


@_DESCRIBED
class FailuresRecord(TypedDict):
    """Why edits of a batch failed."""

    batch: str
    failed: int
    """all its failed edits"""
    groups: list[AdvisedGroupRecord]
    """the most frequent first"""


@_DESCRIBED
class EditRowRecord(TypedDict):
    """One edit of a batch as lists show it."""

    place: int
    """in the batch's order, from 0"""
    custom_id: str
    state: State
    group: int
    """of its failure; 0 if it did not fail"""
    result: NotRequired[ResultRecord | None]
    """where results are asked for; null: it has not ended"""


@_DESCRIBED
class NamedEditRecord(TypedDict):
    """An edit that was found by its name."""

    batch: str
    custom_id: str
    state: State


@_DESCRIBED
class NamedEditsRecord(TypedDict):
    """The edits of this name in the batches that were looked at, the newest batch first."""

    edits: list[NamedEditRecord]


@_DESCRIBED
class EditRowsRecord(TypedDict):
    """Some edits of a batch."""

    batch: str
    edits: list[EditRowRecord]


@_DESCRIBED
class FoundEditsRecord(EditRowsRecord):
    """The edits of a batch that a search has found; the one that is called so stands first."""

    next: int | None
    """the place from which the search goes on, since at most 25,000 names are looked at; null: it is at the end"""


@_DESCRIBED
class AlikeRecord(TypedDict):
    """Edits of a batch that are made of one picture."""

    batch: str
    places: list[int]
    """in the batch's order, from 0"""


@_DESCRIBED
class ChosenRecord(TypedDict):
    """What became of a choice among a batch's results."""

    changed: int
    """how many edits have it now"""
    unknown: list[str]
    """the ``custom_id`` of each that the batch has not"""
    unfinished: list[str]
    """of each that has not completed, so that there is no result to choose"""


@_DESCRIBED
class PicksRecord(TypedDict):
    """What ``retouch picks BATCH --json`` prints."""

    batch: str
    pick: Literal["picked", "rejected"]
    custom_ids: list[str]
    """in the batch's order"""


@_DESCRIBED
class RecipeCheckRecord(TypedDict):
    """What ``retouch recipe check --json`` prints: what a recipe makes of an object."""

    uri: str
    recipe: str
    """its file's name, without the extension"""
    taken: bool
    """it makes an edit"""
    reason: str | None
    """why it makes none"""
    batch: str | None
    open_until: str | None
    """the batch does not end before; null: it ends when its edits have"""
    edit: dict[str, Any] | None
    """the edit's fields, but its ``custom_id``: that follows from the object's version too"""


@_DESCRIBED
class ScannedBatchRecord(TypedDict):
    """What a scan has found for a batch."""

    batch: str
    accepted: int
    """edits that are new"""
    already: int
    """edits that were there"""


@_DESCRIBED
class LeftOutRecord(TypedDict):
    """An object that makes no edit, as the recipe says."""

    uri: str
    reason: str


@_DESCRIBED
class RecipeScanRecord(TypedDict):
    """What ``retouch recipe scan --json`` prints: what became of all that lies in a folder."""

    place: str
    """``s3://bucket/folder/``"""
    recipe: str
    """its file's name, without the extension"""
    objects: int
    """whose keys the recipe takes"""
    batches: list[ScannedBatchRecord]
    """with ``--dry-run`` none"""
    left_out: list[LeftOutRecord]
    refused: list[str]
    """why others make no edit although they should"""


@_DESCRIBED
class KnownPriceRecord(TypedDict):
    """What ``retouch price --json`` prints."""

    price: PriceRecord | None
    """of one image; null: nobody has said"""


@_DESCRIBED
class BatchesRecord(TypedDict):
    """What ``retouch batches --json`` prints."""

    batches: list[BatchRecord]
    """the newest first"""


@_DESCRIBED
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


@_DESCRIBED
class TimesRecord(TypedDict):
    """How long results of a kind of work take, in seconds."""

    p50_s: float
    """half come within this time"""
    p95_s: float
    """95 % come within this time"""


@_DESCRIBED
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


@_DESCRIBED
class LearnedProviderRecord(ProviderRecord):
    """How the API is used, and what was learned of it."""

    learned: dict[str, TimesRecord]
    """by kind of work"""


@_DESCRIBED
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


@_DESCRIBED
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


@_DESCRIBED
class LimitRecord(TypedDict):
    """So many requests may be sent in so many seconds, by the settings of the workers; where they differ the most."""

    step: str
    """``submit``, ``status``, or ``all`` (both together)"""
    requests: int
    seconds: int


@_DESCRIBED
class ToldPauseRecord(PauseRecord):
    """Why requests of a kind are not sent, and what ends that."""

    what: str
    """what is not sent, for people"""
    remedy: str
    """what ends it, for people"""
    by_hand: bool
    """``/v1/provider/resume`` ends it"""


@_DESCRIBED
class KindRecord(TimesRecord):
    """How long results of a kind of work take: what was learned of it."""

    kind: str
    bins: list[float]
    """how many results took at most each of ``kind_edges_s``, and more than the edge before; the last one: longer.
    Older results count less"""


@_DESCRIBED
class AnswersRecord(TypedDict):
    """How long the API takes to answer requests of a kind."""

    answers: int
    p50_s: float | None
    """half came within this time; null: there were none"""
    p95_s: float | None
    bins: list[int]
    """how many took at most each of ``answer_edges_s``, and more than the edge before; the last one: longer"""


@_DESCRIBED
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


@_DESCRIBED
class TotalMoneyRecord(TypedDict):
    """What all submits cost together, in units of the currency."""

    spent: float
    """for submits that the API took"""
    committed: float
    """set aside for submits that are under way"""
    doubtful: float
    """for submits that were sent and not answered: they may have been paid for"""
    currency: str


@_DESCRIBED
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


@_DESCRIBED
class BatchSpendingRecord(TypedDict):
    """A batch that has cost something, will, or has a budget."""

    batch: str
    state: str
    """``open``, ``paused``, ``finishing`` or ``completed``"""
    created: str | None
    senders: list[str]
    """whose edits it has"""
    money: MoneyRecord


@_DESCRIBED
class MoneySumRecord(TypedDict):
    """What some batches cost together, in units of the currency."""

    batches: int
    """how many they are"""
    spent: float
    """for submits that the API took"""
    committed: float
    """set aside for submits that are under way"""
    doubtful: float
    """for submits that were sent and not answered: they may have been paid for"""
    to_come: float
    """about what their queued edits cost at the present price"""
    currency: str


@_DESCRIBED
class SenderSpendingRecord(MoneySumRecord):
    """What the batches cost together that have the same senders."""

    senders: list[str]
    """one; several: batches to which each of these has sent, of which no part is known; none: it was not said"""


@_DESCRIBED
class SpendingRecord(TypedDict):
    """What submits cost."""

    price: PriceRecord | None
    """of one image; null: nobody has said"""
    days: list[DayRecord]
    """today first; none without a price, and for a key that is bound to some batches"""
    since: str | None
    """the batches were made then, or later; null: whenever"""
    until: str | None
    """and before this time"""
    total: MoneySumRecord | None
    """all these batches together; null: there are none"""
    senders: list[SenderSpendingRecord]
    """the same by who sent them, the dearest first"""
    batches: list[BatchSpendingRecord]
    """each of them, the dearest first, as many as were asked for"""
    older: bool
    """there are older batches, which were not looked at: these are among the newest 1,000"""


@_DESCRIBED
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


@_DESCRIBED
class WorkersRecord(TypedDict):
    """The live workers."""

    workers: list[WorkerRecord]
    """by name"""
    differences: dict[str, dict[str, list[str]]]
    """settings that they should have alike: variable, value, the workers that have it"""


@_DESCRIBED
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


@_DESCRIBED
class SinksRecord(TypedDict):
    """What ``retouch sinks --json`` prints."""

    sinks: list[SinkRecord]
    """those of the workers, then the batches' own"""


@_DESCRIBED
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


@_DESCRIBED
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


@_DESCRIBED
class EditRecord(TypedDict):
    """Where one edit stands, as a gateway tells it."""

    batch: str
    custom_id: str
    place: int | None
    """in the batch's order, from 0"""
    state: State
    parameters: dict[str, Any]
    """what is sent to the API, without ``init_image``"""
    submits: int
    """how often it was sent"""
    possible_duplicate: bool
    """it may be paid for twice"""
    provider_id: str | None
    """the API's id of it"""
    holder: str | None
    """the worker that has it in hand"""
    note: str | None
    """what happened last, for people"""
    polls: int
    submitted_at: str | None
    deadline: str | None
    next_step_at: str | None
    before_it: int | None
    """how many edits have their turn before it"""
    refused_in_a_row: int
    asked_again: bool
    """a retry asks the API for the result that it had"""
    batch_paused: list[BatchPauseRecord]
    """why none of its batch's edits is submitted"""
    result: dict[str, Any] | None
    """a line of the batch's results, once it has ended"""


@_DESCRIBED
class StepRecord(TypedDict):
    """One step of an edit's history."""

    at: str
    """of several in a row, that of the last; by the clock of Redis"""
    what: str
    """``enqueued``; ``waited`` (for the end of a pause); ``sent``; ``taken`` (by the API); ``polled`` (not finished
    yet); ``finished`` (at the API); ``refused``, ``answered``, ``throttled``, ``unanswered``, ``unreached``,
    ``not_copied`` (how a request fared); ``held_back`` (not sent then); ``taken_over`` (from a worker that died);
    ``held``; ``sent_anew`` (the API has it no longer); ``asked``, ``retried`` (by a person); ``completed``, ``failed``,
    ``cancelled``; ``folded`` (so many steps were not kept); or one of a newer version"""
    text: str
    """the same as a sentence, for people"""
    by: str | None
    """the worker: that sent it, copied it, or died; of ``enqueued`` who sent it, where its batch has one sender"""
    submit: int | None
    """of ``sent``: the number of the submit; the same number again: the API was asked with the same key"""
    request: str | None
    """of how a request fared: ``submit``, ``status``, ``fetch`` (of an image) or ``store``"""
    reason: str | None
    """the API's words without numbers, links and quoted text; a failure's code and words; of ``waited`` the pause, such as
    ``submit:outage`` or ``batch:person``"""
    took_ms: int | None
    """since the submit was sent, or copying began"""
    until: str | None
    """when it was to go on; of ``waited`` when the pause ended"""
    times: int
    """so often in a row"""


@_DESCRIBED
class HistoryRecord(TypedDict):
    """What ``retouch explain --history --json`` prints: what was done about one edit, and when."""

    batch: str
    custom_id: str
    history: list[StepRecord]
    """the oldest first; empty if none is kept (``RETOUCH_JOURNAL``)"""


@_DESCRIBED
class RejectionRecord(TypedDict):
    """A line of a manifest, or another edit, that was not enqueued."""

    line: int
    """from 1; of a folder the picture's place"""
    custom_id: str | None
    errors: list[str]
    """a sentence for each fault"""
    name: NotRequired[str]
    """what it is called where it has no line: a picture's path, or the edit that is done again"""


@_DESCRIBED
class EstimateRecord(TypedDict):
    """How much work a batch is for the API."""

    edits: int
    images: int
    unet_steps: int
    equal_edits: int
    """edits that are equal to another one but for the ``custom_id``: each is sent, and paid for"""
    price: PriceRecord | None
    """of all images; null where no price is known"""


@_DESCRIBED
class ReceiptRecord(TypedDict):
    """What ``retouch enqueue --json`` prints."""

    batch: str
    """its id"""
    accepted: int
    """edits that are new"""
    already: int
    """edits that were there"""
    rejected: list[RejectionRecord]
    counts: NotRequired[Counts]
    """with ``--wait``: edits by state"""
    estimate: NotRequired[EstimateRecord]
    """with ``--dry-run``"""


@_DESCRIBED
class BatchEndRecord(TypedDict):
    """The data of ``retouch.batch.completed``."""

    batch: str
    """its id"""
    counts: Counts
    """edits by state"""
    duplicates: int
    """edits that may have been paid for more than once"""
    blank: int
    """edits with an image that is blank, or may be"""


@_DESCRIBED
class PauseChangeRecord(TypedDict):
    """The data of ``retouch.paused`` and ``retouch.resumed``: of a kind of request, or of a batch."""

    kind: NotRequired[str]
    """``submit`` or ``status``; not there if it is a batch's"""
    batch: NotRequired[str]
    """the batch's id; not there if it is a kind of request's"""
    cause: str
    reason: str
    """for people"""


class Envelope(TypedDict):
    """What every event has (CloudEvents 1.0)."""

    specversion: Annotated[str, Field(description="``1.0``")]
    id: Annotated[str, Field(description="the same in every delivery, and no other event's")]
    source: Annotated[str, Field(description="the installation")]
    subject: Annotated[str, Field(description="``batch/custom_id``, ``batch``, or the name of a pause")]
    time: str
    datacontenttype: Annotated[str, Field(description="``application/json``")]


class EditEvent(Envelope):
    """An edit has ended."""

    type: Literal["retouch.edit.completed", "retouch.edit.failed", "retouch.edit.cancelled"]
    data: ResultRecord


class BatchEvent(Envelope):
    """All edits of a batch have ended, and its files are written."""

    type: Literal["retouch.batch.completed"]
    data: BatchEndRecord


class PauseEvent(Envelope):
    """Requests of a kind, or a batch, are paused or go on."""

    type: Literal["retouch.paused", "retouch.resumed"]
    data: PauseChangeRecord


EventRecord = Annotated[EditEvent | BatchEvent | PauseEvent, Field(discriminator="type")]


@_DESCRIBED
class UndeliveredRecord(Envelope):
    """A line of ``retouch events --undelivered``: an event that a sink has not taken."""

    type: str
    data: dict[str, Any]
    """as in the event"""
    sink: str
    """its name"""
    tries: int
    reason: str
    """why it was not taken"""
    since: NotRequired[str]
    """its first try, if there was one"""
    nexttry: NotRequired[str]
    """its next try, if it is delivered by itself"""


@_DESCRIBED
class KeySecretRecord(TypedDict):
    """One of the secrets of a key; the secret itself is nowhere."""

    id: str
    """the beginning of its SHA-256"""
    created: str
    used: str | None
    """the last time, to the minute"""


@_DESCRIBED
class AccessKeyRecord(TypedDict):
    """A key of the gateway."""

    name: str
    scopes: list[str]
    """``submit``, ``read``, ``watch``, ``operate``, ``metrics``"""
    prefix: str
    """with which the ids of its batches begin"""
    inputs: list[str]
    """what its ``s3://`` pictures may begin with, beside its own uploads"""
    rate: str
    """requests in a time, such as ``600/m``"""
    max_lines: int
    """edits in one request"""
    max_body: int | None
    """bytes of one request; null: as many as the gateway takes"""
    max_open: int
    """requests at a time in one gateway, streams and waits among them"""
    created: str
    secrets: list[KeySecretRecord]
    """the oldest first"""


@_DESCRIBED
class AccessKeysRecord(TypedDict):
    """What ``retouch keys list --json`` prints."""

    keys: list[AccessKeyRecord]
