"""Retouch: a job queue for img2img edits.

A producer needs two names::

    from retouch import Edit, EditQueue

    with EditQueue.from_env() as queue:
        queue.enqueue(
            [Edit(custom_id=f"cat-{n}", prompt="a watercolour cat", init_image=url) for n, url in enumerate(urls)],
            batch="cats",
        )
        view = queue.wait("cats")

The other names are the types that its methods take, return and raise.
"""

from retouch.edit import Edit
from retouch.edit_result import Failure, Result
from retouch.errors import CancelledError, InputError, LostImagesError, RetouchError, SchemaError, ServiceError
from retouch.event_log import CloudEvent, UndeliveredEvent
from retouch.failure_limit import TooManyFailuresError
from retouch.installation import ResultTimes
from retouch.intake.admission import InvalidEditError, RejectedEditsError
from retouch.intake.mistakes import Rejection
from retouch.intake.reading import Manifest, read_manifest
from retouch.intake.writing import BatchWriter, Receipt
from retouch.ledger import BatchView, EditView, Entry, Made, Pause, Provider, Retried, Sink
from retouch.output import Output
from retouch.queue import EditQueue
from retouch.states import BatchState, EditState

__all__ = [
    "BatchState",
    "BatchView",
    "BatchWriter",
    "CancelledError",
    "CloudEvent",
    "Edit",
    "EditQueue",
    "EditState",
    "EditView",
    "Entry",
    "Failure",
    "InputError",
    "InvalidEditError",
    "LostImagesError",
    "Made",
    "Manifest",
    "Output",
    "Pause",
    "Provider",
    "Receipt",
    "RejectedEditsError",
    "Rejection",
    "Result",
    "ResultTimes",
    "RetouchError",
    "Retried",
    "SchemaError",
    "ServiceError",
    "Sink",
    "TooManyFailuresError",
    "UndeliveredEvent",
    "read_manifest",
]
