"""``retouch redo``: do edits of a batch again, with other parameters, in a batch of their own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from retouch.cli.confirm import tell_plan
from retouch.cli.enqueue import finish, price_that_holds, reject_conflicts, write_batch
from retouch.cli.failures import Groups, failure_lines, in_groups, parse_groups
from retouch.cli.one_edit import BatchOrEdit, one_of
from retouch.cli.options import (
    BatchBudget,
    Bucket,
    Json,
    MaxFailures,
    Prefix,
    PrivateHostList,
    RedisUrl,
    Timeout,
    check_wait,
    open_queue,
    parse_set,
)
from retouch.cli.picture_options import PriceOption, SizeOption, Vary, Yes, parse_price, stores
from retouch.cli.receipt import tell_receipt, tell_refused
from retouch.cli.terminal import ExitCode, emit, say
from retouch.cli.uploading import upload_with_progress
from retouch.environment import DEFAULT_REDIS_URL, parse_private_hosts
from retouch.errors import InputError
from retouch.intake.admission import Intake
from retouch.intake.checked import check
from retouch.intake.manifest import STDIN
from retouch.intake.redo import Which, Wish
from retouch.intake.sizes import parse_size
from retouch.intake.uploads import Inputs
from retouch.intake.variations import parse_variations
from retouch.intake.writing import Receipt
from retouch.price import Budget, Price
from retouch.queue import EditQueue

if TYPE_CHECKING:
    from retouch.gateway.remote import RemoteLedger  # loaded where there is a gateway

_HEADER = "custom_id"  # of a table with that column alone


def redo(
    batch: BatchOrEdit,
    only: Annotated[
        str,
        typer.Option(metavar="FILE|-", show_default=False, help="The edits whose custom_ids are in FILE, one a line."),
    ] = "",
    failed: Annotated[bool, typer.Option("--failed", help="The edits that failed.")] = False,
    group: Groups = "",
    blank: Annotated[bool, typer.Option("--blank", help="The edits with an image that is blank, or may be.")] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FIELD=VALUE", show_default=False, help="Change a field; null: do not set it any more."
        ),
    ] = None,
    vary: Vary = None,
    new_seeds: Annotated[
        int,
        typer.Option(
            "--new-seeds", metavar="N", show_default=False, help="Each N times, with seeds that no other edit has."
        ),
    ] = 0,
    size: SizeOption = "",
    wait: Annotated[bool, typer.Option("--wait", help="Follow the new batch to its end.")] = False,
    timeout: Timeout = None,
    json_: Json = False,
    max_failures: MaxFailures = "",
    budget: BatchBudget = "",
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
    private_hosts: PrivateHostList = "",
    bucket: Bucket = "",
    prefix: Prefix = "",
    price: PriceOption = "",
    yes: Yes = False,
) -> None:
    """Do edits of a batch again, in a new batch BATCH-redo-N: with other parameters, or as they were.

    Each is paid for again (retry asks the API first, and pays only for what it does not have). The same command again
    is the same batch, and adds nothing. The batch must still be in Redis. Exit codes are those of enqueue.

    Examples:
        retouch redo oil --only ids.txt --set strength=0.8 --wait
        retouch redo oil --failed --group 2 --set strength=0.8
        retouch redo oil/lighthouse --set strength=0.8
    """
    check_wait(wait, timeout)
    batch, one = one_of(batch)
    groups = parse_groups(group)
    if groups and not failed:
        raise InputError("--group is of failed edits: write --failed beside it")
    if one and (only or failed or blank):
        raise InputError("BATCH/CUSTOM_ID is one edit: leave out --only, --failed and --blank")
    which, ids = (Which.ANY, [one]) if one else _chosen(only, failed, blank)
    if size:
        parse_size(size)
    wish = Wish(which, ids, parse_set(set_ or []), parse_variations(vary or []), size, new_seeds, groups)
    hosts, image_price = parse_private_hosts(private_hosts), parse_price(price)
    ask = bool(vary or new_seeds) and not yes
    amount = Budget.parse(budget, "--budget") if budget else None
    queue = open_queue(redis_url)
    if queue.remote:
        receipt = _through_gateway(queue, batch, wish, max_failures, amount, image_price, json_, ask)
        finish(queue, receipt, wait, timeout, json_, {})
    redone = queue._redone(batch, wish)  # noqa: SLF001 - no matter of a producer's
    child = queue.redo_id(batch, wish.content)
    with Inputs(bucket or None, prefix) as inputs:
        checked = check(wish.source(redone, stores()), child, Intake({}, hosts, inputs))
        _tell_waiting(batch, len(redone.waiting))
        if not checked.entries and not checked.rejected:
            _nothing(queue, batch, wish, json_)
        reject_conflicts(queue, child, checked)
        if not checked.acceptable(skip_invalid=False):
            tell_refused(Receipt(child, 0, 0, checked.rejected), None, json_, checked.names)
            raise typer.Exit(ExitCode.INPUT)
        for note in checked.notes:
            say(f"note: {note}")
        checked.estimate.price = price_that_holds(queue, image_price)
        tell_plan(child, checked.estimate, ask=ask)
        upload_with_progress(inputs, queue, bucket, child)
    origin = {"redo_of": batch, "content": wish.content}
    receipt = write_batch(queue, child, checked, origin=origin, max_failures=max_failures, budget=amount)
    tell_receipt(receipt, json_, checked.names)
    finish(queue, receipt, wait, timeout, json_, checked.names)


def _through_gateway(
    queue: EditQueue,
    batch: str,
    wish: Wish,
    max_failures: str,
    budget: Budget | None,
    price: Price | None,
    as_json: bool,
    ask: bool,
) -> Receipt:
    """Tell how much it is, as the gateway says, and have it do it."""
    way = cast("RemoteLedger", queue._way)  # noqa: SLF001 - a plan is no matter of a producer's
    wish = queue._with_uploads(batch, wish)  # noqa: SLF001 - no matter of a producer's
    plan = way.redo(batch, wish, max_failures or None, budget, dry_run=True)
    _tell_waiting(batch, plan.waiting)
    if not plan.estimate.edits:
        _nothing(queue, batch, wish, as_json)
    for note in plan.notes:
        say(f"note: {note}")
    plan.estimate.price = price_that_holds(queue, price)
    tell_plan(plan.receipt.batch, plan.estimate, ask=ask)
    receipt = way.redo(batch, wish, max_failures or None, budget).receipt
    tell_receipt(receipt, as_json, {})
    return receipt


def _chosen(only: str, failed: bool, blank: bool) -> tuple[Which, list[str] | None]:
    if bool(only) + failed + blank != 1:
        raise InputError(
            "say which edits are done again, with one of --only FILE, --failed and --blank, or one as BATCH/CUSTOM_ID"
        )
    if not only:
        return (Which.FAILED if failed else Which.BLANK), None
    try:
        text = sys.stdin.read() if only == STDIN else Path(only).read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"--only: cannot read {only}: {reason}") from None
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines() if line.strip()]
    ids = list(dict.fromkeys(lines[1:] if lines[:1] == [_HEADER] else lines))
    if not ids:
        raise InputError(f"--only: {only} holds no custom_id; write one a line")
    return Which.ANY, ids


def _tell_waiting(batch: str, waiting: int) -> None:
    if waiting:
        say(f"note: batch {batch} has not ended: {waiting} of its edits may still fail, or become blank")


def _nothing(queue: EditQueue, batch: str, wish: Wish, as_json: bool) -> None:
    how = f"has failed{in_groups(wish.groups)}" if wish.which is Which.FAILED else "is blank"
    say(f"nothing to do: no edit of batch {batch} {how}")
    if wish.groups:
        for line in failure_lines(batch, queue.failures(batch)):
            say(line)
    if as_json:
        nothing: dict[str, Any] = {"batch": None, "accepted": 0, "already": 0, "rejected": []}
        emit(nothing)
    raise typer.Exit(ExitCode.OK)
