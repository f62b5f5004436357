"""Jobs in whole processes: judged by the endpoint's own record of what it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from decimal import Decimal

import pytest

from retouch.ledger import Action, Job, JobState, Settlement, Which
from retouch.ledger.constants import CHANGED_AT_ONCE
from retouch.states import EditState
from tests.harness.scene import Scene
from tests.ledger_bench import SUBMITTING
from workers.jobs import JobRunner

EDITS, FIT = 12 * CHANGED_AT_ONCE, 120
CENT = Decimal("0.01")


def job(scene: Scene, id: str) -> Job:
    """A job as it stands."""
    found = scene.ledger.jobs.job(id)
    assert found is not None
    return found


def counted(scene: Scene, action: Action, state: EditState, names: Iterable[str] = ()) -> str:
    """A job that can be started."""
    found = scene.ledger.jobs.count("b", action, Which.of(action, [state], custom_ids=names))
    assert found is not None
    return found.id


@pytest.mark.slow
def test_a_retry_and_a_cancel_at_once_pay_for_nothing_twice(scene: Scene) -> None:
    """Done by two beside a worker, in a batch that its failures have paused, and then its budget.

    Each edit is taken once, or never; and each number that is told is that of the record.
    """
    scene.nobody_works()
    scene.queue.set_price("0.01 USD")
    scene.queue.enqueue(scene.edits(EDITS), batch="b", budget=FIT * CENT, max_failures="50%")
    claims = scene.ledger.worker.claim("w", lease_ms=60_000, places=EDITS, submits=EDITS).claims
    failed = [Settlement(one, SUBMITTING, EditState.FAILED, error='{"code":"failure"}') for one in claims]
    assert scene.ledger.worker.settle(failed) == [1] * EDITS
    retry = counted(scene, "retry", EditState.FAILED)
    scene.ledger.jobs.start(retry, mine=True)
    for causes in (["failures"], []):  # two thirds are failed still, then one third
        for _ in range(EDITS // 3 // CHANGED_AT_ONCE):
            scene.ledger.jobs.advance(retry)
        assert [one.cause for one in scene.queue.status("b").paused] == causes
    scene.another_worker()
    scene.until(lambda: len(scene.api.accepted()) > FIT // 6, "some are taken")
    cancel = counted(scene, "cancel", EditState.QUEUED, [f"c{n}" for n in range(FIT, 2 * FIT)])
    scene.ledger.jobs.start(cancel)
    with ExitStack() as ends:
        for _ in range(2):
            runner = JobRunner(scene.ledger)
            ends.callback(runner.close)
            runner.wake()
        done = (JobState.DONE, JobState.DONE)
        scene.until(lambda: (job(scene, retry).state, job(scene, cancel).state) == done, "both jobs are done")
    scene.until(lambda: "budget" in [one.cause for one in scene.queue.status("b").paused], "the budget is used up")
    scene.queue.cancel("b")
    results = scene.finish("b")
    taken = Counter(entry["idempotency_key"].split("/")[1] for entry in scene.api.submits() if entry["new"])
    ended = Counter(one["state"] for one in results.values())
    assert taken == Counter({name: 1 for name, one in results.items() if one["state"] == "completed"})
    assert ended == {"completed": len(taken), "cancelled": EDITS - len(taken)}
    assert (job(scene, retry).changed, job(scene, retry).skipped) == (EDITS, 0)
    assert job(scene, cancel).done == job(scene, cancel).counted
    assert 0 < job(scene, cancel).changed <= ended["cancelled"]
    money = scene.queue.status("b").money
    assert money is not None
    assert (money.spent, money.used) == (len(taken) * CENT, FIT * CENT)
