"""What recipes make of objects in S3."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from retouch.records.described import described


@described
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


@described
class ScannedBatchRecord(TypedDict):
    """What a scan has found for a batch."""

    batch: str
    accepted: int
    """edits that are new"""
    already: int
    """edits that were there"""


@described
class LeftOutRecord(TypedDict):
    """An object that makes no edit, as the recipe says."""

    uri: str
    reason: str


@described
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
