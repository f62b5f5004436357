"""The routes: the img2img contract, and beside it what tests switch (``_faults``) and read (``_record``)."""

from __future__ import annotations

import hmac
import math
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError
from starlette.types import ASGIApp

from workers.endpoint.engine import Engine
from workers.endpoint.exchange import Exchange, TransportAccess
from workers.endpoint.faults import RULES, Faults, Moment
from workers.endpoint.jobs import Job, Jobs, KeyReusedError, NotTakenError, State
from workers.endpoint.journal import Journal
from workers.endpoint.latency import NO_LATENCY, Latency
from workers.endpoint.record import Record
from workers.endpoint.results import Results
from workers.endpoint.studio import Health, Read, Studio
from workers.endpoint.submission import MAX_BODY, InvalidBodyError, Submission, detail_of, parse, problems_of

BASE = "/sd/image2image/v1"

Handler = Callable[[Exchange], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True)
class Options:
    """How one endpoint behaves. ``api_keys`` are secrets and are kept out of ``repr``."""

    api_keys: Sequence[bytes]  # any of them is accepted, as while a key is replaced
    public_url: str  # where callers reach this server; the links to results begin with it
    latency: Latency = NO_LATENCY
    capacity: int | None = None  # images worked on at once; None: as the engine likes it
    max_queue: int | None = None  # edits that may wait; None: no end
    honour_keys: bool = True  # False: the same Idempotency-Key again is another edit, as at a provider without them
    unknown_pending: bool = False  # an unknown id reads PENDING for ever, as Celery's do
    keep_bytes: int = 1 << 30  # of finished images
    journal: Path | None = None  # of the edits that were taken, which a restart still knows
    record: Path | None = None
    seed: int = 0

    def __repr__(self) -> str:
        return f"Options(public_url={self.public_url!r})"


class Endpoint:
    """The state of one endpoint and what each of its routes does."""

    def __init__(self, options: Options, read: Read, engine: Engine) -> None:
        self._options = options
        self._engine = engine
        self._studio = Studio(read, engine, options.latency, options.seed)
        self._results = Results(options.keep_bytes)
        self._journal = Journal(options.journal)
        self._jobs = Jobs(
            self._studio.work,
            self._studio.refusal,
            self._results,
            self._journal,
            capacity=options.capacity or engine.places,
            max_queue=options.max_queue,
        )
        self._faults = Faults(options.seed)
        self._record = Record(options.record)

    def app(self) -> ASGIApp:
        """Return the application."""
        app = FastAPI(title="img2img endpoint", version=self._engine.version, docs_url=None, redoc_url=None)
        body = {"content": {"application/json": {"schema": Submission.model_json_schema()}}, "required": True}
        routes: list[tuple[str, str, str, Handler, bool]] = [
            ("POST", BASE, "submit", self.submit, True),
            ("GET", BASE + "/status/{id}", "status", self.status, True),
            ("GET", "/results/{id}/{name}", "result", self.result, False),
            ("GET", "/", "other", self.about, False),
            ("GET", "/healthz", "other", self.health, False),
            ("GET", "/_faults", "other", self.faults, True),
            ("PUT", "/_faults", "other", self.faults, True),
            ("DELETE", "/_faults", "other", self.faults, True),
            ("GET", "/_record", "other", self.record, True),
        ]
        for method, path, kind, handler, closed in routes:
            app.add_api_route(
                path,
                self._route(kind, handler, closed=closed),
                methods=[method],
                name=handler.__name__,
                response_model=None,
                openapi_extra={"requestBody": body} if kind == "submit" else None,
            )
        return TransportAccess(app)  # outside FastAPI's own middleware, which would hide uvicorn's send

    @property
    def engine(self) -> str:
        """The engine and what it works on, in words."""
        return f"{self._engine.name} {self._engine.version} on {self._engine.facts.get('device')}"

    async def start(self) -> None:
        """Start the engine: edits are taken from then on. Raises EngineError."""
        await self._studio.start()

    async def until_broken(self) -> None:
        """Wait for the engine to break, for ever if need be; raises EngineError."""
        await self._studio.until_broken()

    def close(self) -> None:
        """Let go of the engine, and of the file."""
        self._studio.close()
        self._journal.close()

    def _route(self, kind: str, handler: Handler, *, closed: bool) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            exchange = Exchange(request, kind, self._record)
            allowed = not closed or self._knows(request)
            response = await handler(exchange) if allowed else _error(401, "Invalid or missing API key")
            pictured = kind == "result" and response.status_code == 200
            served = getattr(response, "body", None) if pictured else None
            exchange.note(response.status_code, served, response.headers.get("Retry-After"))
            return response

        return handle

    def _knows(self, request: Request) -> bool:
        sent = request.headers.get("api-key", "").encode("latin-1")  # as it came: Starlette decoded it so
        return any(hmac.compare_digest(sent, key) for key in self._options.api_keys)

    async def submit(self, exchange: Exchange) -> Response:
        """Take an edit, or give back the one that was taken under the same Idempotency-Key."""
        body = await _read_body(exchange.request)
        if body is None:
            return _error(413, f"the body is larger than {MAX_BODY} bytes")
        try:
            submission, fingerprint = parse(body)
        except InvalidBodyError as error:
            return JSONResponse({"detail": error.detail}, 422)
        if problems := self._engine.problems(submission):
            return JSONResponse({"detail": problems_of(problems)}, 422)
        exchange.prompt, exchange.marker = submission.prompt, submission.marker
        if response := await self._faults.strike(Moment.RECEIVED, exchange):
            return response
        try:
            key = exchange.key if self._options.honour_keys else None
            job, exchange.is_new = self._jobs.submit(submission, fingerprint, key)
        except KeyReusedError:
            return _error(422, "this Idempotency-Key came before with another body")
        except NotTakenError as error:
            return _error(error.code, str(error), {"Retry-After": str(math.ceil(error.retry_after_s))})
        exchange.belongs_to(job)
        exchange.body = {"status": State.PENDING, "id": job.id}
        response = await self._faults.strike(Moment.ACCEPTED, exchange)
        if job.instant:
            exchange.body = self._standing(job)
        return response or exchange.answer()

    async def status(self, exchange: Exchange) -> Response:
        """Tell how an edit stands."""
        job_id = exchange.request.path_params["id"]
        job = self._jobs.get(job_id)
        if job is not None:
            exchange.belongs_to(job)
            exchange.body = self._standing(job)
        if response := await self._faults.strike(Moment.POLLED, exchange):
            return response
        if exchange.body:
            return exchange.answer()
        if self._options.unknown_pending:
            return JSONResponse({"status": State.PENDING, "id": job_id[:64]})
        return _error(404, "no edit has this id")

    async def result(self, exchange: Exchange) -> Response:
        """Give one picture to whoever holds its link: as at a provider's storage, no API key is asked for."""
        job = self._jobs.get(exchange.request.path_params["id"])
        number = _number(exchange.request.path_params["name"])
        if job is None or number is None or job.state is not State.SUCCESS:
            return _error(404, "there is no such picture")
        exchange.belongs_to(job)
        data = self._results.get(job.id, number)
        if data is None:
            return _error(410 if number < job.submission.places else 404, "there is no such picture any more")
        exchange.data = data
        if response := await self._faults.strike(Moment.FETCHED, exchange):
            return response
        if job.token is None or exchange.request.query_params.get("token") != job.token:
            return _error(403, "this link has expired")
        return Response(data, media_type="image/png")

    async def about(self, exchange: Exchange) -> Response:  # noqa: ARG002 - a handler's signature
        """Say what answers here."""
        return JSONResponse({"engine": self._about(), "submit": BASE, **self._jobs.counts()})

    async def health(self, exchange: Exchange) -> Response:  # noqa: ARG002 - a handler's signature
        """Say whether edits are taken: 200 if the engine is ready, else 503."""
        health = self._studio.health
        body = {"status": health, "engine": {**self._about(), **self._engine.facts}}
        return JSONResponse(body, 200 if health is Health.READY else 503)

    async def faults(self, exchange: Exchange) -> Response:
        """Put rules in place, clear them, or show what is left of them."""
        request = exchange.request
        if request.method == "PUT":
            try:
                self._faults.replace(RULES.validate_json(await _read_body(request) or b""))
            except ValidationError as error:
                return JSONResponse({"detail": detail_of(error)}, 422)
        elif request.method == "DELETE":
            self._faults.replace([])
        return JSONResponse([rule.model_dump(exclude_unset=True) for rule in self._faults.rules])

    async def record(self, exchange: Exchange) -> Response:
        """Give the record as a JSON list, oldest first."""
        query = exchange.request.query_params
        since = query.get("since", "0")
        if not since.isdecimal():
            return _error(422, "since must be a number")
        return Response(self._record.since(int(since), query.get("kind")), media_type="application/json")

    def _about(self) -> dict[str, str]:
        return {"name": self._engine.name, "version": self._engine.version, "about": self._engine.about}

    def _standing(self, job: Job) -> dict[str, object]:
        if job.state is State.FAILURE:
            return {"status": job.state, "id": job.id, **(job.problem or {})}
        if job.state is State.PENDING:
            step, steps = job.progress or (0, 0)
            return {"status": job.state, "id": job.id} | ({"progress": {"step": step, "steps": steps}} if steps else {})
        job.token = job.token or secrets.token_hex(8)
        links = [
            f"{self._options.public_url}/results/{job.id}/{number}.png?token={job.token}"
            for number in range(job.submission.places)
        ]
        return {
            "status": job.state,
            "id": job.id,
            "download_urls": links[: job.links],
            **job.told,
            "engine": {**self._engine.facts},
        }


def create(options: Options, read: Read, engine: Engine) -> Endpoint:
    """Return an endpoint; ``read`` downloads init images."""
    return Endpoint(options, read, engine)


def _error(code: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": detail}, code, headers)


def _number(name: str) -> int | None:
    stem, dot, kind = name.partition(".")
    return int(stem) if dot and kind == "png" and stem.isascii() and stem.isdecimal() and len(stem) < 4 else None


async def _read_body(request: Request) -> bytes | None:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return bytes(body)
