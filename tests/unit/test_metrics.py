"""The metrics: their names, their text, what they are made of, and that docs/metrics.md has them all."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import fakeredis
import pytest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from retouch.causes import FailureCode, PauseCause
from retouch.ledger import Figures, Ledger, Pause, Provider, Settlement
from retouch.ledger.figures import SinkFigures
from retouch.metrics import METRICS, exposition
from retouch.price import Price
from retouch.states import EditState
from tests.ledger_bench import SUBMITTING, Bench
from workers.stack.child import ROOT

NOW_MS = 1_700_000_000_000
FIGURES = Figures(
    now_ms=NOW_MS,
    counts={
        "n:queued": 3,
        "n:completed": 2,
        "n:failed": -1,
        "accepted": 9,
        "ended:completed": 5,
        "ended:failed:refused": 1,
        "submit:200": 6,
        "submit:none": 1,
        "status:429": 2,
        "took:submit:1": 2,
        "took:submit:13": 1,
        "took:submit:ms": 61_020,
        "taken": 6,
        "unanswered": 1,
        "duplicates": 1,
        "money:spent": 3_141_593,
        "money:committed": 20_000,
    },
    counted_since_ms=NOW_MS - 60_000,
    batches=2,
    backlog_batches=1,
    backlog_since_ms=NOW_MS - 1500,
    halted_batches=1,
    halted_edits=1,
    provider=Provider(places_used=4, places=16, troubles=0, next_request=None, result_s=None),
    price=Price.of_micros(10_000, "USD"),
    pauses=[
        Pause("submit", "outage", "502", datetime.now(UTC), None),
        Pause("fetch", "new", "", datetime.now(UTC), None),
    ],
    workers=2,
    settings=[
        {"RETOUCH_RATE_LIMIT": "10/s,300/m", "RETOUCH_LEASE": "4"},
        {"RETOUCH_RATE_LIMIT": "300/m", "RETOUCH_LEASE": "5"},
    ],
    sinks=[
        SinkFigures("orders", 7, 2, 1, held=True, oldest_ms=NOW_MS - 2500),
        SinkFigures("well", 7, 0, 0, False, None),
    ],
    batch_sinks=3,
    learned={"sd1.5:8:36": {20: 4.0}, "new": {20: 0.5}},
)


def samples(figures: Figures = FIGURES) -> dict[str, dict[tuple[str, ...], float]]:
    """Each sample by its name and the values of its labels."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in read_text(exposition(figures)[0].decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels[k] for k in sorted(sample.labels))] = sample.value
    return found


def test_each_metric_says_what_the_ledger_has() -> None:
    """One of each; a state that an older program has left below 0 is shown as 0."""
    found = samples()
    assert found["retouch_edits"][("queued",)] == 3
    assert found["retouch_edits"][("failed",)] == 0
    assert found["retouch_edits_accepted_total"] == {(): 9}
    assert found["retouch_edits_ended_total"] == {
        ("", "completed"): 5,
        ("", "failed"): 0,
        ("", "cancelled"): 0,
        ("refused", "failed"): 1,
    }
    assert found["retouch_backlog_batches"] == {("false",): 1, ("true",): 1}
    assert found["retouch_backlog_age_seconds"] == {(): 1.5}
    assert found["retouch_api_requests_total"] == {("200", "submit"): 6, ("none", "submit"): 1, ("429", "status"): 2}
    answers = found["retouch_api_answer_seconds_bucket"]
    assert [answers[(le, "submit")] for le in ("0.005", "0.01", "60.0", "+Inf")] == [0, 2, 2, 3]
    assert found["retouch_api_answer_seconds_sum"] == {("submit",): 61.02, ("status",): 0}
    assert found["retouch_api_answer_seconds_count"] == {("submit",): 3, ("status",): 0}
    assert found["retouch_submits_taken_total"] == {(): 6}
    assert found["retouch_submits_unanswered_total"] == {(): 1}
    assert found["retouch_possible_duplicates_total"] == {(): 1}
    assert found["retouch_money_spent_total"] == {("USD",): 3.141593}
    assert found["retouch_money_committed"] == {("USD",): 0.02}
    assert found["retouch_money_doubtful"] == {("USD",): 0}
    assert found["retouch_image_price"] == {("USD",): 0.01}
    assert "retouch_money_spent_total" not in samples(replace(FIGURES, price=None))
    assert (found["retouch_places_used"], found["retouch_places_allowed"]) == ({(): 4}, {(): 16})
    assert found["retouch_rate_limit"] == {("all",): 5}
    assert found["retouch_event_age_seconds"] == {("orders",): 2.5, ("well",): 0}
    assert found["retouch_sink_held"] == {("orders",): 1, ("well",): 0}
    assert found["retouch_events_delivered_total"] == {("orders",): 7, ("well",): 7}
    assert (found["retouch_events_waiting"][("orders",)], found["retouch_events_undelivered"][("orders",)]) == (2, 1)
    assert found["retouch_batch_sinks_behind"] == {(): 3}
    assert found["retouch_worker_settings_differing"] == {(): 2}
    assert found["retouch_counted_since_timestamp_seconds"] == {(): NOW_MS / 1000 - 60}


def test_a_pause_is_0_before_it_is_1() -> None:
    """So that an alert sees it begin and end; one that only a newer program knows is shown too."""
    paused = samples()["retouch_paused"]
    assert {key for key, value in paused.items() if value} == {("outage", "submit"), ("new", "fetch")}
    assert {cause for cause, step in paused if step == "submit"} == set(PauseCause)


def test_times_are_told_of_what_is_known() -> None:
    """Of kinds with an edit or more; no time is left to tell while submits are paused."""
    found = samples()
    assert set(found["retouch_result_seconds"]) == {("sd1.5:8:36", "0.5"), ("sd1.5:8:36", "0.95")}
    assert "retouch_time_left_seconds" not in found
    assert found["retouch_workers_wanted"] == {(): 1}


def test_the_text_is_that_of_prometheus_or_of_openmetrics() -> None:
    """By what is asked for; each can be read by its own rules."""
    plain, plain_type = exposition(FIGURES)
    assert plain_type.startswith("text/plain; version=0.0.4")
    open_text, open_type = exposition(FIGURES, "application/openmetrics-text; version=1.0.0; q=0.5, */*;q=0.1")
    assert open_type.startswith("application/openmetrics-text; version=1.0.0")
    known = sorted(of.name for of in METRICS)
    assert sorted(family.name for family in read_text(plain.decode())) == known
    families = read_openmetrics(open_text.decode())  # type: ignore[no-untyped-call]
    assert sorted(family.name for family in families) == known


@pytest.mark.parametrize("of", METRICS, ids=lambda of: of.name)
def test_a_metric_is_named_as_prometheus_has_it(of: object) -> None:
    """Base units at the end, no unit twice, a sentence of help, and no label that grows with what is enqueued."""
    name, text, labels = of.name, of.help, of.labels  # type: ignore[attr-defined]
    assert re.fullmatch(r"retouch(_[a-z]+)+", name)
    assert not re.search(r"_(total|ms|minutes|percent|count|mib)$", name)
    assert text[0].isupper() or text[0] == "1"
    assert text.endswith(".")
    assert set(labels) <= {
        "state",
        "outcome",
        "code",
        "paused",
        "quantile",
        "step",
        "cause",
        "kind",
        "sink",
        "currency",
    }


def told() -> dict[str, tuple[str, set[str]]]:
    """The metrics of the page: name → type and labels."""
    page = (ROOT / "docs/metrics.md").read_text()
    rows = re.findall(r"^\| `(retouch_\w+)` \| (\w+) \|(.*?)\| ([^|]+) \| [^|]+", page, re.MULTILINE)
    assert all(unit.strip() for *_, unit in rows)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _ in rows}


def test_the_page_has_every_metric_with_its_type_and_its_labels() -> None:
    """And no other; each has a unit."""
    known = {}
    for of in METRICS:
        known[of.name + "_total" * (of.family is CounterMetricFamily)] = (
            of.family(of.name, of.help).type,
            set(of.labels),
        )
    assert told() == known


def test_the_sums_of_a_ledger_are_read_as_they_are_kept() -> None:
    """From the moves to the text."""
    bench = Bench(fakeredis.FakeRedis(decode_responses=True))
    bench.fill(3)
    claims = bench.edits(submits=2)
    bench.intend(claims)
    error = json.dumps({"code": FailureCode.REFUSED, "message": "no"})
    bench.ledger.worker.settle(
        [
            Settlement(claims[0], SUBMITTING, EditState.COMPLETED, counts=("submit:200", "taken")),
            Settlement(claims[1], SUBMITTING, EditState.FAILED, error=error, counts=("submit:400",)),
        ]
    )
    found = samples(bench.ledger.reader.figures())
    assert found["retouch_edits"] | {("queued",): 1, ("completed",): 1, ("failed",): 1} == found["retouch_edits"]
    assert found["retouch_edits_ended_total"][("refused", "failed")] == 1
    assert found["retouch_api_requests_total"] == {("200", "submit"): 1, ("400", "submit"): 1}
    assert found["retouch_submits_taken_total"] == {(): 1}


def test_a_ledger_that_nothing_was_written_to_has_metrics(ledger: Ledger) -> None:
    """The first scrape comes before the first batch."""
    found = samples(ledger.reader.figures())
    assert found["retouch_edits"] == {(state.value,): 0 for state in EditState}
    assert found["retouch_time_left_seconds"] == {("0.5",): 0, ("0.95",): 0}
    assert found["retouch_workers_wanted"] == {(): 1}
    assert "retouch_counted_since_timestamp_seconds" not in found
