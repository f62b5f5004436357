"""How ``retouch enqueue`` reports: sentences on stderr, and with ``--json`` one object on stdout."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from retouch.cli.terminal import emit, say
from retouch.intake.estimate import Estimate
from retouch.intake.mistakes import Rejection, by_mistake, described
from retouch.intake.writing import Receipt
from retouch.plural import count, were
from retouch.records.intake import ReceiptRecord, RejectionRecord
from retouch.states import EditState

Names = Mapping[int, str]

SHOWN = 20  # mistakes that are told; --json has all lines
DISK_NOTE = "note: Redis did not confirm that this is on disk; a power failure may lose it (retouch doctor says why)"


def tell_receipt(receipt: Receipt, as_json: bool, names: Names) -> None:
    """Say what was enqueued; without ``--json`` print the batch's id on stdout, for scripts."""
    tell_rejected(receipt.rejected, names)
    out = len(receipt.rejected)
    already = f", {receipt.already:,} {were(receipt.already)} already there" if receipt.already else ""
    left_out = f", {count(out, noun(names))} {were(out)} left out" if out else ""
    say(f"batch {receipt.batch}: {count(receipt.accepted, 'edit')} accepted{already}{left_out}")
    if not receipt.on_disk:
        say(DISK_NOTE)
    if not as_json:
        sys.stdout.write(f"{receipt.batch}\n")
        sys.stdout.flush()


def tell_refused(receipt: Receipt, estimate: Estimate | None, as_json: bool, names: Names) -> None:
    """Say that nothing was enqueued, and why; ``estimate`` is that of a dry run."""
    tell_rejected(receipt.rejected, names)
    say(f"nothing was enqueued: {count(len(receipt.rejected), f'bad {noun(names)}')}")
    if as_json:
        emit_receipt(receipt, names, estimate=estimate)


def tell_estimate(receipt: Receipt, estimate: Estimate, as_json: bool, names: Names) -> None:
    """Say what a dry run found."""
    tell_rejected(receipt.rejected, names)
    say(f"batch {receipt.batch}, {estimate}; nothing was enqueued (--dry-run)")
    for warning in estimate.warnings():
        say(f"note: {warning}")
    if as_json:
        emit_receipt(receipt, names, estimate=estimate)


def tell_rejected(rejected: list[Rejection], names: Names) -> None:
    """Say what is wrong, a mistake that many lines have once: how many lines, and one of them as an example.

    ``names``: what edits are called that have no line, by their numbers.
    """
    groups = by_mistake(rejected, names)
    for told in groups[:SHOWN]:
        say(described(told, "line", names.get(told[0].line, "")))
    if more := sum(map(len, groups[SHOWN:])):
        say(f"… and {count(more, f'more bad {noun(names)}')} (--json lists them all)")


def noun(names: Names) -> str:
    """What messages count: lines of a manifest, or edits that have names (of a folder, of a batch that is redone)."""
    return "edit" if names else "line"


def emit_receipt(
    receipt: Receipt,
    names: Names,
    *,
    estimate: Estimate | None = None,
    counts: Mapping[EditState, int] | None = None,
) -> None:
    """Print the one object of ``enqueue --json``."""
    record: ReceiptRecord = {
        "batch": receipt.batch,
        "accepted": receipt.accepted,
        "already": receipt.already,
        "rejected": [_record(rejection, names) for rejection in receipt.rejected],
    }
    if estimate is not None:
        record["estimate"] = estimate.to_json()
    if counts is not None:
        record["counts"] = {state.value: number for state, number in counts.items()}
    emit(record)


def _record(rejection: Rejection, names: Names) -> RejectionRecord:
    line, custom_id, errors = rejection
    record: RejectionRecord = {"line": line, "custom_id": custom_id, "errors": errors}
    if line in names:
        record["name"] = names[line]
    return record
