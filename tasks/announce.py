"""Announce: deliver events to this worker's sinks and to those of batches, at least once, under the same id."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence

import structlog
from celery import shared_task

from config.celery import TASKS
from retouch.causes import Outcome
from retouch.events.schedule import next_delivery_s
from retouch.events.sinks.message import Answer, Message
from retouch.ledger import Claim, Delivery, DeliverySettled, Step
from retouch.ledger.constants import NOTIFY_PREFIX
from tasks.handover import Message as Claims
from tasks.handover import hand_over
from workers.context import Context
from workers.deliveries import Begun

log = structlog.get_logger()


@shared_task(name=TASKS[Step.ANNOUNCE])
def announce(claims: Claims) -> None:
    """Take on deliveries."""
    hand_over(Step.ANNOUNCE, claims, announce_chunk)


async def announce_chunk(context: Context, claims: Sequence[Claim]) -> None:
    """Deliver events, each settled when it is known what came of it; what is of another's sink is left alone."""
    await asyncio.gather(*(_announce(context, claim) for claim in claims if _is_ours(context, claim)))


def _is_ours(context: Context, claim: Claim) -> bool:
    return claim.sink in context.settings.all_sinks or claim.sink.startswith(NOTIFY_PREFIX)


async def _announce(context: Context, claim: Claim) -> None:
    began_at = time.monotonic()
    begun = await context.deliveries.begin(claim, began_at)
    if begun:
        delivery = await _deliver(context, claim, begun)
        _tell(await context.deliveries.settle(delivery), delivery)


def _tell(settled: DeliverySettled, delivery: Delivery) -> None:
    """Log what a delivery has changed about its sink; of all workers it is one that is told so."""
    if settled is DeliverySettled.GONE:
        log.error("sink.gone", reason=delivery.reason, consequence="its events are kept, not delivered")
    elif settled is DeliverySettled.HELD:
        log.error("sink.held", reason=delivery.reason, consequence="its events wait; it is asked now and then")
    elif settled is DeliverySettled.BACK:
        log.info("sink.back")


async def _deliver(context: Context, claim: Claim, begun: Begun) -> Delivery:
    """Deliver one event; returns what came of it."""
    (event, tries, url), origin = begun
    if event is None or (url is None and claim.sink.startswith(NOTIFY_PREFIX)):
        return Delivery(claim, Outcome.DELIVERED)  # trimmed, or its batch was removed: nothing is left to tell
    cloudevent = event.cloudevent(origin)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(
        event_id=cloudevent["id"], sink=claim.sink, type=event.type, subject=event.subject
    )
    answer = await context.clients.sinks.send(claim.sink, url, Message.of(cloudevent))
    if not answer.reason:
        log.info("event.delivered")
        return Delivery(claim, Outcome.DELIVERED)
    return _not_taken(claim, answer, tries + 1)


def _not_taken(claim: Claim, answer: Answer, tries: int) -> Delivery:
    delay_s = None if answer.gone else next_delivery_s(tries, random.random())
    if delay_s is None:
        log.error("event.given_up", reason=answer.reason, tries=tries, remedy="retouch events --redeliver")
        return Delivery(claim, Outcome.GONE if answer.gone else Outcome.GIVEN_UP, answer.reason)
    wait_s = answer.wait_s or 0.0
    delay_s = max(delay_s, wait_s)
    log.warning("event.not_delivered", reason=answer.reason, retry_in_s=round(delay_s))
    return Delivery(claim, Outcome.AGAIN, answer.reason, int(delay_s * 1000), int(wait_s * 1000))
