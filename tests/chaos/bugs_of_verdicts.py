"""Planted bugs of the second kind: whose fault is an answer, when may be sent, and what was decided by a person."""

from __future__ import annotations

import random

import tasks.submit
from retouch.errors import RefusedError
from retouch.ledger import BegunSubmit, Claim, Settlement
from retouch.states import EditState
from tests.chaos.lua import rewrite
from workers.context import Context
from workers.pauses import Pauses
from workers.store_watch import StoreWatch


def begun_by_every_call() -> None:
    """A claim may be begun as long as it is the newest, however often its message comes."""
    for move in ("begin_submit", "begin_poll", "begin"):
        rewrite(move, "return holder and (not begun or begun == nonce)", "return true")


def settled_and_still_held() -> None:
    """A claim that is settled keeps its holder, and so a message of it that comes later is taken for work."""
    rewrite("settle", "buffer.hdel(key, 'holder', 'begun', 'rescues')", "buffer.hdel(key, 'begun', 'rescues')")


def refused_edits_keep_their_turn() -> None:
    """A refused edit has had no turn: it stands at the front again, and is the next to be tried."""
    for move in ("claim", "settle"):
        rewrite(move, "(blamed[1] or blamed[2] or blamed[3]) and last_in_order(id) or ", "")
    rewrite(
        "claim", "if not in_force.submit then return redis.call('ZRANGE'", "if true then return redis.call('ZRANGE'"
    )
    tasks.submit.refused_delay_s = lambda *_: 0.0  # type: ignore[attr-defined]


def struck_out_without_witness() -> None:
    """Five refusals are enough, however the others fare."""
    rewrite("settle", "now - first >= patience and witness > 0 and sent > witness", "now - first >= patience")


def any_good_answer_ends_the_wait() -> None:
    """A good answer shows that the API is there again, whenever it was asked."""
    rewrite("settle", "pause and pause.ends <= sent", "pause")


def no_look_before_the_wire() -> None:
    """Whether requests pause is asked when they are claimed and begun, and then no more."""
    Pauses.may_send = lambda *_: True  # type: ignore[method-assign]


def conflict_means_another_key() -> None:
    """409 to a submit that is sent again says that its key is used up."""
    original = tasks.submit._refused

    async def with_another_key(context: Context, claim: Claim, submission: BegunSubmit, error: RefusedError) -> None:
        if not submission.again:
            await original(context, claim, submission, error)
            return
        delay_ms = int(1000 * random.uniform(0.5, 1))
        await context.settle(Settlement(claim, tasks.submit.FROM, EditState.QUEUED, delay_ms=delay_ms))

    tasks.submit._refused = with_another_key


def the_store_is_each_edits_own_trouble() -> None:
    """An image that cannot be stored is tried again later, and nothing else is made of it."""
    rewrite("settle", "touch_pause(name, words, by == 'store' and 0 or STORE_PROBE_MS, { by = by })", "")
    StoreWatch.failed = lambda *_: None  # type: ignore[method-assign]


def the_first_no_is_believed() -> None:
    """A retry that asks the API for what it has takes the first refusal for the truth."""
    rewrite(
        "settle", "return strikes >= STRIKES", "return redis.call('HEXISTS', key, 'asked') == 1 or strikes >= STRIKES"
    )


def unanswered_and_cancelled_is_sent_again() -> None:
    """A cancel is for what is queued; what was sent and not answered goes its way."""
    rewrite("claim", "if b[1] then return end_edit(id, 'submitting', 'cancelled', nil, UNANSWERED) end", "")
    rewrite("begin_submit", "if batch.cancelled and e.intent then", "if false then")
    rewrite("begin_submit", "(batch.paused or batch.cancelled or ", "(batch.paused or ")
    rewrite("settle", "if item.to == 'submitting' and redis.call('HEXISTS', ", "if false and redis.call('HEXISTS', ")


def the_unanswered_edit_is_the_probe() -> None:
    """In an outage of submits the edit that was not answered finds out whether it is over."""
    rewrite(
        "claim",
        "if not in_force.submit then return false end",
        "if true then return false end",
    )
    rewrite(
        "claim", "if alone == 0 or worked('submit') >= sent_at then return false end", "if true then return false end"
    )


def a_status_ends_an_outage_of_submits() -> None:
    """The API answers again, no matter what was asked."""
    rewrite(
        "settle",
        "write_pause(pause_name('submit', 'outage'), submits)\n    end\n    redis",
        "end_pause(pause_name('submit', 'outage'), submits)\n    end\n    redis",
    )


BUGS = (
    begun_by_every_call,
    settled_and_still_held,
    refused_edits_keep_their_turn,
    struck_out_without_witness,
    any_good_answer_ends_the_wait,
    no_look_before_the_wire,
    conflict_means_another_key,
    the_store_is_each_edits_own_trouble,
    the_first_no_is_believed,
    unanswered_and_cancelled_is_sent_again,
    the_unanswered_edit_is_the_probe,
    a_status_ends_an_outage_of_submits,
)
