"""A process's connections to the outside: the API, the store, results and the sinks of events."""

from __future__ import annotations

from contextlib import suppress

from config.settings import Settings
from retouch.errors import StoreError
from retouch.media.fetch import Fetcher
from retouch.media.store import Store
from retouch.net.addresses import PrivateHosts
from retouch.provider.client import Img2ImgApi
from workers.sinks import Sinks

SINK_CONNECTIONS = 128  # of one sink; as many deliveries are made at a time


class Clients:
    """One of each per process, shared by all its steps. Nothing is connected before the first use.

    The results' client never sees the API key, and each sink has connections of its own, so that a slow receiver takes
    none from the results. Raises InputError if the API's address or key cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        hosts = PrivateHosts.parse(settings.private_hosts)
        self.api = Img2ImgApi(settings.api_url, settings.api_key.get_secret_value())
        self.results = Fetcher(hosts)
        self.sinks = Sinks(settings, lambda: Fetcher(hosts, limit=SINK_CONNECTIONS))
        self.store = Store(settings.bucket)

    async def open(self) -> None:
        """Load the store's credentials; if there are none, the first put says so, and submits pause."""
        with suppress(StoreError):
            await self.store.open()

    async def close(self) -> None:
        """Close every connection."""
        await self.api.close()
        await self.results.close()
        await self.sinks.close()
