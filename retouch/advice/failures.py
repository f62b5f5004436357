"""What to know before edits that failed are tried again as they were."""

from __future__ import annotations

from retouch.causes import FailureCode

_CORRECTED = "retouch redo {batch} --failed --group {group} --set FIELD=VALUE"
_BEFORE_RETRY = {
    FailureCode.REFUSED: f"the API probably refuses the same again; to send them corrected: {_CORRECTED}",
    FailureCode.FAILURE: "the API took it and failed: the same may fail again, and each try may be paid for; to send"
    f" them corrected: {_CORRECTED}",
    FailureCode.BAD_INIT_IMAGE: "the same fails again: correct init_image, and enqueue it under another custom_id",
    FailureCode.AMBIGUOUS: "it may be paid for already: look at the provider's list of jobs first",
    FailureCode.POISON: "its workers died, or met a bug: read their logs first",
}


def before_retry(batch: str, group: int, code: str) -> str:
    """Why a retry of a group of failures (of this code) may be in vain, and what to do instead; empty: not known.

    For the other codes the API is asked for the result first, which costs nothing.
    """
    return next((text.format(batch=batch, group=group) for known, text in _BEFORE_RETRY.items() if known == code), "")
