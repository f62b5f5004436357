"""How the commands show the sinks of events: what is not delivered, why, and what to do."""

from __future__ import annotations

from retouch.ledger import Sink
from retouch.plural import count, were


def sink_trouble(sink: Sink) -> str:
    """What is wrong with a sink, and what to do; empty if nothing is."""
    if sink.gone and sink.gone_since:
        since = sink.gone_since.isoformat(timespec="seconds")
        return (
            f"{sink.gone} at {since}: no more events are posted to it, and they are kept for 7 days at most."
            f" Correct RETOUCH_WEBHOOK_URL, or when it is back: retouch events --redeliver --sink {sink.name}"
        )
    if not sink.live and sink.waiting:
        wait = f"{count(sink.waiting, 'event')} {'waits' if sink.waiting == 1 else 'wait'}"
        return (
            f"{wait} for {sink.shown}, and no live worker has that sink: start one that has it."
            " If it was removed, that ends within 8 days"
        )
    return ""


def undelivered_hint(sink: Sink) -> str:
    """How many events a sink has not taken; empty if it took all."""
    if not sink.undelivered:
        return ""
    told = f"{count(sink.undelivered, 'event')} {were(sink.undelivered)}"
    return (
        f"{told} tried and not taken by {sink.shown}; what is not given up is tried again by itself"
        f" (see: retouch events --undelivered --sink {sink.name})"
    )
