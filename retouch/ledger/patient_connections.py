"""Connections to Redis for which a server that refuses to work is a server that is away: both are waited for.

Which answers those are is decided by what is left: an answer about our own command is a mistake of ours, and every
other one says how the server is (its disk, its memory, its role, its users), today or in a later version.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis import exceptions
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.sentinel import MasterNotFoundError, Sentinel, SentinelManagedConnection, SentinelManagedSSLConnection

CLUSTER = "this Redis is a cluster, which cannot be used: take a single server, or one that Sentinels watch"

# The codes of answers about a command, and those of our own scripts. https://redis.io/docs/latest/develop/reference/protocol-spec
_ABOUT_THE_COMMAND = frozenset(
    (
        *("ERR", "WRONGTYPE", "NOSCRIPT", "EXECABORT", "CROSSSLOT", "BUSYKEY", "BUSYGROUP", "NOGROUP", "NOPROTO"),
        *("SCHEMA", "CANCELLED", "DEFAULTS", "WEIGHT", "LIMIT", "BUDGET", "NOPRICE", "CURRENCY"),
        "WAITAOF",  # no code, but how the text of an ERR begins; redis-py before 8 keeps no more of it
    )
)
_CODE = re.compile(r"-?([A-Z]{2,})(?: |$)")
# Redis before 7 puts ERR before what a script met, and every version another code before what a transaction met.
_WITHIN = re.compile(r"(?:@user_script: ?\d+: -?|discarded because of: ?-?)([A-Z]{2,}) ")
# What has no code of its own.
_WORDS = {
    "NOPERM": re.compile(r"ACL failure in script|user executing the script can't|has no permissions to"),
    "MAXCLIENTS": re.compile(r"max number of clients"),
    "KILLED": re.compile(r"Script killed by user"),
}
_CODES = {
    exceptions.NoScriptError: "NOSCRIPT",
    exceptions.ExecAbortError: "EXECABORT",
    exceptions.ReadOnlyError: "READONLY",
    exceptions.NoPermissionError: "NOPERM",
    exceptions.OutOfMemoryError: "OOM",
    exceptions.ClusterCrossSlotError: "CROSSSLOT",
    exceptions.MasterDownError: "MASTERDOWN",  # before the next: it is one of those
    exceptions.ClusterDownError: "CLUSTERDOWN",
    exceptions.TryAgainError: "TRYAGAIN",
    exceptions.MovedError: "MOVED",
    exceptions.AskError: "ASK",
}


class RefusingError(exceptions.ConnectionError):
    """The server answers that it does not work for us now; the message is its own, with the code."""


def refusal(error: exceptions.RedisError) -> str | None:
    """What the server says about itself, with the code; None if it is about the command."""
    if not isinstance(error, exceptions.ResponseError) or (code := _code(error)) in _ABOUT_THE_COMMAND:
        return None
    if code in ("MOVED", "ASK"):
        return CLUSTER
    return words if (words := str(error)).startswith(code) else f"{code} {words}"


def _code(error: exceptions.ResponseError) -> str:
    text = str(error)
    if found := _WITHIN.search(text):
        return found[1]
    for code, words in _WORDS.items():
        if words.search(text):
            return code
    if told := getattr(error, "status_code", None):  # since redis-py 8, of those that it takes from the text
        return str(told)
    for kind, code in _CODES.items():
        if isinstance(error, kind):
            return code
    return found[1] if (found := _CODE.match(text)) else "ERR"


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exceptions.ResponseError as error:
        if (words := refusal(error)) is None:
            raise
        raise RefusingError(words) from error


class _Patient:
    """Raises RefusingError for an answer about the server."""

    _shaking_hands = False

    def on_connect(self) -> None:  # what redis-py before 6 calls
        with self._handshake():
            connection: Any = super()
            connection.on_connect()

    def on_connect_check_health(self, *args: Any, **options: Any) -> None:
        with self._handshake():
            connection: Any = super()
            connection.on_connect_check_health(*args, **options)

    def check_health(self) -> None:
        # redis-py before 6 would PING in the middle of it, and without end where that is refused.
        if not self._shaking_hands:
            connection: Any = super()
            connection.check_health()

    @contextmanager
    def _handshake(self) -> Iterator[None]:
        self._shaking_hands = True  # redis-py asks for more than it needs, and ignores what is refused
        try:
            with _translated():
                yield
        finally:
            self._shaking_hands = False

    def read_response(self, *args: Any, **options: Any) -> Any:
        connection: Any = super()
        if self._shaking_hands:
            return connection.read_response(*args, **options)
        with _translated():
            return connection.read_response(*args, **options)


class Sentinels(Sentinel):
    """Sentinels, of which one that answers is enough. If none names a master, that is said at once, in a sentence."""

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """Ask for host and port of the master; raises redis' TimeoutError, after which nothing is tried again."""
        try:
            found: tuple[str, int] = super().discover_master(service_name)  # type: ignore[no-untyped-call] # redis-py has no types here
        except MasterNotFoundError:
            raise exceptions.TimeoutError(f"no Sentinel that answers knows a master of {service_name!r}") from None
        return found


class Tcp(_Patient, Connection):
    """Over TCP."""


class Tls(_Patient, SSLConnection):
    """Over TLS."""


class UnixSocket(_Patient, UnixDomainSocketConnection):
    """Over a Unix socket."""


class Managed(_Patient, SentinelManagedConnection):
    """Over TCP, to the master that the Sentinels name."""


class ManagedTls(_Patient, SentinelManagedSSLConnection):
    """Over TLS, to the master that the Sentinels name."""
