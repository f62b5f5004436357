"""How the commands show pauses: which requests are not sent, why, and what ends the pause."""

from __future__ import annotations

from datetime import datetime

from retouch.causes import BatchPause, PauseCause
from retouch.ledger import BatchPauseView, Pause

KINDS = {"submit": "submits", "status": "status requests"}
REMEDIES: dict[str, str] = {
    PauseCause.THROTTLED: "the API asked for it, and it ends by itself",
    PauseCause.OUTAGE: "it ends by itself when the API answers",
    PauseCause.REFUSED: "fix the cause (the key, the credit, RETOUCH_API_URL, or {edits}); it ends "
    "by itself when a request is taken, or at once with: retouch resume",
    PauseCause.STORE: "fix the bucket, the AWS_* variables, or the results' host; it ends by itself when a result "
    "is kept",
    PauseCause.BUDGET: "it ends by itself at midnight UTC, or sooner with a higher RETOUCH_DAILY_BUDGET of the workers",
    PauseCause.PERSON: "to go on: retouch resume",
}
BATCH_REMEDIES: dict[str, str] = {
    BatchPause.PERSON: "retouch resume {batch}",
    BatchPause.ARRIVING: "It goes on by itself when all is written; if the gateway has died: send the same request "
    "again, or take it as it is: retouch seal {batch}, then retouch resume {batch}",
    BatchPause.REFUSALS: "fix the cause, then: retouch resume {batch} (and retouch retry {batch}), or: "
    "retouch cancel {batch}",
    BatchPause.FAILURES: "see why: retouch status {batch}. Then go on however many fail: "
    "retouch resume {batch} (or with another limit: --max-failures 5%), try the failed ones again: "
    "retouch retry {batch}, or end it: retouch cancel {batch}",
    BatchPause.BUDGET: "allow it more: retouch budget {batch} AMOUNT, or end it: retouch cancel {batch}",
}
# What ends the pause, for whoever asks about one edit: nothing that is done to the others.
EDIT_REMEDIES: dict[str, str] = {
    **BATCH_REMEDIES,
    BatchPause.REFUSALS: "fix the cause, then: retouch resume {batch}; or give this edit up: retouch cancel {edit}",
    BatchPause.FAILURES: "see why: retouch status {batch}. Then go on however many fail: retouch resume {batch} (or "
    "with another limit: --max-failures 5%), or give this edit up: retouch cancel {edit}",
    BatchPause.BUDGET: "allow it more: retouch budget {batch} AMOUNT, or give this edit up: retouch cancel {edit}",
}
ALL_EDITS = "the edits: retouch cancel BATCH"


def pause_line(pause: Pause) -> str:
    """A line of ``retouch status``."""
    since = pause.since.isoformat(timespec="seconds")
    return f"PAUSED: {what_waits(pause)} ({pause.cause}) since {since}: {pause.reason} - {remedy(pause)}"


def what_waits(pause: Pause) -> str:
    """What is not sent during a pause."""
    return KINDS.get(pause.kind, pause.kind)


def remedy(pause: Pause, edits: str = ALL_EDITS) -> str:
    """What a person should do about a pause; ``edits``: what is done where edits are its cause."""
    return remedy_of(pause.name, edits)


def remedy_of(name: str, edits: str = ALL_EDITS) -> str:
    """The same of a pause by its name, such as ``submit:refused``."""
    return REMEDIES.get(name.partition(":")[2], "a newer version of Retouch began it").format(edits=edits)


def pause_clause(pause: Pause, now: datetime, edit: str) -> str:
    """A pause as the reason that ``retouch explain`` gives of an ``edit`` (``batch/custom_id``), for a sentence."""
    probe = ""
    if pause.next_probe:
        left_s = (pause.next_probe - now).total_seconds()
        probe = f"; one request tries it again {f'in {left_s:.0f} s' if left_s > 0 else 'now'}"
    told = remedy(pause, f"this edit: retouch cancel {edit}")
    return f"{what_waits(pause)} are paused ({pause.cause}) because {pause.reason}{probe}; {told}"


def batch_pause_line(batch: str, pause: BatchPauseView, edit: str = "", *, queued: bool = True) -> str:
    """A line about a batch that does not move; for whoever asks about one ``edit`` of it (``batch/custom_id``).

    ``queued``: some of its edits are.
    """
    known = EDIT_REMEDIES if edit else BATCH_REMEDIES
    todo = known.get(pause.cause, "retouch resume {batch}").format(batch=batch, edit=edit)
    stops = "its queued edits are" if queued else "what is tried again, or added, is"
    return f"batch {batch} is PAUSED ({pause.cause}): {pause.reason}; {stops} not submitted. {todo}"
