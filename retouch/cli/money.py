"""``retouch price``, ``retouch money`` and ``retouch budget``: what an image costs, what was spent, what may be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from retouch.advice.batch import money_hint
from retouch.advice.pauses import batch_pause_line
from retouch.cli.moments import moment
from retouch.cli.options import BatchArgument, Json, RedisUrl, open_queue
from retouch.cli.terminal import emit, printable, say
from retouch.environment import DEFAULT_REDIS_URL
from retouch.errors import InputError
from retouch.ledger import BatchView, DayMoney
from retouch.plural import count
from retouch.price import Budget, Price, digits
from retouch.records.money import KnownPriceRecord
from retouch.spending import LOOKED_AT, SenderMoney, Spending

NO_PRICE = "no price is known: set it with retouch price '0.0035 USD' (of one image), or RETOUCH_PRICE of the workers"


def price(
    price: Annotated[
        str, typer.Argument(metavar="[PRICE]", show_default=False, help="Of one image, such as 'image 0.0035 USD'.")
    ] = "",
    json_: Json = False,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Show what one image costs, or set it, for all submits that begin from now on.

    What was spent: `retouch money`.

    Examples:
        retouch price '0.0035 USD'
        retouch price
    """
    wanted = Price.parse(price, "PRICE")
    queue = open_queue(redis_url)
    if wanted:
        queue.set_price(price)
    elif price:
        raise InputError("PRICE is empty: write one such as '0.0035 USD'")
    found = queue.price()
    if json_:
        record: KnownPriceRecord = {"price": found.to_json() if found else None}
        emit(record)
        return
    typer.echo(printable(_price_line(found)))


def _price_line(found: Price | None) -> str:
    return f"one image costs {found}" if found else NO_PRICE


def money(
    since: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            show_default=False,
            help="Of batches made since then: 18:00, 12h, 3d or 2026-11-26T22:00:00Z.",
        ),
    ] = "",
    by: Annotated[
        str,
        typer.Option(metavar="SENDER", show_default=False, help="Of this sender's batches, as for retouch batches."),
    ] = "",
    days: Annotated[int, typer.Option(min=1, max=400, metavar="N", help="The newest N days (UTC).")] = 7,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="The N dearest batches.")] = 20,
    json_: Json = False,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Show what was spent and what is to come: in all, by day, by sender, and by batch, the dearest first.

    A batch counts with all that it has cost; one that has left Redis (RETOUCH_RETENTION) counts in its days alone.

    Examples:
        retouch money --since 18:00
        retouch money --by nightly --days 30
    """
    after = moment(since) if since else None
    queue = open_queue(redis_url)
    found, price, newest = queue.spending(since=after, by=by), queue.price(), queue.money(days)
    if json_:
        emit(found.to_json(price, [day.to_json() for day in newest], limit))
        return
    places = max([found.digits, *(day.digits for day in newest)])
    for line in [_price_line(price), *_spending_lines(found, limit, places), *_by_day(newest, places)]:
        typer.echo(printable(line))


def _by_day(days: Sequence[DayMoney], places: int) -> list[str]:
    return ["by day (UTC), all batches:", *(f"  {day.told(places)}" for day in days)] if days else []


def _spending_lines(found: Spending, limit: int, places: int) -> list[str]:
    since = f" made since {found.since.isoformat(timespec='minutes')}" if found.since else ""
    if found.total is None:
        return [f"no batch{since} cost anything"]
    shown = found.batches[:limit]
    more = f" (the {limit:,} dearest)" if len(shown) < len(found.batches) else ""
    older = [f"older batches than the newest {LOOKED_AT:,} are in no sum but the days"] if found.older else []
    return [
        f"{count(found.total.batches, 'batch', 'batches')}{since}: {found.total.told(places)}",
        *older,
        "by sender:",
        *(f"  {_senders_text(one)}: {one.money.told(places)}" for one in found.senders),
        f"by batch{more}:",
        *(f"  {view.batch}: {view.money.told(places)}" for view in shown if view.money),
    ]


def _senders_text(one: SenderMoney) -> str:
    batches = count(one.money.batches, "batch", "batches")
    if len(one.senders) > 1:
        return f"{' and '.join(one.senders)} together ({batches}, not split)"
    return f"{one.senders[0] if one.senders else 'not said by whom'} ({batches})"


def budget(
    batch: BatchArgument,
    amount: Annotated[
        str,
        typer.Argument(
            metavar="[AMOUNT]", show_default=False, help="In all, in the currency of the price; none: any amount."
        ),
    ] = "",
    json_: Json = False,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Say what a batch may cost in all, or show what it has cost; no submit begins that might exceed the budget.

    A batch that was paused for its budget goes on if its next image fits.

    Examples:
        retouch budget oil 40
        retouch budget oil
    """
    wanted = None if amount in ("", "none") else Budget.parse(amount, "AMOUNT")
    queue = open_queue(redis_url)
    given = None if wanted is None else str(wanted)
    if wanted and (warning := _pauses_at_once(queue.status(batch), wanted)):
        say(warning)
    view = queue.set_budget(batch, given) if amount else queue.status(batch)
    if json_:
        emit(view.to_json())
        return
    typer.echo(printable(money_hint(view) or NO_PRICE))
    for pause in () if view.finished else view.paused:
        say(batch_pause_line(batch, pause))


def _pauses_at_once(view: BatchView, budget: Budget) -> str:
    """What is to be known of a budget that is used up already, before it is set."""
    money = view.money
    if not money or budget.amount >= money.used or view.ended == view.total:
        return ""
    places = max(digits(money.used), digits(budget.amount))
    return (
        f"note: {money.shown(budget.amount, places)} is less than what batch {view.batch} has cost already,"
        f" {money.shown(money.used, places)}: it pauses at once, and what is spent stays spent"
    )
