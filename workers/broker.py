"""Celery's connections to Redis: to the same address as the ledger's, read by the same parser, and as patient."""

from __future__ import annotations

from typing import Any

from kombu import Connection
from kombu.transport import redis as kombu_redis

from retouch.ledger import Address


def transport_to(address: Address) -> type[kombu_redis.Transport]:
    """Kombu's transport to a Redis. Of Kombu's own URL it uses nothing."""

    class Channel(kombu_redis.Channel):
        """Kombu's, with the ledger's kind of connections: a server that refuses counts as one that is away.

        With its own, Celery's consumer ends at the first such answer, and no certificate is checked.
        """

        def _get_pool(self, asynchronous: bool = False) -> Any:
            # When Redis refuses connections while a message is unacknowledged, Kombu 5.7.0 asks a closed channel for a
            # pool, and dies of an AttributeError. As a connection error it is retried like any other.
            if self.connection is None or self.connection.client is None:
                raise ConnectionError("the broker channel is closed")
            self.keyprefix_fanout = self.keyprefix_fanout.format(db=address.db)
            return address.pool(
                _watched(address.connection_class, self) if asynchronous else None,
                max_connections=self.max_connections,
                socket_timeout=self.socket_timeout,
                socket_connect_timeout=self.socket_connect_timeout,
                socket_keepalive=self.socket_keepalive,
                health_check_interval=self.health_check_interval,
            )

    return type("Transport", (kombu_redis.Transport,), {"Channel": Channel})


class SoonAgain(Connection):
    """Tries to reconnect at least every 2 s; Kombu alone waits up to 30 s between attempts, whatever is configured."""

    shown = ""  # instead of Kombu's own URL, for the log

    def as_uri(self, *_: Any, **__: Any) -> str:
        """What the log says of where it leads."""
        return self.shown

    def info(self) -> dict[str, Any]:
        """What ``celery inspect stats`` tells of it, as JSON; Kombu's has the class of the transport, which is none."""
        return {"transport": "redis", "uri": self.shown}

    def _ensure_connection(self, *args: Any, **options: Any) -> Any:
        return super()._ensure_connection(
            *args, **{"interval_start": 0.2, "interval_step": 0.2, "interval_max": 2, **options}
        )


def _watched(connection_class: type[Any], channel: Any) -> type[Any]:
    """Such connections, of whose ends Kombu's poller is told, as Kombu does it for its own."""

    class Watched(connection_class):  # type: ignore[misc] # which it is, is known at the start
        def disconnect(self, *args: Any, **options: Any) -> None:
            super().disconnect(*args, **options)
            if channel._registered:  # noqa: SLF001 - kombu has no other way to tell its poller
                channel._on_connection_disconnect(self)  # noqa: SLF001 - the same

    return Watched
