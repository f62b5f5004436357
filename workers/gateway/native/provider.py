"""``/v1/provider``: how the API is used, now and over the last day; submits to it are paused and resumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import FastAPI, Query

from retouch.access_keys import AccessKey
from retouch.advice.pauses import remedy, what_waits
from retouch.causes import PauseCause
from retouch.forecast import window_limits
from retouch.ledger import Figures, Latency, Sample
from retouch.ledger.constants import SAMPLE_MS, SAMPLES_KEPT
from retouch.ledger.latencies import EDGES_S, KINDS
from retouch.ledger.money import amount_of
from retouch.ledger.samples import samples_to_json
from retouch.ledger.views import iso
from retouch.provider.polling.histogram import BINS, EDGES_MS, Distribution, weight
from retouch.queue import EditQueue
from retouch.records.money import TotalMoneyRecord
from retouch.records.provider import (
    AnswersRecord,
    ApiCountsRecord,
    ApiUseRecord,
    KindRecord,
    LimitRecord,
    ToldPauseRecord,
)
from workers.gateway.context import Gateway
from workers.gateway.native.batches import Changed, Reader, of_all
from workers.gateway.native.installation import told_pauses
from workers.gateway.problems import Kind, described
from workers.gateway.veil import told_kinds

NEWS_MS = 3 * SAMPLE_MS  # a minute is told when the next one has begun
_ANSWERS = described(Kind.NO_KEY, Kind.NOT_ALLOWED, Kind.INVALID, Kind.TOO_MANY, Kind.BUG, Kind.AWAY)
_Overseer = Annotated[AccessKey, of_all("submits of all batches are paused together")]


def add_provider(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes."""
    queue = gateway.queue
    more: dict[str, Any] = {"tags": ["installation"], "responses": _ANSWERS}

    @app.get("/v1/provider", summary="How the API is used, now and over the last day", **more)
    def provider(
        key: Reader,
        minutes: Annotated[
            int, Query(ge=0, le=SAMPLES_KEPT, description="Of how many minutes the `samples` are; a day at most.")
        ] = SAMPLES_KEPT,
    ) -> ApiUseRecord:
        return use_of(queue, key, minutes)

    @app.post("/v1/provider/pause", summary="Submit nothing more, of any batch; what is at the API is finished", **more)
    def pause(key: _Overseer) -> Changed:
        return {"changed": queue.pause(reason=f"somebody with the key {key.name} paused it")}

    @app.post("/v1/provider/resume", summary="End the pauses by a person and for refusals", **more)
    def resume(key: _Overseer) -> Changed:  # noqa: ARG001 - it is looked at
        return {"changed": queue.resume()}


def use_of(queue: EditQueue, key: AccessKey, minutes: int) -> ApiUseRecord:
    """How the API is used, as a key is told it: nothing of the work of others if it is bound to some batches."""
    figures, samples = queue.figures(), [] if key.prefix else queue.samples(max(1, minutes))
    used, alone = figures.provider.to_json(), bool(key.prefix)
    if alone:
        used["last_refusal"] = used["last_refusal_at"] = None
    return {
        **used,
        "limits": _limits(figures),
        "per_s": _per_s(samples[-1]) if samples and _is_news(samples[-1], figures) else None,
        "pauses": _pauses(queue, key),
        "kinds": _kinds(told_kinds(key, figures.learned)),
        "kind_edges_s": [round(edge / 1000, 4) for edge in EDGES_MS[1:BINS]],
        "counted": None if alone else _counted(figures),
        "money": None if alone else _money(figures),
        "samples": None if alone else samples_to_json(samples[-minutes:] if minutes else []),
    }


def _limits(figures: Figures) -> list[LimitRecord]:
    windows = window_limits(figures)
    return [
        {"step": step, "requests": window.requests, "seconds": window.seconds}
        for step, found in windows.items()
        for window in found
    ]


def _is_news(sample: Sample, figures: Figures) -> bool:
    return figures.now_ms - sample.at.timestamp() * 1000 < NEWS_MS


def _per_s(sample: Sample) -> dict[str, float]:
    found = {"submit": sample.submits, "status": sample.statuses}
    return {
        step: round((one.good + one.throttled + one.refused + one.broken + one.silent) * 1000 / SAMPLE_MS, 3)
        for step, one in found.items()
    }


def _pauses(queue: EditQueue, key: AccessKey) -> list[ToldPauseRecord]:
    by_hand = {("submit", PauseCause.PERSON), ("submit", PauseCause.REFUSED)}  # those that `resume` ends
    return [
        {
            **pause.to_json(),
            "what": what_waits(pause),
            "remedy": remedy(pause),
            "by_hand": (pause.kind, pause.cause) in by_hand,
        }
        for pause in told_pauses(queue, key)
    ]


def _kinds(learned: Mapping[str, Mapping[int, float]]) -> list[KindRecord]:
    found: list[KindRecord] = []
    for kind, histogram in learned.items():
        if weight(histogram) >= 1:
            belief = Distribution(histogram)
            p50_s, p95_s = (round(belief.age_ms(share) / 1000, 1) for share in (0.5, 0.95))
            bins = [round(histogram.get(number, 0.0), 2) for number in range(BINS)]
            found.append({"kind": kind, "p50_s": p50_s, "p95_s": p95_s, "bins": bins})
    return found


def _counted(figures: Figures) -> ApiCountsRecord:
    since, counts = figures.counted_since_ms, figures.counts
    return {
        "since": None if since is None else str(iso(since)),
        "submits": _by_code(figures, "submit"),
        "statuses": _by_code(figures, "status"),
        "taken": counts.get("taken", 0),
        "unanswered": counts.get("unanswered", 0),
        "possible_duplicates": counts.get("duplicates", 0),
        "answer_edges_s": list(EDGES_S),
        "submit_answers": _answers(figures, KINDS[0]),
        "status_answers": _answers(figures, KINDS[1]),
    }


def _by_code(figures: Figures, kind: str) -> dict[str, int]:
    return {code: n for (code,), n in sorted(figures.summed(kind).items())}


def _answers(figures: Figures, kind: str) -> AnswersRecord:
    latency = Latency.of(figures.counts, kind)
    p50_s, p95_s = (None if at is None else round(at, 4) for at in map(latency.within_s, (0.5, 0.95)))
    return {"answers": latency.answers, "p50_s": p50_s, "p95_s": p95_s, "bins": list(latency.bins)}


def _money(figures: Figures) -> TotalMoneyRecord | None:
    if figures.price is None:
        return None
    spent, committed, doubtful = (
        float(amount_of(figures.counts.get(f"money:{state}", 0))) for state in ("spent", "committed", "doubtful")
    )
    return {"spent": spent, "committed": committed, "doubtful": doubtful, "currency": figures.price.currency}
