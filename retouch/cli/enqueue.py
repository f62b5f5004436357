"""``retouch enqueue``: check a manifest, and put all of it into a batch, or nothing."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from retouch.cli.estimate import Estimate
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
)
from retouch.cli.terminal import ExitCode, emit, outcome, say
from retouch.cli.watch import follow
from retouch.edit import check_batch_id
from retouch.errors import InputError, ServiceError, StoreError
from retouch.intake import (
    CONFLICT,
    BatchWriter,
    Intake,
    InvalidEditError,
    Rejection,
    check_defaults,
    custom_id_of,
)
from retouch.ledger import PAGE, Entry
from retouch.manifest import Manifest
from retouch.queue import EditQueue, Receipt
from retouch.uploads import Inputs, Picture, upload

SHOWN = 20  # rejected lines shown in detail; --json has all
STEM = 55  # characters of a manifest's name in a batch id


@dataclass(slots=True)
class _Checked:
    """A manifest as far as it could be checked without any service."""

    name: str
    defaults: dict[str, Any]
    entries: list[tuple[int, Entry]] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    estimate: Estimate = field(default_factory=Estimate)

    def batch_id(self) -> str:
        """A name made of the manifest's name and its edits: the same manifest again is the same batch."""
        content = hashlib.sha256()
        for _, entry in self.entries:
            content.update(f"{entry.custom_id} {entry.digest}\n".encode())
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", self.name).lstrip("._-")[:STEM]
        return f"{stem or 'batch'}-{content.hexdigest()[:8]}"


def enqueue(
    manifest: Annotated[
        str, typer.Argument(metavar="MANIFEST|-", show_default=False, help="JSONL or CSV; - is stdin.")
    ],
    batch: Annotated[
        str,
        typer.Option(
            metavar="ID", show_default=False, help="The batch; by default named after the manifest's content."
        ),
    ] = "",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", show_default=False, help="A field for lines that do not set it."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the batch to its end.")] = False,
    timeout: Timeout = None,
    json_: Json = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and estimate; contact nothing.")] = False,
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Enqueue the good lines though others are bad (exit code 3).")
    ] = False,
    priority: Annotated[
        float,
        typer.Option(min=0.001, max=1000, metavar="WEIGHT", help="Turns that a new batch gets: 2 is twice as many."),
    ] = 1.0,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
    private_hosts: PrivateHostList = "",
    bucket: Bucket = "",
    prefix: Prefix = "",
) -> None:
    """Enqueue a manifest's edits: all of them, or nothing if any line is bad.

    Exit code 0: all accepted (with --wait: all completed); 2: nothing was enqueued; 3: some failed, or were left
    out with --skip-invalid; 4: cancelled; 5: --timeout reached; 6: a service cannot be reached.
    """
    if batch:
        check_batch_id(batch)
    inputs = Inputs(bucket or None, prefix, Path(manifest).parent if manifest != "-" else Path())
    intake = Intake(parse_set(set_ or []), parse_private_hosts(private_hosts), inputs)
    checked = _check(manifest, intake)
    checked.pictures = list(inputs.pending.values())
    batch = batch or checked.batch_id()
    if not checked.entries or (checked.rejected and not skip_invalid):
        _refuse(batch, checked.rejected, json_, checked.estimate if dry_run else None)
    if dry_run:
        _report_estimate(batch, checked, json_)
    queue = open_queue(redis_url)
    _drop_conflicts(queue, batch, checked)
    if not checked.entries or (checked.rejected and not skip_invalid):
        _refuse(batch, checked.rejected, json_)
    _upload(checked.pictures, bucket)
    receipt = _write(queue, batch, checked, priority)
    _say_receipt(receipt)
    if not json_:
        sys.stdout.write(f"{receipt.batch}\n")
        sys.stdout.flush()
    _finish(queue, receipt, wait, timeout, json_)


def parse_set(pairs: list[str]) -> dict[str, Any]:
    """Read ``--set FIELD=VALUE``; VALUE is JSON if that suits the field, else text. Raises InputError."""
    defaults: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise InputError(f"--set {pair[:80]}: write FIELD=VALUE")
        if name in defaults:
            raise InputError(f"--set {name} is given twice")
        try:
            defaults |= check_defaults({name: _value(name, text)})
        except InvalidEditError as error:
            raise InputError(f"--set {pair[:80]}: {error}") from None
    return defaults


def _value(name: str, text: str) -> Any:
    """``text`` as JSON if the field takes that, else as it is (``--set prompt=5`` is a prompt)."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    for candidate in (value, text):
        try:
            check_defaults({name: candidate})
        except InvalidEditError:
            continue
        return candidate
    return value


def _check(manifest: str, intake: Intake) -> _Checked:
    """Read all of a manifest, collecting what is good and what is bad; raises InputError if it is none."""
    name = "stdin" if manifest == "-" else manifest
    checked = _Checked("stdin" if manifest == "-" else Path(manifest).stem, intake.defaults)
    seen: dict[str, int] = {}
    with _opened(manifest) as stream:
        reader = Manifest(stream, name, csv_by_name=manifest.lower().endswith(".csv"), sniff=manifest == "-")
        for number, fields, problem in reader:
            custom_id = custom_id_of(fields)
            if problem:
                checked.rejected.append(Rejection(number, custom_id, [problem]))
                continue
            errors = []
            if custom_id is not None and (first := seen.setdefault(custom_id, number)) != number:
                errors.append(f"custom_id {custom_id!r} is there already, on line {first}")
            try:
                edit = intake.admit(fields, strict=not reader.is_csv)
            except InvalidEditError as error:
                errors += error.errors
            if errors:
                checked.rejected.append(Rejection(number, custom_id, errors))
                continue
            checked.entries.append((number, intake.entry(edit)))
            checked.estimate.add(edit)
    return checked


@contextmanager
def _opened(manifest: str) -> Iterator[BinaryIO]:
    if manifest == "-":
        if sys.stdin is None:  # closed by whoever started us
            raise InputError("stdin is closed; there is no manifest to read")
        yield sys.stdin.buffer
        return
    try:
        stream = open(manifest, "rb")  # noqa: SIM115 - closed below; its error is told apart from the reader's
    except IsADirectoryError:
        raise InputError(f"{manifest} is a directory, not a manifest") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"cannot read {manifest}: {reason}") from None
    with stream:
        yield stream


def _drop_conflicts(queue: EditQueue, batch: str, checked: _Checked) -> None:
    """Move the entries whose custom_id the batch knows with other parameters to the rejected."""
    with queue.reaching():
        if queue.ledger.reader.batch(batch) is None:
            return
        taken: set[str] = set()
        for first in range(0, len(checked.entries), PAGE):
            page = checked.entries[first : first + PAGE]
            taken.update(queue.ledger.producer.conflicts(batch, [(e.custom_id, e.digest) for _, e in page]))
    if taken:
        clash = [Rejection(line, e.custom_id, [CONFLICT]) for line, e in checked.entries if e.custom_id in taken]
        checked.rejected = sorted(checked.rejected + clash)
        checked.entries = [(line, e) for line, e in checked.entries if e.custom_id not in taken]


def _upload(pictures: list[Picture], bucket: str) -> None:
    if not pictures:
        return
    try:
        from retouch.store import Store  # noqa: PLC0415 - the extra `s3` is optional, and slow to load
    except ImportError:
        raise InputError("uploading local pictures needs the extra: pip install 'retouch[s3]'") from None
    say(f"uploading {len(pictures)} pictures")
    try:
        asyncio.run(upload(pictures, Store(bucket)))
    except StoreError as error:
        raise ServiceError(f"the pictures could not be uploaded, nothing was enqueued: {error}") from error


def _write(queue: EditQueue, batch: str, checked: _Checked, priority: float) -> Receipt:
    try:
        with BatchWriter(queue.ledger, batch, checked.defaults, priority) as writer:
            for line, entry in checked.entries:
                writer.add(line, entry)
    except KeyboardInterrupt:
        say(f"interrupted; what was written to batch {batch} goes on, and the same command again adds the rest")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    rejected = sorted(checked.rejected + writer.conflicts)
    return Receipt(batch, writer.accepted, writer.already, rejected, writer.on_disk)


def _finish(queue: EditQueue, receipt: Receipt, wait: bool, timeout_s: float | None, as_json: bool) -> None:
    """Wait if asked to, print the object, and end with the right code."""
    record = _record(receipt)
    code = int(ExitCode.OK)
    if wait:
        try:
            code = outcome(follow(queue, receipt.batch, timeout_s))
        except typer.Exit as end:
            code = end.exit_code
        record["counts"] = _counts(queue, receipt.batch)
    if as_json:
        emit(record)
    raise typer.Exit(ExitCode.FAILURES if receipt.rejected and code in (0, ExitCode.CANCELLED) else code)


def _counts(queue: EditQueue, batch: str) -> dict[str, int]:
    try:
        return {state.value: n for state, n in queue.status(batch).counts.items()}
    except ServiceError:  # at a timeout during an outage: the exit code says the rest
        return {}


def _record(receipt: Receipt) -> dict[str, Any]:
    return {
        "batch": receipt.batch,
        "accepted": receipt.accepted,
        "already": receipt.already,
        "rejected": [rejection._asdict() for rejection in receipt.rejected],
    }


def _say_receipt(receipt: Receipt) -> None:
    _say_rejected(receipt.rejected)
    already = f", {receipt.already} were there already" if receipt.already else ""
    left_out = f", {len(receipt.rejected)} lines were left out" if receipt.rejected else ""
    say(f"batch {receipt.batch}: {receipt.accepted} edits accepted{already}{left_out}")
    if not receipt.on_disk:
        say("note: Redis did not confirm that they are on disk (retouch doctor says why)")


def _say_rejected(rejected: list[Rejection]) -> None:
    for line, custom_id, errors in rejected[:SHOWN]:
        say(f"line {line}{f' ({custom_id})' if custom_id else ''}: {'; '.join(errors)}")
    if len(rejected) > SHOWN:
        say(f"… and {len(rejected) - SHOWN} more bad lines (--json lists them all)")


def _refuse(batch: str, rejected: list[Rejection], as_json: bool, estimate: Estimate | None = None) -> None:
    _say_rejected(rejected)
    say(f"nothing was enqueued: {len(rejected)} bad {'line' if len(rejected) == 1 else 'lines'}")
    if as_json:
        emit(_record(Receipt(batch, 0, 0, rejected)) | ({"estimate": estimate.to_json()} if estimate else {}))
    raise typer.Exit(ExitCode.INPUT)


def _report_estimate(batch: str, checked: _Checked, as_json: bool) -> None:
    _say_rejected(checked.rejected)
    say(f"batch {batch}, {checked.estimate}; nothing was enqueued (--dry-run)")
    for warning in checked.estimate.warnings():
        say(f"note: {warning}")
    if as_json:
        emit(_record(Receipt(batch, 0, 0, checked.rejected)) | {"estimate": checked.estimate.to_json()})
    raise typer.Exit(ExitCode.FAILURES if checked.rejected else ExitCode.OK)
