"""Planted bugs: each is one that a careful programmer has written once. The harness must catch every one of them.

Applied to a worker of the harness before it starts (``CHAOS_BUG``); what they patch exists, or planting fails.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import tasks.announce
import tasks.finish
from retouch.causes import Outcome
from retouch.errors import AmbiguousError, NotSentError
from retouch.events.sinks.message import TAKEN, Answer, Message
from retouch.events.sinks.webhook import WebhookSender
from retouch.ledger import Claim, Delivery, Event, Finish, Origin, Settled, Settlement, Worker
from retouch.media.fetch import Fetcher
from retouch.media.images import ImageInfo, Walk
from retouch.media.store import Store
from retouch.provider.client import Img2ImgApi
from retouch.states import TERMINAL
from tests.chaos import bugs_of_verdicts
from tests.chaos.lua import rewrite
from workers.context import Context
from workers.leases import Leases

LATE_S = 0.4  # how much later a bug does what it should have done at once


def settle_under_any_fence() -> None:
    """A worker that lost its claim may settle it."""
    rewrite("settle", "if e.fence ~= tostring(item.fence) then return 0 end", "")


def intend_under_any_fence() -> None:
    """A worker that lost its claim may begin to send."""
    guard = "e.fence == fence and e.state == 'submitting' and may_begin(e.holder, e.begun, nonce)"
    rewrite("begin_submit", guard, "e.state == 'submitting'")


def count_without_guard() -> None:
    """An end is counted whatever state the edit is in."""
    rewrite("settle", "if e.fence ~= tostring(item.fence) then return 0 end", "")
    rewrite("settle", "if not expected then return 0 end", "")


def settle_before_put() -> None:
    """An image counts as stored a moment before it is."""
    put = Store.put
    late: set[asyncio.Task[None]] = set()

    async def put_later(self: Store, key: str, data: bytes, content_type: str) -> None:
        async def later() -> None:
            await asyncio.sleep(LATE_S)
            await put(self, key, data, content_type)

        if not key.endswith(".png"):
            await put(self, key, data, content_type)
            return
        task = asyncio.create_task(later())
        late.add(task)
        task.add_done_callback(late.discard)

    Store.put = put_later  # type: ignore[method-assign]


def no_intent() -> None:
    """Nothing is written down before the POST."""
    rewrite("begin_submit", "'intent', fence, 'begun', nonce", "'begun', nonce")


def event_outside_the_move() -> None:
    """An edit's event is published after the move that ends it."""
    rewrite("settle", "emit('retouch.edit.' .. to, id, told(batch, custom_id, result))", "")
    settle = Worker.settle

    def publish(worker: Worker, member: str, to: str) -> None:
        batch, _, custom_id = member.partition("/")
        client, keys = worker._connection._client, worker._connection.keys
        data = {"type": f"retouch.edit.{to}", "subject": member, "time": int(time.time() * 1000)}
        stream_id = client.xadd(keys.events, {**data, "data": client.hget(keys.results(batch), custom_id)})
        for sink in client.hkeys(keys.sinks):
            client.zadd(keys.outbox(sink), {f"{sink}/{stream_id}": 0})

    def settle_then_publish(self: Worker, items: Sequence[Settlement]) -> list[Settled]:
        verdicts = settle(self, items)
        for item, verdict in zip(items, verdicts, strict=True):
            if verdict is Settled.DONE and item.to in TERMINAL:
                threading.Timer(LATE_S, publish, (self, item.claim.member, item.to)).start()
        return verdicts

    Worker.settle = settle_then_publish  # type: ignore[method-assign, assignment]


def places_leak() -> None:
    """An edit that goes back to the queue keeps its places at the API."""
    rewrite("claim", "  free_places(id)\n  if delay_ms", "  if delay_ms")
    rewrite("settle", "  free_places(id)\n  if delay_ms", "  if delay_ms")


def duplicates_unmarked() -> None:
    """A second submit is not said to be one."""
    rewrite("begin_submit", "  mark_duplicate(id)\n", "")


def send_for_ever() -> None:
    """An edit that is never answered is sent again and again."""
    rewrite("begin_submit", "may = not e.resent", "may = true")


def unanswered_means_not_sent() -> None:
    """A connection that broke in the middle is taken for one that never opened."""
    submit = Img2ImgApi.submit

    async def wrong(self: Img2ImgApi, *args: Any) -> Any:
        try:
            return await submit(self, *args)
        except AmbiguousError as error:
            raise NotSentError(str(error)) from None

    Img2ImgApi.submit = wrong  # type: ignore[method-assign, assignment]


def delivered_before_posted() -> None:
    """A delivery is settled first and made afterwards."""

    async def settle_first(context: Context, claim: Claim) -> None:
        begun = await context.deliveries.begin(claim, time.monotonic())
        if begun:
            await context.deliveries.settle(Delivery(claim, Outcome.DELIVERED))
            await tasks.announce._deliver(context, claim, begun)

    tasks.announce._announce = settle_first


def another_id_each_time() -> None:
    """Each delivery of an event has an id of its own."""
    cloudevent = Event.cloudevent

    def renamed(self: Event, origin: Origin) -> dict[str, Any]:
        return {**cloudevent(self, origin), "id": f"evt-{secrets.token_hex(4)}"}

    Event.cloudevent = renamed  # type: ignore[method-assign]


def key_to_strangers() -> None:
    """One client for everything, with the API key among its headers."""
    make_api, make_fetcher = Img2ImgApi.__init__, Fetcher.__init__
    known: list[str] = []

    def remember(self: Img2ImgApi, url: str, key: str, **options: Any) -> None:
        known.append(key)
        make_api(self, url, key, **options)

    def tell(self: Fetcher, *args: Any, **options: Any) -> None:
        make_fetcher(self, *args, **options)
        self._session.headers["API-Key"] = known[-1]

    Img2ImgApi.__init__ = remember  # type: ignore[method-assign]
    Fetcher.__init__ = tell  # type: ignore[method-assign]


def half_an_image_will_do() -> None:
    """Nobody looks at an image's end."""
    end = Walk.end

    def taken_for_whole(self: Walk) -> ImageInfo:
        self._whole = True
        return end(self)

    Walk.end = taken_for_whole  # type: ignore[method-assign]


def claim_without_lease() -> None:
    """A claimed edit leaves the clock, as a message leaves a queue."""
    rewrite("claim", "buffer.zadd(clock_key, leased_until, member)", "buffer.zrem(clock_key, member)")


def batch_ends_before_its_files() -> None:
    """The batch's end is announced, and then its manifest is written."""

    async def settle_first(context: Context, claim: Claim, _: None) -> None:
        await context.call(context.ledger.worker.settle_batch, claim, Finish.WRITTEN)
        await asyncio.sleep(LATE_S)
        folder = f"{context.settings.prefix}{claim.member}"
        lines = [json.dumps(r) for r in await context.call(lambda: list(context.ledger.reader.results(claim.member)))]
        await context.clients.store.put(f"{folder}/manifest.jsonl", "\n".join(lines).encode(), "application/jsonl")
        await context.clients.store.put(f"{folder}/_SUCCESS", b"", "application/octet-stream")

    tasks.finish._finish = settle_first


def post_without_looking_at_the_clock() -> None:
    """A worker that was stopped sends what it was about to send."""
    Leases.holds = lambda *_: True  # type: ignore[method-assign]


BUGS: dict[str, Callable[[], None]] = {
    bug.__name__: bug
    for bug in (
        settle_under_any_fence,
        intend_under_any_fence,
        count_without_guard,
        settle_before_put,
        no_intent,
        event_outside_the_move,
        places_leak,
        duplicates_unmarked,
        send_for_ever,
        unanswered_means_not_sent,
        delivered_before_posted,
        another_id_each_time,
        key_to_strangers,
        half_an_image_will_do,
        claim_without_lease,
        batch_ends_before_its_files,
        post_without_looking_at_the_clock,
        *bugs_of_verdicts.BUGS,
    )
}


def counted_by_every_settlement() -> None:
    """A request is counted as often as its settlement comes."""
    rewrite("settle", "if item.counts and e.begun and not (item.keep and item.to == state) then", "if item.counts then")


def any_answer_is_yes() -> None:
    """Whatever a receiver answers, or does not, it has the event."""
    send = WebhookSender.send

    async def believe(self: WebhookSender, message: Message) -> Answer:
        await send(self, message)
        return TAKEN

    WebhookSender.send = believe  # type: ignore[method-assign]


def a_job_ends_with_its_worker() -> None:
    """Nobody looks for the jobs of those that have died."""
    rewrite("advance_job", "if not counting then redis.call('ZADD',", "if not counting then redis.call('ZREM',")


def a_page_done_twice() -> None:
    """The last edit of a page is that of the next page too."""
    rewrite("advance_job", "'next', int(goes_on))", "'next', int(goes_on - 1))")


# What gives them away is in the hands of receivers in trouble (``tests.chaos.receivers``), not of the judge.
OF_RECEIVERS: dict[str, Callable[[], None]] = {any_answer_is_yes.__name__: any_answer_is_yes}
# What gives it away are the metrics, where Redis' answers are lost.
OF_METRICS: dict[str, Callable[[], None]] = {counted_by_every_settlement.__name__: counted_by_every_settlement}

# What gives them away are jobs whose workers die (``tests.chaos.jobs``).
OF_JOBS: dict[str, Callable[[], None]] = {bug.__name__: bug for bug in (a_job_ends_with_its_worker, a_page_done_twice)}


def plant(name: str) -> None:
    """Make this process have the bug; an empty name plants none."""
    if name:
        (BUGS | OF_RECEIVERS | OF_METRICS | OF_JOBS)[name]()
