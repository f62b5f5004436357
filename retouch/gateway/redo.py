"""Edits that are done again over HTTP: the gateway has their pictures and their parameters, and makes the batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from retouch.errors import InputError
from retouch.gateway.client import AbsentError, Client, Fault, RefusedEditsError, understood
from retouch.intake.admission import RejectedEditsError
from retouch.intake.estimate import Estimate
from retouch.intake.mistakes import Rejection
from retouch.intake.redo import Wish
from retouch.intake.writing import Receipt
from retouch.price import Budget

TAKEN_S = 900.0  # a batch may have a million edits


class Redo(NamedTuple):
    """What became of a wish, or would: how much it is, what is to be noted, and how many edits have not ended yet."""

    receipt: Receipt
    estimate: Estimate
    notes: list[str]
    waiting: int


@understood()
def redo(
    client: Client, batch: str, wish: Wish, max_failures: str | None, budget: Budget | None, *, dry_run: bool
) -> Redo:
    """Ask for it; the same again is the same batch. Raises InputError, also RejectedEditsError, and LedgerError."""
    bounds = {"max_failures": max_failures, "budget": str(budget) if budget else None}
    asked = wish.to_json() | {"dry_run": dry_run} | {name: bound for name, bound in bounds.items() if bound}
    try:
        answer = client.json("POST", f"/v1/batches/{batch}/redo", json=asked, answer_s=TAKEN_S)
    except AbsentError as error:
        raise InputError(str(error)) from None
    except RefusedEditsError as refused:
        if not refused.faults:
            raise InputError(str(refused)) from None
        raise RejectedEditsError(list(_rejections(refused.faults)), "nothing was enqueued") from None
    return _read(answer)


def _read(answer: dict[str, Any]) -> Redo:
    told = answer["estimate"]
    receipt = Receipt(
        str(answer["batch"]), int(answer["accepted"]), int(answer["already"]), on_disk=bool(answer["on_disk"])
    )
    estimate = Estimate(int(told["edits"]), int(told["images"]), int(told["unet_steps"]))
    return Redo(receipt, estimate, [str(note) for note in answer["notes"]], int(answer["waiting"]))


def _rejections(faults: list[Fault]) -> Iterator[Rejection]:
    found: dict[tuple[int, str | None], list[str]] = {}
    for fault in faults:
        found.setdefault((fault.line, fault.custom_id), []).append(fault.text)
    for (line, custom_id), texts in found.items():
        yield Rejection(line, custom_id, texts)
