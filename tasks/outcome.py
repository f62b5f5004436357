"""How an edit's end is written, and what its log lines carry."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields

import structlog

from retouch.causes import FailureCode
from retouch.ledger import Claim, Run, Seen, Settlement
from retouch.media.copying import Output
from retouch.provider.answers import Answer
from retouch.states import EditState
from tasks.failures import error_json

log = structlog.get_logger()

_FIELDS = [field.name for field in fields(Output)]
_ONLY_IF_SO = ("blank", "filtered")
_encode = json.JSONEncoder(separators=(",", ":")).encode


def bind(claim: Claim) -> None:
    """Put the edit's (or batch's) name into every log line of this task of the loop."""
    structlog.contextvars.clear_contextvars()
    batch, _, custom_id = claim.member.partition("/")
    structlog.contextvars.bind_contextvars(batch=batch, **({"custom_id": custom_id} if custom_id else {}))


def failed(
    claim: Claim,
    came_from: tuple[EditState, ...],
    code: FailureCode,
    message: str,
    *,
    outputs: Sequence[Output] = (),
    put: dict[str, str] | None = None,
    good: dict[str, int] | None = None,
    seen: tuple[Seen, ...] = (),
    run: Run | None = None,
    unpaid: bool = False,
) -> Settlement:
    """The settlement that fails an edit, with the images that were copied. ``unpaid``: the API did not take it."""
    log.warning("edit.failed", code=code, reason=message)
    return Settlement(
        claim,
        came_from,
        EditState.FAILED,
        outputs=outputs_json(outputs),
        error=error_json(code, message),
        put=put or {},
        good=good,
        seen=seen,
        run=run,
        unpaid=unpaid,
    )


def completed(claim: Claim, outputs: Sequence[Output], good: dict[str, int]) -> Settlement:
    """The settlement that completes an edit; ``good``: where its images came from, and went to."""
    log.info("edit.completed", images=len(outputs), bytes=sum(o.bytes for o in outputs))
    return Settlement(claim, (EditState.COPYING,), EditState.COMPLETED, outputs=outputs_json(outputs), good=good)


def used_seed(answer: Answer) -> dict[str, str]:
    """What is kept of the seed that the API says it used."""
    return {} if answer.seed is None else {"used_seed": str(answer.seed)}


def outputs_json(outputs: Sequence[Output]) -> str | None:
    """The images of a result, as the ledger keeps them: ``blank`` and ``filtered`` only where they are so."""
    # asdict copies deeply: 5 times dearer
    plain = [
        {name: value for name in _FIELDS if (value := getattr(o, name)) or name not in _ONLY_IF_SO} for o in outputs
    ]
    return _encode(plain) if plain else None
