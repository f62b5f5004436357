"""Why a batch does not move or end, and what is to be known of one that has ended."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from retouch.advice.pauses import batch_pause_line, pause_line, what_waits
from retouch.advice.workers import workers_hint
from retouch.ledger import BatchView, Pause, Provider
from retouch.ledger.constants import MAX_SUSPECTS, PRODUCER_GONE_MS
from retouch.plural import are, count, were
from retouch.states import EditState

LATELY = timedelta(minutes=5)
AT_THE_API = (EditState.SUBMITTING, EditState.WAITING)


class Reason(NamedTuple):
    """What holds a batch up. ``ends`` is said when it is over; empty: nothing."""

    name: str
    begins: str
    ends: str = ""


def reasons_of(view: BatchView, workers: list[str], pauses: Iterable[Pause], provider: Provider) -> list[Reason]:
    """What holds a batch up; one that has ended only by its own pauses: what is tried again, or added, waits."""
    if view.finished:
        return list(_of_batch_pauses(view))
    return [*reasons_in(view), *reasons_outside(workers, pauses), *reasons_at_the_api(view, provider)]


def reasons_outside(workers: list[str], pauses: Iterable[Pause]) -> list[Reason]:
    """What holds up all batches."""
    return [*_of_workers(workers), *map(_of_pause, pauses)]


def reasons_at_the_api(view: BatchView, provider: Provider) -> Iterable[Reason]:
    """That the API has edits of a batch, and refuses to say how they stand: more than a few, or all that it has."""
    waiting = view.counts.get(EditState.WAITING, 0)
    if not waiting or provider.status_refused < min(waiting, MAX_SUSPECTS):
        return
    words = f": {provider.refusal}" if provider.refusal else ""
    yield Reason(
        "refused",
        f"the API refuses to say how {count(waiting, 'edit')} at the API {are(waiting)} doing{words}."
        " They are asked about again by themselves: fix the cause (the key, or RETOUCH_API_URL)",
        "the API says again how edits are doing",
    )


def reasons_in(view: BatchView) -> Iterable[Reason]:
    """What of a batch itself holds it up."""
    yield from _of_batch_pauses(view)
    if view.note and view.ended == view.total:
        yield Reason("files", f"its files are not written yet: {view.note}")
    if view.ended + view.counts.get(EditState.HELD, 0) < view.total:
        return
    if hint := held_hint(view):
        yield Reason("held", hint)
    if hint := unsealed_hint(view):
        yield Reason(hint, hint)


def _of_batch_pauses(view: BatchView) -> Iterable[Reason]:
    for pause in view.paused:
        yield Reason(
            f"batch:{pause.cause}",
            batch_pause_line(view.batch, pause, queued=EditState.QUEUED in view.counts),
            f"batch {view.batch} is not paused any more ({pause.cause})",
        )


def _of_workers(workers: list[str]) -> Iterable[Reason]:
    if hint := workers_hint(workers):
        yield Reason("workers", hint, "a worker is alive now")


def _of_pause(pause: Pause) -> Reason:
    return Reason(pause.name, pause_line(pause), f"{what_waits(pause)} go on: the pause ({pause.cause}) has ended")


def refused_lately(provider: Provider) -> str:
    """``; the API's last refusal: …`` of the last minutes, else nothing."""
    if not provider.refusal or not provider.refused_at or datetime.now(UTC) - provider.refused_at > LATELY:
        return ""
    return f"; the API's last refusal: {provider.refusal}"


def waiting_text(view: BatchView) -> str:
    """``waiting for 3 edits at the API, 12 queued``: what has to happen before the batch ends."""
    if view.ended == view.total:
        return "waiting for its files to be written"
    at_the_api = sum(view.counts.get(state, 0) for state in AT_THE_API)
    parts = [
        (at_the_api, f"{at_the_api:,} {'edit' if at_the_api == 1 else 'edits'} at the API"),
        *((view.counts.get(state, 0), _count(view, state)) for state in (EditState.COPYING, EditState.QUEUED)),
        (view.counts.get(EditState.HELD, 0), _count(view, EditState.HELD)),
    ]
    return f"waiting for {', '.join(text for count, text in parts if count)}"


def why_open(view: BatchView, workers: Collection[str]) -> str:
    """What a batch that has not ended waits for, and what a person can do about it: a part of a sentence."""
    unsealed, all_ended = unsealed_hint(view), view.ended == view.total
    waiting = "" if all_ended and unsealed else waiting_text(view)
    trouble = view.note if all_ended and view.note else ""
    return "; ".join(filter(None, [waiting, trouble, unsealed, held_hint(view), workers_hint(workers)]))


def _count(view: BatchView, state: EditState) -> str:
    words = {EditState.COPYING: "being copied to S3", EditState.QUEUED: "queued", EditState.HELD: "held"}
    return f"{view.counts.get(state, 0):,} {words[state]}"


def held_hint(view: BatchView) -> str:
    """What to do about held edits; empty if there are none."""
    held = view.counts.get(EditState.HELD, 0)
    if not held:
        return ""
    return (
        f"{count(held, 'edit')} {are(held)} held: sent and not answered, so your decision is needed:"
        f" retouch retry {view.batch} --held, or retouch cancel {view.batch} --held"
    )


def unsealed_hint(view: BatchView) -> str:
    """Why a batch does not end although its edits may have ended; empty if nothing but they keep it."""
    if view.unsealed is None:
        return _open_hint(view)
    if datetime.now(UTC) - view.unsealed <= timedelta(milliseconds=PRODUCER_GONE_MS):
        return "not sealed: its producer is writing still, and the batch ends only after that"
    return (
        f"not sealed: its producer was last seen at {view.unsealed.isoformat(timespec='seconds')}. If it is gone:"
        f" enqueue the same again, or: retouch seal {view.batch}"
    )


def _open_hint(view: BatchView) -> str:
    if view.open_until is None or view.open_until <= datetime.now(UTC):
        return ""
    until = view.open_until.isoformat(timespec="seconds")
    return f"open for more edits until {until}; to let it end before: retouch seal {view.batch}"


def duplicates_hint(view: BatchView) -> str:
    """How many edits may have been paid for more than once; empty if none."""
    if not view.duplicates:
        return ""
    told = f"{count(view.duplicates, 'edit')} {were(view.duplicates)}"
    return f"{told} sent more than once and may have been paid for more than once (possible_duplicate)"


def limit_hint(view: BatchView) -> str:
    """How many edits may fail; empty if any number."""
    if view.max_failures is None:
        return ""
    return f"max_failures is {view.max_failures}: with more failed edits, its queued ones are not submitted"


def money_hint(view: BatchView) -> str:
    """What a batch has cost, and what is to come; empty where no price is known."""
    return f"money: {view.money}" if view.money else ""


def blank_hint(view: BatchView) -> str:
    """How many edits have blank images, and how to list them; empty if none."""
    if not view.blank:
        return ""
    told = f"{count(view.blank, 'result')} {are(view.blank)}"
    return f"{told} blank (black or one colour), or may be: retouch results {view.batch} --blank"
