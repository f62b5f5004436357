"""``retouch status``: where batches stand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import typer

from retouch.advice.batch import (
    blank_hint,
    duplicates_hint,
    held_hint,
    limit_hint,
    money_hint,
    reasons_at_the_api,
    refused_lately,
    unsealed_hint,
)
from retouch.advice.jobs import left_hint
from retouch.advice.pauses import batch_pause_line, pause_line
from retouch.advice.workers import difference_lines, workers_hint
from retouch.cli.batches import batch_lines
from retouch.cli.failures import failure_lines
from retouch.cli.options import Json, RedisUrl, complete_batch, open_queue
from retouch.cli.reasons import memory_hint
from retouch.cli.sink_lines import sink_trouble, undelivered_hint
from retouch.cli.terminal import emit, printable
from retouch.edit import check_batch_id
from retouch.environment import DEFAULT_REDIS_URL
from retouch.installation import ResultTimes
from retouch.ledger import Job, Pause, Sink
from retouch.plural import count, were
from retouch.queue import EditQueue
from retouch.records.batches import BatchStatusRecord
from retouch.records.installation import StatusRecord
from retouch.records.provider import TimesRecord
from retouch.states import EditState


def status(
    batch: Annotated[
        str,
        typer.Argument(
            metavar="[BATCH]",
            show_default=False,
            help="One batch; without it, the newest batches.",
            autocompletion=complete_batch,
        ),
    ] = "",
    json_: Json = False,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Show where a batch stands; without BATCH the newest batches, the workers, and why submits are paused.

    Examples:
        retouch status
        retouch status oil --json
    """
    if batch:
        check_batch_id(batch)
    queue = open_queue(redis_url)
    if batch:
        _one(queue, batch, json_)
    else:
        _all(queue, json_)


def _one(queue: EditQueue, batch: str, as_json: bool) -> None:
    view = queue.status(batch)
    groups = queue.failures(batch) if view.counts.get(EditState.FAILED) else []
    if as_json:
        record: BatchStatusRecord = {**view.to_json(), "failure_groups": [group.to_json() for group in groups]}
        emit(record)
        return
    _tell_what_holds_all(queue, queue.pauses())
    for batch_pause in () if view.finished else view.paused:
        _print(batch_pause_line(view.batch, batch_pause, queued=EditState.QUEUED in view.counts))
    _print(f"{view.batch}: {view.state.value}; {view.ended}/{view.total} ended; {view.shown_counts}")
    if view.senders:
        _print(f"sent by {', '.join(view.senders)}")
    if view.completed_at:
        took = timedelta(seconds=round((view.completed_at - view.created).total_seconds()))
        _print(f"completed {view.completed_at.isoformat(timespec='seconds')}, {took} after it was made")
    for line in failure_lines(batch, groups):
        _print(line)
    if view.recovered or view.sent_anew:
        there = f"{count(view.recovered, 'result')} {were(view.recovered)}"
        _print(f"retried: {there} still at the API, {view.sent_anew} {were(view.sent_anew)} submitted again")
    hints = [money_hint(view), duplicates_hint(view), blank_hint(view), held_hint(view), unsealed_hint(view)]
    hints += [] if view.finished else [limit_hint(view), workers_hint(queue.workers())]
    provider = queue.provider()
    hints += [reason.begins for reason in reasons_at_the_api(view, provider)]
    for hint in filter(None, hints):
        _print(hint)
    if view.note:
        _print(f"note: {view.note}")
    _tell_left(queue.jobs(batch))
    _tell_sinks([] if queue.remote else queue.batch_sinks(batch))  # a gateway keeps where events go to itself
    if not view.finished and (refused := refused_lately(provider)):
        _print(refused.removeprefix("; "))


def _all(queue: EditQueue, as_json: bool) -> None:
    views, workers, pauses = queue.batches(), queue.workers(), queue.pauses()
    provider, queued, times = queue.provider(), queue.queued(), queue.result_times()
    sinks = [] if queue.remote else queue.sinks()
    differences, price, today = queue.differences(), queue.price(), next(iter(queue.money()), None)
    if as_json:
        record: StatusRecord = {
            "batches": [view.to_json() for view in views],
            "price": price.to_json() if price else None,
            "money": today.to_json() if today else None,
            "workers": workers,
            "worker_differences": differences,
            "pauses": [pause.to_json() for pause in pauses],
            "images_at_the_api": provider.places_used,
            "provider": {**provider.to_json(), "learned": {kind: _times(spans) for kind, spans in times.items()}},
            "queued": queued,
            "sinks": [sink.to_json() for sink in sinks],
        }
        emit(record)
        return
    _tell_what_holds_all(queue, pauses)
    places = f"{provider.places_used} of {provider.places}" if provider.places else str(provider.places_used)
    alive = count(len(workers), "worker") if workers else "NO workers"
    _print(f"{alive} alive; places at the API in use: {places}; {count(queued, 'edit')} queued")
    if price:
        _print(f"one image costs {price}" + (f"; money of {today}" if today else ""))
    for line in difference_lines(differences):
        _print(line)
    if provider.refusal and provider.refused_at:
        _print(f"the API's last refusal: {provider.refusal} ({provider.refused_at.isoformat(timespec='seconds')})")
    _tell_sinks(sinks)
    _tell_left(queue.jobs())
    if times:
        _print(times_text(list(times.values())))
    for line in batch_lines(views):
        _print(line)


def _tell_what_holds_all(queue: EditQueue, pauses: Sequence[Pause]) -> None:
    for line in filter(None, [memory_hint(queue), *map(pause_line, pauses)]):
        _print(line)


def _tell_left(jobs: Sequence[Job]) -> None:
    for hint in filter(None, map(left_hint, jobs)):
        _print(hint)


def _tell_sinks(sinks: Sequence[Sink]) -> None:
    for told in filter(None, (tell(sink) for sink in sinks for tell in (sink_trouble, undelivered_hint))):
        _print(f"events: {told}")


def times_text(times: Sequence[ResultTimes]) -> str:
    """How long the API takes for an edit, of all kinds of work together."""
    half, most = (_span(seconds) for seconds in zip(*times, strict=True))
    kinds = " (it depends on model, steps and size: --json has each kind)" if len(times) > 1 else ""
    return f"the API finishes half of the edits within {half}, and 95 % within {most}{kinds}"


def _span(seconds: Sequence[float]) -> str:
    low, high = min(seconds), max(seconds)
    return f"{low:g} s" if low == high else f"{low:g} to {high:g} s"


def _times(spans: ResultTimes) -> TimesRecord:
    return {"p50_s": spans.p50_s, "p95_s": spans.p95_s}


def _print(text: str) -> None:
    typer.echo(printable(text))
