"""Keys of the gateway: who may call it, for what, and how much. Of a secret only its hash is kept."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from retouch.bucket_names import check_address
from retouch.errors import InputError
from retouch.ledger import Ledger
from retouch.ledger.access import ID, Admission
from retouch.ledger.views import instant, iso
from retouch.provider.rates import Window, parse_rate
from retouch.reach import Reach, no_redis
from retouch.records.keys import AccessKeyRecord

DEFAULT_RATE = "600/m"
DEFAULT_LINES = 1_000_000
DEFAULT_OPEN = 500
LIVE = 2  # secrets of a key at a time: the new one, and the one that it replaces
LONGEST_PREFIX = 40  # so that the ids which the gateway makes fit behind it

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}")
_TOKEN = re.compile(rf"rt_({_NAME.pattern})_([A-Za-z0-9_-]{{43}})")
_PREFIX = re.compile(rf"(?:[A-Za-z0-9][A-Za-z0-9._-]{{0,{LONGEST_PREFIX - 1}}})?")
_NOBODY = hashlib.sha256(b"").hexdigest()


class Scope(StrEnum):
    """What a key is for."""

    SUBMIT = "submit"  # enqueue edits, and upload pictures
    READ = "read"  # batches, results, events
    WATCH = "watch"  # the same without prompts, and without what the API said of them
    OPERATE = "operate"  # retry, cancel, pause, resume
    METRICS = "metrics"  # the numbers of the whole installation


@dataclass(frozen=True, slots=True)
class KeySecret:
    """One of the secrets of a key, as it is kept. ``used``: the last time, to the minute."""

    sha256: str = field(repr=False)
    created: int  # ms since 1970
    used: datetime | None = None

    @property
    def id(self) -> str:
        """What it is called where it is listed."""
        return self.sha256[:ID]


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key: its batches begin with ``prefix``, its ``s3://`` pictures with one of ``inputs``, or are its own uploads.

    ``rate``: requests in a time, such as ``600/m``. ``max_lines``: edits in one request. ``max_body``: bytes of one,
    None: as many as the gateway takes. ``max_open``: requests at a time in one gateway. ``secrets``: the oldest first.
    """

    name: str
    scopes: frozenset[Scope]
    prefix: str
    inputs: tuple[str, ...]
    rate: str
    max_lines: int
    max_body: int | None
    max_open: int
    created: int
    secrets: tuple[KeySecret, ...]

    @property
    def owner(self) -> str:
        """Whose its uploads and its requests are: of another one that is made under its name later they are not."""
        return f"{self.name}/{self.created}"

    @property
    def window(self) -> Window:
        """Its rate."""
        return parse_rate(self.rate)[0]

    @property
    def said_scopes(self) -> str:
        """Its scopes, for people."""
        return ", ".join(sorted(self.scopes))

    @property
    def sees_words(self) -> bool:
        """Whether it is told what edits were asked for."""
        return Scope.READ in self.scopes or Scope.WATCH not in self.scopes

    def may_name(self, batch: str) -> bool:
        """Whether a batch is one of its own."""
        return batch.startswith(self.prefix)

    def to_text(self) -> str:
        """As it is stored."""
        kept = asdict(self)
        del kept["name"]
        kept["scopes"] = sorted(self.scopes)
        kept["secrets"] = [{"sha256": one.sha256, "created": one.created} for one in self.secrets]
        return json.dumps(kept, separators=(",", ":"), sort_keys=True)

    @classmethod
    def parse(cls, name: str, text: str) -> AccessKey:
        """Read what is stored. A scope that only a newer version knows is left out."""
        raw: dict[str, Any] = json.loads(text)
        return cls(
            name=name,
            scopes=frozenset(Scope(scope) for scope in raw["scopes"] if scope in list(Scope)),
            prefix=raw["prefix"],
            inputs=tuple(raw["inputs"]),
            rate=raw["rate"],
            max_lines=raw["max_lines"],
            max_body=raw["max_body"],
            max_open=raw.get("max_open", DEFAULT_OPEN),  # a key of before has none
            created=raw["created"],
            secrets=tuple(KeySecret(one["sha256"], one["created"]) for one in raw["secrets"]),
        )

    def to_json(self) -> AccessKeyRecord:
        """An entry of what ``retouch keys list --json`` prints."""
        return {
            "name": self.name,
            "scopes": [scope.value for scope in Scope if scope in self.scopes],
            "prefix": self.prefix,
            "inputs": list(self.inputs),
            "rate": self.rate,
            "max_lines": self.max_lines,
            "max_body": self.max_body,
            "max_open": self.max_open,
            "created": str(iso(self.created)),
            "secrets": [
                {
                    "id": one.id,
                    "created": str(iso(one.created)),
                    "used": iso(one.used.timestamp() * 1000) if one.used else None,
                }
                for one in self.secrets
            ],
        }


def _checked(key: AccessKey) -> AccessKey:
    if not _NAME.fullmatch(key.name):
        raise InputError(
            f"the name {key.name[:80]!r} must be 1 to 32 of A-Z a-z 0-9 -, and begin with a letter or a digit"
        )
    if not key.scopes:
        raise InputError(f"a key needs a scope: {', '.join(Scope)}")
    if Scope.SUBMIT in key.scopes and not key.sees_words:
        raise InputError("a key that may submit sees prompts: give it read in place of watch, or make two keys")
    if not _PREFIX.fullmatch(key.prefix):
        raise InputError(
            f"the prefix {key.prefix[:80]!r} must be the beginning of a batch's id: at most {LONGEST_PREFIX} of"
            " A-Z a-z 0-9 . _ - from a letter or a digit on"
        )
    for address in key.inputs:
        check_address(address)
    if len(parse_rate(key.rate)) != 1:
        raise InputError(f"the rate {key.rate[:40]!r} must be one, such as 600/m")
    return key


class AccessKeys:
    """The keys of one installation. Every method raises ServiceError if Redis cannot be used.

    ``address``: where Redis is, without its password.
    """

    def __init__(self, ledger: Ledger, address: str) -> None:
        self._ledger = ledger
        self._reach = Reach(no_redis(address))

    def create(
        self,
        name: str,
        scopes: Collection[Scope],
        *,
        prefix: str = "",
        inputs: Collection[str] = (),
        rate: str = DEFAULT_RATE,
        max_lines: int = DEFAULT_LINES,
        max_body: int | None = None,
        max_open: int = DEFAULT_OPEN,
        token: str = "",
    ) -> str:
        """Make a key and return its token, which nobody can read again. Raises InputError if the name is in use.

        ``token``: one of ``new_token`` that is kept elsewhere; the same call again changes nothing then.
        """
        token = token or new_token(name)
        now = self._now()
        key = _checked(
            AccessKey(
                name=name,
                scopes=frozenset(scopes),
                prefix=prefix,
                inputs=tuple(inputs),
                rate=rate,
                max_lines=max_lines,
                max_body=max_body,
                max_open=max_open,
                created=now,
                secrets=(KeySecret(_hash(token), now),),
            )
        )
        with self._reach():
            if self._ledger.access.change(name, None, key.to_text()) or self.of_token(token):
                return token
        raise InputError(f"there is a key {name!r} already: choose another name, or: retouch keys rotate {name}")

    def rotate(self, name: str) -> str:
        """Give a key another secret and return its token; the newest of before stays good until the next time."""
        token = new_token(name)
        self._change(name, lambda key: (*key.secrets[1 - LIVE :], KeySecret(_hash(token), self._now())))
        return token

    def retire(self, name: str) -> None:
        """End all secrets of a key but the newest."""
        self._change(name, lambda key: key.secrets[-1:])

    def revoke(self, name: str) -> None:
        """Remove a key: from now on it opens nothing."""
        while True:
            with self._reach():
                if self._ledger.access.change(name, self._text(name), None):
                    return

    def all(self) -> list[AccessKey]:
        """All keys by name, with the last use of each secret."""
        with self._reach():
            keys = [AccessKey.parse(name, text) for name, text in sorted(self._ledger.access.all().items())]
            uses = iter(self._ledger.access.uses((key.name, one.sha256) for key in keys for one in key.secrets))
        return [replace(k, secrets=tuple(replace(one, used=instant(next(uses))) for one in k.secrets)) for k in keys]

    def of_token(self, token: str) -> tuple[AccessKey, KeySecret] | None:
        """The key that a token opens, with the secret that it has; None if it opens none."""
        match = _TOKEN.fullmatch(token)
        if not match:
            return None
        with self._reach():
            text = self._ledger.access.key(match[1])
        key = AccessKey.parse(match[1], text) if text else None
        sent = _hash(token)
        known = key.secrets if key else (KeySecret(_NOBODY, 0),)
        found = [one for one in known if hmac.compare_digest(one.sha256, sent)]
        return (key, found[0]) if key and found else None

    def still_opens(self, key: AccessKey, secret: KeySecret) -> bool:
        """Whether a secret that has opened a key opens it now too."""
        return self.of_secret(key.name, secret.sha256) is not None

    def of_secret(self, name: str, sha256: str) -> tuple[AccessKey, KeySecret] | None:
        """The key of this name as it is now, if the secret with this hash opens it still."""
        with self._reach():
            text = self._ledger.access.key(name)
        key = AccessKey.parse(name, text) if text else None
        found = [one for one in key.secrets if one.sha256 == sha256] if key else []
        return (key, found[0]) if key and found else None

    def use(self, key: AccessKey, secret: KeySecret) -> Admission:
        """Count a request under a key against its rate, and note when the secret is used."""
        window = key.window
        with self._reach():
            return self._ledger.access.use(key.name, secret.sha256, requests=window.requests, seconds=window.seconds)

    def _change(self, name: str, secrets_of: Callable[[AccessKey], tuple[KeySecret, ...]]) -> None:
        while True:
            with self._reach():
                seen = self._text(name)
                key = AccessKey.parse(name, seen)
                if self._ledger.access.change(name, seen, replace(key, secrets=secrets_of(key)).to_text()):
                    return

    def _text(self, name: str) -> str:
        if text := self._ledger.access.key(name):
            return text
        known = ", ".join(sorted(self._ledger.access.all())) or "none yet"
        raise InputError(f"there is no key {name[:80]!r} (known: {known})")

    def _now(self) -> int:
        with self._reach():
            return self._ledger.connection.now()


def new_token(name: str) -> str:
    """A token with 32 random bytes for the key of this name."""
    return f"rt_{name}_{secrets.token_urlsafe(32)}"


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()  # of 32 random bytes: nobody can try them out
