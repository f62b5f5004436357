"""The keys of a gateway."""

from __future__ import annotations

from typing_extensions import TypedDict

from retouch.records.described import described


@described
class KeySecretRecord(TypedDict):
    """One of the secrets of a key; the secret itself is nowhere."""

    id: str
    """the beginning of its SHA-256"""
    created: str
    used: str | None
    """the last time, to the minute"""


@described
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


@described
class AccessKeysRecord(TypedDict):
    """What ``retouch keys list --json`` prints."""

    keys: list[AccessKeyRecord]
