"""``retouch explain BATCH/CUSTOM_ID``: the one true reason why an edit is where it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from retouch.cli.options import DEFAULT_REDIS_URL, RedisUrl, open_queue
from retouch.cli.terminal import printable
from retouch.edit import check_batch_id
from retouch.errors import InputError
from retouch.ledger import EditView, Pause
from retouch.states import EditState


def explain(
    edit: Annotated[str, typer.Argument(metavar="BATCH/CUSTOM_ID", show_default=False, help="The edit.")],
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Say where one edit is and why it is not further."""
    batch, slash, custom_id = edit.partition("/")
    if not slash or not custom_id:
        raise InputError(f"{edit[:80]!r} is not BATCH/CUSTOM_ID")
    queue = open_queue(redis_url)
    with queue.reaching():
        view = queue.ledger.edit(check_batch_id(batch), custom_id)
        if view is None:
            queue.status(batch)
            raise InputError(f"there is no edit {custom_id[:80]!r} in batch {batch!r}")
        reason = why(view, queue.ledger.pauses(), queue.ledger.workers(), datetime.now(UTC))
    typer.echo(printable(f"{edit} is {view.state.value}: {reason}"))
    if view.duplicate:
        typer.echo("It was sent twice and may have been paid for twice (possible_duplicate).")


def why(view: EditView, pauses: list[Pause], workers: list[str], now: datetime) -> str:
    """The reason, as the rest of a sentence about the edit."""
    if view.state is EditState.COMPLETED:
        outputs = (view.result or {}).get("outputs") or []
        return f"finished, {', '.join(str(o.get('uri')) for o in outputs) or 'with no images'}"
    if view.state is EditState.FAILED:
        error = (view.result or {}).get("error") or {}
        return f"{error.get('message') or error.get('code') or 'no reason was given'} (retouch retry {view.batch})"
    if view.state is EditState.CANCELLED:
        return f"cancelled before it was sent (retouch retry {view.batch} --cancelled)"
    if view.state is EditState.HELD:
        return (
            "it was sent and never answered, so the API may have taken it; decide:"
            f" retouch retry {view.batch} --held, or retouch cancel {view.batch} --held"
        )
    if not workers:
        return "no worker is alive; start one: celery -A workers worker"
    if view.state is EditState.QUEUED:
        return _why_queued(view, pauses, now)
    return _why_under_way(view, now)


def _why_queued(view: EditView, pauses: list[Pause], now: datetime) -> str:
    if pauses:
        return "; ".join(f"submits are paused ({p.cause}) because {p.reason}" for p in pauses)
    note = f" ({view.note})" if view.note else ""
    if view.before_it is not None:
        return f"{view.before_it} edits are before it in the fair order{note}"
    return f"it is sent again {_when(view, now)}{note}"


def _why_under_way(view: EditView, now: datetime) -> str:
    note = f"; {view.note}" if view.note else ""
    if view.holder:
        step = {EditState.SUBMITTING: "sent", EditState.COPYING: "copied to S3"}.get(view.state, "polled")
        return f"being {step} by {view.holder}{note}"
    if view.state is EditState.COPYING:
        return f"its images are copied again {_when(view, now)}{note}"
    if view.state is EditState.SUBMITTING:
        return f"its worker is gone; it is looked at again {_when(view, now)}{note}"
    deadline = f"; it has until {view.deadline.isoformat(timespec='seconds')}" if view.deadline else ""
    return f"the API has it as {view.provider_id}; polled {view.polls} times, next {_when(view, now)}{deadline}{note}"


def _when(view: EditView, now: datetime) -> str:
    if view.due_at is None:
        return "soon"
    seconds = (view.due_at - now).total_seconds()
    return f"in {seconds:.1f} s" if seconds > 0 else f"now (due for {-seconds:.1f} s)"
