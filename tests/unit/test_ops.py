"""ops/: what Prometheus, Grafana and KEDA are given names metrics, labels, commands and keys that there are."""

from __future__ import annotations

import json
import re
import shutil
from typing import Any

import pytest
import yaml
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

from retouch.causes import PauseCause
from retouch.ledger.keys import DEFAULT_NAMESPACE, Keys
from retouch.metrics import METRICS
from retouch.states import EditState
from tests.harness.processes import run
from tests.unit.test_pages import unknown_words
from workers.stack.child import ROOT

RULES = yaml.safe_load((ROOT / "ops/prometheus/rules.yml").read_text())["groups"][0]["rules"]
ALERTS = [rule for rule in RULES if "alert" in rule]
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
DASHBOARD = json.loads((ROOT / "ops/grafana/retouch.json").read_text())
ENDINGS = {CounterMetricFamily: "_total", HistogramMetricFamily: "_bucket"}
KNOWN = {
    of.name + ENDINGS.get(of.family, ""): {*of.labels, "job", "instance", "le"}
    if of.family is HistogramMetricFamily
    else {*of.labels, "job", "instance"}
    for of in METRICS
}
VALUES = {
    "state": {state.value for state in EditState},
    "outcome": {state.value for state in EditState},
    "cause": {cause.value for cause in PauseCause},
    "step": {"submit", "status", "all"},
    "paused": {"true", "false"},
}
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
EXPRESSIONS = [
    *(rule["expr"] for rule in RULES),
    *QUERIES,
    *re.findall(r"query: (.*retouch.*)", (ROOT / "docs/metrics.md").read_text()),
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_asks_for_metrics_and_labels_that_there_are(expression: str) -> None:
    """A mistyped name is no error to Prometheus: the alert never fires, and the panel stays empty."""
    names = set(re.findall(r"\b(?:retouch|up)[\w:]*", re.sub(r'"[^"]*"', "", expression)))
    assert names
    assert names - KNOWN.keys() - RECORDED - {"up"} == set()
    for name, matchers in re.findall(r"(retouch\w+)\{(.*?)\}", expression):
        for label, value in re.findall(r'(\w+)!?=~?"(.*?)"', matchers):
            assert label in KNOWN.get(name, {label}), f"{name} has no {label}"
            asked = {one for one in value.split("|") if one and not one.startswith("$")}
            assert asked <= VALUES.get(label, asked), f"{name} has no {label} {value}"
    grouped = {label for by in re.findall(r"\b(?:by|on) \((.*?)\)", expression) for label in by.split(", ")}
    assert grouped <= {label for name in names for label in KNOWN.get(name, {"job", "instance", "step"})}


def test_each_metric_that_says_something_is_wrong_has_an_alert_or_a_panel() -> None:
    """What nobody looks at need not be measured."""
    shown = " ".join(EXPRESSIONS)
    unseen = {name for name in KNOWN if not re.search(rf"\b{name}\b", shown)}
    assert unseen == {
        "retouch_edits_accepted_total",
        "retouch_batches",
        "retouch_events_delivered_total",
        "retouch_batch_sinks_behind",
        "retouch_image_price",
        "retouch_counted_since_timestamp_seconds",
    }


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_names_a_command_that_exists(rule: dict[str, Any]) -> None:
    """With its options; whoever is woken by it types it."""
    sentence = re.sub(r"\{\{.*?\}\}", "NAME", rule["annotations"]["description"])
    assert re.search(r"`retouch \w+", sentence)
    assert unknown_words(sentence) == []
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert not rule["annotations"]["summary"].endswith(".")


def test_every_alert_is_tested() -> None:
    """By promtool, with numbers that make it fire."""
    tests = (ROOT / "ops/prometheus/rules-test.yml").read_text()
    assert [rule["alert"] for rule in ALERTS if not re.search(rf"\b{rule['alert']}\b", tests)] == []


def test_the_alerts_fire_when_they_should_and_not_else() -> None:
    """As Prometheus itself evaluates them."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: on Debian, apt install prometheus")
    for what, file in (("check", "rules.yml"), ("test", "rules-test.yml")):
        ended = run([promtool, what, "rules", str(ROOT / "ops/prometheus" / file)])
        assert ended.code == 0, ended.out + ended.err


def test_the_panels_fill_the_dashboard_without_covering_each_other() -> None:
    """Each has a place, a title and a sentence; the numbers of panels are their own."""
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & cells, panel["title"]
        cells |= own
        assert panel["title"]
        assert panel["description"].endswith(".")
    assert max(x for x, _ in cells) == 23
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_keda_counts_the_queue() -> None:
    """The key is that of the default namespace, and a sorted set."""
    [trigger] = yaml.safe_load((ROOT / "ops/keda/scaledobject.yml").read_text())["spec"]["triggers"]
    assert trigger["metadata"]["listName"] == Keys(DEFAULT_NAMESPACE).ready
    assert trigger["type"] == "redis"
