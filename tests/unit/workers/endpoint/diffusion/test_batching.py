"""Batching by steps, with a model that notes what it is asked for."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.endpoint.diffusion.batching import Batches, OutOfMemoryError, Size, Ticket
from workers.endpoint.engine import EngineError, EngineFullError, EngineStoppedError, RenderError

SIZES: list[Size] = [(512, 512), (512, 768), (64, 64)]


@dataclass(frozen=True)
class Wish:
    """One image to be made."""

    name: int
    size: Size = SIZES[0]
    rows: int = 2
    steps: int = 3
    fault: str = ""  # where this image cannot be made


@dataclass
class Canvas:
    """How far it is, and what the model said to it: (name, step, rows of the call)."""

    wish: Wish
    steps: int
    step: int = 0
    heard: list[tuple[int, int, int]] = field(default_factory=list)


@dataclass
class Call:
    """What one call of the model held."""

    names: list[int]
    size: Size
    used: int
    rows: int


class FakeModel:
    """Says to each image its own name, its step and the call's rows; runs out of memory as it is told to."""

    def __init__(self, out_of_memory: set[int] | None = None, most: dict[Size, int] | None = None) -> None:
        self.calls: list[Call] = []
        self.out_of_memory = out_of_memory or set()  # numbers of calls
        self.most = most or {}  # rows that the memory holds, by size
        self.broken_at: int | None = None

    def begin(self, work: Wish) -> Canvas:
        self._fault(work, "begin")
        return Canvas(work, work.steps)

    def predict(self, states: Sequence[Canvas], rows: int) -> list[tuple[int, int, int]]:
        [size] = {state.wish.size for state in states}
        used = sum(state.wish.rows for state in states)
        self.calls.append(Call([state.wish.name for state in states], size, used, rows))
        if len(self.calls) == self.broken_at:
            raise RuntimeError("illegal memory access")
        if len(self.calls) in self.out_of_memory or rows > self.most.get(size, rows):
            raise OutOfMemoryError("too little memory")
        return [(state.wish.name, state.step, rows) for state in states]

    def advance(self, state: Canvas, prediction: tuple[int, int, int]) -> None:
        self._fault(state.wish, "advance")
        state.heard.append(prediction)
        state.step += 1

    def finish(self, state: Canvas) -> list[tuple[int, int, int]]:
        self._fault(state.wish, "finish")
        return state.heard

    @staticmethod
    def _fault(wish: Wish, at: str) -> None:
        if wish.fault == at:
            raise RenderError(f"cannot {at}")


Heard = list[tuple[int, int, int]]
Wanted = Ticket[Wish, Heard]


class Desk:
    """Batches over a fake model, and what became of each image."""

    def __init__(self, model: FakeModel, *, max_rows: int = 8, max_waiting: int = 1000, exact: bool = True) -> None:
        self.model = model
        self.now = 0.0
        self.batches: Batches[Wish, Canvas, tuple[int, int, int], Heard] = Batches(
            model, max_rows=max_rows, max_waiting=max_waiting, exact=exact, clock=lambda: self.now
        )
        self.ended: dict[int, Heard | Exception] = {}
        self.progress: dict[int, list[tuple[int, int]]] = {}

    def ticket(self, wish: Wish) -> Wanted:
        def ended(outcome: Heard | Exception) -> None:
            assert wish.name not in self.ended, "told twice"
            self.ended[wish.name] = outcome

        def stepped(step: int, steps: int) -> None:
            self.progress.setdefault(wish.name, []).append((step, steps))

        return Ticket(wish, wish.size, wish.rows, ended, stepped)

    def add(self, *wishes: Wish) -> list[Wanted]:
        tickets = [self.ticket(wish) for wish in wishes]
        self.batches.add(tickets)
        return tickets

    def drain(self) -> None:
        for _ in range(10_000):
            if not self.batches.turn():
                return
        pytest.fail("it does not end")


wishes = st.lists(
    st.builds(
        Wish,
        name=st.just(0),
        size=st.sampled_from(SIZES),
        rows=st.sampled_from([1, 2]),
        steps=st.integers(0, 6),
        fault=st.sampled_from(["", "", "", "", "begin", "advance", "finish"]),
    ),
    max_size=14,
).map(lambda found: [Wish(number, wish.size, wish.rows, wish.steps, wish.fault) for number, wish in enumerate(found)])
MAX_ROWS = st.sampled_from([1, 2, 3, 8, 16])


def fails(wish: Wish) -> bool:
    return wish.fault in ("begin", "finish") or (wish.fault == "advance" and wish.steps > 0)


def check_calls(model: FakeModel, *, max_rows: int, exact: bool) -> None:
    """Of calls before which memory never ran out."""
    for call in model.calls:
        alone = len(call.names) == 1
        assert len(set(call.names)) == len(call.names)
        assert call.used <= call.rows
        assert call.rows <= max_rows or (alone and call.rows == call.used)
        if exact:
            assert call.rows == max(max_rows, call.used if alone else 0)


@given(wishes, MAX_ROWS, st.booleans(), st.data())
def test_each_image_gets_its_own_steps_in_order(
    wanted: list[Wish], max_rows: int, exact: bool, data: st.DataObject
) -> None:
    """Whenever it comes, whoever is there, and whoever of them fails."""
    desk = Desk(FakeModel(), max_rows=max_rows, exact=exact)
    for wish in wanted:
        desk.add(wish)
        for _ in range(data.draw(st.integers(0, 3))):
            desk.batches.turn()
    desk.drain()
    assert desk.ended.keys() == {wish.name for wish in wanted}
    for wish in wanted:
        outcome = desk.ended[wish.name]
        if fails(wish):
            assert str(outcome) == f"cannot {wish.fault}"
            continue
        assert isinstance(outcome, list)
        assert [(name, step) for name, step, _rows in outcome] == [(wish.name, step) for step in range(wish.steps)]
        assert desk.progress.get(wish.name, []) == [(step + 1, wish.steps) for step in range(wish.steps)]
    check_calls(desk.model, max_rows=max_rows, exact=exact)


@given(wishes, MAX_ROWS, st.dictionaries(st.sampled_from(SIZES), st.integers(1, 16)), st.data())
def test_exact_results_do_not_depend_on_mates_or_order(
    wanted: list[Wish], max_rows: int, most: dict[Size, int], data: st.DataObject
) -> None:
    """Even where the memory holds fewer rows of a size: all images of that size are then made with as many."""
    together = Desk(FakeModel(most=most), max_rows=max_rows)
    for wish in data.draw(st.permutations(wanted)):
        together.add(wish)
        for _ in range(data.draw(st.integers(0, 2))):
            together.batches.turn()
    together.drain()
    for wish in wanted:
        # Memory ran out for someone before or in this image's first call, at the latest: here someone is there before.
        alone = Desk(FakeModel(most=most), max_rows=max_rows)
        alone.add(wish)
        alone.drain()
        assert repr(together.ended[wish.name]) == repr(alone.ended[wish.name])


@given(wishes, MAX_ROWS, st.booleans(), st.sets(st.integers(1, 40)))
def test_out_of_memory_halves_the_call_and_goes_on(
    wanted: list[Wish], max_rows: int, exact: bool, out_of_memory: set[int]
) -> None:
    """At any call. Only an image that was alone in a call without padding fails of it."""
    desk = Desk(FakeModel(out_of_memory), max_rows=max_rows, exact=exact)
    desk.add(*wanted)
    desk.drain()
    assert desk.ended.keys() == {wish.name for wish in wanted}
    limits: dict[Size, int] = {}
    for number, call in enumerate(desk.model.calls, 1):
        limit = limits.get(call.size, max_rows)
        assert call.rows <= limit or len(call.names) == 1
        if number in out_of_memory and not (len(call.names) == 1 and call.rows == call.used):
            limits[call.size] = call.rows // 2
    for wish in wanted:
        outcome = desk.ended[wish.name]
        if isinstance(outcome, OutOfMemoryError):
            assert any(
                call.names == [wish.name] and call.rows == wish.rows and number in out_of_memory
                for number, call in enumerate(desk.model.calls, 1)
            )
        elif isinstance(outcome, list):
            assert [step for _name, step, _rows in outcome] == list(range(wish.steps))
            if exact and outcome:
                [_one_number_of_rows] = {rows for _name, _step, rows in outcome}
        else:
            assert fails(wish)


def test_smaller_calls_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """To whoever wonders why it is slower, or why bytes differ from an earlier run's."""
    desk = Desk(FakeModel(most={(64, 64): 5}), max_rows=16)
    desk.add(*(Wish(number, size=(64, 64), rows=2, steps=3) for number in range(9)))
    desk.drain()
    assert [record.getMessage() for record in caplog.records] == [
        "too little memory for 16 rows of 64 x 64: from now on 8",
        "too little memory for 8 rows of 64 x 64: from now on 4",
    ]


@given(wishes, MAX_ROWS, st.booleans(), st.data())
def test_what_is_cancelled_is_told_nothing_and_the_others_go_on(
    wanted: list[Wish], max_rows: int, exact: bool, data: st.DataObject
) -> None:
    """At any time, and after its end."""
    desk = Desk(FakeModel(), max_rows=max_rows, exact=exact)
    tickets = desk.add(*wanted)
    gone = data.draw(st.sets(st.sampled_from(tickets))) if tickets else set()
    before: dict[int, bool] = {}
    for ticket in sorted(gone, key=lambda ticket: ticket.work.name):
        for _ in range(data.draw(st.integers(0, 4))):
            desk.batches.turn()
        before[ticket.work.name] = ticket.work.name in desk.ended
        desk.batches.cancel([ticket])
        calls = len(desk.model.calls)
        desk.batches.turn()
        assert all(ticket.work.name not in call.names for call in desk.model.calls[calls:])
    desk.drain()
    for wish in wanted:
        assert (wish.name in desk.ended) == before.get(wish.name, True)
    check_calls(desk.model, max_rows=max_rows, exact=exact)


@pytest.mark.parametrize(
    ("step", "fault"),
    [*((step, "") for step in ("begin", "predict", "advance", "finish")), ("begin", "begin"), ("advance", "advance")],
)
def test_what_is_cancelled_while_the_model_is_at_it_is_told_nothing(
    step: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is it a step later."""
    desk = Desk(FakeModel())
    tickets = desk.add(Wish(0, fault=fault, steps=0 if step == "begin" else 3), Wish(1))
    work = getattr(desk.model, step)

    def cancel_first(*given: object) -> object:
        desk.batches.cancel(tickets[:1])
        return work(*given)

    monkeypatch.setattr(desk.model, step, cancel_first)
    desk.drain()
    assert desk.ended.keys() <= {1}
    assert len([call for call in desk.model.calls if 0 in call.names]) == {"begin": 0, "finish": 3}.get(step, 1)
    assert 1 in desk.ended


@given(wishes.filter(bool), MAX_ROWS, st.integers(1, 20))
def test_a_broken_model_fails_all_that_it_had_begun(wanted: list[Wish], max_rows: int, broken_at: int) -> None:
    """One of them may have broken it. What waits is not to blame, nor is who comes after; what was done stays done."""
    model = FakeModel()
    model.broken_at = broken_at
    desk = Desk(model, max_rows=max_rows)
    desk.add(*wanted)
    stop = Wish(-1, steps=broken_at + 100, size=(8, 8))  # lives until it breaks
    desk.add(stop)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        desk.batches.run()
    assert desk.ended.keys() == {wish.name for wish in wanted} | {stop.name}
    in_calls = {name for call in model.calls for name in call.names}
    for name, outcome in desk.ended.items():
        if isinstance(outcome, EngineError):
            assert str(outcome) == "RuntimeError: illegal memory access"
        elif isinstance(outcome, EngineStoppedError):
            assert name not in in_calls
    assert all(isinstance(desk.ended[name], EngineError) for name in model.calls[-1].names)
    with pytest.raises(EngineStoppedError, match="illegal memory access"):
        desk.add(Wish(-2))


@pytest.mark.parametrize("step", ["begin", "advance", "finish"])
def test_a_model_that_breaks_over_one_image_fails_that_one_too(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it breaks: no image is forgotten."""

    def broken(*_given: object) -> None:
        raise ValueError("device lost\nsee the manual")

    desk = Desk(FakeModel())
    desk.add(Wish(0), Wish(1), Wish(2, size=SIZES[1]))
    monkeypatch.setattr(desk.model, step, broken)
    with pytest.raises(ValueError, match="device lost"):
        desk.batches.run()
    assert desk.ended.keys() == {0, 1, 2}
    assert isinstance(desk.ended[0], EngineError)
    assert isinstance(desk.ended[1], EngineStoppedError if step == "begin" else EngineError)
    assert isinstance(desk.ended[2], EngineStoppedError if step == "begin" else (EngineError, EngineStoppedError))


@given(st.integers(1, 8), st.integers(1, 6))
def test_sizes_take_turns(rows_of_others: int, steps: int) -> None:
    """However many images of another size keep coming."""
    desk = Desk(FakeModel(), max_rows=8)
    desk.add(*(Wish(number, rows=2, steps=3) for number in range(100, 100 + rows_of_others)))
    desk.add(Wish(0, size=SIZES[1], steps=steps))
    for number in range(2 * steps):
        desk.add(Wish(200 + number, steps=0 if number % 2 else 3))
        desk.batches.turn()
    assert 0 in desk.ended


def test_sizes_share_the_time_and_not_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large image does not slow small ones down by what its calls cost more."""
    desk = Desk(FakeModel())
    predict = desk.model.predict

    def timed(states: Sequence[Canvas], rows: int) -> Any:
        desk.now += 10.0 if states[0].wish.size == SIZES[0] else 1.0
        return predict(states, rows)

    monkeypatch.setattr(desk.model, "predict", timed)
    desk.add(Wish(0, size=SIZES[0], steps=100), Wish(1, size=SIZES[1], steps=100))
    for _ in range(44):
        desk.batches.turn()
    assert [call.names for call in desk.model.calls].count([0]) == 4
    desk.add(Wish(2, size=SIZES[2], steps=1))  # who comes later is owed nothing
    desk.batches.turn()
    desk.batches.turn()
    desk.batches.turn()
    assert [call.names for call in desk.model.calls[-3:]].count([2]) == 1


@pytest.mark.parametrize("step", ["begin", "finish"])
@pytest.mark.parametrize("exact", [True, False])
def test_memory_that_runs_out_beside_the_steps_is_met_with_fewer_rows(
    step: str, exact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image begins again; alone in the smallest call it fails."""
    desk = Desk(FakeModel(), max_rows=8, exact=exact)
    work = getattr(desk.model, step)
    tries: list[int] = []

    def short(given: Any) -> Any:
        if (given if step == "begin" else given.wish).name == 1:
            tries.append(desk.batches.limit(SIZES[0]))
            if tries[-1] > least:
                raise OutOfMemoryError("too little memory")
        return work(given)

    monkeypatch.setattr(desk.model, step, short)
    least = 2
    desk.add(*(Wish(number, rows=2) for number in range(4)))
    desk.drain()
    assert tries == [8, 4, 2]
    assert all(isinstance(desk.ended[number], list) for number in range(4))
    least = 0
    desk.add(Wish(1, rows=2, steps=2))
    desk.ended.pop(1)
    desk.drain()
    assert isinstance(desk.ended[1], OutOfMemoryError)


def test_within_a_size_the_order_is_first_come_first_served() -> None:
    """An image of two rows is not passed by one of one row that would fit beside those in flight."""
    desk = Desk(FakeModel(), max_rows=3)
    desk.add(Wish(0, rows=2), Wish(1, rows=2), Wish(2, rows=1))
    desk.drain()
    assert [call.names for call in desk.model.calls] == [[0]] * 3 + [[1, 2]] * 3


def test_images_join_and_leave_between_steps() -> None:
    """Nobody waits for a batch to fill, or to end."""
    desk = Desk(FakeModel(), max_rows=4)
    desk.add(Wish(0, steps=3))
    desk.batches.turn()
    desk.add(Wish(1, steps=3))
    desk.batches.turn()
    desk.add(Wish(2, steps=1))
    desk.drain()
    assert [call.names for call in desk.model.calls] == [[0], [0, 1], [0, 1], [1, 2]]


@pytest.mark.parametrize(
    ("exact", "max_rows", "in_flight", "rows"),
    [
        (True, 16, 1, 16),
        (True, 16, 8, 16),
        (True, 1, 1, 2),
        (False, 16, 1, 2),
        (False, 16, 2, 4),
        (False, 16, 3, 8),
        (False, 16, 5, 16),
        (False, 12, 5, 12),
    ],
)
def test_calls_are_padded(exact: bool, max_rows: int, in_flight: int, rows: int) -> None:
    """Exact: always to the same number; else to a power of two. Each image has two rows here."""
    desk = Desk(FakeModel(), max_rows=max_rows, exact=exact)
    desk.add(*(Wish(number) for number in range(in_flight)))
    desk.batches.turn()
    assert [call.rows for call in desk.model.calls] == [rows]


def test_a_full_engine_takes_all_images_of_an_edit_or_none() -> None:
    """And says when to come again; what is cancelled makes room at once."""
    now = [0.0]
    desk = Desk(FakeModel(), max_waiting=3)
    desk.batches._clock = lambda: now[0]
    first = desk.add(Wish(0), Wish(1))
    with pytest.raises(EngineFullError) as full:
        desk.add(Wish(2), Wish(3))
    assert full.value.retry_after_s == 1
    assert len(first) == 2
    desk.batches.cancel(first[:1])
    desk.add(Wish(4), Wish(5))
    desk.drain()
    assert desk.ended.keys() == {1, 4, 5}


def test_an_edit_of_more_images_than_may_wait_is_taken_where_nobody_waits() -> None:
    """Or it never could be."""
    desk = Desk(FakeModel(), max_waiting=1)
    desk.add(Wish(0), Wish(1), Wish(2))
    desk.drain()
    assert len(desk.ended) == 3


def test_how_long_to_wait_is_what_an_image_took() -> None:
    """Of the time in which there was work."""
    desk = Desk(FakeModel(), max_waiting=1)
    ticks = iter(range(0, 1000, 10))
    desk.batches._clock = lambda: float(next(ticks))
    desk.add(Wish(0, steps=2))
    desk.drain()
    desk.add(Wish(1))
    with pytest.raises(EngineFullError) as full:
        desk.add(Wish(2), Wish(3))
    assert full.value.retry_after_s == 2 * 20


def test_its_thread_sleeps_until_there_is_work_and_ends_when_it_is_closed() -> None:
    """What it holds then is told so."""
    desk = Desk(FakeModel())
    thread = threading.Thread(target=desk.batches.run)
    thread.start()
    done = threading.Event()
    ticket = desk.ticket(Wish(0))
    ticket.ended = lambda _outcome: done.set()
    desk.batches.add([ticket])
    assert done.wait(30)
    desk.batches.close()
    thread.join(30)
    assert not thread.is_alive()
    with pytest.raises(EngineStoppedError, match="the engine was stopped"):
        desk.add(Wish(1))


def test_what_is_held_at_the_close_is_told() -> None:
    """And nothing of it is begun."""
    desk = Desk(FakeModel())
    desk.add(Wish(0))
    desk.batches.close()
    desk.batches.run()
    assert str(desk.ended[0]) == "the engine was stopped"
    assert not desk.model.calls
