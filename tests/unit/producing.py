"""What tests of producers share: edits, and a worker in one function."""

from __future__ import annotations

from retouch import Edit, EditState
from retouch.ledger import Finish, Ledger, Settlement, Step


def edit(custom_id: str, **fields: object) -> Edit:
    base = {"custom_id": custom_id, "prompt": "a cat", "init_image": "https://example.com/cat.png"}
    return Edit.model_validate(base | fields)


def parameters(ledger: Ledger, batch: str, custom_id: str) -> dict[str, object]:
    view = ledger.reader.edit(batch, custom_id)
    assert view is not None
    return {name: value for name, value in view.parameters.items() if value is not None}


def finish_all(ledger: Ledger, to: EditState = EditState.COMPLETED) -> None:
    """Be the worker: end everything that is due, edits before batches."""
    while claims := ledger.worker.claim("w", lease_ms=60_000, places=1000).claims:
        submits = [c for c in claims if c.step is Step.SUBMIT]
        ledger.worker.settle([Settlement(c, (EditState.SUBMITTING,), to) for c in submits])
        for claim in claims:
            if claim.step is Step.FINISH:
                ledger.worker.settle_batch(claim, Finish.WRITTEN)
