"""A worker that cannot store takes nothing on, and whoever can ends the pause of submits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from itertools import count

import pytest

from retouch.causes import Fared
from retouch.errors import StoreError, StoreRefusedError, StoreUnavailableError
from retouch.ledger import NOW, Seen
from tests.unit.worker_stage import Worker
from workers.store_watch import FAILURES, TELL_EVERY_S, StoreWatch

PROBE = "put _retouch/probe"
STORE = "submit:store"


@pytest.fixture
def watch(worker: Worker) -> StoreWatch:
    return worker.context.store_watch


def checks(worker: Worker) -> int:
    """How often the store was tried and took the object."""
    return worker.outside.store.acts.count(PROBE)


def some_turns() -> Callable[[], bool]:
    """True once the watch has had several turns."""
    turns = count()
    return lambda: next(turns) > 30


def break_store(worker: Worker, error: StoreError) -> Callable[[], int]:
    """Let the store refuse; returns how often it was tried since."""
    tried: list[str] = []
    may = worker.outside.store._may

    def refuse(act: str) -> None:
        if act.endswith("_retouch/probe"):
            tried.append(act)
            raise error
        may(act)

    worker.outside.store._may = refuse  # type: ignore[method-assign]
    return lambda: len(tried)


def test_nothing_is_good_before_the_store_was_asked(worker: Worker, watch: StoreWatch) -> None:
    """The first object that it takes makes it so; then it is left alone."""
    assert not watch.good
    worker.look_after_the_store(lambda: watch.looked.is_set())
    assert (watch.good, checks(worker)) == (True, 1)
    assert worker.outside.store.acts == [PROBE, "delete _retouch/probe"]


@pytest.mark.parametrize("error", [StoreUnavailableError("why"), StoreRefusedError("why")], ids=["away", "unwilling"])
def test_a_store_that_takes_nothing_at_the_start_is_tried_on(
    worker: Worker, watch: StoreWatch, error: StoreError
) -> None:
    """The dispatcher may begin, since polls of others and batches' pauses are seen; but the worker takes nothing on."""
    tried = break_store(worker, error)
    worker.look_after_the_store(lambda: tried() > 2)
    assert (watch.good, watch.looked.is_set()) == (False, True)
    assert worker.pauses() == {STORE: "why"}


def test_a_role_that_may_only_put_is_enough(worker: Worker, watch: StoreWatch) -> None:
    """Removing the probe is a courtesy."""
    worker.outside.store.errors["delete _retouch/probe"] = StoreRefusedError("no")
    worker.look_after_the_store(lambda: watch.looked.is_set())
    assert watch.good


@pytest.mark.parametrize(
    ("errors", "good"),
    [
        ([StoreUnavailableError("why")] * (FAILURES - 1), True),
        ([StoreUnavailableError("why")] * FAILURES, False),
        ([StoreRefusedError("why")], False),
    ],
    ids=["two are chance", "three in a row", "one refusal"],
)
def test_results_that_are_not_stored_make_a_worker_stop(
    watch: StoreWatch, errors: list[StoreError], good: bool
) -> None:
    """A refusal at once, since it does not pass by itself."""
    watch.succeeded()
    for error in errors:
        watch.failed(error)
    assert watch.good is good


def test_a_result_that_is_stored_makes_it_good_again(watch: StoreWatch) -> None:
    """Failures are counted in a row."""
    for _ in range(2):
        watch.failed(StoreRefusedError("why"))
        watch.succeeded()
        watch.failed(StoreUnavailableError("why"))
        watch.failed(StoreUnavailableError("why"))
    assert watch.good


def test_a_worker_that_stopped_tries_at_once_and_goes_on(
    worker: Worker, watch: StoreWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not wait for its next look."""
    monkeypatch.setattr("workers.store_watch.EVERY_S", 600)
    failed: list[None] = []

    def fail_once_it_rests() -> bool:
        if checks(worker) == 1 and not failed:
            failed.append(None)
            watch.failed(StoreRefusedError("why"))
        return checks(worker) > 1

    worker.look_after_the_store(fail_once_it_rests)
    assert watch.good


def test_a_pause_is_ended_by_a_worker_that_can_store(worker: Worker, watch: StoreWatch) -> None:
    """Once its claims tell it that submits pause for the store, whoever began that."""
    watch.succeeded()
    worker.ledger.worker.observe(seen=[Seen("store", NOW, Fared.FAILED, "why")])
    worker.context.pauses.see(worker.claim().pauses)
    assert worker.knows_of() == {STORE}
    worker.look_after_the_store(lambda: worker.pauses() == {})


def test_a_pause_for_the_results_host_is_not_ended_by_an_empty_object(worker: Worker, watch: StoreWatch) -> None:
    """That the store takes something says nothing of where results come from."""
    watch.succeeded()
    worker.put_pause(STORE, by="fetch")
    worker.context.pauses.see(worker.claim().pauses)
    worker.look_after_the_store(lambda: checks(worker) > 2)
    assert set(worker.pauses()) == {STORE}


def test_while_others_store_a_worker_that_cannot_pauses_nobody(worker: Worker) -> None:
    """Its credentials are wrong, not the store."""
    worker.ledger.worker.observe(good={"store": NOW})
    tried = break_store(worker, StoreRefusedError("why"))
    worker.look_after_the_store(lambda: tried() > 2)
    assert worker.pauses() == {}


def test_the_ledger_is_told_now_and_then(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every half minute: a pause that another worker ended, as it can store, is not begun anew all the time."""
    told: list[int] = []
    monkeypatch.setattr(worker.ledger.worker, "observe", lambda **_: told.append(worker.clock.now))
    tried = break_store(worker, StoreRefusedError("why"))
    worker.look_after_the_store(lambda: tried() > 3)
    assert len(told) == 1
    worker.clock.now += int(1000 * TELL_EVERY_S)
    worker.look_after_the_store(lambda: len(told) > 1)


@pytest.mark.parametrize(("copies", "after_s", "hangs"), [(3, 10, True), (2, 10, False), (3, 9, False)])
def test_copies_that_come_to_no_end_pause_submits(
    worker: Worker, watch: StoreWatch, copies: int, after_s: int, hangs: bool
) -> None:
    """A server that was stopped refuses nothing: what is paid for meanwhile could not be kept."""
    worker.look_after_the_store(lambda: watch.looked.is_set())
    with ExitStack() as under_way:
        for _ in range(copies):
            under_way.enter_context(watch.copying())
        worker.clock.now += 1000 * after_s + 1
        worker.look_after_the_store(some_turns())
        assert (STORE in worker.pauses()) is hangs


def test_a_copy_that_ends_well_meanwhile_shows_that_nothing_hangs(worker: Worker, watch: StoreWatch) -> None:
    """Ten seconds count from the last result that was kept."""
    worker.look_after_the_store(lambda: watch.looked.is_set())
    with watch.copying(), watch.copying(), watch.copying():
        worker.clock.now += 9000
        watch.succeeded()
        worker.clock.now += 2000
        worker.look_after_the_store(some_turns())
    assert STORE not in worker.pauses()
