"""What the routes of all faces stand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Event

from config.gateway import GatewaySettings
from retouch.access_keys import AccessKeys
from retouch.ledger import Ledger
from retouch.ledger.requests import Requests
from retouch.net.addresses import PrivateHosts
from retouch.queue import EditQueue
from retouch.reach import Reach, no_redis
from retouch.triggers.recipe import Recipe
from workers.gateway.confirmations import Confirmations
from workers.gateway.feed import Feed
from workers.gateway.intake import Desk
from workers.gateway.threads import Threads
from workers.gateway.thumbnails import Thumbnails
from workers.gateway.visits import KeptVisits, Visits
from workers.gateway.watching import Watches
from workers.jobs import JobRunner

S3_AT_ONCE = 16  # pieces of results, which come from S3 if their batch has left Redis; links and uploads
OPENAI_AT_ONCE = 16  # questions of OpenAI's clients, which nearly all are about objects in S3


@dataclass(frozen=True)
class Gateway:
    """The parts of a gateway; nothing is connected to before the first request.

    ``recipes``: what new objects make edits, where stores post their notifications. ``own_visits``: who looks at a page
    that runs alone, which takes no edits.
    """

    settings: GatewaySettings
    ledger: Ledger
    recipes: Sequence[Recipe] = ()
    own_visits: Visits | None = None
    _confirmed: Event = field(default_factory=Event)

    @cached_property
    def queue(self) -> EditQueue:
        """What the command line stands on too."""
        return EditQueue(
            self.ledger,
            private_hosts=self._private_hosts,
            bucket=self.settings.bucket,
            prefix=self.settings.prefix,
            address=self.settings.redis.shown,
        )

    @cached_property
    def keys(self) -> AccessKeys:
        """Who may call it."""
        return AccessKeys(self.ledger, self.settings.redis.shown)

    @cached_property
    def visits(self) -> Visits:
        """Who looks at the page."""
        return self.own_visits or KeptVisits(self.ledger.access, self.keys, self.settings.redis.shown)

    def now(self) -> int:
        """Redis' clock, in ms since 1970; raises ServiceError if Redis cannot be used."""
        with Reach(no_redis(self.settings.redis.shown))():
            return self.ledger.connection.now()

    @property
    def requests(self) -> Requests:
        """Those with a key of their caller's."""
        return self.ledger.requests

    def confirms(self) -> bool:
        """Whether Redis can tell what is on its disk; asked until it has: a disk may be slow the first time."""
        if not self._confirmed.is_set() and self.ledger.producer.wait_for_disk():
            self._confirmed.set()
        return self._confirmed.is_set()

    @cached_property
    def disk(self) -> Confirmations:
        """Who waits for it."""
        return Confirmations(lambda: self.ledger.producer.wait_for_disk())

    @cached_property
    def desk(self) -> Desk:
        """Where edits are taken."""
        return Desk(self.queue, self.settings.bucket, self.settings.prefix, self._private_hosts)

    @cached_property
    def feed(self) -> Feed:
        """The events as they come."""
        return Feed(self.queue)

    @cached_property
    def thumbnails(self) -> Thumbnails:
        """Small copies of pictures."""
        return Thumbnails(self._private_hosts)

    @cached_property
    def watches(self) -> Watches:
        """What people look at on the page."""
        return Watches()

    @cached_property
    def runner(self) -> JobRunner:
        """What does the pages of jobs."""
        return JobRunner(self.ledger)

    def end_streams(self) -> None:
        """Let those go who hear of events, or look at the page, and do no more pages of jobs."""
        self.feed.close()
        self.watches.close()
        self.runner.close()

    @cached_property
    def s3_threads(self) -> Threads:
        """Where the native face waits for S3."""
        return Threads(S3_AT_ONCE)

    @cached_property
    def openai_threads(self) -> Threads:
        """Where OpenAI's clients are answered."""
        return Threads(OPENAI_AT_ONCE)

    @property
    def _private_hosts(self) -> PrivateHosts:
        return PrivateHosts.parse(self.settings.private_hosts)
