"""Poll: ask the API where an edit stands; when it is finished, copy its images."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import structlog
from celery import shared_task

from config.celery import TASKS
from retouch.causes import PauseCause
from retouch.errors import (
    AccountRefusedError,
    ApiError,
    RefusedError,
    ThrottledError,
    UnknownIdError,
)
from retouch.ledger import BegunPoll, Claim, Settlement, Step
from retouch.provider.answers import Answer, Status
from retouch.provider.backoff import retry_delay_s
from retouch.states import EditState
from tasks.copy import Served, copy_results
from tasks.failures import PROBE_S, note, pause_s
from tasks.handover import Message, each, hand_over, new_nonce
from tasks.outcome import failed
from workers.context import Context

log = structlog.get_logger()

FROM = (EditState.WAITING, EditState.COPYING)
MISSING_LINKS_S = 60.0  # for so long a finished edit is asked for links that are missing
MAX_LOST = 3  # times in a row that the API does not know the id: it was lost there


@shared_task(name=TASKS[Step.POLL])
def poll(claims: Message) -> None:
    """Take on claims for a poll."""
    hand_over(Step.POLL, claims, poll_chunk)


async def poll_chunk(context: Context, claims: Sequence[Claim]) -> None:
    """Read a chunk's edits in one move, then ask about each."""
    asked_at = time.monotonic()
    progress = await context.call(
        context.ledger.worker.begin_poll, claims, context.settings.lease_ms, nonce=new_nonce()
    )
    ours = [(c, p) for c, p in zip(claims, progress, strict=True) if p]
    for _, one in ours[:1]:
        context.clock.see(one.now, asked_at)
    context.leases.begin((c for c, _ in ours), asked_at)
    await each(context, ours, _poll)


async def _poll(context: Context, claim: Claim, progress: BegunPoll) -> None:
    if progress.provider_id is None:  # finished at once, without an id: its links are all there is
        await copy_results(context, claim, Served(progress.urls, progress.samples), progress)
        return
    if not await context.pacer.moment(claim):
        await _again(context, claim, progress, 0, {})
        return
    asked_ms = _age_ms(context, progress)
    try:
        answer = await context.clients.api.status(progress.provider_id)
    except ApiError as error:
        await _handle_error(context, claim, progress, error)
    else:
        await context.pauses.resume(PauseCause.THROTTLED, PauseCause.OUTAGE, sent_ms=progress.now)
        await _answered(context, claim, progress, answer, asked_ms)


async def _answered(context: Context, claim: Claim, progress: BegunPoll, answer: Answer, asked_ms: float) -> None:
    if answer.status is Status.FAILURE:
        await context.settle(failed(claim, FROM, "failure", answer.error or "the API reports a failure"))
    elif answer.status is Status.RUNNING:
        await _still_running(context, claim, progress, answer.word, asked_ms)
    elif len(answer.urls) < progress.samples and _may_be_completed(progress):
        await _without_all_links(context, claim, progress, len(answer.urls))
    elif progress.state is EditState.COPYING or await _begin_copy(context, claim, progress):
        before = progress if progress.state is EditState.COPYING else None
        await copy_results(context, claim, Served(answer.urls, progress.samples), before)


async def _without_all_links(context: Context, claim: Claim, progress: BegunPoll, links: int) -> None:
    polls = progress.polls + 1
    put = {
        "incomplete": str(progress.incomplete_since or progress.now),
        "note": f"the API reports success, and {links} of {progress.samples} links",
        "polls": str(polls),
    }
    delay_s = context.poll_times.backoff_s(polls, _left_s(progress))
    await _again(context, claim, progress, delay_s, put, answered=True)


def _may_be_completed(progress: BegunPoll) -> bool:
    """Links that are missing may come a moment after the word that all is done."""
    since = progress.incomplete_since
    return since is None or progress.now - since < 1000 * MISSING_LINKS_S


async def _begin_copy(context: Context, claim: Claim, progress: BegunPoll) -> bool:
    """The API has finished the edit: free its places, and learn how long it took."""
    drop = ("polls", "tries", "note", "strikes", "kind", "seen", "incomplete")
    lesson = context.poll_times.lesson(progress.kind, progress.seen_ms, _age_ms(context, progress))
    return await context.settle(
        Settlement(claim, FROM, EditState.COPYING, keep=True, answered=True, drop=drop, lesson=lesson)
    )


async def _still_running(
    context: Context, claim: Claim, progress: BegunPoll, word: str | None, asked_ms: float
) -> None:
    """``word``: the API's own for where the edit stands, if it is none that is known."""
    left_s = _left_s(progress)
    if left_s <= 0:
        message = f"the API had no result {context.settings.deadline:g} s after it took the edit"
        message += f"; it says {word!r}" if word else ""
        await context.settle(failed(claim, FROM, "deadline", message))
        return
    age_s = _age_ms(context, progress) / 1000
    delay_s = context.poll_times.next_poll_s(progress.kind, claim.member, age_s, progress.polls + 1, left_s)
    put = {"polls": str(progress.polls + 1), "seen": str(int(asked_ms))}
    drop: tuple[str, ...] = ("tries", "strikes", "incomplete")
    if word:
        put["note"] = note(f"the API says {word!r}")
    else:
        drop += ("note",)
    await _again(context, claim, progress, delay_s, put, drop, answered=True)


async def _handle_error(context: Context, claim: Claim, progress: BegunPoll, error: ApiError) -> None:
    if isinstance(error, UnknownIdError | RefusedError):
        # The API answered, so it is available. Without this, the outage of an API that lost its ids would not end.
        await context.pauses.resume(PauseCause.THROTTLED, PauseCause.OUTAGE, sent_ms=progress.now)
        if progress.strikes + 1 >= MAX_LOST:
            await context.settle(failed(claim, FROM, "lost", f"the API no longer knows the edit: {error}"))
            return
        delay_s = context.poll_times.backoff_s(progress.polls + 1, _left_s(progress))
        await _again(
            context,
            claim,
            progress,
            delay_s,
            {"strikes": str(progress.strikes + 1), "note": note(error)},
        )
        return
    asked_s = error.retry_after_s or 0.0
    if isinstance(error, AccountRefusedError):
        asked_s = PROBE_S[PauseCause.REFUSED]
        await context.pauses.pause(PauseCause.REFUSED, str(error), probe_every_s=asked_s)
    elif isinstance(error, ThrottledError) or asked_s:
        every_s = pause_s(PauseCause.THROTTLED, error.retry_after_s)
        await context.pauses.pause(PauseCause.THROTTLED, str(error), probe_every_s=every_s)
    else:
        await context.pauses.trouble(str(error))
    # While the API cannot report the edit's status, no attempt is used and the deadline does not fail the edit.
    delay_s = retry_delay_s(progress.tries, random.random(), at_least_s=asked_s)
    await _again(context, claim, progress, delay_s, {"tries": str(progress.tries + 1), "note": note(error)})


async def _again(
    context: Context,
    claim: Claim,
    progress: BegunPoll,
    delay_s: float,
    put: dict[str, str],
    drop: tuple[str, ...] = (),
    *,
    answered: bool = False,
) -> None:
    delay_ms = int(delay_s * 1000)
    await context.settle(
        Settlement(claim, FROM, progress.state, delay_ms=delay_ms, put=put, drop=drop, answered=answered)
    )


def _age_ms(context: Context, progress: BegunPoll) -> float:
    return max(0.0, context.clock.now_ms() - (progress.submitted_at or progress.now))


def _left_s(progress: BegunPoll) -> float:
    return float("inf") if progress.deadline is None else (progress.deadline - progress.now) / 1000
