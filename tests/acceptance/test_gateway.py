"""Something in between answers for the API: a proxy's page, a redirect, a wrong address. No edit is to blame for it."""

from __future__ import annotations

import threading

import pytest

from retouch.states import EditState
from tests.harness.growing import Record
from tests.harness.scene import Scene

ANSWERS = (200, 302, 404, 405, 409, 500, 502)
EDITS = 8
BLIP_S = 3.0


def after_the_blip(scene: Scene) -> None:
    """The length of the trouble is what it is about: there is nothing to wait for."""
    threading.Event().wait(BLIP_S)
    scene.api.clear()


def nobody_suffered(scene: Scene, batch: str) -> None:
    """All complete, and what the API took twice, or may have, is marked."""
    results = scene.finish(batch)
    assert {r["state"] for r in results.values()} == {"completed"}
    taken = [entry["idempotency_key"].rpartition("/")[0] for entry in scene.api.submits() if entry["new"]]
    twice = {name for name in taken if taken.count(name) > 1}
    assert twice <= {f"{batch}/{name}" for name, r in results.items() if r["possible_duplicate"]}


@pytest.mark.slow
@pytest.mark.parametrize("status", [*ANSWERS, 307, 407, 423])
def test_a_page_in_place_of_every_submit(scene: Scene, status: int) -> None:
    """Whatever its status is, submits pause with it for a reason, and every edit completes."""
    scene.worker(max_in_flight="4")
    scene.api.trouble("page", status=status)
    batch = scene.enqueue(EDITS)
    scene.until(lambda: len(scene.api.submits()) >= 4, "submits are answered with the page")
    if 300 <= status < 500:
        scene.pause("submit:refused")
    after_the_blip(scene)
    nobody_suffered(scene, batch)
    assert scene.ledger.reader.pauses() == []


@pytest.mark.slow
@pytest.mark.parametrize("status", [*ANSWERS, 400])
def test_a_page_in_place_of_every_status(scene: Scene, status: int) -> None:
    """What was paid for is not given up: it is asked about again, and every edit completes by its first submit."""
    scene.worker(patience="1")
    scene.api.trouble("page_poll", status=status)
    batch = scene.enqueue(EDITS)
    scene.until(lambda: len(scene.api.polls()) >= EDITS, "each was asked about")
    after_the_blip(scene)
    nobody_suffered(scene, batch)
    assert len(scene.api.submits()) == EDITS


@pytest.mark.slow
@pytest.mark.parametrize("status", [*ANSWERS, 403])
def test_a_page_in_place_of_every_result(scene: Scene, status: int) -> None:
    """No link is given up while none works; every edit completes by its first submit."""
    scene.worker(patience="1")
    redirect: Record = {"fault": "redirect", "location": f"{scene.api.url}/login"}
    scene.api.rules(redirect if status == 302 else {"fault": "html", "status": status})
    batch = scene.enqueue(EDITS)
    scene.until(lambda: len(scene.api.fetches()) >= EDITS, "each result was asked for")
    after_the_blip(scene)
    nobody_suffered(scene, batch)
    assert len(scene.api.submits()) == EDITS


def test_one_edit_that_is_always_refused_stops_nobody(scene: Scene) -> None:
    """Others go on at once; the refused one fails with the API's words after its strikes."""
    scene.worker(patience="0.5")
    batch = scene.cases({"bad": {"fault": "status", "status": 403, "error": "this model is not yours"}})
    for _ in range(4):
        others = scene.finish(scene.enqueue(4))
        assert {r["state"] for r in others.values()} == {"completed"}
    bad = scene.finish(batch)["bad"]
    assert (bad["state"], bad["error"]["code"]) == ("failed", "refused")
    assert "this model is not yours" in bad["error"]["message"]


def test_an_edit_refused_where_none_is_taken_waits_for_a_person(scene: Scene) -> None:
    """It may be the account: the edit keeps waiting, its reason is shown, and a cancel ends it."""
    scene.worker(patience="0.1")
    batch = scene.cases({"bad": {"fault": "status", "status": 403, "error": "no such plan"}})
    scene.until(lambda: len(scene.api.submits()) >= 7, "it is refused more often than would fail it beside others")
    assert "no such plan" in scene.pause("submit:refused")
    assert scene.edit(batch, "bad").state in (EditState.QUEUED, EditState.SUBMITTING)
    assert "no such plan" in (scene.edit(batch, "bad").note or "")
    scene.queue.cancel(batch)
    assert scene.finish(batch)["bad"]["state"] == "cancelled"


def test_a_batch_refused_in_the_same_words_is_paused_alone(scene: Scene) -> None:
    """After twenty in a row; the healthy batch beside it completes, and the events say it."""
    scene.worker()
    scene.api.trouble("status", status=422, error="model_id is unknown", match="[wrong]")
    bad = scene.enqueue(60, prompt="[wrong]")
    good = scene.enqueue(10)
    assert {r["state"] for r in scene.finish(good).values()} == {"completed"}

    def paused() -> str:
        return next((p.reason for p in scene.queue.status(bad).paused), "")

    assert "model_id is unknown" in scene.until(paused, "the batch is paused")
    assert scene.ledger.reader.pauses() == []
    refused = [entry for entry in scene.api.submits() if "[wrong]" in entry["prompt"]]
    assert len(refused) < 60
    told = [event for event in scene.ledger.reader.events() if event.type == "retouch.paused" and event.subject == bad]
    assert len(told) == 1
    scene.api.clear()
    assert scene.queue.resume(bad)
    scene.until(lambda: scene.queue.status(bad).finished, "it goes on")
    assert scene.queue.status(bad).counts[EditState.COMPLETED] >= 60 - len(refused)
