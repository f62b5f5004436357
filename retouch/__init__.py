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

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    from retouch.ledger import (
        BatchMoney,
        BatchView,
        Chosen,
        DayMoney,
        EditRow,
        EditView,
        Entry,
        FailureGroup,
        Figures,
        FoundEdits,
        HistoryStep,
        Job,
        JobCost,
        JobState,
        Made,
        MoneySum,
        NamedEdit,
        Pause,
        Provider,
        RequestSample,
        Retried,
        Sample,
        Sink,
        WorkerView,
    )
    from retouch.output import Output
    from retouch.price import Price
    from retouch.queue import EditQueue
    from retouch.results.removing import Removed
    from retouch.spending import SenderMoney, Spending
    from retouch.states import BatchState, EditState

__all__ = [
    "BatchMoney",
    "BatchState",
    "BatchView",
    "BatchWriter",
    "CancelledError",
    "Chosen",
    "CloudEvent",
    "DayMoney",
    "Edit",
    "EditQueue",
    "EditRow",
    "EditState",
    "EditView",
    "Entry",
    "Failure",
    "FailureGroup",
    "Figures",
    "FoundEdits",
    "HistoryStep",
    "InputError",
    "InvalidEditError",
    "Job",
    "JobCost",
    "JobState",
    "LostImagesError",
    "Made",
    "Manifest",
    "MoneySum",
    "NamedEdit",
    "Output",
    "Pause",
    "Price",
    "Provider",
    "Receipt",
    "RejectedEditsError",
    "Rejection",
    "Removed",
    "RequestSample",
    "Result",
    "ResultTimes",
    "RetouchError",
    "Retried",
    "Sample",
    "SchemaError",
    "SenderMoney",
    "ServiceError",
    "Sink",
    "Spending",
    "TooManyFailuresError",
    "UndeliveredEvent",
    "WorkerView",
    "read_manifest",
]

# Where each name is: loaded at its first use, so that the command line can heed signals before.
_PLACES = {
    "edit": "Edit",
    "edit_result": "Failure Result",
    "errors": "CancelledError InputError LostImagesError RetouchError SchemaError ServiceError",
    "event_log": "CloudEvent UndeliveredEvent",
    "failure_limit": "TooManyFailuresError",
    "installation": "ResultTimes",
    "intake.admission": "InvalidEditError RejectedEditsError",
    "intake.mistakes": "Rejection",
    "intake.reading": "Manifest read_manifest",
    "intake.writing": "BatchWriter Receipt",
    "ledger": "BatchMoney BatchView Chosen DayMoney EditRow EditView Entry FailureGroup Figures FoundEdits"
    " HistoryStep Job JobCost JobState Made MoneySum NamedEdit Pause Provider RequestSample Retried Sample Sink"
    " WorkerView",
    "output": "Output",
    "price": "Price",
    "queue": "EditQueue",
    "results.removing": "Removed",
    "spending": "SenderMoney Spending",
    "states": "BatchState EditState",
}


def __getattr__(name: str) -> object:
    for place, names in _PLACES.items():
        if name in names.split():
            return getattr(import_module(f"{__name__}.{place}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
