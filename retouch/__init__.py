"""Retouch: a job queue for img2img edits.

A producer needs two names::

    from retouch import Edit, EditQueue

    queue = EditQueue.from_url("redis://localhost:6379/0")
    receipt = queue.enqueue(
        (Edit(custom_id=f"cat-{n}", prompt="a watercolour cat", init_image=url) for n, url in enumerate(urls)),
        batch="cats",
    )
    view = queue.wait(receipt.batch)

The other names are the types that its methods take, return and raise.
"""

from retouch.edit import Edit
from retouch.edit_result import Failure, Output, Result
from retouch.errors import InputError, RetouchError, ServiceError
from retouch.event_log import CloudEvent, UndeliveredEvent
from retouch.intake.admission import InvalidEditError, Rejection
from retouch.intake.writing import BatchWriter, Receipt
from retouch.ledger import BatchView, EditView, Entry, Made, Pause, Provider, Retried, Sink
from retouch.queue import EditQueue, ResultTimes
from retouch.states import BatchState, EditState

__all__ = [
    "BatchState",
    "BatchView",
    "BatchWriter",
    "CloudEvent",
    "Edit",
    "EditQueue",
    "EditState",
    "EditView",
    "Entry",
    "Failure",
    "InputError",
    "InvalidEditError",
    "Made",
    "Output",
    "Pause",
    "Provider",
    "Receipt",
    "Rejection",
    "Result",
    "ResultTimes",
    "RetouchError",
    "Retried",
    "ServiceError",
    "Sink",
    "UndeliveredEvent",
]
