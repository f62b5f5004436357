"""``retouch status`` and ``retouch results``: where things stand, and what came out."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from retouch.causes import PauseCause
from retouch.cli.options import DEFAULT_REDIS_URL, BatchArgument, Json, RedisUrl, open_queue
from retouch.cli.terminal import counts_text, emit, held_hint, printable
from retouch.edit import check_batch_id
from retouch.ledger import BatchView, Ledger, Pause
from retouch.polling.histogram import Distribution, weight
from retouch.queue import EditQueue

PASSING = (PauseCause.OUTAGE, PauseCause.THROTTLED)  # causes that a probe ends, without anyone's doing


def status(
    batch: Annotated[str, typer.Argument(metavar="[BATCH]", show_default=False, help="One batch; else all.")] = "",
    json_: Json = False,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Show where a batch stands, or the newest batches, the workers and what stops them."""
    if batch:
        check_batch_id(batch)
    queue = open_queue(redis_url)
    with queue.reaching():
        if batch:
            _one(queue.status(batch), queue.ledger.reader.pauses(), queue.ledger.reader.workers(), json_)
        else:
            _all(queue, json_)


def results(batch: BatchArgument, redis_url: RedisUrl = DEFAULT_REDIS_URL) -> None:
    """Print the results of the edits that have ended, as JSONL in the batch's order."""
    for result in open_queue(redis_url).results(batch):
        emit(result)


def _one(view: BatchView, pauses: list[Pause], workers: list[str], as_json: bool) -> None:
    if as_json:
        emit(view.to_json())
        return
    _print_pauses(pauses)
    _print(f"{view.batch}: {view.state.value}; {view.ended}/{view.total} ended; {counts_text(view)}")
    if view.duplicates:
        _print(f"{view.duplicates} were sent more than once, and perhaps paid for so often (possible_duplicate)")
    if hint := held_hint(view):
        _print(hint)
    if not view.finished and not workers:
        _print("NO workers alive: nothing moves until one is started (celery -A workers worker)")
    if view.note:
        _print(f"note: {view.note}")


def _all(queue: EditQueue, as_json: bool) -> None:
    ledger = queue.ledger
    views, workers, pauses = ledger.reader.batches(), ledger.reader.workers(), ledger.reader.pauses()
    provider, queued, learned = ledger.reader.provider(), ledger.reader.queued(), _learned(ledger)
    if as_json:
        emit(
            {
                "batches": [view.to_json() for view in views],
                "workers": workers,
                "pauses": [_pause_json(pause) for pause in pauses],
                "images_at_the_api": provider.places_used,
                "provider": provider.to_json() | {"learned": learned},
                "queued": queued,
            }
        )
        return
    _print_pauses(pauses)
    places = f"{provider.places_used} of {provider.places}" if provider.places else str(provider.places_used)
    alive = "1 worker" if len(workers) == 1 else f"{len(workers) or 'NO'} workers"
    _print(f"{alive} alive; {places} places at the API in use; {queued} edits queued")
    if provider.refusal and provider.refused_at:
        _print(f"the API's last refusal: {provider.refusal} ({provider.refused_at.isoformat(timespec='seconds')})")
    for kind, times in learned.items():
        _print(f"results of {kind}: half within {times['p50_s']} s, 95 % within {times['p95_s']} s")
    width = max((len(view.batch) for view in views), default=0)
    for view in views:
        ended = f"{view.ended}/{view.total}"
        _print(f"{view.batch:<{width}}  {view.state.value:<9}  {ended:>15}  {counts_text(view)}")
    if not views:
        _print("no batches yet")


def _learned(ledger: Ledger) -> dict[str, dict[str, float]]:
    """How long results take, by kind of work, in seconds."""
    times = {}
    for kind in ledger.reader.kinds():
        known = ledger.reader.learned(kind)
        if weight(known) >= 1:
            belief = Distribution(known)
            times[kind] = {f"p{p}_s": round(belief.age_ms(p / 100) / 1000, 1) for p in (50, 95)}
    return times


def _print_pauses(pauses: list[Pause]) -> None:
    for pause in pauses:
        since = pause.since.isoformat(timespec="seconds")
        remedy = "ends by itself" if pause.cause in PASSING else "mend it, then run: retouch doctor"
        _print(f"PAUSED ({pause.cause}) since {since}: {pause.reason} - {remedy}")


def _pause_json(pause: Pause) -> dict[str, Any]:
    return {
        "cause": pause.cause,
        "reason": pause.reason,
        "since": pause.since.isoformat(),
        "next_probe": pause.next_probe.isoformat() if pause.next_probe else None,
    }


def _print(text: str) -> None:
    typer.echo(printable(text))
