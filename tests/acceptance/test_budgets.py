"""Budgets hold in whole processes: judged by the endpoint's own record of what it took."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from retouch.ledger import BatchMoney
from retouch.price import Price
from tests.harness.scene import Scene
from workers.stack.child import DiedError

WORKERS, BATCHES, EDITS = 4, 20, 4
CENT, BUDGET = Decimal("0.01"), Decimal("0.03")


def book(scene: Scene) -> Counter[str]:
    """How many edits of each batch the endpoint has taken, under one key once."""
    return Counter(entry["idempotency_key"].partition("/")[0] for entry in scene.api.submits() if entry["new"])


def money(scene: Scene, batch: str) -> BatchMoney:
    """What the ledger counts for a batch."""
    view = scene.ledger.reader.batch(batch)
    assert view is not None
    assert view.money is not None
    return view.money


@pytest.mark.slow
def test_twenty_budgets_that_four_workers_hit_at_once(scene: Scene) -> None:
    """While two are killed, and answers are lost: never more is taken than is counted, nor counted than is allowed."""
    scene.nobody_works()
    scene.queue.set_price("0.01 USD")
    workers = [scene.crew.prepared(scene.settings(lease="2", patience="8")) for _ in range(WORKERS)]
    scene.api.rules(
        {"fault": "drop_after_accept", "times": 8, "probability": 0.2},
        {"fault": "throttle", "retry_after": 1, "times": 2, "probability": 0.05},
        {"fault": "hang", "seconds": 0.5, "probability": 0.3},
    )
    batches = [f"b{n}" for n in range(BATCHES)]
    for batch in batches:
        scene.queue.enqueue(scene.edits(EDITS), batch=batch, budget=BUDGET)
    for worker in workers:
        worker.launch()
    for worker in workers:
        worker.wait()

    def checked(bound: Decimal) -> dict[str, BatchMoney]:
        taken = book(scene)  # before the ledger is read, which counts before anything is sent
        found = {batch: money(scene, batch) for batch in batches}
        for batch, counted in found.items():
            assert taken[batch] * CENT <= counted.used <= bound, (batch, taken[batch], counted)
        return found

    scene.until(lambda: checked(BUDGET) and book(scene).total() > BATCHES, "a third is taken")
    for worker in workers[:2]:
        worker.kill()
    scene.until(lambda: all(one.used == BUDGET for one in checked(BUDGET).values()), "all budgets are used up")
    scene.api.clear()
    for batch in batches:
        scene.queue.set_budget(batch, None)
    for batch in batches:
        results = scene.finish(batch)
        costs = [Price.from_json(result["cost"]).amount for result in results.values() if result["cost"]]
        found = checked(Decimal(1))[batch]
        assert sum(costs) == found.spent + found.doubtful
        assert not found.committed
    day = scene.queue.money()[0]
    assert day.used == sum(money(scene, batch).used for batch in batches)
    assert day.spent <= book(scene).total() * CENT <= day.used


@pytest.mark.slow
def test_a_worker_with_another_price_does_not_start(scene: Scene) -> None:
    """It says so in one line, and the price that holds stays."""
    scene.queue.set_price("0.01 USD")
    with pytest.raises(DiedError, match=r"RETOUCH_PRICE is .* and the price that holds for all workers is "):
        # Celery may say that it is ready before the price was compared.
        scene.another_worker(price="0.02 USD").child.wait_until(lambda: None)
    assert scene.queue.price() == Price(CENT, "USD")
