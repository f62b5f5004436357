"""``retouch price`` and ``retouch budget``: what an image costs, and what a batch may cost."""

from __future__ import annotations

from typing import Annotated

import typer

from retouch.advice.batch import money_hint
from retouch.advice.pauses import batch_pause_line
from retouch.cli.options import BatchArgument, Json, RedisUrl, open_queue
from retouch.cli.terminal import emit, printable, say
from retouch.environment import DEFAULT_REDIS_URL
from retouch.errors import InputError
from retouch.price import Budget, Price
from retouch.records import PricesRecord

NO_PRICE = "no price is known: set it with retouch price '0.0035 USD' (of one image), or RETOUCH_PRICE of the workers"


def price(
    price: Annotated[
        str, typer.Argument(metavar="[PRICE]", show_default=False, help="Of one image, such as 'image 0.0035 USD'.")
    ] = "",
    days: Annotated[
        int, typer.Option(min=1, max=400, metavar="N", help="Show what was spent on the newest N days (UTC).")
    ] = 1,
    json_: Json = False,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Show what one image costs, and what was spent; or set the price, for all submits that begin from now on.

    Examples:
        retouch price '0.0035 USD'
        retouch price --days 7
    """
    wanted = Price.parse(price, "PRICE")
    queue = open_queue(redis_url)
    if wanted:
        queue.set_price(price)
    elif price:
        raise InputError("PRICE is empty: write one such as '0.0035 USD'")
    found, spent = queue.price(), queue.money(days)
    if json_:
        record: PricesRecord = {
            "price": found.to_json() if found else None,
            "days": [day.to_json() for day in spent],
        }
        emit(record)
        return
    typer.echo(printable(f"one image costs {found}" if found else NO_PRICE))
    for day in spent:
        typer.echo(printable(str(day)))


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
    view = queue.set_budget(batch, given) if amount else queue.status(batch)
    if json_:
        emit(view.to_json())
        return
    typer.echo(printable(money_hint(view) or NO_PRICE))
    for pause in () if view.finished else view.paused:
        say(batch_pause_line(batch, pause))
