"""The figures of an installation as Prometheus reads them (the extra ``metrics``). docs/metrics.md explains each.

Names have base units, counters end in ``_total``, and no label holds the name of a batch, of an edit or of a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from retouch.causes import PauseCause
from retouch.forecast import Forecast, rate_limits
from retouch.ledger import Figures, Latency
from retouch.ledger.latencies import EDGES_S, KINDS
from retouch.price import MICRO
from retouch.provider.polling.histogram import Distribution, weight
from retouch.states import TERMINAL, EditState

QUANTILES = (0.5, 0.95)
PAUSES = (*(("submit", cause) for cause in PauseCause), ("status", PauseCause.THROTTLED), ("status", PauseCause.OUTAGE))

Samples = Mapping[tuple[str, ...], float]
Latencies = Mapping[tuple[str, ...], Latency]


class _Of(NamedTuple):
    """A metric: its type, its name, what it says, its labels, and its samples by the values of these."""

    family: type[GaugeMetricFamily | CounterMetricFamily | HistogramMetricFamily]
    name: str
    help: str
    labels: tuple[str, ...]
    samples: Callable[[Figures], Samples | Latencies]


def _gauge(name: str, text: str, samples: Callable[[Figures], Samples], *labels: str) -> _Of:
    return _Of(GaugeMetricFamily, name, text, labels, samples)


def _counter(name: str, text: str, samples: Callable[[Figures], Samples], *labels: str) -> _Of:
    return _Of(CounterMetricFamily, name, text, labels, samples)


def _one(value: Callable[[Figures], float | None]) -> Callable[[Figures], Samples]:
    """The sample of a metric without labels; there is none if its value is not known."""

    def samples(figures: Figures) -> Samples:
        found = value(figures)
        return {} if found is None else {(): found}

    return samples


def _sum(field: str) -> Callable[[Figures], Samples]:
    return lambda figures: {(): figures.counts.get(field, 0)}


def _money(state: str) -> Callable[[Figures], Samples]:
    """An amount by its currency; none where there is no price."""

    def samples(figures: Figures) -> Samples:
        micros = figures.counts.get(f"money:{state}", 0)
        return {(figures.price.currency,): micros / MICRO} if figures.price else {}

    return samples


def _edits(figures: Figures) -> Samples:
    return {(state,): max(0, figures.edits(state)) for state in EditState}


def _ended(figures: Figures) -> Samples:
    """By outcome and code; a code is empty where an end has none."""
    found: dict[tuple[str, ...], float] = {(*by, "")[:2]: n for by, n in figures.summed("ended").items()}
    return {(state.value, ""): 0 for state in sorted(TERMINAL)} | found


def _requests(figures: Figures) -> Samples:
    return {(step, code): n for step in ("submit", "status") for (code,), n in figures.summed(step).items()}


def _answer_times(figures: Figures) -> Latencies:
    return {(step,): Latency.of(figures.counts, step) for step in KINDS}


def _backlog_age(figures: Figures) -> float:
    since = figures.backlog_since_ms
    return 0.0 if since is None else max(0, figures.now_ms - since) / 1000


def _time_left(figures: Figures) -> Samples:
    forecast = Forecast.of(figures)
    left = {(str(quantile),): forecast.left_s(quantile) for quantile in QUANTILES}
    return {by: seconds for by, seconds in left.items() if seconds is not None}


def _result_times(figures: Figures) -> Samples:
    known = {kind: Distribution(one) for kind, one in figures.learned.items() if weight(one) >= 1}
    return {(kind, str(q)): one.age_ms(q) / 1000 for kind, one in known.items() for q in QUANTILES}


def _paused(figures: Figures) -> Samples:
    known: Samples = {(kind, cause.value): 0.0 for kind, cause in PAUSES}
    return {**known, **{(pause.kind, pause.cause): 1.0 for pause in figures.pauses}}


def _differences(figures: Figures) -> float:
    names = {name for settings in figures.settings for name in settings}
    return sum(len({one[name] for one in figures.settings if name in one}) > 1 for name in names)


def _event_age(figures: Figures) -> Samples:
    ages = {(one.name,): one.oldest_ms for one in figures.sinks}
    return {name: 0.0 if at is None else max(0, figures.now_ms - at) / 1000 for name, at in ages.items()}


METRICS = (
    _gauge("retouch_edits", "Edits in the ledger, of all batches that are kept.", _edits, "state"),
    _counter("retouch_edits_accepted", "Edits that were enqueued.", _sum("accepted")),
    _counter(
        "retouch_edits_ended",
        "Ends of edits; one that is retried can end again. The code is error.code of its result, or empty.",
        _ended,
        "outcome",
        "code",
    ),
    _gauge("retouch_batches", "Batches in the ledger, until their retention is over.", _one(lambda f: f.batches)),
    _gauge(
        "retouch_backlog_batches",
        "Batches with queued edits; paused ones are not submitted.",
        lambda f: {("false",): f.backlog_batches, ("true",): f.halted_batches},
        "paused",
    ),
    _gauge(
        "retouch_backlog_age_seconds",
        "For how long the first of the batches that are not paused has had queued edits without a break.",
        _one(_backlog_age),
    ),
    _gauge(
        "retouch_time_left_seconds",
        "An estimate: until all edits that are not held or paused have ended. None while submits pause.",
        _time_left,
        "quantile",
    ),
    _counter(
        "retouch_api_requests",
        "Requests to the API about edits, by the HTTP status of the answer; none: not answered, unreached: not sent.",
        _requests,
        "step",
        "code",
    ),
    _Of(
        HistogramMetricFamily,
        "retouch_api_answer_seconds",
        "How long the API took to answer requests about edits, whatever it answered.",
        ("step",),
        _answer_times,
    ),
    _counter("retouch_submits_taken", "Submits that the API took.", _sum("taken")),
    _counter(
        "retouch_submits_unanswered",
        "Submits that were sent and given up without an answer; the API may have taken them.",
        _sum("unanswered"),
    ),
    _counter("retouch_possible_duplicates", "Edits that may have been paid for twice.", _sum("duplicates")),
    _counter("retouch_money_spent", "What submits cost that the API took.", _money("spent"), "currency"),
    _gauge(
        "retouch_money_committed", "What is set aside for submits that are under way.", _money("committed"), "currency"
    ),
    _gauge(
        "retouch_money_doubtful",
        "What submits cost that were sent and not answered: they may have been paid for.",
        _money("doubtful"),
        "currency",
    ),
    _gauge(
        "retouch_image_price",
        "What an image costs.",
        lambda f: {(f.price.currency,): float(f.price.amount)} if f.price else {},
        "currency",
    ),
    _gauge(
        "retouch_result_seconds",
        "How long results take from submit on, lately, by kind of work.",
        _result_times,
        "kind",
        "quantile",
    ),
    _gauge("retouch_places_used", "Images that count as being at the API.", _one(lambda f: f.provider.places_used)),
    _gauge("retouch_places_allowed", "Images that may be at the API at once.", _one(lambda f: f.provider.places)),
    _gauge(
        "retouch_rate_limit",
        "Requests a second that the workers' rate limits allow.",
        lambda f: {(step,): limit for step, limit in rate_limits(f).items()},
        "step",
    ),
    _gauge("retouch_paused", "1 while requests of a kind are not sent, for this cause.", _paused, "step", "cause"),
    _counter(
        "retouch_events_delivered",
        "Events that a sink has taken.",
        lambda f: {(one.name,): one.delivered for one in f.sinks},
        "sink",
    ),
    _gauge(
        "retouch_events_waiting",
        "Deliveries to a sink that are to be made.",
        lambda f: {(one.name,): one.waiting for one in f.sinks},
        "sink",
    ),
    _gauge(
        "retouch_events_undelivered",
        "Events that a sink did not take: to be tried again, or given up.",
        lambda f: {(one.name,): one.undelivered for one in f.sinks},
        "sink",
    ),
    _gauge("retouch_event_age_seconds", "Age of the oldest event that a sink has not taken.", _event_age, "sink"),
    _gauge(
        "retouch_sink_held",
        "1 while a sink takes nothing, and is asked now and then only, or not at all.",
        lambda f: {(one.name,): float(one.held) for one in f.sinks},
        "sink",
    ),
    _gauge(
        "retouch_batch_sinks_behind",
        "Batches with events to be delivered to a sink of their own.",
        _one(lambda f: f.batch_sinks),
    ),
    _gauge("retouch_workers", "Workers that are alive.", _one(lambda f: f.workers)),
    _gauge(
        "retouch_workers_wanted",
        "An estimate: workers that are of use; more than one only if the API could do more than one worker.",
        _one(lambda f: Forecast.of(f).workers()),
    ),
    _gauge(
        "retouch_worker_settings_differing",
        "Settings that all workers must have alike, in which live ones differ.",
        _one(_differences),
    ),
    _gauge(
        "retouch_counted_since_timestamp_seconds",
        "When the counters began: when the first worker that keeps them started.",
        _one(lambda f: None if f.counted_since_ms is None else f.counted_since_ms / 1000),
    ),
)


class _Figures(Collector):
    """Figures that were read, as a registry of prometheus_client takes them."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """Every metric, also one that has no sample now."""
        for of in METRICS:
            family = of.family(of.name, of.help, labels=of.labels)
            for values, sample in of.samples(self._figures).items():
                if isinstance(family, HistogramMetricFamily) and isinstance(sample, Latency):
                    family.add_metric(values, _buckets(sample), sample.total_s)
                elif not isinstance(family, HistogramMetricFamily) and not isinstance(sample, Latency):
                    family.add_metric(values, sample)
            yield family


def _buckets(latency: Latency) -> list[tuple[str, float]]:
    """As Prometheus has them: each holds those before it too."""
    edges = [*map(str, EDGES_S), "+Inf"]
    return list(zip(edges, map(float, accumulate(latency.bins)), strict=True))


def exposition(figures: Figures, accept: str = "") -> tuple[bytes, str]:
    """The text, and its content type: the one of Prometheus' formats that ``accept`` (a header) asks for."""
    registry = CollectorRegistry()
    registry.register(_Figures(figures))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
