"""``retouch explain``, from the ledger to the printed line. What it says of each state: ``test_explain.py``."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta, timezone

import pytest

from retouch.causes import Fared
from retouch.cli.explain import NO_HISTORY
from retouch.ledger import NOW, HistoryStep, Intervals, Ledger, Policy, Seen, Settlement
from retouch.states import EditState
from tests.unit.cli.conftest import Run, end

LESSON = {"kind": "sd1.5:8:36", "keep": 100.0, "increments": {"20": 3.0, "21": 1.0}}


def test_explain_without_workers(run: Run, batch: str) -> None:
    """And what holds it up when there is one."""
    assert run("explain", "b/e1").out.endswith("start one: celery -A workers worker\n")
    run("pause", batch)
    run("pause")
    told = run("explain", "b/e1").out
    assert "start one: celery -A workers worker; and then: batch b is PAUSED (person)" in told
    assert "; and then: submits are paused (person)" in told


def test_explain_gives_one_reason_after_another(run: Run, batch: str, ledger: Ledger) -> None:
    """Each state has its own."""
    ledger.worker.see_worker("w", {})
    assert "1 edit is before it" in run("explain", "b/e1").out
    ledger.worker.pause("submit:refused", "401")
    assert "submits are paused (refused) because 401" in run("explain", "b/e1").out
    ledger.worker.resume("submit:refused")
    ledger.worker.claim("w7", lease_ms=60_000, places=1)
    assert "being sent by w7" in run("explain", "b/e0").out
    ledger.producer.cancel("b", [EditState.QUEUED])
    assert "--cancelled" in run("explain", "b/e2").out


def test_explain_names_the_code_of_a_failure(run: Run, batch: str, ledger: Ledger) -> None:
    """With it the reader finds what it means, and what to do."""
    end(ledger, *(EditState.FAILED,) * 3)
    told = run("explain", "b/e0").out
    assert told.startswith("b/e0 is failed (refused): no [such] model")
    assert told.endswith("retouch redo b/e0 --set FIELD=VALUE; as it was: retouch retry b/e0)\n")


@pytest.mark.parametrize("more", [(), ("--history",), ("--json",), ("--history", "--json")])
@pytest.mark.parametrize("edit", ["b", "b/", "b/nope", "nope/e0"])
def test_explain_of_nothing_is_bad_input(run: Run, batch: str, edit: str, more: tuple[str, ...]) -> None:
    """Exit code 2."""
    assert run("explain", edit, *more).code == 2


@pytest.fixture
def _in_tokyo() -> Iterator[None]:
    """The time zone of this process."""
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_in_tokyo")
def test_explain_lists_the_history(run: Run, batch: str, ledger: Ledger) -> None:
    """Below the reason, in local time, under the day on which it was."""
    [claim] = ledger.worker.claim("w[1]\x1b[31m", lease_ms=60_000, places=1).claims
    ledger.worker.begin_submit([claim], Policy(), 60_000, nonce="n")
    reason, day, enqueued, sent = run("explain", "b/e0", "--history").out.splitlines()
    assert reason.startswith("b/e0 is submitting: ")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \(UTC\+0900\)", day)
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}  enqueued by \S+@\S+", enqueued)
    assert sent.endswith("  sent to the API by w[1]\N{REPLACEMENT CHARACTER}[31m")
    told = HistoryStep.from_json(run("explain", "b/e0", "--history", "--json").json["history"][0])
    assert told.at.astimezone(timezone(timedelta(hours=9))).strftime("%Y-%m-%d (UTC%z)") == day
    assert run("explain", "b/e0", "--json").json["state"] == "submitting"


def test_explain_of_an_edit_without_a_history(run: Run, ledger: Ledger, manifest: Callable[..., str]) -> None:
    """It names the setting that says of which edits one is kept."""
    ledger.worker.see_worker("w", {}, {"RETOUCH_JOURNAL": "off"})
    run("enqueue", manifest({}), "--batch", "b")
    assert run("explain", "b/e0", "--history").out.splitlines()[1:] == [NO_HISTORY]
    assert run("explain", "b/e0", "--history", "--json").json["history"] == []


def test_a_gateway_that_has_not_heard_of_histories(
    run: Run, batch: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the edit, and for its history the same answer as for an edit that there is not."""
    monkeypatch.setattr(ledger.reader, "history", lambda *_edit: None)
    ended = run("explain", "b/e0", "--history")
    assert (ended.code, "this gateway is of an older version" in ended.err) == (2, True)
    assert "there is no edit 'none' in batch 'b'" in run("explain", "b/none", "--history").err


def test_explain_names_places_pace_and_outage(run: Run, batch: str, ledger: Ledger) -> None:
    """What all edits share comes before the fair order."""
    ledger.worker.see_worker("w", {})
    [ledger_claim] = ledger.worker.claim("w", lease_ms=60_000, places=1).claims
    assert "all places at the API are taken (1 of 1); 0 edits" in run("explain", "b/e1").out
    ledger.worker.claim("w", lease_ms=60_000, places=2, intervals=Intervals(60_000))
    ledger.worker.claim("w", lease_ms=60_000, places=9, intervals=Intervals(60_000))
    assert "the rate limit is used up until" in run("explain", "b/e2").out
    for _ in range(5):
        ledger.worker.observe(seen=[Seen("submit", NOW, Fared.SILENT, "503: overloaded")])
    told = run("explain", "b/e2").out
    assert "submits are paused (outage) because 503: overloaded; one request tries it again " in told
    ledger.worker.settle([Settlement(ledger_claim, (EditState.SUBMITTING,), EditState.WAITING, lesson=LESSON)])
    said = run("status").out
    assert "places at the API in use: 2 of 9" in said
    assert "last refusal: 503: overloaded" in said
    assert "the API finishes half of the edits within " in said
    [kind] = run("status", "--json").json["provider"]["learned"]
    assert kind == LESSON["kind"]
    assert kind not in said
    assert run("status", "--json").json["provider"]["troubles_in_a_row"] == 5
