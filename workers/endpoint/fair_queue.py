"""A queue with a lane for each kind of work; lanes take turns, and within one the order is first come, first served."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """What waits. ``lane_of`` says what kind an item is: a thousand of one do not hold up one of another."""

    def __init__(self, lane_of: Callable[[T], Hashable]) -> None:
        self._lane_of = lane_of
        self._lanes: OrderedDict[Hashable, deque[T]] = OrderedDict()  # whose turn it is comes first

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def append(self, item: T) -> None:
        """Put it at the end of its lane."""
        self._lanes.setdefault(self._lane_of(item), deque()).append(item)

    @property
    def next(self) -> T:
        """What ``pop`` would give; raises StopIteration if there is nothing."""
        return next(iter(self._lanes.values()))[0]

    def pop(self) -> T:
        """Take the first of the lane whose turn it is; raises StopIteration if there is nothing."""
        kind, lane = next(iter(self._lanes.items()))
        item = lane.popleft()
        if lane:
            self._lanes.move_to_end(kind)
        else:
            del self._lanes[kind]
        return item
