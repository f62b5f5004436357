"""What people look at: read once for all of them, and resumed where they left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from retouch.errors import LedgerAwayError
from tests.harness.waiting import LIMIT_S
from workers.gateway.page.changes import ranges, records
from workers.gateway.watching import KEPT, Told, Watch, Watches, rest_s

LONG_S = 30.0


class World:
    """A number that changes, or cannot be read."""

    def __init__(self) -> None:
        self.now: Any = 0
        self.reads = 0
        self.watch: Watch[int] = Watch(self.read, lambda a, b: [("n", b)] if a != b else [], every_s=0.001)

    def read(self) -> int:
        """Read it."""
        self.reads += 1
        if isinstance(self.now, Exception):
            raise self.now
        return int(self.now)


async def told(stream: AsyncIterator[list[Told]]) -> list[tuple[str, Any]]:
    """The next events of a stream."""
    return [(one.type, one.data) for one in await anext(stream)]


async def _two_listen() -> None:
    world = World()
    first, second = world.watch.listen("", LONG_S), world.watch.listen("", LONG_S)
    assert await told(first) == await told(second) == [("watching", None)]
    world.now = 1
    assert await told(first) == await told(second) == [("n", 1)]
    [event] = await _changed(world, first, 2)
    world.now = LedgerAwayError("gone")
    assert await told(first) == [("away", {"detail": "gone"})]
    late = world.watch.listen("", LONG_S)
    assert [kind for kind, _ in await told(late)] == ["watching"]
    assert await told(late) == [("away", {"detail": "gone"})]
    world.now = 3
    heard = await told(first)
    while len(heard) < 2:
        heard += await told(first)
    assert heard == [("back", {"detail": ""}), ("n", 3)]
    resumed = world.watch.listen(event.id, LONG_S)
    assert [kind for kind, _ in await told(resumed)] == ["away", "back", "n"]
    world.watch.close()
    assert [one async for one in first] == []


async def _a_bug() -> None:
    world = World()
    stream = world.watch.listen("", LONG_S)
    await anext(stream)
    world.now = KeyError("bug")
    [(kind, data)] = await told(stream)
    assert (kind, "a bug in Retouch" in data["detail"], "KeyError" in str(data)) == ("away", True, False)
    world.now = 7
    heard = await told(stream)
    while len(heard) < 2:
        heard += await told(stream)
    assert heard == [("back", {"detail": ""}), ("n", 7)]
    world.watch.close()


def test_what_cannot_be_read_is_told_and_read_again(monkeypatch: Any) -> None:
    """A bug ends no page, nor does it say what it was to whoever looks."""
    monkeypatch.setattr("workers.gateway.watching.AGAIN_S", 0.001)
    with structlog.testing.capture_logs() as events:
        asyncio.run(_a_bug())
    assert {one["event"] for one in events} == {"watch.crashed"}


async def _changed(world: World, stream: AsyncIterator[list[Told]], to: int) -> list[Told]:
    world.now = to
    return await anext(stream)


def test_listeners_share_one_reader_hear_of_outages_and_are_resumed(monkeypatch: Any) -> None:
    """And are let go when the gateway ends."""
    monkeypatch.setattr("workers.gateway.watching.AGAIN_S", 0.001)
    asyncio.run(_two_listen())


async def _behind() -> None:
    world = World()
    stream = world.watch.listen("", LONG_S)
    await anext(stream)
    event = (await _changed(world, stream, 1))[0]
    for number in range(KEPT + 2):
        world.watch._tell("n", number)
    assert await told(stream) == [("reset", None)]
    for unknown in (event.id, "other.1", "x", f"{event.id}9999"):
        assert await told(world.watch.listen(unknown, LONG_S)) == [("watching", None)]
    world.watch.close()


def test_a_process_that_stood_still_goes_on_at_once(monkeypatch: Any) -> None:
    """It was stopped in the middle of a read, as on a machine that sleeps: the read did not take that long."""
    stood = 0.0
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + stood)
    monkeypatch.setattr("workers.gateway.watching.time", clock)

    async def run() -> None:
        world = World()

        def read() -> int:
            nonlocal stood
            if world.now == 1:
                stood += 3600.0
            return world.read()

        world.watch._read = read
        stream = world.watch.listen("", LONG_S)
        for number in range(3):
            world.now = number
            async with asyncio.timeout(LIMIT_S):
                assert await told(stream) == [("n", number) if number else ("watching", None)]
        world.watch.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("took_s", "before_s", "rests_s"),
    [(0.01, 0.01, 0.09), (3.0, 3.0, 27.0), (8.0, 0.01, 0.09), (0.01, 8.0, 0.09), (9.0, 9.0, 30.0)],
)
def test_what_takes_long_is_read_seldom(took_s: float, before_s: float, rests_s: float) -> None:
    """If it takes long again and again; and who looks is not left without news for minutes."""
    assert rest_s(took_s, before_s) == pytest.approx(rests_s)


def test_who_was_away_for_too_long_reads_the_whole_again() -> None:
    """And so does who comes from another gateway."""
    asyncio.run(_behind())


async def _quiet(watch: Watch[int]) -> None:
    stream = watch.listen("", 0.01)
    assert await told(stream) == [("watching", None)]
    assert await told(stream) == []
    watch.close()


def test_silence_is_told() -> None:
    """So that a connection that is cut is seen."""
    asyncio.run(_quiet(Watch(lambda: 1, lambda _a, _b: [], every_s=0.01)))


async def _left(monkeypatch: Any) -> None:
    monkeypatch.setattr("workers.gateway.watching.LINGER_S", 0.0)
    watches, world = Watches(), World()
    stream = watches.get("a", lambda: world.watch).listen("", LONG_S)
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    assert world.watch._task
    await world.watch._task
    reads = world.reads
    assert watches.get("a", lambda: World().watch) is not world.watch
    assert world.reads == reads


def test_nothing_is_read_for_nobody(monkeypatch: Any) -> None:
    """A watch that everybody has left ends, and the next one begins anew."""
    asyncio.run(_left(monkeypatch))


BYTES = st.binary(max_size=300)


@given(before=BYTES, after=BYTES, flips=st.lists(st.tuples(st.integers(0, 299), st.integers(0, 255)), max_size=6))
def test_ranges_make_the_one_of_the_other(before: bytes, after: bytes, flips: list[tuple[int, int]]) -> None:
    """However they differ, and whichever bytes they have."""
    near = bytearray(before)
    for place, value in flips:
        if place < len(near):
            near[place] = value
    for becomes in (bytes(near), before + after):
        made = bytearray(before.ljust(len(becomes), b"\xff"))
        for first, letters in ranges(before, becomes):
            made[first : first + len(letters)] = letters.encode("latin-1")
        assert bytes(made) == becomes


def test_ranges_are_few_and_short() -> None:
    """What is alike is not told, but for a few bytes between changes."""
    assert ranges(b"q" * 1000, b"q" * 1000) == []
    changed = bytearray(b"q" * 1000)
    changed[5], changed[9], changed[500] = b"sww"
    assert ranges(b"q" * 1000, bytes(changed)) == [(5, "sqqqw"), (500, "w")]


def test_records_tell_what_is_new_changed_and_gone() -> None:
    """And nothing of what is alike."""
    a, b, c, d = ({"n": 1, "created": f"2026-11-27T10:00:0{n}.000Z"} for n in (3, 2, 1, 4))
    before, after = {"a": a, "b": b, "c": c}, {"d": d, "a": a, "b": b | {"n": 2}}
    assert records(before, before, 9) == []
    assert records(before, after, 9) == [("batches", {"batches": [d, b | {"n": 2}], "gone": ["c"]})]
    [(_, told)] = records(before, after, 3)
    assert told["gone"] == []  # it is older than the three that are looked at
    [(_, told)] = records(before, {"d": d, "a": a, "c": c}, 3)
    assert told["gone"] == ["b"]
