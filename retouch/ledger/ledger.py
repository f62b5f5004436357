"""The ledger: one connection, and what each kind of caller can do with it."""

from __future__ import annotations

from collections.abc import Callable

import redis

from retouch.ledger.access import Access
from retouch.ledger.connection import Connection
from retouch.ledger.jobs import Jobs
from retouch.ledger.keys import DEFAULT_NAMESPACE, Keys
from retouch.ledger.picks import Picks
from retouch.ledger.producer import Producer
from retouch.ledger.reader import Reader
from retouch.ledger.requests import Requests
from retouch.ledger.search import Search
from retouch.ledger.strips import Strips
from retouch.ledger.worker import Worker


class Ledger:
    """Edits and batches in Redis: ``producer`` fills batches, ``worker`` claims and settles, ``reader`` reads.

    ``strips``: reads whole batches at a glance. ``search``: finds edits by their names. ``picks``: what people
    choose among results. ``jobs``: what is done to many edits of a batch.
    ``access``, ``requests``: the keys and the requests of the gateway. Thread-safe. Every method of these may raise
    LedgerAwayError, LedgerRefusedError, LedgerError or SchemaError.
    ``clock`` returns ms since 1970 in place of the server's clock; for tests.
    """

    def __init__(
        self, client: redis.Redis, clock: Callable[[], int] | None = None, *, namespace: str = DEFAULT_NAMESPACE
    ) -> None:
        self._bind(Connection(client, Keys(namespace), clock))

    @classmethod
    def from_url(cls, url: str, *, namespace: str = DEFAULT_NAMESPACE, timeout_s: float = 3.0) -> Ledger:
        """Connect lazily; raises InputError if ``url`` is not a Redis URL or ``namespace`` cannot be one.

        ``timeout_s``: how long one command may take.
        """
        ledger = cls.__new__(cls)
        ledger._bind(Connection.to(url, namespace=namespace, timeout_s=timeout_s))  # noqa: SLF001 - of its own class
        return ledger

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self.connection.close()

    def _bind(self, connection: Connection) -> None:
        self.connection = connection
        self.producer = Producer(connection)
        self.worker = Worker(connection)
        self.reader = Reader(connection)
        self.strips = Strips(connection)
        self.search = Search(connection)
        self.picks = Picks(connection)
        self.jobs = Jobs(connection)
        self.access = Access(connection)
        self.requests = Requests(connection)
