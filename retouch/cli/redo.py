"""``retouch redo``: do edits of a batch again, with other parameters, in a batch of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from retouch.cli.confirm import tell_plan
from retouch.cli.enqueue import finish, reject_conflicts, write_batch
from retouch.cli.options import (
    BatchArgument,
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
from retouch.image_address import file_stem
from retouch.intake.admission import Intake
from retouch.intake.checked import check
from retouch.intake.manifest import STDIN
from retouch.intake.redo import Redone, Which, content_of
from retouch.intake.sizes import Sized, parse_size
from retouch.intake.uploads import Inputs
from retouch.intake.variations import Varied, parse_variations
from retouch.intake.writing import Receipt
from retouch.ledger import Made
from retouch.nearest import nearest
from retouch.queue import EditQueue

_SHOWN = 5  # ids that are named
_COMPARED = 5000  # ids of the batch that a wrong one is compared with
_HEADER = "custom_id"  # of a table with that column alone


def redo(
    batch: BatchArgument,
    only: Annotated[
        str,
        typer.Option(metavar="FILE|-", show_default=False, help="The edits whose custom_ids are in FILE, one a line."),
    ] = "",
    failed: Annotated[bool, typer.Option("--failed", help="The edits that failed.")] = False,
    blank: Annotated[bool, typer.Option("--blank", help="The edits with an image that is blank, or may be.")] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FIELD=VALUE", show_default=False, help="Change a field; null: do not set it any more."
        ),
    ] = None,
    vary: Vary = None,
    size: SizeOption = "",
    wait: Annotated[bool, typer.Option("--wait", help="Follow the new batch to its end.")] = False,
    timeout: Timeout = None,
    json_: Json = False,
    max_failures: MaxFailures = "",
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
    """
    check_wait(wait, timeout)
    which, ids = _chosen(only, failed, blank)
    changes, variations = parse_set(set_ or []), parse_variations(vary or [])
    hosts, image_price, wanted = (
        parse_private_hosts(private_hosts),
        parse_price(price),
        parse_size(size) if size else None,
    )
    queue = open_queue(redis_url)
    if ids is not None:
        _all_there(queue, batch, ids)
    redone = Redone(batch, queue.made(batch, ids), which, changes)
    asked = {"which": which, "ids": sorted(ids or []), "set": changes, "vary": [list(one) for one in variations]}
    child = queue.redo_id(batch, content := content_of({**asked, "size": size}))
    source = Sized(Varied(redone, variations), wanted, {}, Path(), stores())
    with Inputs(bucket or None, prefix) as inputs:
        checked = check(source, child, Intake({}, hosts, inputs))
        _tell_waiting(batch, redone.waiting, refused=ids is not None)
        if not checked.entries and not checked.rejected:
            _nothing(batch, which, json_)
        reject_conflicts(queue, child, checked)
        if not checked.acceptable(skip_invalid=False):
            tell_refused(Receipt(child, 0, 0, checked.rejected), None, json_, checked.names)
            raise typer.Exit(ExitCode.INPUT)
        for note in checked.notes:
            say(f"note: {note}")
        checked.estimate.price = image_price
        tell_plan(child, checked.estimate, ask=bool(vary) and not yes)
        upload_with_progress(inputs, queue, bucket, child)
    receipt = write_batch(
        queue, child, checked, origin={"redo_of": batch, "content": content}, max_failures=max_failures
    )
    tell_receipt(receipt, json_, checked.names)
    finish(queue, receipt, wait, timeout, json_, checked.names)


def _chosen(only: str, failed: bool, blank: bool) -> tuple[Which, list[str] | None]:
    if bool(only) + failed + blank != 1:
        raise InputError("say which edits are done again, with one of --only FILE, --failed and --blank")
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


def _all_there(queue: EditQueue, batch: str, ids: list[str]) -> None:
    known = {made.custom_id for made in queue.made(batch, ids)}
    if unknown := [custom_id for custom_id in ids if custom_id not in known]:
        there = _ids_by_name(islice(queue.made(batch), _COMPARED))
        raise InputError(f"--only: batch {batch} has no edit {_names(unknown, there)}; nothing was enqueued")


def _tell_waiting(batch: str, waiting: list[str], *, refused: bool) -> None:
    """Say which edits have not ended; those that were asked for by name are not done beside themselves."""
    if not waiting:
        return
    if refused:
        raise InputError(f"{_names(waiting)} of batch {batch} have not ended yet; wait for them: retouch watch {batch}")
    say(f"note: batch {batch} has not ended: {len(waiting)} of its edits may still fail, or become blank")


def _nothing(batch: str, which: Which, as_json: bool) -> None:
    say(f"nothing to do: no edit of batch {batch} {'has failed' if which is Which.FAILED else 'is blank'}")
    if as_json:
        nothing: dict[str, Any] = {"batch": None, "accepted": 0, "already": 0, "rejected": []}
        emit(nothing)
    raise typer.Exit(ExitCode.OK)


def _ids_by_name(some: Iterable[Made]) -> dict[str, str]:
    """Ids of edits by what they may be called: by themselves, and by the names of the files that were edited."""
    by_name: dict[str, str] = {}
    for made in some:
        by_name[made.custom_id] = made.custom_id
        by_name.setdefault(file_stem(made.about.init_image or made.parameters["init_image"]), made.custom_id)
    return by_name


def _names(ids: list[str], there: Mapping[str, str] | None = None) -> str:
    """The first of ``ids``, each with the id of ``there`` (by name) that was probably meant."""
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return ", ".join(name[:80] + _meant(name, there or {}) for name in ids[:_SHOWN]) + more


def _meant(name: str, there: Mapping[str, str]) -> str:
    near = file_stem(name) if file_stem(name) in there else nearest(name, there)
    return f" (did you mean {there[near]}?)" if near else ""
