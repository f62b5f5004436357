"""The ledger's connection to Redis: moves and reads; Redis' errors become the ledger's errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis import exceptions
from redis.backoff import ExponentialBackoff
from redis.client import NEVER_DECODE
from redis.retry import Retry

from retouch.errors import (
    BatchBudgetError,
    BatchCancelledError,
    BatchDefaultsError,
    BatchLimitError,
    InputError,
    LedgerAwayError,
    LedgerError,
    LedgerRefusedError,
    RetouchError,
    SchemaError,
)
from retouch.ledger import patient_connections
from retouch.ledger.address import Address
from retouch.ledger.keys import DEFAULT_NAMESPACE, SCHEMA, Keys
from retouch.ledger.scripts import Argument, Scripts

_AWAY = (exceptions.ConnectionError, exceptions.TimeoutError)
_REMEDIES = {
    "NOPERM": "give its user that permission (ACL SETUSER)",
    "OOM": "raise its maxmemory; nothing is lost, and all goes on by itself",
    "MISCONF": "give its disk room; nothing is lost, and all goes on by itself",
}
_OF_SCRIPT = re.compile(r"\.? script: (?:[0-9a-f]{40}, )?on @.*")  # where in our scripts: it says nothing to people
_OTHER_SCHEMA = re.compile(r"SCHEMA (\d+)")


class Connection:
    """A Redis client with the names of one installation's keys. Thread-safe; connects at the first use.

    Every method raises LedgerAwayError, LedgerRefusedError, or LedgerError; and SchemaError where the ledger has
    another version than this program. ``clock`` returns ms since 1970 in place of the server's clock; for tests.
    """

    def __init__(self, client: redis.Redis, keys: Keys, clock: Callable[[], int] | None = None) -> None:
        # redis-py types every answer as a union for all protocols; with decode_responses they are text.
        self._client: Any = client
        self._scripts = Scripts(client, keys)
        self._clock = clock
        self.keys = keys

    @classmethod
    def to(cls, url: str, *, namespace: str = DEFAULT_NAMESPACE, timeout_s: float = 3.0) -> Connection:
        """Connect lazily to the Redis at ``url``; raises InputError if the URL or the namespace is not valid.

        If the connection is closed, or refused, a command is sent again up to three times within a second. That is
        safe: every move is idempotent or guarded by a fence. One that was not answered in time is not: a server that is
        silent would take so much longer to be reported.
        """
        pool = Address.parse(url).pool(
            decode_responses=True,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            socket_keepalive=True,
            health_check_interval=15,
            retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 3, (exceptions.ConnectionError,)),
        )
        return cls(redis.Redis.from_pool(pool), Keys(namespace))

    def run(self, move: str, *args: Argument) -> Any:
        """Run one move of ``lua/``; its first argument, the time, is put before ``args``."""
        with _translated():
            return self._scripts.run(move, self._clock() if self._clock else "", *args)

    def run_together(self, *moves: Sequence[str | int | float]) -> list[Any]:
        """Run moves, each a name and its arguments, as one: nobody sees the ledger in between."""
        now = self._clock() if self._clock else ""
        with _translated():
            return self._scripts.run_together([(str(name), (now, *args)) for name, *args in moves])

    def read(self, *command: str | float) -> Any:
        """Send a command that changes nothing; returns its answer."""
        with _translated():
            return self._client.execute_command(*command)

    def read_all(self, commands: Iterable[Sequence[str | float]]) -> list[Any]:
        """Send commands that change nothing in one request; returns their answers."""
        with _translated():
            pipe = self._client.pipeline(transaction=False)
            for command in commands:
                pipe.execute_command(*command)
            return list(pipe.execute())

    def read_bytes(self, commands: Iterable[Sequence[str | float]]) -> list[bytes]:
        """The same of commands whose answer is a string each, which need not be text."""
        with _translated():
            pipe = self._client.pipeline(transaction=False)
            for command in commands:
                pipe.execute_command(*command, **{NEVER_DECODE: True})
            return [answer or b"" for answer in pipe.execute()]

    def remove(self, key: str, member: str) -> None:
        """Remove a member from a sorted set."""
        with _translated():
            self._client.zrem(key, member)

    def wait_for_disk(self, timeout_ms: int) -> bool:
        """Wait until what was written is on the server's disk; False if the server cannot confirm that."""
        pipe = self._client.pipeline(transaction=False)
        pipe.set(self.keys.confirming, "")  # WAITAOF waits for the writes of its own connection, and there are several
        pipe.execute_command("WAITAOF", 1, 0, timeout_ms)
        try:
            with _translated():
                _, answer = pipe.execute(raise_on_error=False)
                if isinstance(answer, Exception):
                    raise answer
                local, _ = answer
        except (LedgerAwayError, LedgerRefusedError):
            raise
        except LedgerError:  # no append-only file, or a server older than 7.2
            return False
        return bool(local)

    def now(self) -> int:
        """The server's clock, in ms since 1970."""
        if self._clock:
            return self._clock()
        seconds, micros = self.read("TIME")
        return int(seconds) * 1000 + int(micros) // 1000

    def check_schema(self) -> None:
        """Raise SchemaError unless the ledger has this program's version; a ledger without a number has version 1."""
        found, begun = self.read_all([("GET", self.keys.schema), ("EXISTS", self.keys.state, self.keys.batches)])
        if found is None and begun:
            found = "1"
        if found is not None and found != str(SCHEMA):
            raise SchemaError(other_schema(found))

    def close(self) -> None:
        """Close the connections to Redis; the next call would open new ones."""
        self._client.close()


def other_schema(found: str) -> str:
    """The message for a program that meets a ledger of another version."""
    newer = found.isdigit() and int(found) > SCHEMA
    remedy = "upgrade this program" if newer else "start a worker of this version, which brings the ledger up to date"
    return (
        f"the ledger in Redis has schema {found}, and this Retouch works with schema {SCHEMA}: {remedy}"
        " (docs/upgrading.md); nothing was changed"
    )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exceptions.AuthenticationError as error:
        words = _line(error)
        if words.startswith(("HELLO must be called", "Authentication required", "NOAUTH")):
            raise LedgerRefusedError("it asks for a password", "write it in its URL") from error
        raise LedgerRefusedError(words, "check the user and the password in its URL") from error
    except patient_connections.RefusingError as error:
        raise _refused(str(error)) from error
    except _AWAY as error:
        raise LedgerAwayError(_line(error)) from error
    except exceptions.RedisError as error:
        if (of_move := _of_move(str(error))) is not None:
            raise of_move from None
        if (ours := patient_connections.refusal(error)) is not None:
            raise _refused(ours) from error
        raise LedgerError(_line(error)) from error


def _of_move(words: str) -> RetouchError | None:
    """What a move of ours has refused; None if Redis did."""
    if found := _OTHER_SCHEMA.match(words):
        return SchemaError(other_schema(found[1]))
    if words.startswith("CANCELLED"):
        return BatchCancelledError("the batch was cancelled while it was being filled")
    if words.startswith("DEFAULTS"):
        return BatchDefaultsError("the batch was made by another producer, with other defaults")
    if words.startswith("LIMIT "):
        return BatchLimitError(words.removeprefix("LIMIT "))
    return _of_money(words)


def _of_money(words: str) -> RetouchError | None:
    if words.startswith("BUDGET "):
        return BatchBudgetError(int(words.removeprefix("BUDGET ")))
    if words.startswith("NOPRICE"):
        return InputError("a budget needs a price of one image: set one first, with retouch price '0.0035 USD'")
    if words.startswith("CURRENCY "):
        ours = words.removeprefix("CURRENCY ")
        return InputError(
            f"amounts are counted in {ours} here: write this one in {ours} too, such as '20 {ours}'; another currency"
            " needs an installation of its own (RETOUCH_NAMESPACE)"
        )
    return None


def _refused(words: str) -> LedgerRefusedError:
    words = _OF_SCRIPT.sub("", words.splitlines()[0]).rstrip(".")
    return LedgerRefusedError(words, next((do for code, do in _REMEDIES.items() if words.startswith(code)), ""))


def _line(error: exceptions.RedisError) -> str:
    """What Redis (or the client) says, as one line."""
    return (str(error).splitlines() or [""])[0].rstrip(".") or type(error).__name__
