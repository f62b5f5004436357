"""Retouch: a job queue for img2img edits.

A producer needs two names::

    from retouch import Edit, EditQueue

    queue = EditQueue.from_url("redis://localhost:6379/0")
    receipt = queue.enqueue(
        (Edit(custom_id=f"cat-{n}", prompt="a watercolour cat", init_image=url) for n, url in enumerate(urls)),
        batch="cats",
    )
    view = queue.wait(receipt.batch)
"""

from retouch.edit import Edit
from retouch.errors import InputError, RetouchError, ServiceError
from retouch.intake import InvalidEditError, Rejection
from retouch.queue import EditQueue, Receipt
from retouch.states import BatchState, EditState

__all__ = [
    "BatchState",
    "Edit",
    "EditQueue",
    "EditState",
    "InputError",
    "InvalidEditError",
    "Receipt",
    "Rejection",
    "RetouchError",
    "ServiceError",
]
