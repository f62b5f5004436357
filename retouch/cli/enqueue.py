"""``retouch enqueue``: check a manifest, and enqueue all of it, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from retouch.cli.confirm import tell_plan
from retouch.cli.image_check import reject_bad_images
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
    picture_place,
)
from retouch.cli.picture_options import (
    Column,
    IdTemplate,
    KeepColumns,
    Match,
    NegativePrompt,
    PriceOption,
    Prompt,
    Recursive,
    SizeOption,
    Sources,
    Vary,
    Yes,
    asked_for,
    parse_fields,
    parse_price,
    stores,
)
from retouch.cli.receipt import emit_receipt, tell_estimate, tell_receipt, tell_refused
from retouch.cli.terminal import ExitCode, say
from retouch.cli.uploading import upload_with_progress
from retouch.cli.watch import follow
from retouch.edit import check_batch_id
from retouch.environment import DEFAULT_REDIS_URL, parse_private_hosts
from retouch.errors import ServiceError
from retouch.events.sinks.spec import parse_notify
from retouch.intake.admission import Intake
from retouch.intake.checked import CheckedEdits, check
from retouch.intake.manifest import Columns
from retouch.intake.opening import opened_source
from retouch.intake.uploads import Inputs
from retouch.intake.writing import Receipt
from retouch.ledger.constants import WEIGHT_MAX, WEIGHT_MIN
from retouch.ledger.producer import check_weight
from retouch.net.addresses import PrivateHosts
from retouch.plural import count
from retouch.price import Budget, Price
from retouch.queue import EditQueue
from retouch.signals import exit_code
from retouch.states import EditState


def deprecated_priority(weight: float | None) -> float | None:
    """Say that the option has another name now, and check its value."""
    if weight is None:
        return None
    say("note: --priority is called --weight now, as in Python; the old name works until version 0.3")
    return check_weight(weight)


def enqueue(
    sources: Sources,
    batch: Annotated[
        str,
        typer.Option(
            metavar="ID",
            show_default=False,
            help="The batch's id; by default made of the manifest's name and content (a folder: see docs/folders.md).",
        ),
    ] = "",
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FIELD=VALUE", show_default=False, help="Set a field for all lines that do not set it."
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the batch to its end.")] = False,
    timeout: Timeout = None,
    json_: Json = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and estimate only; no service is contacted.")
    ] = False,
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Enqueue the valid lines even if others are not (exit code 3).")
    ] = False,
    weight: Annotated[
        float,
        typer.Option(
            callback=check_weight,
            metavar="WEIGHT",
            help=f"The share of a new batch: 2 gets twice the turns of 1; {WEIGHT_MIN:g} to {WEIGHT_MAX:g}.",
        ),
    ] = 1.0,
    max_failures: MaxFailures = "",
    budget: BatchBudget = "",
    notify: Annotated[
        str,
        typer.Option(
            metavar="URL",
            show_default=False,
            help="An https URL that is told when this batch ends or pauses; more: docs/sinks.md.",
        ),
    ] = "",
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
    private_hosts: PrivateHostList = "",
    bucket: Bucket = "",
    prefix: Prefix = "",
    prompt: Prompt = None,
    negative_prompt: NegativePrompt = None,
    id_: IdTemplate = "",
    match: Match = None,
    recursive: Recursive = False,
    vary: Vary = None,
    size: SizeOption = "",
    price: PriceOption = "",
    yes: Yes = False,
    column: Column = None,
    keep_columns: KeepColumns = False,
    check_images: Annotated[
        bool, typer.Option("--check-images", help="Ask for the beginning of each picture before anything is enqueued.")
    ] = False,
    priority: Annotated[
        float | None,
        typer.Option(hidden=True, callback=deprecated_priority, metavar="WEIGHT", help="The name of --weight before."),
    ] = None,
) -> None:
    """Enqueue a manifest's edits, or one for each picture of a folder: all of them, or nothing if any is bad.

    --max-failures binds the batch, whoever waits for it: with more failed edits it is paused, until you decide.

    Exit code 0: all accepted (with --wait: all completed, or no more failed than --max-failures); 2: nothing was
    enqueued; 3: some failed, or were left out with --skip-invalid; 4: some were cancelled; 5: --timeout reached;
    6: a service cannot be reached; 130, 143: ended by Ctrl-C, by SIGTERM.

    Examples:
        retouch enqueue photos/ --prompt "an oil {stem}" --batch oil --wait
        retouch enqueue photos/ --prompt "a pencil {stem}" --vary seed=1..4 --yes
    """
    check_wait(wait, timeout)
    if batch:
        check_batch_id(batch)
    fields = parse_fields(set_, prompt, negative_prompt)
    asked = asked_for(fields, vary, size, id_, match, recursive, Columns.parse(column or [], keep=keep_columns))
    hosts, image_price = parse_private_hosts(private_hosts), parse_price(price)
    amount = Budget.parse(budget, "--budget") if budget else None
    _check_notify(notify, hosts)
    bucket, prefix = picture_place(redis_url, bucket, prefix)
    uploads_to = bucket or ("RETOUCH_BUCKET" if dry_run else None)  # which asks for none
    with opened_source(sources, asked, stores()) as opened, Inputs(uploads_to, prefix, opened.folder) as inputs:
        checked = check(opened.source, opened.stem, Intake(opened.defaults, hosts, inputs))
        checked.identity, checked.estimate.price = opened.identity, image_price
        for note in checked.notes:
            say(f"note: {note}")
        if check_images:
            reject_bad_images(checked, hosts, {f"s3://{bucket}/{key}" for key in inputs.pending})
        batch = batch or checked.batch_id()
        if not checked.acceptable(skip_invalid):
            _refuse(batch, checked, json_, dry_run)
        if dry_run:
            if inputs.pending and not bucket:
                say(f"note: {count(len(inputs.pending), 'local picture')} will be uploaded; set RETOUCH_BUCKET before")
            tell_estimate(Receipt(batch, 0, 0, checked.rejected), checked.estimate, json_, checked.names)
            raise typer.Exit(ExitCode.FAILURES if checked.rejected else ExitCode.OK)
        queue = open_queue(redis_url, private_hosts=private_hosts)
        reject_conflicts(queue, batch, checked)
        if not checked.acceptable(skip_invalid):
            _refuse(batch, checked, json_)
        checked.estimate.price = price_that_holds(queue, image_price)
        if opened.identity or vary or checked.estimate.price:
            tell_plan(batch, checked.estimate, ask=bool(vary) and not yes)
        upload_with_progress(inputs, queue, bucket, batch)
    receipt = write_batch(
        queue,
        batch,
        checked,
        weight if priority is None else priority,
        max_failures=max_failures,
        budget=amount,
        notify=notify or None,
        whole=not skip_invalid,
    )
    if not receipt.written:  # another producer has used every custom_id meanwhile
        tell_refused(receipt, None, json_, checked.names)
        raise typer.Exit(ExitCode.INPUT)
    tell_receipt(receipt, json_, checked.names)
    finish(queue, receipt, wait, timeout, json_, checked.names)


def price_that_holds(queue: EditQueue, ours: Price | None) -> Price | None:
    """What an image costs: as the workers count, or else as this command was told."""
    theirs = None if queue.remote else queue.price()  # a gateway may not tell it to this key
    if theirs and ours and theirs != ours:
        say(f"note: the price that holds for all workers is {theirs}, and not {ours} (retouch price)")
    return theirs or ours


def _check_notify(url: str, hosts: PrivateHosts) -> None:
    if url:
        parse_notify(url, hosts)


def _refuse(batch: str, checked: CheckedEdits, as_json: bool, dry_run: bool = False) -> None:
    estimate = checked.estimate if dry_run else None
    tell_refused(Receipt(batch, 0, 0, checked.rejected), estimate, as_json, checked.names)
    raise typer.Exit(ExitCode.INPUT)


def reject_conflicts(queue: EditQueue, batch: str, checked: CheckedEdits) -> None:
    """Reject what the batch has under the same ids with other parameters, and say what differs."""
    if conflicts := queue.conflicts(batch, [entry for _, entry in checked.entries]):
        checked.reject_conflicts(conflicts, queue.made(batch, sorted(conflicts)))


def write_batch(
    queue: EditQueue,
    batch: str,
    checked: CheckedEdits,
    weight: float = 1.0,
    origin: Mapping[str, str] | None = None,
    *,
    max_failures: str = "",
    budget: Budget | None = None,
    notify: str | None = None,
    whole: bool = True,
) -> Receipt:
    """Write the valid edits; at Ctrl-C the command ends, and says what becomes of those written."""
    limit = max_failures or None
    try:
        with queue.writer(
            batch,
            checked.defaults,
            weight=weight,
            origin=origin,
            max_failures=limit,
            budget=None if budget is None else str(budget),
            notify=notify,
            whole=whole,
        ) as writer:
            for line, entry in checked.entries:
                writer.add(line, entry)
    except KeyboardInterrupt as interrupt:
        say(
            f"interrupted; the edits written to batch {batch} go on. The same command again adds the rest;"
            " the batch ends only after that"
        )
        raise typer.Exit(exit_code(interrupt)) from None
    return writer.receipt(checked.rejected)


def finish(
    queue: EditQueue, receipt: Receipt, wait: bool, timeout_s: float | None, as_json: bool, names: Mapping[int, str]
) -> None:
    """Wait if asked to, print the JSON object, and end with the right exit code."""
    code = int(ExitCode.OK)
    if wait:
        try:
            code = int(follow(queue, receipt.batch, timeout_s))
        except typer.Exit as end:
            code = end.exit_code
    if as_json:
        emit_receipt(receipt, names, counts=_counts(queue, receipt.batch) if wait else None)
    raise typer.Exit(ExitCode.FAILURES if receipt.rejected and code in (0, ExitCode.CANCELLED) else code)


def _counts(queue: EditQueue, batch: str) -> dict[EditState, int]:
    try:
        return queue.status(batch).counts
    except ServiceError:  # at a timeout during an outage; the exit code tells the outcome
        return {}
