"""Requests with a key of their caller's (``Idempotency-Key``): worked on once, and their answers kept for a day."""

from __future__ import annotations

from typing import NamedTuple

from retouch.ledger.connection import Connection

LEASE_MS = 15_000  # to be renewed while it is worked on; after that whoever worked on it is dead


class Begun(NamedTuple):
    """How a request stands: it is ours to work on, or ``at_work`` elsewhere, or asks for something ``other``.

    ``answer``: what the same request was answered before.
    """

    at_work: bool = False
    other: bool = False
    answer: str = ""


class Requests:
    """Begins and ends requests; ``id`` is the caller's name and its key, ``owner`` a name of who works on it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, id: str, fingerprint: str, owner: str) -> Begun:
        """Take a request up, or renew its lease; ``fingerprint`` stands for what it asks for."""
        found, *answer = self._connection.run("begin_request", id, fingerprint, owner, LEASE_MS)
        return Begun(found == "at work", found == "other", answer[0] if answer else "")

    def end(self, id: str, owner: str, answer: str = "") -> bool:
        """Keep the answer, or forget the request; False if somebody else works on it."""
        return int(self._connection.run("end_request", id, owner, answer)) == 1
