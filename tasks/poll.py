"""Poll: ask the API where an edit stands; when it is finished, copy its images."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import structlog
from celery import shared_task

from config.celery import TASKS
from retouch.causes import FailureCode, Fared
from retouch.errors import ApiError, HeldBackError, RefusedError
from retouch.ledger import BegunPoll, Claim, Seen, Settled, Settlement, Step
from retouch.provider.answers import Answer, Status
from retouch.provider.backoff import retry_delay_s
from retouch.states import EditState
from tasks.asking import STATUS, ask
from tasks.copy import Served, copy_results
from tasks.failures import (
    WORDS_LENGTH,
    asks_to_wait,
    error_json,
    note,
    own_wait_s,
    refused_delay_s,
    seen,
    strike,
    wait_s,
)
from tasks.handover import Message, each, hand_over, new_nonce
from tasks.outcome import failed, used_seed
from workers.context import Context

log = structlog.get_logger()

FROM = (EditState.WAITING, EditState.COPYING)
KIND = STATUS
STRIKES = ("strikes", "first_strike", "last_strike", "witness", "throttled")  # a good answer ends them
REFUSED_CAP_S = 30.0
MISSING_LINKS_S = 60.0  # for so long a finished edit is asked for links that are missing


@shared_task(name=TASKS[Step.POLL])
def poll(claims: Message) -> None:
    """Take on claims for a poll."""
    hand_over(Step.POLL, claims, poll_chunk)


async def poll_chunk(context: Context, claims: Sequence[Claim]) -> None:
    """Read a chunk's edits in one move, then ask about each."""
    asked_at = time.monotonic()
    settings = context.settings
    progress = await context.call(
        context.ledger.worker.begin_poll,
        claims,
        settings.lease_ms,
        int(1000 * settings.deadline),
        nonce=new_nonce(),
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
    await context.pacer.wait(claim.at_ms)
    asked_ms = _age_ms(context, progress)
    try:
        request = context.clients.api.status(progress.provider_id, lambda: _may_go(context, claim))
        answer = await ask(context, KIND, request)
    except HeldBackError:
        await _again(context, claim, progress, 0, {})
    except ApiError as error:
        await _handle_error(context, claim, progress, error)
    else:
        await _answered(context, claim, progress, answer, asked_ms)


def _may_go(context: Context, claim: Claim) -> bool:
    """Asked right before the request is written: is its moment not over, and no Retry-After running?"""
    return context.pacer.in_time(claim) and context.pauses.may_send(KIND)


async def _answered(context: Context, claim: Claim, progress: BegunPoll, answer: Answer, asked_ms: float) -> None:
    good = {KIND: progress.now}
    if answer.status is Status.FAILURE:
        await context.settle(
            failed(claim, FROM, FailureCode.FAILURE, answer.error or "the API reports a failure", good=good)
        )
    elif answer.status is Status.RUNNING:
        await _still_running(context, claim, progress, answer, asked_ms)
    elif len(answer.urls) < progress.samples and _may_be_completed(progress):
        await _without_all_links(context, claim, progress, len(answer.urls))
    elif progress.state is EditState.COPYING or await _begin_copy(context, claim, progress, answer):
        before = progress if progress.state is EditState.COPYING else None
        await copy_results(context, claim, Served(answer.urls, progress.samples, answer.filtered), before)


async def _without_all_links(context: Context, claim: Claim, progress: BegunPoll, links: int) -> None:
    polls = progress.polls + 1
    put = {
        "incomplete": str(progress.incomplete_since or progress.now),
        "note": f"the API reports success, and {links} of {progress.samples} links",
        "polls": str(polls),
    }
    delay_s = context.poll_times.backoff_s(polls, _left_s(progress))
    await _again(context, claim, progress, delay_s, put, STRIKES, good={KIND: progress.now})


def _may_be_completed(progress: BegunPoll) -> bool:
    """Links that are missing may come a moment after the word that all is done."""
    since = progress.incomplete_since
    return since is None or progress.now - since < 1000 * MISSING_LINKS_S


async def _begin_copy(context: Context, claim: Claim, progress: BegunPoll, answer: Answer) -> bool:
    """The API has finished the edit: free its places, and learn how long it took."""
    drop = ("polls", "tries", "note", *STRIKES, "kind", "seen", "incomplete")
    lesson = context.poll_times.lesson(progress.kind, progress.seen_ms, _age_ms(context, progress))
    good = {KIND: progress.now}
    put = used_seed(answer)
    copying = Settlement(claim, FROM, EditState.COPYING, keep=True, good=good, put=put, drop=drop, lesson=lesson)
    return bool(await context.settle(copying))


async def _still_running(context: Context, claim: Claim, progress: BegunPoll, answer: Answer, asked_ms: float) -> None:
    left_s = _left_s(progress)
    if left_s <= 0:
        message = f"the API had no result {context.settings.deadline:g} s after it took the edit (RETOUCH_DEADLINE)"
        if answer.word:
            message += f"; it says {answer.word!r}"
        await context.settle(failed(claim, FROM, FailureCode.DEADLINE, message, good={KIND: progress.now}))
        return
    age_s = _age_ms(context, progress) / 1000
    delay_s = context.poll_times.next_poll_s(progress.kind, claim.member, age_s, progress.polls + 1, left_s)
    put = {"polls": str(progress.polls + 1), "seen": str(int(asked_ms))}
    drop: tuple[str, ...] = ("tries", *STRIKES, "overdue", "incomplete")
    if told := _told(answer):
        put["note"] = note(told)
    else:
        drop += ("note",)
    await _again(context, claim, progress, delay_s, put, drop, good={KIND: progress.now})


def _told(answer: Answer) -> str:
    """What the API tells of an edit that it works on, beside that."""
    word = f"the API says {answer.word!r}" if answer.word else ""
    step = f"step {answer.progress[0]} of {answer.progress[1]} at its last poll" if answer.progress else ""
    return ", ".join(filter(None, (word, step)))


async def _handle_error(context: Context, claim: Claim, progress: BegunPoll, error: ApiError) -> None:
    if isinstance(error, RefusedError):
        await _refused(context, claim, progress, error)
        return
    if asks_to_wait(error):
        context.pauses.hold(KIND, wait_s(error))
    # While the API cannot report the edit's status, no attempt is used and the deadline does not fail the edit.
    delay_s = retry_delay_s(progress.tries, random.random())
    put = {"tries": str(progress.tries + 1), "note": note(error)}
    await _again(context, claim, progress, delay_s, put, said=(seen(KIND, progress.now, error),))


async def _refused(context: Context, claim: Claim, progress: BegunPoll, error: RefusedError) -> None:
    """The API does not know the id, or refuses to say: many times while others fare well, the edit is lost."""
    words = str(error)
    left_s = _left_s(progress)
    delay_s = max(refused_delay_s(progress.strikes, context.settings.patience, REFUSED_CAP_S), own_wait_s(error))
    delay_s = min(delay_s, left_s) if left_s > 0 else delay_s
    settled = await context.settle(
        Settlement(
            claim,
            FROM,
            progress.state,
            delay_ms=int(1000 * delay_s),
            seen=(Seen(KIND, progress.now, Fared.REFUSED, words[:WORDS_LENGTH]),),
            strike=strike(KIND, error, context.settings.patience_ms, last=progress.overdue),
            put={"note": note(words)} | ({"overdue": "1"} if left_s <= 0 else {}),
            error=error_json(FailureCode.LOST, f"the API no longer knows the edit: {words}"),
        )
    )
    if settled is Settled.STRUCK_OUT:
        log.warning("edit.failed", code=FailureCode.LOST, reason=words)


async def _again(
    context: Context,
    claim: Claim,
    progress: BegunPoll,
    delay_s: float,
    put: dict[str, str],
    drop: tuple[str, ...] = (),
    *,
    good: dict[str, int] | None = None,
    said: tuple[Seen, ...] = (),
) -> None:
    delay_ms = int(delay_s * 1000)
    await context.settle(
        Settlement(claim, FROM, progress.state, delay_ms=delay_ms, put=put, drop=drop, good=good, seen=said)
    )


def _age_ms(context: Context, progress: BegunPoll) -> float:
    return max(0.0, context.clock.now_ms() - (progress.submitted_at or progress.now))


def _left_s(progress: BegunPoll) -> float:
    return float("inf") if progress.deadline is None else (progress.deadline - progress.now) / 1000
