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
from tasks.handover import Message, each, hand_over
from tasks.outcome import failed
from workers.runtime import Runtime

log = structlog.get_logger()

FROM = (EditState.SUBMITTING,)
LINK_MARGIN_S = 3600  # a presigned init_image outlives the deadline: the API may start late


@shared_task(name=TASKS[Step.SUBMIT])
def submit(claims: Message) -> None:
    """Take on claims for a submit."""
    hand_over(Step.SUBMIT, claims, submit_chunk)


async def submit_chunk(runtime: Runtime, claims: Sequence[Claim]) -> None:
    """Write the intents of a chunk in one move, then send each edit."""
    asked_at = time.monotonic()
    submissions = await runtime.call(
        runtime.ledger.worker.begin_submit, claims, runtime.settings.ambiguity_policy, runtime.settings.lease_ms
    )
    ours = [(c, s) for c, s in zip(claims, submissions, strict=True) if s]
    for _, submission in ours[:1]:
        runtime.clock.see(submission.now, asked_at)
    runtime.leases.begin((c for c, _ in ours), asked_at)
    await each(runtime, ours, _submit)


async def _submit(runtime: Runtime, claim: Claim, submission: BegunSubmit) -> None:
    try:
        payload = _payload(runtime, submission)
    except InputError as error:
        await runtime.settle(failed(claim, FROM, "bad_init_image", str(error)))
        return
    except StoreError as error:
        await _put_back(runtime, claim, submission, str(error))
        return
    if not await runtime.pacer.moment(claim):
        await runtime.settle(Settlement(claim, FROM, EditState.QUEUED, untaken=True))  # another moment
        return
    key = f"{claim.member}/{submission.number}"
    try:
        answer = await runtime.clients.api.submit(payload, key, lambda: runtime.leases.holds(claim))
    except HeldBackError:
        log.warning("claim.lost", before="submit")
    except ApiError as error:
        await _not_answered_well(runtime, claim, submission, error)
    else:
        await runtime.pauses.resume(PauseCause.REFUSED, PauseCause.THROTTLED, PauseCause.OUTAGE, sent_ms=submission.now)
        await _accepted(runtime, claim, submission, answer)


def _payload(runtime: Runtime, submission: BegunSubmit) -> dict[str, Any]:
    """The body of the POST; an image in S3 gets a link that lasts."""
    fields = dict(submission.parameters)
    payload: dict[str, Any] = fields.pop("extra", {}) | fields
    if payload["init_image"].startswith("s3://"):
        lifetime_s = int(runtime.settings.deadline) + LINK_MARGIN_S
        payload["init_image"] = runtime.clients.store.presign_get(payload["init_image"], lifetime_s)
    return payload


async def _accepted(runtime: Runtime, claim: Claim, submission: BegunSubmit, answer: Answer) -> None:
    kind = kind_of(submission.parameters)
    put = {"provider_id": answer.provider_id, "kind": kind} if answer.provider_id else {}
    deadline_ms = int(runtime.settings.deadline * 1000)
    if answer.status is Status.FAILURE:
        await runtime.settle(failed(claim, FROM, "failure", answer.error or "the API reports a failure", put=put))
    elif answer.status is Status.RUNNING:
        log.info("edit.submitted", provider_id=answer.provider_id)
        first_poll_s = runtime.poll_times.next_poll_s(kind, claim.member, 0.0, 0, runtime.settings.deadline)
        await runtime.settle(
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
        if await runtime.settle(copying):
            samples = submission.parameters.get("samples") or 1
            await copy_results(runtime, claim, Served(answer.urls, samples))


async def _not_answered_well(runtime: Runtime, claim: Claim, submission: BegunSubmit, error: ApiError) -> None:
    match error:
        case RefusedError():
            # A definite answer: the API is there.
            await runtime.pauses.resume(PauseCause.THROTTLED, PauseCause.OUTAGE, sent_ms=submission.now)
            await runtime.settle(failed(claim, FROM, "refused", str(error)))
        case AmbiguousError():
            log.warning("edit.submit_unanswered", reason=str(error))
            await runtime.pauses.trouble(str(error))
            delay_s = retry_delay_s(submission.tries, random.random())
            tries = str(submission.tries + 1)
            # It stays submitting, with its intent: the next claim decides by the policy for ambiguous edits.
            await runtime.settle(
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
            await runtime.pauses.pause(cause, str(error), probe_every_s=pause_s(cause, error.retry_after_s))
            await _put_back(runtime, claim, submission, str(error))
        case UnavailableError(retry_after_s=float() as asked_s):
            asked = pause_s(PauseCause.THROTTLED, asked_s)
            await runtime.pauses.pause(PauseCause.THROTTLED, str(error), probe_every_s=asked)
            await _put_back(runtime, claim, submission, str(error))
        case NotSentError() | UnavailableError():
            await runtime.pauses.trouble(str(error))
            await _put_back(runtime, claim, submission, str(error))
        case _:
            raise error


async def _put_back(runtime: Runtime, claim: Claim, submission: BegunSubmit, reason: str) -> None:
    """The API did not take it: back to the front of the queue, under the same number, no attempt used."""
    tries = submission.tries
    await runtime.settle(
        Settlement(
            claim,
            FROM,
            EditState.QUEUED,
            delay_ms=int(retry_delay_s(tries, random.random()) * 1000),
            untaken=True,
            put={"tries": str(tries + 1), "note": note(reason)},
        )
    )
