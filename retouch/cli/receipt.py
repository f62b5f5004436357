"""How ``retouch enqueue`` reports: sentences on stderr, and with ``--json`` one object on stdout."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from retouch.cli.terminal import emit, say
from retouch.intake.admission import Rejection
from retouch.intake.estimate import Estimate
from retouch.intake.writing import Receipt
from retouch.records import ReceiptRecord, RejectionRecord
from retouch.states import EditState

SHOWN = 20  # rejected lines shown in detail; --json has all


def tell_receipt(receipt: Receipt, as_json: bool) -> None:
    """Say what was enqueued; without ``--json`` print the batch's id on stdout, for scripts."""
    tell_rejected(receipt.rejected)
    already = f", {receipt.already} were already there" if receipt.already else ""
    left_out = f", {len(receipt.rejected)} lines were left out" if receipt.rejected else ""
    say(f"batch {receipt.batch}: {receipt.accepted} edits accepted{already}{left_out}")
    if not receipt.on_disk:
        say(
            "note: Redis did not confirm that they are on disk; a power failure may lose them (retouch doctor says why)"
        )
    if not as_json:
        sys.stdout.write(f"{receipt.batch}\n")
        sys.stdout.flush()


def tell_refused(receipt: Receipt, estimate: Estimate | None, as_json: bool) -> None:
    """Say that nothing was enqueued, and why; ``estimate`` is that of a dry run."""
    tell_rejected(receipt.rejected)
    number = len(receipt.rejected)
    say(f"nothing was enqueued: {number} bad {'line' if number == 1 else 'lines'}")
    if as_json:
        emit_receipt(receipt, estimate=estimate)


def tell_estimate(receipt: Receipt, estimate: Estimate, as_json: bool) -> None:
    """Say what a dry run found."""
    tell_rejected(receipt.rejected)
    say(f"batch {receipt.batch}, {estimate}; nothing was enqueued (--dry-run)")
    for warning in estimate.warnings():
        say(f"note: {warning}")
    if as_json:
        emit_receipt(receipt, estimate=estimate)


def tell_rejected(rejected: list[Rejection]) -> None:
    """Show the first bad lines, with what is wrong with each."""
    for line, custom_id, errors in rejected[:SHOWN]:
        say(f"line {line}{f' ({custom_id})' if custom_id else ''}: {'; '.join(errors)}")
    if len(rejected) > SHOWN:
        say(f"… and {len(rejected) - SHOWN} more bad lines (--json lists them all)")


def emit_receipt(
    receipt: Receipt, *, estimate: Estimate | None = None, counts: Mapping[EditState, int] | None = None
) -> None:
    """Print the one object of ``enqueue --json``."""
    rejected: list[RejectionRecord] = [
        {"line": line, "custom_id": custom_id, "errors": errors} for line, custom_id, errors in receipt.rejected
    ]
    record: ReceiptRecord = {
        "batch": receipt.batch,
        "accepted": receipt.accepted,
        "already": receipt.already,
        "rejected": rejected,
    }
    if estimate is not None:
        record["estimate"] = estimate.to_json()
    if counts is not None:
        record["counts"] = {state.value: number for state, number in counts.items()}
    emit(record)
