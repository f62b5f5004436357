"""Inside a worker of the harness: where it can be killed, and a trace of what it did.

Wrappers around every call that touches the outside. None of this is in the product, so that it costs nothing there.
``CHAOS_CRASH=put.image.before=2`` kills the process the second time that it is about to put an image; with ``stop@``
before the point it stops there, and with ``armed@`` it passes by until the file ``CHAOS_FUSE`` is there.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any

import aiohttp
import redis.exceptions

import retouch.media.copying
from retouch.ledger import Claim, Harvest, Settled, Settlement, Step, Worker
from retouch.ledger.jobs import Jobs
from retouch.ledger.scripts import Scripts
from retouch.media.fetch import Fetcher
from retouch.media.store import Store
from retouch.provider.client import Img2ImgApi
from retouch.states import EditState
from workers.dispatcher import Dispatcher, Send
from workers.runtime import Runtime

POISON = "poison"  # the custom id of an edit that ends its worker
Labels = Callable[..., Iterable[str]]

_MOVES = (
    *("claim", "begin_submit", "begin_poll", "begin", "keep_link", "renew", "observe", "settle_batch"),
    *("settle_deliveries", "see_worker", "upgrade", "agree_price", "tell_wait"),
)
_SETTLED = tuple(s for s in EditState if s not in (EditState.HELD, EditState.CANCELLED))
_AROUND = (
    *_MOVES,
    *(f"settle.{state}" for state in _SETTLED),
    *("advance_job", "ring", "post", "poll", "fetch", "hook"),
    *("put.image", "put.manifest", "put.table", "put.success", "delete.success"),
)
# Beside before and after: a request is on the wire and not answered; a stream is half way.
POINTS = (
    *(f"{label}.{side}" for label in _AROUND for side in ("before", "after")),
    *("post.sent", "poll.sent", "hook.sent", "put.image.middle"),
)


class Trace:
    """Appends one JSON line a happening to the file that all workers of a run share; survives SIGKILL."""

    def __init__(self, path: str, worker: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._worker = worker

    def tell(self, do: str, *happenings: dict[str, Any]) -> None:
        """Write; times are of the machine's monotonic clock, which all processes share."""
        now = time.monotonic()
        lines = [{"t": now, "worker": self._worker, "do": do, **h} for h in happenings or ({},)]
        os.write(self._file, "".join(json.dumps(line) + "\n" for line in lines).encode())


class Crash:
    """Kills or stops this process at the n-th time that it comes to a point."""

    def __init__(self, plan: str, trace: Trace) -> None:
        how, _, where = plan.rpartition("@")
        self._signal = signal.SIGSTOP if how == "stop" else signal.SIGKILL
        self._point, _, times = where.partition("=")
        self._left = int(times or 1)
        self._fuse = os.environ["CHAOS_FUSE"] if how == "armed" else ""
        self._trace = trace

    def poisoned(self, key: str) -> None:
        """An edit of that name ends every worker that comes to store its image."""
        if f"/{POISON}/" in key:
            self._trace.tell("killed", {"point": POISON})
            os.kill(os.getpid(), signal.SIGKILL)

    def at(self, *points: str) -> None:
        """Come to these points."""
        for point in points:
            if point == self._point and (not self._fuse or os.path.exists(self._fuse)):
                self._left -= 1
                if self._left == 0:
                    self._trace.tell("killed" if self._signal is signal.SIGKILL else "stopped", {"point": point})
                    os.kill(os.getpid(), self._signal)


def install(
    worker: str, trace_path: str, plan: str, *, lies: float, again: float, head_bytes: int, connections: int
) -> Trace:
    """Wrap this process's seams.

    ``lies``: how often Redis does what it is told and the answer is lost; ``again``: how often a message comes twice.
    ``head_bytes``: results larger than that are streamed; ``connections``: how many to the API (0: as in the product).
    """
    trace = Trace(trace_path, worker)
    crash = Crash(plan, trace)
    _trace_claims(trace)  # inside the crash points: what was done is told before the process dies of it
    for move in _MOVES:
        _around(Worker, move, crash, lambda *_a, _label=move, **_k: (_label,), counts=_took_something)
    _around(Jobs, "advance", crash, lambda *_a: ("advance_job",))
    _around(Worker, "settle", crash, lambda _self, items: {f"settle.{s.to}" for s in items})
    _wrap_ring(crash, again)
    _around_async(Img2ImgApi, "submit", crash, lambda *_a: ("post",))
    _around_async(Img2ImgApi, "status", crash, lambda *_a: ("poll",))
    _around_async(Fetcher, "post", crash, lambda *_a: ("hook",))
    _around_async(Store, "put", crash, lambda _self, key, *_a: crash.poisoned(key) or _kind("put", key))  # type: ignore[func-returns-value]
    _around_async(Store, "delete", crash, lambda _self, key: _kind("delete", key))
    _wrap_stream(crash)
    _wrap_fetch(crash)
    _wrap_wire(crash)
    _wrap_api(worker, connections)
    if lies:
        _lose_answers(lies)
    if head_bytes:
        retouch.media.copying.AT_ONCE_BYTES = head_bytes
    return trace


def _kind(verb: str, key: str) -> Sequence[str]:
    name = key.rpartition("/")[2]
    special = {"manifest.jsonl": "manifest", "results.parquet": "table", "_SUCCESS": "success", "probe": ""}
    kind = special.get(name, "image")
    return (f"{verb}.{kind}",) if kind else ()


def _sides(crash: Crash, labels: Iterable[str], side: str) -> None:
    crash.at(*(f"{label}.{side}" for label in labels))


def _took_something(answer: Any) -> bool:
    """To claim and get nothing is no boundary."""
    return not isinstance(answer, Harvest) or bool(answer.claims)


def _around(
    owner: type,
    name: str,
    crash: Crash,
    labels: Labels,
    counts: Callable[[Any], bool] = lambda _answer: True,
) -> None:
    original = getattr(owner, name)

    @wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        named = tuple(labels(*args, **kwargs))
        _sides(crash, named, "before")
        answer = original(*args, **kwargs)
        if counts(answer):
            _sides(crash, named, "after")
        return answer

    setattr(owner, name, wrapper)


def _around_async(owner: type, name: str, crash: Crash, labels: Labels) -> None:
    original: Callable[..., Awaitable[Any]] = getattr(owner, name)

    @wraps(original)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        named = tuple(labels(*args, **kwargs))
        _sides(crash, named, "before")
        answer = await original(*args, **kwargs)
        _sides(crash, named, "after")
        return answer

    setattr(owner, name, wrapper)


def _wrap_ring(crash: Crash, again: float) -> None:
    """The publishing of a message is a function that the dispatcher is given; ``again``: how often it comes twice."""
    original: Callable[..., None] = Dispatcher.__init__
    late: list[tuple[Step, Sequence[Claim]]] = []

    def init(self: Dispatcher, *args: Any, send: Send, **options: Any) -> None:
        def ring(step: Step, claims: Sequence[Claim]) -> None:
            crash.at("ring.before")
            send(step, claims)
            while late:
                send(*late.pop())
            if random.random() < again:  # as the broker does that heard no acknowledgement: at once, or later
                late.append((step, claims))
                if random.random() < 0.5:
                    send(*late.pop())
            crash.at("ring.after")

        original(self, *args, send=ring, **options)

    Dispatcher.__init__ = init  # type: ignore[method-assign]


def _wrap_stream(crash: Crash) -> None:
    original = Store.put_stream

    async def put_stream(self: Store, key: str, chunks: AsyncIterator[bytes], content_type: str) -> None:
        named = _kind("put", key)

        async def watched() -> AsyncIterator[bytes]:
            async for chunk in chunks:
                yield chunk
                _sides(crash, named, "middle")

        _sides(crash, named, "before")
        await original(self, key, watched(), content_type)
        _sides(crash, named, "after")

    Store.put_stream = put_stream  # type: ignore[method-assign]


def _wrap_fetch(crash: Crash) -> None:
    original = Fetcher.get

    @asynccontextmanager
    async def get(self: Fetcher, url: str, *headers: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        crash.at("fetch.before")
        async with original(self, url, *headers) as response:
            crash.at("fetch.after")
            yield response

    Fetcher.get = get  # type: ignore[method-assign, assignment]


def _wrap_wire(crash: Crash) -> None:
    """Between a request's last byte and the first of its answer."""
    original = aiohttp.ClientResponse.start

    async def start(self: aiohttp.ClientResponse, connection: Any) -> aiohttp.ClientResponse:
        if "cloudevents" in self.request_info.headers.get("content-type", ""):
            crash.at("hook.sent")
        elif self.method == "POST":
            crash.at("post.sent")
        elif "/status/" in self.url.path:
            crash.at("poll.sent")
        return await original(self, connection)

    aiohttp.ClientResponse.start = start  # type: ignore[method-assign]


def _trace_claims(trace: Trace) -> None:
    """Who was given which claim when, whom a message of it reached, who began on it, and what was settled."""
    claim, begin, settle, accept = Worker.claim, Worker.begin, Worker.settle, Runtime.accept

    def traced_accept(self: Runtime, claims: Sequence[Claim], *args: Any) -> None:
        trace.tell("message", _claim(claims[0]))
        accept(self, claims, *args)

    def traced_claim(self: Worker, *args: Any, **kwargs: Any) -> Any:
        harvest = claim(self, *args, **kwargs)
        if harvest.claims:
            trace.tell("claim", *(_claim(c) for c in harvest.claims))
        return harvest

    def began(original: Callable[..., Any]) -> Callable[..., Any]:
        def traced(self: Worker, claims: Sequence[Any], *args: Any, **options: Any) -> Any:
            sent = time.monotonic()
            answers = original(self, claims, *args, **options)
            if ours := [{**_claim(c), "sent": sent} for c, a in zip(claims, answers, strict=True) if a]:
                trace.tell("begin", *ours)
            return answers

        return traced

    def traced_begin(self: Worker, *args: Any, **options: Any) -> list[Claim]:
        sent = time.monotonic()
        ours = begin(self, *args, **options)
        if ours:
            trace.tell("begin", *({**_claim(c), "sent": sent} for c in ours))
        return ours

    def traced_settle(self: Worker, items: Sequence[Settlement]) -> list[Settled]:
        sent = time.monotonic()
        verdicts = settle(self, items)
        told = (
            {**_claim(s.claim), "to": s.to, "keep": s.keep, "ok": v is not Settled.LOST}
            for s, v in zip(items, verdicts, strict=True)
        )
        trace.tell("settle", *({**t, "sent": sent} for t in told))
        return verdicts

    Worker.claim = traced_claim  # type: ignore[method-assign]
    Worker.begin_submit = began(Worker.begin_submit)  # type: ignore[method-assign]
    Worker.begin_poll = began(Worker.begin_poll)  # type: ignore[method-assign]
    Worker.begin = traced_begin  # type: ignore[method-assign]
    Worker.settle = traced_settle  # type: ignore[method-assign, assignment]
    Runtime.accept = traced_accept  # type: ignore[method-assign, assignment]


def _claim(claim: Claim) -> dict[str, Any]:
    return {"member": claim.member, "fence": claim.fence, "step": claim.step}


def _wrap_api(worker: str, connections: int) -> None:
    """Requests to the API say which worker they come from."""
    original = Img2ImgApi.__init__
    few: dict[str, Any] = {"limit": connections} if connections else {}

    def init(self: Img2ImgApi, *args: Any, **options: Any) -> None:
        original(self, *args, **(options | few))
        self._session.headers["User-Agent"] = f"retouch/{worker}"

    Img2ImgApi.__init__ = init  # type: ignore[method-assign]


def _lose_answers(share: float) -> None:
    """Redis did it, then said timeout."""
    original = Scripts.run

    def run(self: Scripts, name: str, *args: Any) -> Any:
        answer = original(self, name, *args)
        if random.random() < share:
            raise redis.exceptions.TimeoutError(f"the answer to {name} was lost")
        return answer

    Scripts.run = run  # type: ignore[method-assign]
