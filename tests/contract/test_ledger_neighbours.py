"""What a permanent refusal (of one edit, of a batch, of every second edit) costs the others: next to nothing."""

from __future__ import annotations

import pytest
import redis

from retouch.causes import AmbiguityPolicy
from retouch.ledger import PAGE
from retouch.states import EditState
from tests.contract.verdict_world import World

FINE = 200  # more than are taken in all the time
MINUTE_MS = 60_000


def completed_after_a_minute(server: redis.Redis, good: list[str], bad: list[str]) -> int:
    """How many fine edits complete in five minutes, after one in which the others may have got in the way."""
    world = World(server, AmbiguityPolicy.RESUBMIT, patience_ms=120_000)
    world.takes_ms = 10_000
    world.enqueue("good", good)
    if bad:
        world.enqueue("bad", bad)
    world.work(MINUTE_MS)
    before = completed(world)
    world.work(5 * MINUTE_MS)
    return completed(world) - before


def completed(world: World) -> int:
    view = world.ledger.reader.batch("good")
    assert view is not None
    return view.counts[EditState.COMPLETED]


@pytest.fixture(scope="module")
def alone(server: redis.Redis) -> int:
    """The same without any refusal."""
    return completed_after_a_minute(server, ["fine"] * FINE, [])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("good", "bad"),
    [(["fine"] * FINE, ["refused"]), (["fine"] * FINE, ["refused"] * FINE), (["fine", "refused"] * FINE, [])],
    ids=["one edit", "one batch", "every second edit"],
)
def test_a_permanent_refusal_costs_others_a_tenth_at_most(
    server: redis.Redis, alone: int, good: list[str], bad: list[str]
) -> None:
    """Counted after the first minute, in which it is found out."""
    assert completed_after_a_minute(server, good, bad) >= 0.9 * alone > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["refused", "wrong"])
def test_a_large_batch_of_refused_edits_is_paused_before_it_costs_much(server: redis.Redis, kind: str) -> None:
    """Ten thousand edits refused beside a healthy batch: fewer than 200 requests until their batch is paused."""
    world = World(server, AmbiguityPolicy.RESUBMIT, patience_ms=120_000)
    world.enqueue("good", ["fine"] * FINE)
    for _ in range(10_000 // PAGE):
        world.enqueue("bad", [kind] * PAGE)
    while not (paused := causes(world)):
        world.work(1000)
        assert world.refused < 200
    assert paused == ["refusals"]
    world.work(MINUTE_MS)
    assert world.refused < 200


def causes(world: World) -> list[str]:
    """Why the batch of refused edits is paused."""
    view = world.ledger.reader.batch("bad")
    assert view is not None
    return [pause.cause for pause in view.paused]
