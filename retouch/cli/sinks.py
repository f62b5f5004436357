"""``retouch sinks``: where events are delivered, and how that goes; a sink is told again, or dropped."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from retouch.cli.confirm import confirm_loss
from retouch.cli.moments import moment
from retouch.cli.options import Json, RedisUrl, open_queue
from retouch.cli.sink_lines import sink_lines
from retouch.cli.terminal import emit, printable, say
from retouch.environment import DEFAULT_REDIS_URL
from retouch.errors import InputError
from retouch.plural import are, count
from retouch.queue import EditQueue
from retouch.records.installation import SinksRecord


class Action(StrEnum):
    """What is done to a sink."""

    REPLAY = "replay"
    DROP = "drop"


def sinks(
    action: Annotated[
        Action | None,
        typer.Argument(
            metavar="replay|drop",
            show_default=False,
            help="Deliver events to a sink again, or remove one that is not used any more.",
        ),
    ] = None,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="That sink.")] = "",
    since: Annotated[
        str,
        typer.Option(
            metavar="WHEN",
            show_default=False,
            help="With replay: the events since then, such as 2h, 3d, 18:00 or 2026-11-26T22:00:00Z; 7 days are kept.",
        ),
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="With drop: do not ask.")] = False,
    json_: Json = False,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Show where events are delivered: what each sink took, what waits for it, and its last error.

    Of batches that have a sink of their own (enqueue --notify), those are shown to which something waits, or was
    refused.

    Examples:
        retouch sinks
        retouch sinks replay orders --since 2h
        retouch sinks drop orders --yes
    """
    _check(action, name, since, yes, json_)
    after = moment(since) if since else None
    queue = open_queue(redis_url)
    if action is None:
        _show(queue, json_)
    elif after is not None:
        number = queue.replay(name, after)
        say(f"{count(number, 'event')} {are(number)} to be delivered to {name} again")
    else:
        _drop(queue, name, yes)


def _check(action: Action | None, name: str, since: str, yes: bool, as_json: bool) -> None:
    if action and not name:
        raise InputError(f"which sink? Write: retouch sinks {action.value} NAME (retouch sinks lists them)")
    if action is Action.REPLAY and not since:
        raise InputError("since when? Write --since 2h, or a time such as --since 2026-11-26T22:00:00Z")
    if since and action is not Action.REPLAY:
        raise InputError("--since is for: retouch sinks replay NAME")
    if yes and action is not Action.DROP:
        raise InputError("--yes is for: retouch sinks drop NAME")
    if as_json and action:
        raise InputError("--json is for the list of sinks; leave it out here")


def _show(queue: EditQueue, as_json: bool) -> None:
    own = [sink for sink in queue.batch_sinks() if sink.waiting or sink.undelivered]
    found = [*queue.sinks(), *own]
    if as_json:
        record: SinksRecord = {"sinks": [sink.to_json() for sink in found]}
        emit(record)
        return
    for line in sink_lines(found) if found else ["no worker has a sink (RETOUCH_WEBHOOK_URL, RETOUCH_SINKS)"]:
        typer.echo(printable(line))


def _drop(queue: EditQueue, name: str, yes: bool) -> None:
    sink = queue.sink(name)
    waits = f"{count(sink.waiting, 'event')} that {'waits' if sink.waiting == 1 else 'wait'} for it"
    confirm_loss(f"drop the sink {name} and {waits}", yes, "nothing was dropped")
    queue.drop_sink(name)
    say(f"the sink {name} is dropped, with {waits}")
