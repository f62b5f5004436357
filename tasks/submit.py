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
from retouch.causes import AmbiguityPolicy, FailureCode, Fared
from retouch.errors import AmbiguousError, ApiError, HeldBackError, InputError, RefusedError, StoreError
from retouch.ledger import BegunSubmit, Claim, Run, Seen, Settled, Settlement, Step, body
from retouch.provider.answers import Answer, Status
from retouch.provider.backoff import retry_delay_s
from retouch.provider.polling import kind_of
from retouch.states import EditState
from retouch.wording import alike
from tasks.asking import SUBMIT, ask
from tasks.copy import Served, copy_results
from tasks.failures import (
    WORDS_LENGTH,
    asks_to_wait,
    error_json,
    errors_delay_s,
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

FROM = (EditState.SUBMITTING,)
KIND = SUBMIT
LINK_MARGIN_S = 3600  # a presigned init_image outlives the deadline: the API may start late
KEY_LIVES_S = 12 * 3600  # with an API that honours keys: how long a submit may be sent again, under the same link
ALONE = 1 / 8  # of the patience: for so long an unanswered submit is not sent again unless another is taken
PENDING_CAP_S = 60.0  # between two sends under one key, while the API says that the first is at work


@shared_task(name=TASKS[Step.SUBMIT])
def submit(claims: Message) -> None:
    """Take on claims for a submit."""
    hand_over(Step.SUBMIT, claims, submit_chunk)


async def submit_chunk(context: Context, claims: Sequence[Claim]) -> None:
    """Write the intents of a chunk in one move, then send each edit.

    What can fail or stall without sending comes before: an intent that is left over is a submit that may be paid for.
    """
    unsigned = await context.clients.store.signing_trouble()
    asked_at = time.monotonic()
    settings = context.settings
    submissions = await context.call(
        context.ledger.worker.begin_submit,
        claims,
        settings.policy,
        settings.lease_ms,
        nonce=new_nonce(),
        unsigned=unsigned,
        daily=settings.daily_micros,
    )
    ours = [(c, s) for c, s in zip(claims, submissions, strict=True) if s]
    for _, submission in ours[:1]:
        context.clock.see(submission.now, asked_at)
    context.leases.begin((c for c, _ in ours), asked_at)
    await each(context, ours, _submit)


async def _submit(context: Context, claim: Claim, submission: BegunSubmit) -> None:
    try:
        payload = await _payload(context, claim, submission)
    except InputError as error:
        await context.settle(failed(claim, FROM, FailureCode.BAD_INIT_IMAGE, str(error), unpaid=True))
        return
    except StoreError as error:
        await _not_taken(context, claim, submission, str(error), _retry_s(submission))
        return
    await context.pacer.wait(claim.at_ms)
    key = f"{claim.member}/{submission.key_end}"
    try:
        request = context.clients.api.submit(payload, key, lambda: _may_go(context, claim))
        answer = await ask(context, KIND, request)
    except HeldBackError:
        await _held_back(context, claim, submission)
    except ApiError as error:
        await _handle_error(context, claim, submission, error)
    else:
        await _accepted(context, claim, submission, answer)


def _may_go(context: Context, claim: Claim) -> bool:
    """Asked right before the body is written: is the claim ours, its moment not over, and no Retry-After running?"""
    return context.leases.holds(claim) and context.pacer.in_time(claim) and context.pauses.may_send(KIND)


async def _held_back(context: Context, claim: Claim, submission: BegunSubmit) -> None:
    if context.leases.holds(claim):  # another moment
        await context.settle(_back(claim, submission, 0.0, {}))
    else:
        log.warning("claim.lost", before="submit")


async def _payload(context: Context, claim: Claim, submission: BegunSubmit) -> dict[str, Any]:
    """The body of the POST; an image in S3 gets a link that lasts."""
    payload = body(submission.parameters)
    if payload["init_image"].startswith("s3://"):
        payload["init_image"] = submission.link or await _link(context, claim, payload["init_image"])
    return payload


async def _link(context: Context, claim: Claim, uri: str) -> str:
    lifetime_s = int(context.settings.deadline) + LINK_MARGIN_S
    idempotent = context.settings.policy.ambiguous is AmbiguityPolicy.IDEMPOTENT
    if idempotent:
        lifetime_s += KEY_LIVES_S
    link = context.clients.store.presign_get(uri, lifetime_s)
    if idempotent:  # sent again under its key, it must have the same body
        await context.call(context.ledger.worker.keep_link, claim, link)
    return link


async def _accepted(context: Context, claim: Claim, submission: BegunSubmit, answer: Answer) -> None:
    kind = kind_of(submission.parameters)
    samples = submission.parameters.get("samples") or 1
    put = {"provider_id": answer.provider_id, "kind": kind} if answer.provider_id else {}
    deadline_ms = int(context.settings.deadline * 1000)
    # What is answered under a key that was sent before may have been decided then: it says only that the API is there.
    good = None if submission.again else {KIND: submission.now}
    said = (Seen(KIND, submission.now, Fared.ANSWERED, ""),) if submission.again else ()
    if answer.status is Status.FAILURE:
        words = answer.error or "the API reports a failure"
        run = Run(alike(words), definite=True)
        await context.settle(failed(claim, FROM, FailureCode.FAILURE, words, put=put, good=good, seen=said, run=run))
    elif answer.status is Status.RUNNING or (answer.provider_id and len(answer.urls) < samples):
        log.info("edit.submitted", provider_id=answer.provider_id)
        first_poll_s = context.poll_times.next_poll_s(kind, claim.member, 0.0, 0, context.settings.deadline)
        if answer.status is Status.SUCCESS:  # without all its links yet: they can be asked for
            first_poll_s = context.poll_times.backoff_s(0, context.settings.deadline)
            put["incomplete"] = str(submission.now)
        if answer.word:
            put["note"] = note(f"the API says {answer.word!r}")
        await context.settle(
            Settlement(
                claim,
                FROM,
                EditState.WAITING,
                delay_ms=int(1000 * first_poll_s),
                good=good,
                seen=said,
                deadline_ms=deadline_ms,
                put=put,
            )
        )
    else:
        log.info("edit.submitted", provider_id=answer.provider_id, finished=True)
        put |= used_seed(answer)
        if not answer.provider_id:
            put["urls"] = json.dumps(answer.urls)  # they cannot be asked for again
        copying = Settlement(
            claim, FROM, EditState.COPYING, keep=True, good=good, seen=said, deadline_ms=deadline_ms, put=put
        )
        if await context.settle(copying):
            await copy_results(context, claim, Served(answer.urls, samples, answer.filtered))


async def _handle_error(context: Context, claim: Claim, submission: BegunSubmit, error: ApiError) -> None:
    if isinstance(error, RefusedError):
        await _refused(context, claim, submission, error)
    elif isinstance(error, AmbiguousError):
        await _unanswered(context, claim, submission, error)
    else:
        if asks_to_wait(error):
            context.pauses.hold(KIND, wait_s(error))
        said = seen(KIND, submission.now, error)
        await _not_taken(context, claim, submission, str(error), _retry_s(submission), said)


async def _refused(context: Context, claim: Claim, submission: BegunSubmit, error: RefusedError) -> None:
    words = str(error)
    if submission.again and error.pending:
        delay_s = min(retry_delay_s(submission.tries, random.random()) * 2, PENDING_CAP_S)
        answered = Seen(KIND, submission.now, Fared.ANSWERED, words[:WORDS_LENGTH])
        await _not_taken(context, claim, submission, f"not answered yet: {words}", delay_s, answered)
        return
    run = None if error.caller else Run(alike(words), error.definite)
    if error.definite and not submission.again:  # else what was sent first may have been taken all the same
        answered = Seen(KIND, submission.now, Fared.ANSWERED, words[:WORDS_LENGTH])
        await context.settle(failed(claim, FROM, FailureCode.REFUSED, words, seen=(answered,), run=run, unpaid=True))
        return
    delay_s = max(refused_delay_s(submission.strikes, context.settings.patience), own_wait_s(error))
    log.warning("edit.refused", reason=words, retry_in_s=round(delay_s, 1))
    said = Seen(KIND, submission.now, Fared.REFUSED, words[:WORDS_LENGTH])
    settled = await context.settle(
        _back(claim, submission, delay_s, {"note": note(words)}, (said,))._replace(
            run=run,
            strike=strike(KIND, error, context.settings.patience_ms),
            error=error_json(FailureCode.REFUSED, words),
        )
    )
    if settled is Settled.STRUCK_OUT:
        log.warning("edit.failed", code=FailureCode.REFUSED, reason=words)


async def _unanswered(context: Context, claim: Claim, submission: BegunSubmit, error: AmbiguousError) -> None:
    """It stays submitting, with its intent: the next claim decides by the policy for ambiguous edits."""
    log.warning("edit.submit_unanswered", reason=str(error), answered=error.answered)
    said = [Seen(KIND, submission.now, Fared.SILENT, str(error)[:WORDS_LENGTH])]
    if asks_to_wait(error):  # a Retry-After counts whatever it comes with
        context.pauses.hold(KIND, wait_s(error))
        said.append(seen(KIND, submission.now, error))
    alone_until_ms = context.clock.now_ms() + ALONE * context.settings.patience_ms
    put = {"tries": str(submission.tries + 1), "note": note(error), "alone": str(int(alone_until_ms))}
    delay_s = _retry_s(submission)
    if error.answered:
        put |= {"errors": str(submission.errors + 1), "said": "1"}
        delay_s = errors_delay_s(submission.errors)
    await context.settle(
        Settlement(
            claim,
            FROM,
            EditState.SUBMITTING,
            delay_ms=int(1000 * delay_s),
            seen=tuple(said),
            put=put,
            drop=() if error.answered else ("said",),
        )
    )


async def _not_taken(
    context: Context, claim: Claim, submission: BegunSubmit, reason: str, delay_s: float, *said: Seen
) -> None:
    """Not accepted: sent again after a delay, under the same submit number; no attempt is used."""
    put = {"tries": str(submission.tries + 1), "note": note(reason)}
    await context.settle(_back(claim, submission, delay_s, put, said))


def _back(
    claim: Claim, submission: BegunSubmit, delay_s: float, put: dict[str, str], said: tuple[Seen, ...] = ()
) -> Settlement:
    """Back to the queue; what was sent before under its number, and not answered, stays as it is."""
    to = EditState.SUBMITTING if submission.again else EditState.QUEUED
    return Settlement(claim, FROM, to, delay_ms=int(1000 * delay_s), untaken=not submission.again, seen=said, put=put)


def _retry_s(submission: BegunSubmit) -> float:
    return retry_delay_s(submission.tries, random.random())
