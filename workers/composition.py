"""The parts of a worker process, each given what it needs."""

from __future__ import annotations

import os
import socket

from config.settings import Settings
from retouch.events.sinks.spec import BATCH_SINKS
from retouch.ledger import Ledger, Named, Stopwatch
from workers.api_watch import ApiWatch
from workers.capacity import Capacity
from workers.clients import SINK_CONNECTIONS, Clients
from workers.context import Context
from workers.deliveries import Deliveries
from workers.dispatcher import Backlog, Dispatcher, Send
from workers.jobs import JobRunner
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
MAX_DELIVERIES = SINK_CONNECTIONS  # to one sink at a time in one process; to those of batches, all together


def compose(settings: Settings, ledger: Ledger, clients: Clients, send: Send, backlog: Backlog) -> Runtime:
    """Make a worker that is not started yet. ``send`` publishes a chunk, ``backlog`` counts messages that wait."""
    name = f"{socket.gethostname()}-{os.getpid()}"
    news = PauseNews(ledger.worker)
    context = _context(settings, ledger, clients, news)
    edits, deliveries = Capacity(MAX_OPEN), {sink: Capacity(MAX_DELIVERIES) for sink in _outlets(settings)}
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
    sinks = {sink: Named(spec.shown, spec.types) for sink, spec in settings.all_sinks.items()}
    alike = settings.alike
    others = {variable: value for variable, value in settings.shown.items() if variable not in alike}
    presence = Presence(name, sinks, alike, others, ledger.worker, context)
    renewal = Renewal(ledger.worker, context.call, context.leases, settings.lease)
    jobs = JobRunner(ledger)
    return Runtime(name, context, dispatcher, presence, renewal, news, jobs, edits=edits, deliveries=deliveries)


def _outlets(settings: Settings) -> list[str]:
    """What deliveries are counted by: each sink, and those of batches together."""
    return [*settings.all_sinks, BATCH_SINKS]


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
        deliveries=Deliveries(ledger, call, leases, settings.lease_ms),
        store_watch=StoreWatch(clients.store, settings.prefix, ledger.worker, call, pauses),
        stopwatch=Stopwatch(),
    )
