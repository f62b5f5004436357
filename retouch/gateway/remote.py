"""A ledger behind a gateway: the same parts that ``EditQueue`` asks of ``retouch.ledger.Ledger``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from retouch.errors import InputError
from retouch.event_log import CloudEvent
from retouch.gateway import NEEDS_REDIS
from retouch.gateway.client import Client, understood
from retouch.gateway.events import GatewayEvents
from retouch.gateway.images import GatewayImages
from retouch.gateway.jobs import GatewayJobs
from retouch.gateway.picks import GatewayPicks
from retouch.gateway.pictures import GatewayPictures
from retouch.gateway.producer import GatewayProducer
from retouch.gateway.reader import GatewayReader
from retouch.gateway.redo import Redo, redo
from retouch.gateway.search import GatewaySearch
from retouch.gateway.strips import GatewayStrips
from retouch.gateway.writing import GatewayWriter
from retouch.intake.redo import Wish
from retouch.ledger.producer import check_weight
from retouch.net.gateway_address import GatewayAddress
from retouch.price import Budget
from retouch.reach import OnOutage, Reach


class RemoteLedger:
    """What a gateway offers of the ledger. Threads may share it; it connects at the first use."""

    def __init__(self, address: GatewayAddress, *, timeout_s: float = 5.0) -> None:
        self._url = address.url
        self._client = Client(address, connect_s=timeout_s)
        self.reader = GatewayReader(self._client)
        self.strips = GatewayStrips(self._client)
        self.search = GatewaySearch(self._client)
        self.picks = GatewayPicks(self._client, self.strips)
        self.jobs = GatewayJobs(self._client)
        self.producer = GatewayProducer(self._client)
        self.pictures = GatewayPictures(self._client)

    def images(self, batch: str) -> GatewayImages:
        """Where the images of a batch are read from."""
        return GatewayImages(self._client, batch)

    @understood()
    def page_link(self) -> str:
        """An address of the gateway's page that signs in one browser, once, as the key that is used here."""
        return f"{self._url}/#link={self._client.json('POST', '/page/links', repeat=False)['link']}"

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._client.close()

    def events(self, after: str, reach: Reach, *, follow: bool, on_outage: OnOutage | None) -> Iterator[CloudEvent]:
        """The events after a place in the stream; with ``follow`` it waits for new ones, through outages."""
        return iter(GatewayEvents(self._client, reach, after, follow=follow, on_outage=on_outage))

    def redo(
        self, batch: str, wish: Wish, max_failures: str | None, budget: Budget | None, *, dry_run: bool = False
    ) -> Redo:
        """Do edits of a batch again; raises InputError (RejectedEditsError) and LedgerError."""
        return redo(self._client, batch, wish, max_failures, budget, dry_run=dry_run)

    def writer(
        self,
        batch: str,
        defaults: Mapping[str, Any],
        weight: float,
        *,
        origin: Mapping[str, str] | None,
        max_failures: str,
        budget: Budget | None,
        notify: str | None,
        open_until: datetime | None,
        whole: bool,
    ) -> GatewayWriter:
        """A writer of checked entries; raises InputError for edits that are done again."""
        if origin:
            raise InputError(NEEDS_REDIS)
        query = {
            "weight": check_weight(weight),
            "max_failures": max_failures or None,
            "budget": str(budget) if budget else None,
            "open_until": open_until.isoformat() if open_until else None,
        }
        headers = {"Retouch-Notify": notify} if notify else {}
        return GatewayWriter(self._client, batch, defaults, query, headers, self.pictures.moved, whole=whole)
