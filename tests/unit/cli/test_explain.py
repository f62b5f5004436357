"""What ``retouch explain`` says of an edit, state by state."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from retouch.causes import PauseCause
from retouch.cli.explain import why
from retouch.edit_result import Output
from retouch.ledger import EditView, Pause, Provider
from retouch.states import EditState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOON = NOW + timedelta(seconds=4)
FREE = Provider(places_used=0, places=10, troubles=0, next_request=None, result_s=None)
OUTAGE = Pause(PauseCause.OUTAGE, "503", NOW, SOON)
EDIT = EditView(
    batch="b",
    custom_id="c",
    state=EditState.QUEUED,
    parameters={},
    submits=0,
    duplicate=False,
    provider_id=None,
    holder=None,
    note=None,
    polls=0,
    submitted_at=None,
    deadline=None,
    due_at=None,
    before_it=None,
    result=None,
)
IMAGE = Output(uri="s3://bucket/b/c/0.png", sha256="0", bytes=1, content_type="image/png", width=8, height=8)
S = EditState
SAYS: dict[str, tuple[dict[str, Any], str]] = {
    "completed": (
        {"state": S.COMPLETED, "result": {"outputs": [asdict(IMAGE)]}},
        "its images are in S3: s3://bucket/b/c/0.png",
    ),
    "failed": (
        {"state": S.FAILED, "result": {"error": {"code": "refused", "message": "no"}}},
        "(to retry: retouch retry b)",
    ),
    "cancelled": ({"state": S.CANCELLED}, "cancelled before it was sent (to put it back: retouch retry b --cancelled)"),
    "held": ({"state": S.HELD}, "retouch retry b --held, or retouch cancel b --held"),
    "backs off": ({"due_at": SOON, "note": "why"}, "it backs off, and is sent again in 4.0 s (why)"),
    "overdue": ({"due_at": NOW - timedelta(seconds=2)}, "it backs off, and is sent again now (due for 2.0 s)"),
    "being sent": ({"state": S.SUBMITTING, "holder": "w"}, "being sent by w"),
    "being polled": ({"state": S.WAITING, "holder": "w", "note": "why"}, "being polled by w; why"),
    "being copied": ({"state": S.COPYING, "holder": "w"}, "being copied to S3 by w"),
    "worker died": ({"state": S.SUBMITTING, "due_at": SOON}, "its worker has died; another takes it over in 4.0 s"),
    "copied again": ({"state": S.COPYING}, "its images are copied again soon"),
    "at the api": (
        {"state": S.WAITING, "provider_id": "p1", "polls": 3, "due_at": SOON, "deadline": SOON},
        "the API has it as p1; polled 3 times, next in 4.0 s; its deadline is 2026-01-01T00:00:04+00:00",
    ),
}


@pytest.mark.parametrize(("fields", "text"), SAYS.values(), ids=SAYS)
def test_every_state_has_its_reason(fields: dict[str, Any], text: str) -> None:
    """And what a person can do, where there is something to do."""
    assert why(replace(EDIT, **fields), [], ["w"], FREE, NOW).endswith(text)


@pytest.mark.parametrize("holder", [None, "w"])
def test_an_outage_is_the_reason_of_an_edit_that_nobody_works_on(holder: str | None) -> None:
    """One that a worker has in hand at this moment is told as that."""
    edit = replace(EDIT, state=S.WAITING, holder=holder)
    told = why(edit, [OUTAGE], ["w"], FREE, NOW)
    assert told == (
        "being polled by w" if holder else "nothing is sent (outage) because 503; the next probe is sent in 4 s"
    )
