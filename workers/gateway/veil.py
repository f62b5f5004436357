"""What a key that may watch, but not read, is not told: what edits were asked for, and what others said of it.

Answers pass through here on their way out. A text passes if it stands under a name that is known to hold nothing of
that; under any other name it is replaced. So what a new route tells is hidden until it is named here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from retouch.access_keys import AccessKey
from retouch.causes import BatchPause, FailureCode, PauseCause
from retouch.edit import Parameters
from retouch.ledger import BatchView, EditView, Provider
from retouch.ledger.views import BatchPauseView
from retouch.object_keys import is_image
from workers.gateway.problems import Kind, ProblemError, response_of

HIDDEN = "hidden"
PICTURES = "application/zip"  # of images alone, and the names of their edits
Learned = TypeVar("Learned")

# Names under which a text may stand: ids, states, times, amounts, addresses of results, and sentences that are made
# without the words of others (`told_edit` and its like).
_SHOWN = frozenset(
    {
        *(
            "batch",
            "batches",
            "custom_id",
            "custom_ids",
            "example",
            "id",
            "job",
            "link",
            "next",
            "name",
            "key",
            "prefix",
        ),
        *("state", "states", "stands", "code", "what", "cause", "kind", "type", "status", "pick", "request", "action"),
        *("created", "since", "until", "at", "day", "time", "open_until", "producer_seen", "next_probe", "deadline"),
        *("submitted_at", "completed_at", "ended_at", "expires_at", "next_step_at", "last_refusal_at", "paced_until"),
        *("currency", "max_failures", "redo_of", "senders", "scopes", "workers", "worker", "by", "holder", "host"),
        *("version", "provider_id", "uri", "sha256", "content_type", "links", "inputs", "why", "text", "title"),
        *("detail", "instance", "field", "groups", "gone", "subject", "source", "specversion", "datacontenttype"),
        *("sink", "types", "to", "used", "picks", "step", "rate", "remedy"),
    }
)
_MAPS = ("links", "inputs")  # whose keys are addresses of results, and custom_ids
_SENTENCES = ("text", "why", "detail")  # which may quote what stands beside them
_OURS = ("person", "failures", "budget", "arriving")  # causes of pauses whose reasons are not the API's words
_OF_THE_REQUEST = (400, 401, 403, 405, 422, 426, 429)  # problems whose details are about what was asked alone
_WORDS = frozenset({*FailureCode, *PauseCause, *BatchPause})
_PAUSE = re.compile(r"(submit|status|batch):[a-z]+")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)")
_NAME = re.compile(r"[\w.:-]{1,80}")
# Answers that hold no texts of others: letters of states, names of edits, numbers, and what routes there are.
_BARE = tuple(map(re.compile, (r"/v1/batches/[^/]+/(strip|picks)", "/metrics", "/openapi.json")))


def veiled(found: Any, name: str = "") -> Any:
    """What is left of an answer, or of a part of it that stands under this name."""
    if isinstance(found, str):
        return found if _may_pass(found, name) else HIDDEN
    if isinstance(found, list):
        return [veiled(one, name) for one in found]
    if not isinstance(found, dict):
        return found
    if name in ("parameters", "metadata"):
        return _fields(found) if name == "parameters" else {}
    return _object(found, name)


def _may_pass(text: str, name: str) -> bool:
    return not text or name in _SHOWN or text in _WORDS or bool(_PAUSE.fullmatch(text) or _MOMENT.fullmatch(text))


def _fields(found: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers alone: of texts and of what is nested nobody knows what they hold."""
    known = {field: value for field, value in found.items() if field in Parameters.model_fields}
    return {field: value if isinstance(value, int | float | None) else HIDDEN for field, value in known.items()}


def _object(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    told = {key: veiled(value, key) for key, value in found.items() if name in _MAPS or _NAME.fullmatch(key)}
    if name in _MAPS:
        return dict(found)
    if found.get("cause") in _OURS and "reason" in found:
        told["reason"] = found["reason"]
    hidden = [found[key] for key, value in told.items() if value == HIDDEN and isinstance(found[key], str)]
    for key in _SENTENCES:
        for text in hidden:
            if isinstance(told.get(key), str):
                told[key] = told[key].replace(text, HIDDEN)
    return told


# --- what sentences are made of ------------------------------------------------------------------


def told_batch(key: AccessKey, view: BatchView) -> BatchView:
    """A batch as a key is told of it."""
    if key.sees_words:
        return view
    return replace(view, note=view.note and HIDDEN, paused=_pauses(view.paused), defaults={})


def told_edit(key: AccessKey, view: EditView) -> EditView:
    """An edit as a key is told of it."""
    if key.sees_words:
        return view
    return replace(
        view,
        note=view.note and HIDDEN,
        parameters=_fields(view.parameters),
        result=veiled(view.result),
        batch_paused=_pauses(view.batch_paused),
    )


def told_provider(key: AccessKey, provider: Provider) -> Provider:
    """How the API is used, as a key is told of it: its words may be about an edit of somebody else."""
    return replace(provider, refusal=None, refused_at=None) if key.prefix or not key.sees_words else provider


def told_kinds(key: AccessKey, kinds: Mapping[str, Learned]) -> dict[str, Learned]:
    """What was learned of kinds of work, as a key is told: a model's name is a parameter, maybe somebody else's."""
    if key.sees_words and not key.prefix:
        return dict(kinds)
    models: dict[str, int] = {}
    told: dict[str, Learned] = {}
    for kind, learned in kinds.items():
        model, _, work = kind.partition(":")
        told[f"{HIDDEN}-{models.setdefault(model, len(models) + 1)}:{work}"] = learned
    return told


def _pauses(pauses: Sequence[BatchPauseView]) -> tuple[BatchPauseView, ...]:
    return tuple(one if one.cause in _OURS else replace(one, reason=HIDDEN) for one in pauses)


def check_shown(key: AccessKey, uris: Sequence[str], folder: str) -> None:
    """Raise ProblemError if one is not an image: the files of a batch's results hold what was asked for."""
    if not key.sees_words and (others := [uri for uri in uris if not is_image(uri.removeprefix(folder))]):
        raise ProblemError(Kind.NOT_ALLOWED, f"key {key.name} sees no prompts, and {others[0][:200]!r} has them")


# --- answers ---------------------------------------------------------------------------------------


class Veil:
    """What an app sends, without what is hidden; in place of ``send``."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._start: Message | None = None
        self._kept = b""
        self._each: Callable[[bytes], bytes] | None = None  # of each line; None: the answer passes as it is
        self._whole = False  # it is one object, which is read when it is all there
        self._refused = False

    async def __call__(self, message: Message) -> None:
        """Send a message, or keep it until enough of it is there."""
        if self._refused:
            return
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif message["type"] == "http.response.body" and (self._whole or self._each):
            await self._pass_on(message)
        else:
            await self._send(message)

    async def _begin(self, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        kind = headers.get("content-type", "").partition(";")[0]
        if any(path.fullmatch(self._scope["path"]) for path in _BARE):
            pass
        elif kind in ("application/json", "application/problem+json"):
            self._whole, self._start = True, message
            return
        elif kind in ("application/jsonl", "text/event-stream"):
            self._each = _json_line if kind == "application/jsonl" else _stream_line
            del headers["content-length"]
        elif kind and not kind.startswith("image/") and kind != PICTURES:
            self._refused = True
            refusal = ProblemError(Kind.NOT_ALLOWED, "this key sees no prompts, and this may hold some")
            await response_of(refusal, self._scope)(self._scope, self._receive, self._send)
            return
        await self._send(message)

    async def _pass_on(self, message: Message) -> None:
        self._kept += message.get("body", b"")
        more = message.get("more_body", False)
        if self._each:
            *lines, self._kept = self._kept.split(b"\n")
            body = b"".join(self._each(line) + b"\n" for line in lines)
            if not more and self._kept:
                body += self._each(self._kept)
            await self._send({**message, "body": body})
        elif not more and self._start:
            body = json.dumps(_answer(self._start["status"], json.loads(self._kept))).encode() if self._kept else b""
            MutableHeaders(scope=self._start)["content-length"] = str(len(body))
            await self._send(self._start)
            await self._send({**message, "body": body})


def _answer(status: int, found: Any) -> Any:
    told = veiled(found)
    if status >= 400 and status not in _OF_THE_REQUEST and "title" in told:
        told |= {"detail": told["title"]}
    return told


def _json_line(line: bytes) -> bytes:
    return json.dumps(veiled(json.loads(line))).encode() if line.strip() else line


def _stream_line(line: bytes) -> bytes:
    return b"data: " + _json_line(line[6:]) if line.startswith(b"data: ") else line
