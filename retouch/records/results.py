"""What has come out: of an edit, and its pictures."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from retouch.records.described import described
from retouch.records.money import PriceRecord
from retouch.records.states import Ending


@described
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


@described
class FailureRecord(TypedDict):
    """Why an edit failed or was cancelled."""

    code: str
    """for programs, such as ``refused``; ``docs/troubleshooting.md`` has all"""
    message: str
    """for people: the API's own words where it gave any"""


@described
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
