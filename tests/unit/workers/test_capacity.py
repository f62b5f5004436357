"""Capacity: how much a process takes on, across threads."""

from __future__ import annotations

import threading

from workers.capacity import Capacity


def waiting(room: Capacity, outcome: list[bool]) -> threading.Thread:
    """A thread that waits for room, already at it."""
    entering = threading.Event()

    def enter() -> None:
        entering.set()
        outcome.append(room.enter(1, wait=True))

    thread = threading.Thread(target=enter, daemon=True)
    thread.start()
    assert entering.wait(10)
    return thread


def test_the_last_in_may_overfill_it() -> None:
    """A chunk is never split: what begins below the limit is let in whole, and then nobody."""
    room = Capacity(10)
    assert room.enter(9, wait=False)
    assert room.free == 1
    assert room.enter(32, wait=False)
    assert room.free == 0
    assert not room.enter(1, wait=False)


def test_who_waits_comes_in_when_there_is_room() -> None:
    """A blocked thread goes on as soon as enough has left."""
    room, outcome = Capacity(1), list[bool]()
    room.enter(2, wait=False)
    thread = waiting(room, outcome)
    room.leave(1)
    assert outcome == []  # still full
    room.leave(1)
    thread.join(10)
    assert outcome == [True]
    assert room.free == 0


def test_closing_turns_everybody_away() -> None:
    """Whoever waits for room hears no, and so does whoever comes later, room or not."""
    room, outcome = Capacity(1), list[bool]()
    room.enter(1, wait=False)
    thread = waiting(room, outcome)
    room.close()
    thread.join(10)
    assert outcome == [False]
    room.leave(1)
    assert not room.enter(1, wait=True)
