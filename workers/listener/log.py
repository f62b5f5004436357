"""What is logged of new objects, however they were told."""

from __future__ import annotations

import structlog

from retouch.triggers.taking import Taking

log = structlog.get_logger()


def log_taking(taking: Taking) -> None:
    """Tell which batches have got edits, and which objects make none."""
    for receipt in taking.receipts:
        if receipt.written:
            log.info("edits.enqueued", batch=receipt.batch, new=receipt.accepted, known=receipt.already)
    for uri, reason in (each for one in taking.messages for each in one.left_out):
        log.info("object.left_out", uri=uri, reason=reason)
