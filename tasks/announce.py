"""Announce: deliver events to this worker's sinks, at least once, with the same id each time."""

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
from retouch.causes import Outcome
from retouch.errors import ResultError
from retouch.events.schedule import next_delivery_s
from retouch.events.sinks.webhook import headers, shown
from retouch.ledger import Claim, Delivery, Origin, Step
from retouch.net.redaction import without_query
from tasks.handover import Message, hand_over, new_nonce
from workers.context import Context

GONE = 410  # the receiver is not there any more, and wants no more of this

log = structlog.get_logger()


@shared_task(name=TASKS[Step.ANNOUNCE])
def announce(claims: Message) -> None:
    """Take on deliveries."""
    hand_over(Step.ANNOUNCE, claims, announce_chunk)


async def announce_chunk(context: Context, claims: Sequence[Claim]) -> None:
    """Deliver a chunk of events and settle all of them in one move. Another's sinks are left to those who have them."""
    began_at = time.monotonic()
    own = [claim for claim in claims if claim.sink in context.settings.sinks]
    if not own:
        return
    ours = await context.call(context.ledger.worker.begin, own, context.settings.lease_ms, nonce=new_nonce())
    if not ours:
        return
    context.leases.begin(ours, began_at)
    origin = await context.call(context.ledger.reader.origin)
    deliveries = await asyncio.gather(*(_deliver(context, claim, origin) for claim in ours))
    await context.call(context.ledger.worker.settle_deliveries, deliveries)
    for sink in {delivery.claim.sink for delivery in deliveries if delivery.outcome is Outcome.GONE}:
        log.error(
            "sink.gone", sink=sink, to=context.settings.sinks[sink], consequence="its events are kept, not posted"
        )


async def _deliver(context: Context, claim: Claim, origin: Origin) -> Delivery:
    """Deliver one event; returns what came of it."""
    event = await context.call(context.ledger.reader.event, claim.stream_id)
    if event is None:  # trimmed: nothing is left to tell
        return Delivery(claim, Outcome.DELIVERED)
    cloudevent = event.cloudevent(origin)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(
        event_id=cloudevent["id"], sink=claim.sink, type=event.type, subject=event.subject
    )
    status, reason, asked_s = await _post(context, cloudevent)
    if reason is None:
        log.info("event.delivered")
        return Delivery(claim, Outcome.DELIVERED)
    tries = await context.call(context.ledger.reader.delivery_tries, claim.member)
    delay_s = None if status == GONE else next_delivery_s(tries + 1, random.random())
    if delay_s is None:
        log.error("event.given_up", reason=reason, tries=tries + 1, remedy="retouch events --redeliver")
        return Delivery(claim, Outcome.GONE if status == GONE else Outcome.GIVEN_UP, reason)
    delay_s = max(delay_s, asked_s or 0.0)
    log.warning("event.not_delivered", reason=reason, retry_in_s=round(delay_s))
    return Delivery(claim, Outcome.AGAIN, reason, int(delay_s * 1000))


async def _post(context: Context, cloudevent: dict[str, object]) -> tuple[int | None, str | None, float | None]:
    """Post the event; returns the status, why it was not accepted (None: it was), the wait asked for, in seconds."""
    settings = context.settings
    assert settings.webhook_url  # both, as the settings have seen to
    assert settings.webhook_secret
    body = json.dumps(cloudevent, separators=(",", ":")).encode()
    signed = headers(
        settings.webhook_secret.get_secret_value(), str(cloudevent["id"]), int(datetime.now(UTC).timestamp()), body
    )
    host = shown(settings.webhook_url)
    try:
        status, retry_after_s = await context.clients.webhook.post(settings.webhook_url, body, signed)
    except ResultError as error:
        return None, str(error).replace(without_query(settings.webhook_url), host), None
    return status, _refusal(host, status), retry_after_s


def _refusal(host: str, status: int) -> str | None:
    if 200 <= status < 300:
        return None
    return f"the receiver at {host} answered {status}{' Gone' if status == GONE else ''}"
