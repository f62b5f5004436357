"""The variables that producers and the command line share. (Workers: ``config.settings``.)"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from retouch.errors import InputError
from retouch.ledger.keys import DEFAULT_NAMESPACE, check_namespace
from retouch.net.addresses import PrivateHosts

DEFAULT_REDIS_URL = "redis://localhost:6379/0"


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
        """Read the variables; raises an InputError that names the one with a wrong value."""
        value = {name: variables.get(f"RETOUCH_{name.upper()}") or "" for name in cls.__slots__}
        return cls(
            redis_url=value["redis_url"] or DEFAULT_REDIS_URL,
            namespace=parse_namespace(value["namespace"]),
            private_hosts=parse_private_hosts(value["private_hosts"]),
            bucket=value["bucket"],
            prefix=value["prefix"],
        )


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
