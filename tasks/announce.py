"""Announce: deliver events to the webhook, at least once, with the same id each time."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from celery import shared_task

from config.celery import TASKS
from retouch.errors import ResultError
from retouch.events.schedule import next_delivery_s
from retouch.events.sinks.webhook import headers
from retouch.ledger import Claim, Event, Step
from tasks.handover import Message, hand_over, new_nonce
from workers.context import Context

log = structlog.get_logger()


@shared_task(name=TASKS[Step.ANNOUNCE])
def announce(claims: Message) -> None:
    """Take on deliveries."""
    hand_over(Step.ANNOUNCE, claims, announce_chunk)


async def announce_chunk(context: Context, claims: Sequence[Claim]) -> None:
    """Deliver a chunk of events and settle all of them in one move."""
    began_at = time.monotonic()
    ours = await context.call(context.ledger.worker.begin, claims, context.settings.lease_ms, nonce=new_nonce())
    if not ours:
        return
    context.leases.begin(ours, began_at)
    source = await context.call(context.ledger.reader.source)
    delays = await asyncio.gather(*(_deliver(context, claim, source) for claim in ours))
    outcomes = list(zip(ours, delays, strict=True))
    await context.call(context.ledger.worker.settle_deliveries, outcomes)


async def _deliver(context: Context, claim: Claim, source: str) -> int | None:
    """Deliver one event; returns the ms until the next try, or None when it is delivered or given up."""
    event = await context.call(context.ledger.reader.event, claim.member.partition("/")[2])
    if event is None:
        return None
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(event=event.stream_id, type=event.type, subject=event.subject)
    reason, asked_s = await _post(context, event, source)
    if reason is None:
        log.info("event.delivered")
        return None
    tries = await context.call(context.ledger.reader.delivery_tries, claim.member)
    delay_s = next_delivery_s(tries + 1, random.random())
    if delay_s is None:
        log.error("event.given_up", reason=reason, tries=tries + 1)
        return None
    delay_s = max(delay_s, asked_s or 0.0)
    log.warning("event.not_delivered", reason=reason, retry_in_s=round(delay_s))
    return int(delay_s * 1000)


async def _post(context: Context, event: Event, source: str) -> tuple[str | None, float | None]:
    """Post the event; returns why it was not accepted (None: it was), and the wait that was asked for, in seconds."""
    settings = context.settings
    if settings.webhook_url is None or settings.webhook_secret is None:
        return "no webhook is configured on this worker", None
    cloudevent = event.cloudevent(source)
    body = json.dumps(cloudevent, separators=(",", ":")).encode()
    signed = headers(
        settings.webhook_secret.get_secret_value(), cloudevent["id"], int(datetime.now(UTC).timestamp()), body
    )
    try:
        status, retry_after_s = await context.clients.webhook.post(settings.webhook_url, body, signed)
    except ResultError as error:
        return str(error), None
    return (None if 200 <= status < 300 else f"the receiver answered {status}"), retry_after_s
