"""``retouch enqueue``: check a manifest, and enqueue all of it, or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from retouch.cli.options import (
    DEFAULT_REDIS_URL,
    Bucket,
    Json,
    Prefix,
    PrivateHostList,
    RedisUrl,
    Timeout,
    open_queue,
    parse_private_hosts,
    parse_set,
)
from retouch.cli.receipt import emit_receipt, tell_estimate, tell_receipt, tell_refused
from retouch.cli.terminal import ExitCode, outcome, say
from retouch.cli.watch import follow
from retouch.edit import check_batch_id
from retouch.errors import ServiceError
from retouch.intake.admission import Intake
from retouch.intake.checked import CheckedEdits, check
from retouch.intake.manifest import STDIN, opened
from retouch.intake.uploads import Inputs, upload_pending
from retouch.intake.writing import Receipt
from retouch.ledger.constants import WEIGHT_MAX, WEIGHT_MIN
from retouch.ledger.producer import check_weight
from retouch.queue import EditQueue
from retouch.signals import exit_code


def enqueue(
    manifest: Annotated[
        str, typer.Argument(metavar="MANIFEST|-", show_default=False, help="JSONL or CSV; - is stdin.")
    ],
    batch: Annotated[
        str,
        typer.Option(
            metavar="ID", show_default=False, help="The batch's id; by default made of the manifest's name and content."
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
    priority: Annotated[
        float,
        typer.Option(
            callback=check_weight,
            metavar="WEIGHT",
            help=f"The share of a new batch: 2 gets twice the turns of 1; {WEIGHT_MIN:g} to {WEIGHT_MAX:g}.",
        ),
    ] = 1.0,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
    private_hosts: PrivateHostList = "",
    bucket: Bucket = "",
    prefix: Prefix = "",
) -> None:
    """Enqueue a manifest's edits: all of them, or nothing if any line is bad.

    Exit code 0: all accepted (with --wait: all completed); 2: nothing was enqueued; 3: some failed, or were left
    out with --skip-invalid; 4: some were cancelled; 5: --timeout reached; 6: a service cannot be reached;
    130, 143: ended by Ctrl-C, by SIGTERM.
    """
    if batch:
        check_batch_id(batch)
    path = Path() if manifest == STDIN else Path(manifest)
    defaults, hosts = parse_set(set_ or []), parse_private_hosts(private_hosts)
    with Inputs(bucket or None, prefix, path.parent) as inputs:
        with opened(manifest) as source:
            checked = check(source, path.stem or "stdin", Intake(defaults, hosts, inputs))
        for note in checked.notes:
            say(f"note: {note}")
        batch = batch or checked.batch_id()
        if not checked.acceptable(skip_invalid):
            _refuse(batch, checked, json_, dry_run)
        if dry_run:
            tell_estimate(Receipt(batch, 0, 0, checked.rejected), checked.estimate, json_)
            raise typer.Exit(ExitCode.FAILURES if checked.rejected else ExitCode.OK)
        queue = open_queue(redis_url)
        checked.reject_conflicts(queue.conflicts(batch, [entry for _, entry in checked.entries]))
        if not checked.acceptable(skip_invalid):
            _refuse(batch, checked, json_)
        upload_pending(inputs, bucket, lambda count: say(f"uploading {count} pictures"))
    receipt = _write(queue, batch, checked, priority)
    if not receipt.written:  # another producer has used every custom_id meanwhile
        tell_refused(receipt, None, json_)
        raise typer.Exit(ExitCode.INPUT)
    tell_receipt(receipt, json_)
    _finish(queue, receipt, wait, timeout, json_)


def _refuse(batch: str, checked: CheckedEdits, as_json: bool, dry_run: bool = False) -> None:
    tell_refused(Receipt(batch, 0, 0, checked.rejected), checked.estimate if dry_run else None, as_json)
    raise typer.Exit(ExitCode.INPUT)


def _write(queue: EditQueue, batch: str, checked: CheckedEdits, priority: float) -> Receipt:
    try:
        with queue.writer(batch, checked.defaults, weight=priority) as writer:
            for line, entry in checked.entries:
                writer.add(line, entry)
    except KeyboardInterrupt as interrupt:
        say(
            f"interrupted; the edits written to batch {batch} go on. The same command again adds the rest;"
            " the batch ends only after that"
        )
        raise typer.Exit(exit_code(interrupt)) from None
    return writer.receipt(checked.rejected)


def _finish(queue: EditQueue, receipt: Receipt, wait: bool, timeout_s: float | None, as_json: bool) -> None:
    """Wait if asked to, print the JSON object, and end with the right exit code."""
    code = int(ExitCode.OK)
    if wait:
        try:
            code = outcome(follow(queue, receipt.batch, timeout_s))
        except typer.Exit as end:
            code = end.exit_code
    if as_json:
        emit_receipt(receipt, {"counts": _counts(queue, receipt.batch)} if wait else {})
    raise typer.Exit(ExitCode.FAILURES if receipt.rejected and code in (0, ExitCode.CANCELLED) else code)


def _counts(queue: EditQueue, batch: str) -> dict[str, int]:
    try:
        return {state.value: n for state, n in queue.status(batch).counts.items()}
    except ServiceError:  # at a timeout during an outage; the exit code tells the outcome
        return {}
