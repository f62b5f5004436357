"""Submit: send an edit to the API, once, and write down what it answered."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from typing import Any

import structlog
from celery import shared_task

from config.celery import TASKS
from retouch.causes import PauseCause
from retouch.errors import (
    AccountRefusedError,
    AmbiguousError,
    ApiError,
    HeldBackError,
    InputError,
    NotSentError,
    RefusedError,
    StoreError,
    ThrottledError,
    UnavailableError,
)
from retouch.ledger import BegunSubmit, Claim, Settlement, Step
from retouch.provider.answers import Answer, Status
from retouch.provider.backoff import retry_delay_s
from retouch.provider.polling import kind_of
from retouch.states import EditState
from tasks.copy import Served, copy_results
from tasks.failures import note, pause_s
from tasks.handover import Message, each, hand_over, new_nonce
from tasks.outcome import failed
from workers.context import Context

log = structlog.get_logger()

FROM = (EditState.SUBMITTING,)
LINK_MARGIN_S = 3600  # a presigned init_image outlives the deadline: the API may start late


@shared_task(name=TASKS[Step.SUBMIT])
def submit(claims: Message) -> None:
    """Take on claims for a submit."""
    hand_over(Step.SUBMIT, claims, submit_chunk)


async def submit_chunk(context: Context, claims: Sequence[Claim]) -> None:
    """Write the intents of a chunk in one move, then send each edit."""
    asked_at = time.monotonic()
    settings = context.settings
    submissions = await context.call(
        context.ledger.worker.begin_submit,
        claims,
        settings.ambiguity_policy,
        settings.lease_ms,
        nonce=new_nonce(),
    )
    ours = [(c, s) for c, s in zip(claims, submissions, strict=True) if s]
    for _, submission in ours[:1]:
        context.clock.see(submission.now, asked_at)
    context.leases.begin((c for c, _ in ours), asked_at)
    await each(context, ours, _submit)


async def _submit(context: Context, claim: Claim, submission: BegunSubmit) -> None:
    try:
        payload = _payload(context, submission)
    except InputError as error:
        await context.settle(failed(claim, FROM, "bad_init_image", str(error)))
        return
    except StoreError as error:
        await _put_back(context, claim, submission, str(error))
        return
    if not await context.pacer.moment(claim):
        await context.settle(Settlement(claim, FROM, EditState.QUEUED, untaken=True))  # another moment
        return
    key = f"{claim.member}/{submission.number}"
    try:
        answer = await context.clients.api.submit(payload, key, lambda: context.leases.holds(claim))
    except HeldBackError:
        log.warning("claim.lost", before="submit")
    except ApiError as error:
        await _handle_error(context, claim, submission, error)
    else:
        await context.pauses.resume(PauseCause.REFUSED, PauseCause.THROTTLED, PauseCause.OUTAGE, sent_ms=submission.now)
        await _accepted(context, claim, submission, answer)


def _payload(context: Context, submission: BegunSubmit) -> dict[str, Any]:
    """The body of the POST; an image in S3 gets a link that lasts."""
    fields = dict(submission.parameters)
    payload: dict[str, Any] = fields.pop("extra", {}) | fields
    if payload["init_image"].startswith("s3://"):
        lifetime_s = int(context.settings.deadline) + LINK_MARGIN_S
        payload["init_image"] = context.clients.store.presign_get(payload["init_image"], lifetime_s)
    return payload


async def _accepted(context: Context, claim: Claim, submission: BegunSubmit, answer: Answer) -> None:
    kind = kind_of(submission.parameters)
    samples = submission.parameters.get("samples") or 1
    put = {"provider_id": answer.provider_id, "kind": kind} if answer.provider_id else {}
    deadline_ms = int(context.settings.deadline * 1000)
    if answer.status is Status.FAILURE:
        await context.settle(failed(claim, FROM, "failure", answer.error or "the API reports a failure", put=put))
    elif answer.status is Status.RUNNING or (answer.provider_id and len(answer.urls) < samples):
        log.info("edit.submitted", provider_id=answer.provider_id)
        first_poll_s = context.poll_times.next_poll_s(kind, claim.member, 0.0, 0, context.settings.deadline)
        if answer.status is Status.SUCCESS:  # without all its links yet: they can be asked for
            first_poll_s = context.poll_times.backoff_s(0, context.settings.deadline)
            put["incomplete"] = str(submission.now)
        await context.settle(
            Settlement(
                claim,
                FROM,
                EditState.WAITING,
                delay_ms=int(1000 * first_poll_s),
                answered=True,
                deadline_ms=deadline_ms,
                put=put,
                drop=("tries", "note"),
            )
        )
    else:
        log.info("edit.submitted", provider_id=answer.provider_id, finished=True)
        if not answer.provider_id:
            put["urls"] = json.dumps(answer.urls)  # they cannot be asked for again
        copying = Settlement(
            claim,
            FROM,
            EditState.COPYING,
            keep=True,
            answered=True,
            deadline_ms=deadline_ms,
            put=put,
            drop=("tries", "note"),
        )
        if await context.settle(copying):
            await copy_results(context, claim, Served(answer.urls, samples))


async def _handle_error(context: Context, claim: Claim, submission: BegunSubmit, error: ApiError) -> None:
    match error:
        case RefusedError():
            # A definite answer: the API is there.
            await context.pauses.resume(PauseCause.THROTTLED, PauseCause.OUTAGE, sent_ms=submission.now)
            await context.settle(failed(claim, FROM, "refused", str(error)))
        case AmbiguousError():
            log.warning("edit.submit_unanswered", reason=str(error))
            await context.pauses.trouble(str(error))
            delay_s = retry_delay_s(submission.tries, random.random())
            tries = str(submission.tries + 1)
            # It stays submitting, with its intent: the next claim decides by the policy for ambiguous edits.
            await context.settle(
                Settlement(
                    claim,
                    FROM,
                    EditState.SUBMITTING,
                    delay_ms=int(delay_s * 1000),
                    put={"tries": tries, "note": note(error)},
                )
            )
        case AccountRefusedError() | ThrottledError():
            cause = PauseCause.REFUSED if isinstance(error, AccountRefusedError) else PauseCause.THROTTLED
            await context.pauses.pause(cause, str(error), probe_every_s=pause_s(cause, error.retry_after_s))
            await _put_back(context, claim, submission, str(error))
        case UnavailableError(retry_after_s=float() as asked_s):
            asked = pause_s(PauseCause.THROTTLED, asked_s)
            await context.pauses.pause(PauseCause.THROTTLED, str(error), probe_every_s=asked)
            await _put_back(context, claim, submission, str(error))
        case NotSentError() | UnavailableError():
            await context.pauses.trouble(str(error))
            await _put_back(context, claim, submission, str(error))
        case _:
            raise error


async def _put_back(context: Context, claim: Claim, submission: BegunSubmit, reason: str) -> None:
    """Not accepted: back to the queue after a delay, under the same submit number; no attempt is used."""
    tries = submission.tries
    await context.settle(
        Settlement(
            claim,
            FROM,
            EditState.QUEUED,
            delay_ms=int(retry_delay_s(tries, random.random()) * 1000),
            untaken=True,
            put={"tries": str(tries + 1), "note": note(reason)},
        )
    )
