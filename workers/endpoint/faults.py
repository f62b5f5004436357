"""Fault injection: each fault is a small function in ``TABLE``, with the moment at which it is applied.

RECEIVED  a submit was read; nothing was taken yet
ACCEPTED  the edit was taken (or is known by its Idempotency-Key); it is about to be answered
POLLED    a status request is about to be answered
FETCHED   an image is about to be sent

A fault changes the exchange and returns None, or returns the response to give instead. Several rules may be
on; those that match strike in their order until one gives one. A fault of the outcome (failure, lost_id,
fewer_urls, no_urls, instant) marks the edit when it is taken, so its rule must be on before that.
"""

from __future__ import annotations

import asyncio
import io
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import formatdate
from enum import Enum, auto
from typing import Annotated, Any, Literal

from fastapi.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from PIL import Image
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter
from pydantic_core import PydanticCustomError

from workers.endpoint.exchange import CutShort, Dropped, Exchange

_CHUNK = bytes(64 * 1024)
_PAGE = b"<!doctype html><html><head><title>Sorry</title></head><body>Nothing here</body></html>"


class Moment(Enum):
    """When a fault strikes."""

    RECEIVED = auto()
    ACCEPTED = auto()
    POLLED = auto()
    FETCHED = auto()


def _check_name(name: str) -> str:
    if name not in TABLE:
        raise PydanticCustomError("fault", "Input should be one of {names}", {"names": ", ".join(TABLE)})
    return name


class Rule(BaseModel):
    """One fault, whom it strikes, how often, and its particulars (each fault reads only its own)."""

    model_config = ConfigDict(extra="forbid")

    fault: Annotated[str, AfterValidator(_check_name)]
    times: Annotated[int, Field(ge=0)] | None = None  # strikes left; None: no end
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    match: str | None = None  # only edits whose prompt holds this

    status: Annotated[int, Field(ge=200, le=599)] | None = None  # HTTP status code
    error: str = "a fault was asked for"
    shape: Literal["error", "message", "detail", "detail_list"] | None = None  # how an error's body reads
    retry_after: Annotated[float, Field(ge=0)] | None = None  # seconds
    retry_as: Literal["seconds", "date", "body"] = "seconds"
    seconds: Annotated[float, Field(ge=0)] | None = None  # of hanging (None: for ever), or of a first request's work
    word: str = "PROCESSING"
    location: str = "http://127.0.0.1:9/"
    variant: Literal["cut", "short"] = "cut"
    keep: Annotated[int, Field(ge=0)] = 1  # links that fewer_urls and late_urls leave


RULES = TypeAdapter(list[Rule])
Fault = Callable[[Rule, Exchange], Awaitable[Response | None]]


class Faults:
    """The rules that are on. Chance is seeded, so a run can be repeated."""

    def __init__(self, seed: int = 0) -> None:
        self.rules: list[Rule] = []
        self._seed = seed
        self._chance = random.Random(seed)

    def replace(self, rules: list[Rule]) -> None:
        """Put these rules in place of all others, and begin the chances anew."""
        self.rules = rules
        self._chance = random.Random(self._seed)

    async def strike(self, moment: Moment, exchange: Exchange) -> Response | None:
        """Let every rule of this moment that matches strike, until one gives a response."""
        for rule in list(self.rules):
            if self._strikes(rule, moment, exchange.prompt):
                response = await TABLE[rule.fault][1](rule, exchange)
                if response is not None:
                    return response
        return None

    def _strikes(self, rule: Rule, moment: Moment, prompt: str) -> bool:
        if TABLE[rule.fault][0] is not moment or rule.times == 0:
            return False
        if rule.match is not None and rule.match not in prompt:
            return False
        if rule.probability < 1 and self._chance.random() >= rule.probability:
            return False
        if rule.times is not None:
            rule.times -= 1
        return True


def error_body(text: str, shape: str) -> dict[str, Any]:
    """Return an error's body in one of the shapes that callers have met."""
    if shape == "detail_list":
        return {"detail": [{"loc": ["body"], "msg": text, "type": "value_error"}]}
    return {shape: text}


async def _drop(rule: Rule, exchange: Exchange) -> Response | None:  # noqa: ARG001 - a fault's signature
    exchange.note(None)
    return Dropped()


async def _hang(rule: Rule, exchange: Exchange) -> Response | None:
    if rule.seconds is None:
        exchange.note(None)
    await exchange.wait(asyncio.Event(), rule.seconds)
    return None


async def _throttle(rule: Rule, exchange: Exchange) -> Response | None:  # noqa: ARG001 - a fault's signature
    body = error_body("Request was throttled.", rule.shape or "detail")
    headers = {}
    if rule.retry_after is not None and rule.retry_as == "body":
        body["retry_after"] = rule.retry_after
    elif rule.retry_after is not None:
        headers["Retry-After"] = (
            f"{rule.retry_after:g}"
            if rule.retry_as == "seconds"
            else formatdate(time.time() + rule.retry_after, usegmt=True)
        )
    return JSONResponse(body, 429, headers)


async def _status(rule: Rule, exchange: Exchange) -> Response | None:  # noqa: ARG001 - a fault's signature
    headers = {} if rule.retry_after is None else {"Retry-After": f"{rule.retry_after:g}"}
    return JSONResponse(error_body(rule.error, rule.shape or "detail"), rule.status or 500, headers)


async def _garbage(rule: Rule, exchange: Exchange) -> Response | None:  # noqa: ARG001 - a fault's signature
    return Response(b"<html>OK</html>", rule.status or 200, media_type="text/html")


async def _late_urls(rule: Rule, exchange: Exchange) -> Response | None:
    if isinstance(links := exchange.body.get("download_urls"), list):
        exchange.body["download_urls"] = links[: rule.keep] or None
    elif rule.times is not None:
        rule.times += 1  # it is not finished: there is nothing to leave out
    return None


async def _in_progress(rule: Rule, exchange: Exchange) -> Response | None:
    job = exchange.job
    if job is None or exchange.is_new or time.monotonic() - job.taken_at >= (rule.seconds or 0):
        if rule.times is not None:
            rule.times += 1  # it is the first request under its key, or that one has been answered by now
        return None
    return JSONResponse(error_body(rule.error, rule.shape or "detail"), rule.status or 409)


async def _failure(rule: Rule, exchange: Exchange) -> Response | None:
    if exchange.job:
        exchange.job.doomed = error_body(rule.error, rule.shape or "error")
    return None


async def _lost_id(rule: Rule, exchange: Exchange) -> Response | None:  # noqa: ARG001 - a fault's signature
    if exchange.job:
        exchange.job.lost = True
    return None


async def _fewer_urls(rule: Rule, exchange: Exchange) -> Response | None:
    if exchange.job:
        exchange.job.links = rule.keep
    return None


async def _no_urls(rule: Rule, exchange: Exchange) -> Response | None:  # noqa: ARG001 - a fault's signature
    if exchange.job:
        exchange.job.links = 0
    return None


async def _instant(rule: Rule, exchange: Exchange) -> Response | None:  # noqa: ARG001 - a fault's signature
    if exchange.job:
        exchange.job.instant = True
        await exchange.wait(exchange.job.ended)
    return None


async def _accepted_202(rule: Rule, exchange: Exchange) -> Response | None:
    exchange.code = rule.status or 202
    return None


async def _odd_status(rule: Rule, exchange: Exchange) -> Response | None:
    if exchange.job:
        exchange.body = {"status": rule.word, "id": exchange.job.id}
    return None


async def _expired_url(rule: Rule, exchange: Exchange) -> Response | None:
    if exchange.job:
        exchange.job.token = None  # this link stays dead; the next status request makes another
    return JSONResponse(error_body("Request has expired", "message"), rule.status or 403)


async def _truncated(rule: Rule, exchange: Exchange) -> Response | None:
    if rule.variant == "cut":
        return CutShort(exchange.data, media_type="image/png")
    return Response(exchange.data[: len(exchange.data) // 2], media_type="image/png")


async def _html(rule: Rule, exchange: Exchange) -> Response | None:  # noqa: ARG001 - a fault's signature
    return Response(_PAGE, rule.status or 200, media_type="text/html")


async def _wrong_type(rule: Rule, exchange: Exchange) -> Response | None:  # noqa: ARG001 - a fault's signature
    jpeg = io.BytesIO()
    Image.open(io.BytesIO(exchange.data)).convert("RGB").save(jpeg, "JPEG", quality=90)
    return Response(jpeg.getvalue(), media_type="image/png")


async def _oversized(rule: Rule, exchange: Exchange) -> Response | None:  # noqa: ARG001 - a fault's signature
    return StreamingResponse(_endless(exchange.data), media_type="image/png")


async def _redirect(rule: Rule, exchange: Exchange) -> Response | None:  # noqa: ARG001 - a fault's signature
    return RedirectResponse(rule.location, rule.status or 302)


async def _endless(start: bytes) -> AsyncIterator[bytes]:
    yield start
    while True:
        yield _CHUNK
        await asyncio.sleep(0)  # lets the server notice that the caller has hung up


TABLE: dict[str, tuple[Moment, Fault]] = {
    "drop_before_accept": (Moment.RECEIVED, _drop),
    "throttle": (Moment.RECEIVED, _throttle),
    "status": (Moment.RECEIVED, _status),
    "page": (Moment.RECEIVED, _html),
    "drop_after_accept": (Moment.ACCEPTED, _drop),
    "hang": (Moment.ACCEPTED, _hang),
    "garbage": (Moment.ACCEPTED, _garbage),
    "status_after_accept": (Moment.ACCEPTED, _status),
    "in_progress": (Moment.ACCEPTED, _in_progress),
    "failure": (Moment.ACCEPTED, _failure),
    "lost_id": (Moment.ACCEPTED, _lost_id),
    "fewer_urls": (Moment.ACCEPTED, _fewer_urls),
    "no_urls": (Moment.ACCEPTED, _no_urls),
    "instant": (Moment.ACCEPTED, _instant),
    "accepted_202": (Moment.ACCEPTED, _accepted_202),
    "drop_poll": (Moment.POLLED, _drop),
    "hang_poll": (Moment.POLLED, _hang),
    "throttle_poll": (Moment.POLLED, _throttle),
    "status_poll": (Moment.POLLED, _status),
    "garbage_poll": (Moment.POLLED, _garbage),
    "odd_status": (Moment.POLLED, _odd_status),
    "late_urls": (Moment.POLLED, _late_urls),
    "page_poll": (Moment.POLLED, _html),
    "hang_result": (Moment.FETCHED, _hang),
    "status_result": (Moment.FETCHED, _status),
    "expired_url": (Moment.FETCHED, _expired_url),
    "truncated": (Moment.FETCHED, _truncated),
    "html": (Moment.FETCHED, _html),
    "wrong_type": (Moment.FETCHED, _wrong_type),
    "oversized": (Moment.FETCHED, _oversized),
    "redirect": (Moment.FETCHED, _redirect),
}
