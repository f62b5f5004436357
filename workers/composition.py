"""The parts of a worker process, each given what it needs."""

from __future__ import annotations

import os
import socket

from config.settings import Settings
from retouch.ledger import Ledger
from workers.api_watch import ApiWatch
from workers.capacity import Capacity
from workers.clients import Clients
from workers.context import Context
from workers.dispatcher import Backlog, Dispatcher, Send
from workers.leases import Leases
from workers.ledger_calls import LedgerCalls
from workers.pacer import Pacer
from workers.pause_news import PauseNews
from workers.pauses import Pauses
from workers.poll_times import PollTimes
from workers.presence import Presence
from workers.renewal import Renewal
from workers.runtime import Runtime
from workers.server_clock import ServerClock
from workers.settling import Settling
from workers.store_watch import StoreWatch

MAX_OPEN = 2048  # steps of edits at a time in one process
MAX_DELIVERIES = 64  # event deliveries at a time in one process


def compose(settings: Settings, ledger: Ledger, clients: Clients, send: Send, backlog: Backlog) -> Runtime:
    """Make a worker that is not started yet. ``send`` publishes a chunk, ``backlog`` counts messages that wait."""
    name = f"{socket.gethostname()}-{os.getpid()}"
    news = PauseNews(ledger.worker)
    context = _context(settings, ledger, clients, news)
    edits, deliveries = Capacity(MAX_OPEN), Capacity(MAX_DELIVERIES)
    watch = ApiWatch(clients.api, ledger.worker, context.call, context.clock, context.pacer, context.pauses)
    dispatcher = Dispatcher(
        name,
        settings,
        ledger.worker,
        context,
        watch,
        edits=edits,
        deliveries=deliveries,
        send=send,
        backlog=backlog,
    )
    presence = Presence(name, settings.sinks, settings.alike, ledger.worker, context.call)
    renewal = Renewal(ledger.worker, context.call, context.leases, settings.lease)
    return Runtime(name, context, dispatcher, presence, renewal, news, edits=edits, deliveries=deliveries)


def _context(settings: Settings, ledger: Ledger, clients: Clients, news: PauseNews) -> Context:
    call = LedgerCalls()
    clock = ServerClock()
    leases = Leases(settings.lease)
    pauses = Pauses(clock, news.tell)
    return Context(
        settings=settings,
        ledger=ledger,
        call=call,
        clients=clients,
        clock=clock,
        leases=leases,
        pacer=Pacer(clock, settings.slack_ms),
        pauses=pauses,
        poll_times=PollTimes(settings, ledger.reader, call),
        settle=Settling(ledger.worker, call, leases),
        store_watch=StoreWatch(clients.store, settings.prefix, ledger.worker, call, pauses),
    )
