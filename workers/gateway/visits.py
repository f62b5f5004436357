"""Who looks at the page: a browser has a session, which stands for a key; a link that is good once begins one.

Redis holds hashes of both alone, so that any gateway knows them, and a copy of Redis opens nothing.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from typing import Protocol

from retouch.access_keys import DEFAULT_LINES, DEFAULT_OPEN, DEFAULT_RATE, AccessKey, AccessKeys, KeySecret, Scope
from retouch.ledger.access import Access, Admission
from retouch.reach import Reach, no_redis

SESSION_S = 7 * 24 * 3600
LINK_S = 3600
Found = tuple[AccessKey, KeySecret]


class Visits(Protocol):
    """Sessions and links. Every method raises ServiceError if Redis cannot be used."""

    def link(self, found: Found) -> str:
        """A link's secret, good once: the session that it begins is one of this key."""

    def enter(self, link: str) -> str | None:
        """Begin a session by a link; None if the link is none, was used, or is too old."""

    def begin(self, token: str) -> str | None:
        """Begin a session by a key; None if it opens nothing."""

    def find(self, session: str) -> Found | None:
        """The key that a session stands for; None if it has ended, or the key has."""

    def use(self, found: Found) -> Admission:
        """Count a request."""

    def end(self, session: str) -> None:
        """End a session."""


class KeptVisits:
    """Those of a gateway, in Redis: they outlive it, and every gateway beside it knows them."""

    def __init__(self, access: Access, keys: AccessKeys, address: str) -> None:
        self._access = access
        self._keys = keys
        self._reach = Reach(no_redis(address))

    def link(self, found: Found) -> str:
        """See ``Visits``; good for LINK_S."""
        return self._keep("link", found, LINK_S)

    def enter(self, link: str) -> str | None:
        """See ``Visits``. If its answer is lost, the link is used up: another is quickly made."""
        with self._reach():
            found = self._open(self._access.take_visit(_hash("link", link)))
        return self._keep("session", found, SESSION_S) if found else None

    def begin(self, token: str) -> str | None:
        """See ``Visits``."""
        found = self._keys.of_token(token)
        return self._keep("session", found, SESSION_S) if found else None

    def find(self, session: str) -> Found | None:
        """See ``Visits``."""
        with self._reach():
            return self._open(self._access.visit(_hash("session", session)))

    def use(self, found: Found) -> Admission:
        """See ``Visits``: against the key's rate."""
        return self._keys.use(*found)

    def end(self, session: str) -> None:
        """See ``Visits``."""
        with self._reach():
            self._access.take_visit(_hash("session", session))

    def _keep(self, kind: str, found: Found, seconds: int) -> str:
        secret = secrets.token_urlsafe(32)
        text = json.dumps({"key": found[0].name, "secret": found[1].sha256})
        with self._reach():
            self._access.keep_visit(_hash(kind, secret), text, seconds * 1000)
        return secret

    def _open(self, text: str | None) -> Found | None:
        kept = json.loads(text) if text else None
        return self._keys.of_secret(kept["key"], kept["secret"]) if kept else None


class OwnVisits:
    """Those of a page that runs alone, for whoever has started it: they end with it, and no key opens it."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        key = AccessKey(
            name="you",
            scopes=frozenset({Scope.READ, Scope.OPERATE}),
            prefix="",
            inputs=(),
            rate=DEFAULT_RATE,
            max_lines=DEFAULT_LINES,
            max_body=None,
            max_open=DEFAULT_OPEN,
            created=0,
            secrets=(KeySecret("", 0),),
        )
        self._you = key, key.secrets[0]
        self._tell = tell
        self._links: set[str] = set()
        self._sessions: set[str] = set()

    def link(self, found: Found | None = None) -> str:  # noqa: ARG002 - there is one key alone
        """See ``Visits``; good until it is used."""
        secret = secrets.token_urlsafe(32)
        self._links.add(_hash("link", secret))
        return secret

    def enter(self, link: str) -> str | None:
        """See ``Visits``; tells the next link, for another browser."""
        try:
            self._links.remove(_hash("link", link))
        except KeyError:
            return None
        session = secrets.token_urlsafe(32)
        self._sessions.add(_hash("session", session))
        self._tell(self.link())
        return session

    def begin(self, token: str) -> str | None:  # noqa: ARG002 - see `Visits`
        """See ``Visits``: none."""
        return None

    def find(self, session: str) -> Found | None:
        """See ``Visits``."""
        return self._you if _hash("session", session) in self._sessions else None

    def use(self, found: Found) -> Admission:  # noqa: ARG002 - see `Visits`
        """See ``Visits``: as many as they like."""
        return Admission(admitted=True, left=1, all_free_ms=0, next_free_ms=0)

    def end(self, session: str) -> None:
        """See ``Visits``."""
        self._sessions.discard(_hash("session", session))


def _hash(kind: str, secret: str) -> str:
    """A link is no session, nor the other way round."""
    return hashlib.sha256(f"{kind}:{secret}".encode()).hexdigest()
