"""What was done about one edit, and when, as people and programs read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from retouch.causes import Fared
from retouch.ledger.journal import Mark, Noted, entries
from retouch.plural import count
from retouch.records.edits import HistoryRecord, StepRecord

_MS = timedelta(milliseconds=1)
_REQUESTS = {"s": "submit", "p": "status", "f": "fetch", "o": "store"}
_FARED = {fared.value[0]: fared.value for fared in Fared} | {
    Fared.SILENT.value[0]: "unanswered",
    Fared.FAILED.value[0]: "not_copied",
}
_WHAT = {mark.value: mark.name.lower() for mark in Mark}
_BY = (Mark.SENT, Mark.FINISHED, Mark.TAKEN_OVER, Mark.ASKED, Mark.RETRIED)  # entries whose name is whose they are


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """One step of an edit's history. ``what``: docs/schemas/history.json has all of them.

    ``by``: the worker; of ``enqueued`` who sent it, where that is one alone; of a retry who wanted it, where that is
    known. ``submit``: the number of the submit that was sent. ``request``: that which was answered: ``submit``,
    ``status``, ``fetch`` or ``store`` (of its image). ``reason``: words of the API without what differs from edit to
    edit, a failure's code and words (``refused: …``), or what was waited for.
    ``took_ms``: since the submit was sent, or since copying began. ``until``: when it was to go on. ``times``: so often
    in a row, the last time at ``at``.
    """

    at: datetime
    what: str
    by: str | None = None
    submit: int | None = None
    request: str | None = None
    reason: str | None = None
    took_ms: int | None = None
    until: datetime | None = None
    times: int = 1

    @property
    def text(self) -> str:
        """The step as a sentence."""
        return _SENTENCES.get(self.what, _of_newer)(self) + (f", {self.times} times" if self._repeated else "")

    @property
    def _repeated(self) -> bool:
        return self.times > 1 and self.what not in ("polled", "folded")

    def to_json(self) -> StepRecord:
        """The step as the gateway tells it."""
        return {
            "at": _iso(self.at),
            "what": self.what,
            "text": self.text,
            "by": self.by,
            "submit": self.submit,
            "request": self.request,
            "reason": self.reason,
            "took_ms": self.took_ms,
            "until": _iso(self.until) if self.until else None,
            "times": self.times,
        }

    @classmethod
    def from_json(cls, raw: StepRecord) -> HistoryStep:
        """Read what ``to_json`` has made."""
        return cls(
            at=datetime.fromisoformat(raw["at"]),
            what=raw["what"],
            by=raw["by"],
            submit=raw["submit"],
            request=raw["request"],
            reason=raw["reason"],
            took_ms=raw["took_ms"],
            until=datetime.fromisoformat(raw["until"]) if raw["until"] else None,
            times=raw["times"],
        )


def history(text: str, names: Mapping[str, str], senders: Sequence[str] = ()) -> list[HistoryStep]:
    """The steps of a journal, the oldest first; ``names``: those of its batch, with their numbers.

    ``senders``: those of its batch; which of several enqueued this edit is not known.
    """
    by = senders[0] or None if len(senders) == 1 else None
    return [replace(step, by=by) if step.what == "enqueued" else step for step in _steps(text, names)]


def history_record(batch: str, custom_id: str, steps: Iterable[HistoryStep]) -> HistoryRecord:
    """An edit's history as JSON."""
    return {"batch": batch, "custom_id": custom_id, "history": [step.to_json() for step in steps]}


def _steps(text: str, names: Mapping[str, str]) -> Iterator[HistoryStep]:
    begun: Noted | None = None  # what the next answer is to
    for noted in entries(text, names):
        yield _step(noted, begun)
        begun = noted if noted.mark in (Mark.SENT, Mark.FINISHED) else None


def _step(noted: Noted, begun: Noted | None) -> HistoryStep:
    trouble = noted.mark == Mark.TROUBLE
    request = _REQUESTS.get(noted.detail[:1]) if trouble else None
    what = _FARED.get(noted.detail[1:], "trouble") if trouble else _WHAT.get(noted.mark, noted.mark)
    says_by = noted.mark in _BY
    at = _instant(noted.at)
    return HistoryStep(
        at=at,
        what=what,
        by=noted.name or None if says_by else None,
        submit=int(noted.detail) if noted.mark == Mark.SENT and noted.detail else None,
        request=request,
        reason=None if says_by else _reason(noted),
        took_ms=noted.at - begun.at if begun and noted.mark in _ANSWERS else None,
        until=None if noted.wait_ms is None else at + noted.wait_ms * _MS,
        times=noted.times,
    )


def _reason(noted: Noted) -> str | None:
    """A failure is named as its group is: its code, a blank, and its words, where there are not too many groups."""
    code, _, words = (noted.name or "").partition(" ")
    return f"{code}: {words}" if noted.mark == Mark.FAILED and words else noted.name or None


_ANSWERS = (Mark.TAKEN, Mark.FINISHED, Mark.TROUBLE, Mark.COMPLETED, Mark.FAILED)


def _instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- as sentences ----------------------------------------------------------------------------


def _waited(step: HistoryStep) -> str:
    kind, _, cause = (step.reason or "").partition(":")
    what = "its batch was paused" if kind == "batch" else "submits were paused"
    return f"waited {_lasting(step.until - step.at) if step.until else ''}: {what} ({cause})"


def _sent(step: HistoryStep) -> str:
    anew = "" if step.submit == 1 else f" (submit {step.submit})"
    return f"sent to the API by {_worker(step)}{anew}"


def _taken(step: HistoryStep) -> str:
    return f"the API took it{_after(step)}"


def _polled(step: HistoryStep) -> str:
    return f"polled{f' {step.times} times' if step.times > 1 else ''}: not finished yet"


def _finished(step: HistoryStep) -> str:
    return f"the API has finished it{_after(step)}; {_worker(step)} copies its images"


def _trouble(step: HistoryStep) -> str:
    what = _TROUBLES.get((step.request or "", step.what)) or _TROUBLES["", step.what]
    return f"{what.format(after=_after(step))}{_because(step)}{_again(step)}"


_TROUBLES = {
    ("submit", "refused"): "the API refused it{after}",
    ("", "refused"): "the API refused to say how it stands",
    ("", "answered"): "the API answered{after}",
    ("", "throttled"): "the API asked to wait",
    ("submit", "unanswered"): "no good answer to the submit{after} (the API may have taken it)",
    ("", "unanswered"): "no good answer of the API",
    ("", "unreached"): "no connection to the API",
    ("store", "not_copied"): "its images were not stored",
    ("", "not_copied"): "its images were not fetched",
    ("", "trouble"): "trouble",
}


def _held_back(step: HistoryStep) -> str:
    return f"not sent{_because(step)}{_again(step)}"


def _taken_over(step: HistoryStep) -> str:
    return f"taken over: {_worker(step)} did not come to an end with it (it died, or had an internal error)"


def _failed(step: HistoryStep) -> str:
    return f"failed ({step.reason})" if step.reason else "failed"


def _cancelled(step: HistoryStep) -> str:
    return f"cancelled ({step.reason})" if step.reason else "cancelled"


def _folded(step: HistoryStep) -> str:
    return f"{count(step.times, 'step')} not kept: the history of one edit is bounded"


def _of_newer(step: HistoryStep) -> str:
    return f"{step.what} (of a newer version){_because(step)}"


_SENTENCES = {
    "enqueued": lambda step: f"enqueued by {step.by}" if step.by else "enqueued",
    "waited": _waited,
    "sent": _sent,
    "taken": _taken,
    "polled": _polled,
    "finished": _finished,
    **dict.fromkeys((*_FARED.values(), "trouble"), _trouble),
    "held_back": _held_back,
    "taken_over": _taken_over,
    "held": lambda _: "held: it was sent and not answered, and waits for a person's decision",
    "sent_anew": lambda _: "the API has it no longer: it is sent anew",
    "asked": lambda step: f"retried by {step.by or 'a person'}: the API is asked for the result that it had",
    "retried": lambda step: f"retried by {step.by or 'a person'}: back in the queue, to be sent anew",
    "completed": lambda step: f"completed: its images are in S3{_after(step)}",
    "failed": _failed,
    "cancelled": _cancelled,
    "folded": _folded,
}


def _worker(step: HistoryStep) -> str:
    return step.by or "a worker"


def _because(step: HistoryStep) -> str:
    return f": {step.reason}" if step.reason else ""


def _again(step: HistoryStep) -> str:
    return f"; again in {_lasting(step.until - step.at)}" if step.until else ""


def _after(step: HistoryStep) -> str:
    return "" if step.took_ms is None else f" after {_lasting(step.took_ms * _MS)}"


def _lasting(span: timedelta) -> str:
    seconds = span.total_seconds()
    return f"{seconds:.3g} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))
