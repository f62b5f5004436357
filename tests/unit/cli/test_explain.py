"""What ``retouch explain`` says of an edit, state by state."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from retouch.advice.edit import why
from retouch.causes import BatchPause, FailureCode, PauseCause
from retouch.ledger import BatchPauseView, EditView, Pause, Provider
from retouch.output import Output
from retouch.states import EditState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOON = NOW + timedelta(seconds=4)
FREE = Provider(places_used=0, places=10, troubles=0, next_request=None, result_s=None)
OUTAGE = Pause("status", PauseCause.OUTAGE, "503", NOW, SOON)
REFUSED = Pause("submit", PauseCause.REFUSED, "401: no credit", NOW, SOON)
PERSON = Pause("submit", PauseCause.PERSON, "lunch", NOW, None)
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
    "completed, and blank": (
        {"state": S.COMPLETED, "result": {"outputs": [asdict(IMAGE), asdict(IMAGE) | {"blank": True}]}},
        "its images are in S3: s3://bucket/b/c/0.png, s3://bucket/b/c/0.png (blank: black or one colour)",
    ),
    "completed, and maybe blank": (
        {"state": S.COMPLETED, "result": {"outputs": [asdict(IMAGE) | {"blank": "suspect"}]}},
        "its images are in S3: s3://bucket/b/c/0.png (it may be blank: black or one colour)",
    ),
    "completed, and filtered": (
        {"state": S.COMPLETED, "result": {"outputs": [asdict(IMAGE) | {"blank": True, "filtered": True}]}},
        "its images are in S3: s3://bucket/b/c/0.png (the API's safety filter took the picture away)",
    ),
    "failed": (
        {"state": S.FAILED, "result": {"error": {"code": "deadline", "message": "no"}}},
        "no (to retry: retouch retry b/c)",
    ),
    "refused": (
        {"state": S.FAILED, "result": {"error": {"code": "refused", "message": "no"}}},
        "no (to send it corrected: retouch redo b/c --set FIELD=VALUE; as it was: retouch retry b/c)",
    ),
    "cancelled": (
        {"state": S.CANCELLED},
        "cancelled before it was sent (to put it back: retouch retry b/c --cancelled)",
    ),
    "refused once": (
        {"due_at": SOON, "note": "no", "strikes": 1},
        "; it was refused once: no (it fails only if others fare well meanwhile; to give it up: retouch cancel b/c)",
    ),
    "refused, and its turn comes": (
        {"before_it": 7, "note": "no", "strikes": 3},
        "7 edits are before it in the fair order (no); it was refused 3 times in a row: no"
        " (it fails only if others fare well meanwhile; to give it up: retouch cancel b/c)",
    ),
    "its status is refused": (
        {"state": S.WAITING, "provider_id": "p1", "polls": 1, "due_at": SOON, "strikes": 2, "note": "404"},
        "next in 4.0 s; 404; it was refused 2 times in a row: 404",
    ),
    "its batch is paused by hand": (
        {"before_it": 7, "batch_paused": (BatchPauseView("person", "lunch", NOW),)},
        "batch b is PAUSED (person): lunch; its queued edits are not submitted. retouch resume b",
    ),
    "its batch is paused for refusals": (
        {"before_it": None, "batch_paused": (BatchPauseView("refusals", "no such model", NOW),)},
        "fix the cause, then: retouch resume b; or give this edit up: retouch cancel b/c",
    ),
    "its batch is paused by a newer version": (
        {"batch_paused": (BatchPauseView("moon", "full", NOW),)},
        "batch b is PAUSED (moon): full; its queued edits are not submitted. retouch resume b",
    ),
    "held": ({"state": S.HELD}, "retouch retry b/c --held, or retouch cancel b/c --held"),
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
        "being polled by w"
        if holder
        else "status requests are paused (outage) because 503; one request tries it again in 4 s;"
        " it ends by itself when the API answers"
    )


@pytest.mark.parametrize("state", [S.QUEUED, S.SUBMITTING, S.WAITING, S.COPYING])
def test_a_pause_is_the_reason_of_the_edits_that_need_its_kind_of_request(state: EditState) -> None:
    """A pause of submits holds up nothing that the API has, and one of status requests nothing that it has not."""
    for pause, wait in ((REFUSED, (S.QUEUED, S.SUBMITTING)), (OUTAGE, (S.WAITING, S.COPYING))):
        told = why(replace(EDIT, state=state, before_it=3), [pause], ["w"], FREE, NOW)
        assert ("are paused" in told) is (state in wait)


def test_a_pause_and_an_edits_own_refusals_are_both_told() -> None:
    """Nobody can know yet whose fault it is: the words and what can be done stand side by side."""
    told = why(replace(EDIT, strikes=2, note="no credit"), [REFUSED, PERSON], ["w"], FREE, NOW)
    assert (
        "submits are paused (refused) because 401: no credit; one request tries it again in 4 s; fix the cause" in told
    )
    assert "submits are paused (person) because lunch; to go on: retouch resume" in told
    assert told.endswith("retouch cancel b/c)")


ENDS = ("resume", "status", "seal", "budget")  # what a pause of the batch, or of all, asks for
COMMANDS = re.compile(r"retouch (\w+)( [^\s;,.)]+)?")


def advised() -> Iterator[tuple[str, str]]:
    """Every command that is told of the edit ``b/c``: in each state, for each failure, during each pause."""
    failed = [{"state": S.FAILED, "result": {"error": {"code": code, "message": "no"}}} for code in FailureCode]
    paused = [{"batch_paused": (BatchPauseView(cause, "why", NOW),)} for cause in BatchPause]
    states = [{"state": state, "strikes": strikes} for state in S for strikes in (0, 1)]
    pauses = [Pause(kind, cause, "why", NOW, SOON) for kind in ("submit", "status") for cause in PauseCause]
    every: list[dict[str, Any]] = [*failed, *paused, *states, *(fields for fields, _ in SAYS.values())]
    for fields in every:
        for pause in (None, *pauses):
            for workers in ([], ["w"]):
                told = why(replace(EDIT, **fields), [pause] if pause else [], workers, FREE, NOW)
                yield from ((name, about.strip()) for name, about in COMMANDS.findall(told))


def test_every_command_of_an_edit_s_advice_is_about_that_edit_alone() -> None:
    """Or ends what holds it up: none does anything to the other edits."""
    found = set(advised())
    assert {name for name, _ in found} == {"retry", "redo", "cancel", "resume", "status", "seal", "budget"}
    assert {about for name, about in found if name not in ENDS} == {"b/c"}
    assert {about for name, about in found if name in ENDS} <= {"b", ""}
