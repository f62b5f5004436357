"""The keys of the gateway, as they are stored; ``retouch.access_keys`` says what they mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from retouch.ledger.connection import Connection

ID = 8  # characters of a secret's hash that name it


class Admission(NamedTuple):
    """Whether a request may go; ``left``: how many more may go now; times in ms."""

    admitted: bool
    left: int
    all_free_ms: int
    next_free_ms: int


class Access:
    """Reads, changes and counts the use of keys."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._keys = connection.keys

    def key(self, name: str) -> str | None:
        """The key of this name as JSON, or None."""
        found: str | None = self._connection.read("HGET", self._keys.access, name)
        return found

    def all(self) -> dict[str, str]:
        """All keys as JSON, by their names."""
        return dict(self._connection.read("HGETALL", self._keys.access))

    def change(self, name: str, seen: str | None, becomes: str | None) -> bool:
        """Make (``seen`` None), change or remove (``becomes`` None) a key; False if it is not as it was seen."""
        return int(self._connection.run("change_key", name, seen or "", becomes or "")) == 1

    def visit(self, sha256: str) -> str | None:
        """What is kept of a session of the page, as JSON, or None."""
        found: str | None = self._connection.read("GET", self._keys.visit(sha256))
        return found

    def keep_visit(self, sha256: str, text: str, kept_ms: int) -> None:
        """Keep a session of the page, or a link to it, for so long."""
        self._connection.run("keep_visit", sha256, text, kept_ms)

    def take_visit(self, sha256: str) -> str | None:
        """Forget it, and return what it was; None if there was none (any more)."""
        found: str | None = self._connection.run("keep_visit", sha256, "", 0)
        return found

    def uses(self, secrets: Iterable[tuple[str, str]]) -> list[str | None]:
        """When secrets, each by the name of its key and its hash, were last used (ms); to the minute."""
        fields = [f"{name}/{sha256[:ID]}" for name, sha256 in secrets]
        return list(self._connection.read("HMGET", self._keys.key_uses, *fields)) if fields else []

    def use(self, name: str, sha256: str, *, requests: int, seconds: int) -> Admission:
        """Count a request under a key that may send so many in so many seconds, and note that it is used."""
        window_ms = seconds * 1000
        answer = self._connection.run("use_key", name, sha256[:ID], window_ms / requests, window_ms)
        admitted, left, all_free_ms, next_free_ms = map(int, answer)
        return Admission(admitted == 1, left, all_free_ms, next_free_ms)
