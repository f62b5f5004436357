"""How the commands show the sinks of events: what is not delivered, why, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from retouch.ledger import Sink
from retouch.plural import count, were


def sink_trouble(sink: Sink) -> str:
    """What is wrong with a sink, and what to do; empty if nothing is."""
    if sink.gone and sink.gone_since:
        since = sink.gone_since.isoformat(timespec="seconds")
        return (
            f"{sink.gone} at {since}: no more events are posted to it, and they are kept for 7 days at most."
            f" Correct its URL, or when it is back: retouch events --redeliver --sink {sink.name}"
        )
    if not sink.live and sink.waiting:
        return (
            f"{_waiting(sink)} for {sink.shown}, and no live worker has that sink: start one that has it."
            f" If it was removed: retouch sinks drop {sink.name}"
        )
    if sink.held and sink.held_since:
        return (
            f"{sink.held}; it has taken nothing since {sink.held_since.isoformat(timespec='seconds')}. {_waiting(sink)}"
            f" and lose no try; one goes there now and then. When it is back: retouch events --redeliver"
            f" --sink {sink.name}"
        )
    return ""


def _waiting(sink: Sink) -> str:
    return f"{count(sink.waiting, 'event')} {'waits' if sink.waiting == 1 else 'wait'}"


def undelivered_hint(sink: Sink) -> str:
    """How many events a sink has not taken; empty if it took all."""
    if not sink.undelivered:
        return ""
    told = f"{count(sink.undelivered, 'event')} {were(sink.undelivered)}"
    return (
        f"{told} tried and not taken by {sink.shown}; what is not given up is tried again by itself"
        f" (see: retouch events --undelivered --sink {sink.name})"
    )


def sink_lines(sinks: Sequence[Sink]) -> list[str]:
    """A line for each sink: what it took, what waits for it, and its last error; then what is wrong with it."""
    widths = [max(map(len, column)) for column in zip(*((one.name, one.shown) for one in sinks), strict=True)]
    return [line for sink in sinks for line in (_line(sink, *widths), _under(sink_trouble(sink))) if line]


def _line(sink: Sink, name_width: int, shown_width: int) -> str:
    types = f"; of {', '.join(sink.types)} alone" if sink.types else ""
    error = f"; last error at {sink.error_at.isoformat(timespec='seconds')}: {sink.error}" if sink.error_at else ""
    numbers = f"{sink.delivered:,} delivered, {sink.waiting:,} behind, {sink.undelivered:,} refused"
    return f"{sink.name:<{name_width}}  {sink.shown:<{shown_width}}  {numbers}{types}{error}"


def _under(trouble: str) -> str:
    return f"  {trouble}" if trouble else ""
