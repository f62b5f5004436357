"""Two workers and an API that is unwell in many ways: whatever came before, work goes on once the API is well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
import redis
from hypothesis import example, given, settings

from retouch.causes import AmbiguityPolicy, BatchPause
from retouch.states import EditState
from tests.contract.verdict_world import KINDS, World

SILENCE_MS = 61_000  # no more than a minute without a request, and the tick in which it is sent
BATCHES = ("a", "b")
EXAMPLES = 40
MODES = ("well", "refuses", "throttles", "is silent", "is away")
ACTIONS = st.one_of(
    st.tuples(st.just("enqueue"), st.sampled_from(BATCHES), st.lists(st.sampled_from(KINDS), min_size=1, max_size=5)),
    st.tuples(st.just("api"), st.sampled_from(["submit", "status", "both"]), st.sampled_from(MODES)),
    st.tuples(st.just("work"), st.sampled_from([2000, 10_000, 10_000, 40_000])),
    st.tuples(st.just("lag"), st.sampled_from([0, 0, 1000, 3000])),
    st.tuples(st.just("wait"), st.sampled_from([100, 1000, 20_000])),
    st.tuples(st.just("jump"), st.sampled_from([5000, 100_000])),
    st.tuples(st.sampled_from(["pause", "resume", "retry", "cancel"]), st.sampled_from(BATCHES)),
    st.tuples(st.just("die")),
)


def act(world: World, what: str, *how: Any) -> None:
    """What happens next."""
    producer = world.ledger.producer
    people: dict[str, Callable[..., object]] = {
        "enqueue": world.enqueue,
        "retry": world.retry,
        "resume": producer.resume,
        "cancel": producer.cancel,
        "pause": lambda batch: producer.pause(batch, BatchPause.PERSON, "by hand"),
    }
    outside: dict[str, Callable[..., object]] = {
        "work": world.work,
        "api": world.fares,
        "lag": lambda ms: setattr(world, "lag_ms", ms),
        "wait": lambda ms: setattr(world, "wait_ms", ms),
        "jump": lambda ms: setattr(world, "now", world.now + ms),
        "die": world.in_hand.clear,  # a worker, with all that it has in hand
    }
    (people | outside)[what](*how)


def lived(server: redis.Redis, actions: list[tuple[Any, ...]], policy: AmbiguityPolicy, patience_ms: int) -> World:
    """A world in which this happened; and now no person holds a batch."""
    world = World(server, policy, patience_ms)
    world.enqueue("a", ["fine", "fine", "refused"])
    for action in actions:
        act(world, *action)
    for batch in BATCHES:
        world.ledger.producer.resume(batch)
    return world


lives = given(
    st.lists(ACTIONS, min_size=4, max_size=20), st.sampled_from(AmbiguityPolicy), st.sampled_from([1000, 120_000])
)


@pytest.mark.slow
@lives
@example([("enqueue", "a", ["refused"]), ("work", 2000), ("work", 2000), ("lag", 1000)], AmbiguityPolicy.RESUBMIT, 1000)
@example(
    [("enqueue", "b", ["fine"] * 9), ("api", "both", "is silent"), ("work", 10_000)], AmbiguityPolicy.RESUBMIT, 1000
)
@settings(max_examples=EXAMPLES)
def test_work_goes_on_once_the_api_is_well(
    server: redis.Redis, actions: list[tuple[Any, ...]], policy: AmbiguityPolicy, patience_ms: int
) -> None:
    """Whatever came before: never a minute without a request, until every edit has ended."""
    world = lived(server, actions, policy, patience_ms)
    world.api, world.healed, world.last_request = dict.fromkeys(world.api, "well"), True, world.now
    until = world.now + 1_800_000
    while world.unfinished():
        world.work(2000)
        assert world.now - world.last_request <= SILENCE_MS
        assert world.now < until


@pytest.mark.slow
@lives
@settings(max_examples=EXAMPLES)
def test_what_was_taken_ends_under_a_refusal_for_ever(
    server: redis.Redis, actions: list[tuple[Any, ...]], policy: AmbiguityPolicy, patience_ms: int
) -> None:
    """The API refuses every request from now on: its edits end, and none that it never took fails without a witness."""
    world = lived(server, actions, policy, patience_ms)
    world.api = dict.fromkeys(world.api, "refuses")
    until = world.now + 600_000
    while world.unfinished(EditState.WAITING, EditState.COPYING):
        world.work(2000)
        assert world.now < until
