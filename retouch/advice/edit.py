"""Why one edit stands where it stands, as a sentence: for ``retouch explain``, and for the page.

A command in it changes that edit alone, or ends what holds it up.
"""

from __future__ import annotations

from datetime import datetime

from retouch.advice.pauses import batch_pause_line, pause_clause
from retouch.causes import FailureCode
from retouch.edit_result import Result
from retouch.ledger import EditView, Pause, Provider
from retouch.output import Output
from retouch.plural import are, count
from retouch.states import EditState

PACED_S = 0.5  # moments are always given out a little ahead


def why(view: EditView, pauses: list[Pause], workers: list[str], provider: Provider, now: datetime) -> str:
    """The reason, as the rest of a sentence about the edit."""
    result = Result(view.result or {})
    if view.state is EditState.COMPLETED:
        return f"its images are in S3: {', '.join(map(_image, result.outputs)) or 'none'}"
    if view.state is EditState.FAILED:
        return f"{failure_text(result)} ({_what_to_do(_name(view), result)})"
    if view.state is EditState.CANCELLED:
        reason = failure_text(result, otherwise="cancelled before it was sent")
        return f"{reason} (to put it back: retouch retry {_name(view)} --cancelled)"
    if view.state is EditState.HELD:
        return (
            "it was sent and not answered, so the API may have accepted it; it waits for your decision:"
            f" retouch retry {_name(view)} --held, or retouch cancel {_name(view)} --held"
        )
    if not workers:
        first = "no worker is alive, so it waits; start one: celery -A workers worker"
        return "; and then: ".join([first, *_holds(view, pauses, now)])
    if view.state is EditState.QUEUED:
        return _why_queued(view, pauses, provider, now)
    kind = "submit" if view.state is EditState.SUBMITTING else "status"
    waits = [pause for pause in pauses if pause.kind == kind]
    if waits and not view.holder:
        return "; ".join(pause_clause(pause, now, _name(view)) for pause in waits) + _struck(view)
    return _why_under_way(view, now) + _struck(view)


def failure_text(result: Result, otherwise: str = "no reason was given") -> str:
    """Why an edit failed, in the API's own words if it gave any."""
    return (result.error and (result.error.message or result.error.code)) or otherwise


def ending(state: EditState, result: Result) -> str:
    """``failed (deadline)``: the state with the code, which docs/troubleshooting.md explains."""
    return f"{state.value} ({result.error.code})" if result.error and result.error.code else state.value


def _holds(view: EditView, pauses: list[Pause], now: datetime) -> list[str]:
    """What else holds it up, however many workers there are."""
    if view.state is not EditState.QUEUED:
        return []
    batch = [batch_pause_line(view.batch, pause, _name(view)) for pause in view.batch_paused]
    return [*batch, *(pause_clause(pause, now, _name(view)) for pause in pauses if pause.kind == "submit")]


def _image(output: Output) -> str:
    told = {True: " (blank: black or one colour)", "suspect": " (it may be blank: black or one colour)"}
    filtered = " (the API's safety filter took the picture away)"
    return output.uri + (filtered if output.filtered else told.get(output.blank, ""))


def _why_queued(view: EditView, pauses: list[Pause], provider: Provider, now: datetime) -> str:
    if view.batch_paused:
        return "; ".join(batch_pause_line(view.batch, pause, _name(view)) for pause in view.batch_paused)
    if waits := [pause for pause in pauses if pause.kind == "submit"]:
        return "; ".join(pause_clause(pause, now, _name(view)) for pause in waits) + _struck(view)
    note = f" ({view.note})" if view.note else ""
    note += _struck(view)
    if view.before_it is None:
        return f"it backs off, and is sent again {_when(view, now)}{note}"
    order = f"{count(view.before_it, 'edit')} {are(view.before_it)} before it in the fair order"
    if provider.places is not None and provider.places_used >= provider.places:
        return f"all places at the API are taken ({provider.places_used} of {provider.places}); {order}{note}"
    if provider.next_request and (provider.next_request - now).total_seconds() > PACED_S:
        return f"the rate limit is used up until {provider.next_request.isoformat(timespec='seconds')}; {order}{note}"
    return f"{order}{note}"


def _why_under_way(view: EditView, now: datetime) -> str:
    note = f"; {view.note}" if view.note else ""
    if view.holder:
        step = {EditState.SUBMITTING: "sent", EditState.COPYING: "copied to S3"}.get(view.state, "polled")
        return f"being {step} by {view.holder}{note}"
    if view.state is EditState.COPYING:
        return f"its images are copied again {_when(view, now)}{note}"
    if view.state is EditState.SUBMITTING:
        return f"its worker has died; another takes it over {_when(view, now)}{note}"
    deadline = f"; its deadline is {view.deadline.isoformat(timespec='seconds')}" if view.deadline else ""
    polled = f"polled {count(view.polls, 'time')}" if view.polls or not view.strikes else "no poll was answered well"
    return f"the API has it as {view.provider_id}; {polled}, next {_when(view, now)}{deadline}{note}"


def _when(view: EditView, now: datetime) -> str:
    if view.due_at is None:
        return "soon"
    seconds = (view.due_at - now).total_seconds()
    return f"in {seconds:.1f} s" if seconds > 0 else f"now (due for {-seconds:.1f} s)"


def _struck(view: EditView) -> str:
    """What is known of an edit that was refused itself."""
    if not view.strikes:
        return ""
    times = "once" if view.strikes == 1 else f"{view.strikes} times in a row"
    said = f"; it was refused {times}: {view.note or 'no reason was given'}"
    if view.state is not EditState.QUEUED:
        return said
    return f"{said} (it fails only if others fare well meanwhile; to give it up: retouch cancel {_name(view)})"


def _what_to_do(edit: str, result: Result) -> str:
    if result.error and result.error.code == FailureCode.REFUSED:
        return f"to send it corrected: retouch redo {edit} --set FIELD=VALUE; as it was: retouch retry {edit}"
    return f"to retry: retouch retry {edit}"


def _name(view: EditView) -> str:
    return f"{view.batch}/{view.custom_id}"
