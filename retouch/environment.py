"""The variables that producers and the command line share, and the names of all. (Workers: ``config.settings``.)"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from retouch.errors import InputError
from retouch.ledger.keys import DEFAULT_NAMESPACE, check_namespace
from retouch.net.addresses import PrivateHosts

DEFAULT_REDIS_URL = "redis://localhost:6379/0"
_PREFIX = "RETOUCH_"
VARIABLES = frozenset(
    f"{_PREFIX}{name}"
    for name in (
        *("REDIS_URL", "NAMESPACE", "PRIVATE_HOSTS", "BUCKET", "PREFIX", "PRICE", "DEBUG", "PYTHON"),
        *("API_URL", "API_KEY", "API_IDEMPOTENT", "WEBHOOK_URL", "WEBHOOK_SECRET", "ON_AMBIGUOUS", "RESUBMITS"),
        *("MAX_IN_FLIGHT", "RATE_LIMIT", "SUBMIT_RATE", "POLL_RATE", "POLL_MIN", "POLL_MAX", "POLL_LAG"),
        *("PATIENCE", "LEASE", "DEADLINE", "RETENTION"),
    )
)
_NEAR = 0.85  # so alike two names are that differ by a letter or a sign


@dataclass(frozen=True, slots=True)
class Environment:
    """What the variables ``RETOUCH_…`` say; one that is empty counts as not set."""

    redis_url: str
    namespace: str
    private_hosts: PrivateHosts
    bucket: str
    prefix: str

    @classmethod
    def read(cls, variables: Mapping[str, str] = os.environ) -> Environment:
        """Read the variables; raises an InputError that names the one with a wrong value, or a mistyped name."""
        check_names(variables)
        value = {name: variables.get(f"RETOUCH_{name.upper()}") or "" for name in cls.__slots__}
        return cls(
            redis_url=value["redis_url"] or DEFAULT_REDIS_URL,
            namespace=parse_namespace(value["namespace"]),
            private_hosts=parse_private_hosts(value["private_hosts"]),
            bucket=value["bucket"],
            prefix=value["prefix"],
        )


def check_names(variables: Mapping[str, str] = os.environ) -> None:
    """Raise an InputError that names a variable that is mistyped: its default would hold, without a word.

    Others that are not ours are left alone, also one that is named after a variable which is set (``…_OLD``).
    """
    for name in variables:
        if name.startswith(_PREFIX) and name not in VARIABLES:
            meant = get_close_matches(name, VARIABLES, 1, _NEAR)
            if meant and not variables.get(meant[0]):
                raise InputError(f"{name} is no setting; did you mean {meant[0]}?")


def parse_namespace(text: str) -> str:
    """The value of RETOUCH_NAMESPACE, or its default; raises InputError."""
    try:
        return check_namespace(text or DEFAULT_NAMESPACE)
    except InputError as error:
        raise InputError(f"RETOUCH_NAMESPACE: {error}") from None


def parse_private_hosts(text: str) -> PrivateHosts:
    """The value of RETOUCH_PRIVATE_HOSTS; raises InputError."""
    try:
        return PrivateHosts.parse(text)
    except InputError as error:
        raise InputError(f"RETOUCH_PRIVATE_HOSTS: {error}") from None
