"""Place polls: the fewest on average for which nearly all results are seen within the lag aimed at.

A dynamic program over a grid of ages, from the last one backwards. After a poll at age a without a result, the
next poll may be at any later age b. This costs

* one poll, of each edit that still runs at a, and
* a penalty for each result that waits longer than the lag: those that come between a and b - lag.

The price is the cost of a late result, in polls. Bisection finds the price at which just enough results are in time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import inf

from retouch.provider.polling.histogram import Distribution

# (lags, part of the price): what a result is fined in addition as it has waited for more lags than that. Were the
# fine the same for a little too late and far too late, plans would give up on stretches where little is known: with
# times of a minute and more, 95 % of wide ones were then seen within four lags instead of one (docs/polling.md).
FINES = ((1.0, 0.3), (1.125, 0.6), (1.25, 0.6), (1.5, 0.5), (2.0, 0.5))
PRICES = (1.0, 100.0)  # polls
HALVINGS = 7
NEAR_ENOUGH = 0.95  # of what may be late: the search ends

FINEST = 8  # cells to a lag: one for each of the FINES' steps
CELLS = 600  # in a grid, at most: bounds the time that a plan takes
BEYOND = 3.0  # polls that an edit is thought to need after the grid's end


@dataclass(frozen=True)
class Grid:
    """The ages at which polls may be placed, and the part of the results that has come by each."""

    lag_s: float
    fineness: int  # cells to a lag
    offset: int  # cells from the poll (or the submit) before the grid to its first cell
    come_before: float  # by then
    end: int  # the first cell after which nothing is placed; as many more follow as a lag has
    ages_s: list[float]
    come: list[float]
    late: list[list[float]]  # what has come by so many lags earlier, for each of FINES

    @classmethod
    def over(cls, belief: Distribution, before_s: float, first_s: float, last_s: float, lag_s: float) -> Grid:
        """A grid from ``first_s`` to ``last_s`` for edits that were last polled, or else submitted, at ``before_s``.

        Where the span has more lags than a grid has cells, the lag is lengthened.
        """
        span_s = max(last_s - first_s, lag_s)
        lag_s = max(lag_s, span_s / CELLS)
        fineness = min(FINEST, max(1, int(CELLS * lag_s / span_s)))
        step_s = lag_s / fineness
        offset = int((first_s - before_s) / step_s)
        end = int(span_s / step_s) + 1
        ages_s = [before_s + (offset + cell) * step_s for cell in range(end + fineness)]
        come = [belief.until(1000 * age_s) for age_s in ages_s]
        late = [[belief.until(1000 * (age_s - lags * lag_s)) for age_s in ages_s] for lags, _ in FINES]
        return cls(lag_s, fineness, offset, belief.until(1000 * before_s), end, ages_s, come, late)

    def part_late(self, cells: Iterable[int]) -> float:
        """The part of the results that polls at these cells see late; what comes after the last one counts as late."""
        late, come = 0.0, self.come_before
        for cell in cells:
            late += max(0.0, self.late[0][cell] - come)
            come = self.come[cell]
        return late + 1 - come


def place(grid: Grid, poll_max_s: float, late: float) -> list[float]:
    """The ages in seconds of the cheapest polls that see at most the part ``late`` of the results late.

    Where none can do that, those that come nearest. The last one is at the grid's end, or less than a lag beyond.
    """
    farthest = max(grid.fineness, int(poll_max_s / grid.lag_s * grid.fineness))
    low, high = PRICES
    best: list[int] = []
    for _ in range(HALVINGS):
        price = (low * high) ** 0.5
        cells = _Costs(grid, farthest, price).cheapest()
        found = grid.part_late(cells)
        if found > late:
            low = price
            continue
        high, best = price, cells
        if found >= NEAR_ENOUGH * late:
            break
    return [grid.ages_s[cell] for cell in best or _Costs(grid, farthest, high).cheapest()]


class _Costs:
    """What it costs on average, in polls, to go on from each cell."""

    def __init__(self, grid: Grid, farthest: int, price: float) -> None:
        self._grid = grid
        reach = [min(round(lags * grid.fineness), farthest) for lags, _ in FINES]
        self._nearest = reach[0]  # to poll again before a lag is over is never cheaper
        self._bands = list(pairwise([*reach, farthest]))
        self._fines = [price * part for _, part in FINES]
        self._fined = list(accumulate(self._fines))
        self._after = [BEYOND * (1 - come) for come in grid.come]
        # For each band of waits: the cost from each cell on, with the fines for all that is late there.
        self._with_fines = [[0.0] * len(grid.come) for _ in FINES]

    def cheapest(self) -> list[int]:
        """The cells of the cheapest polls."""
        grid = self._grid
        following = [0] * grid.end
        for cell in range(len(grid.come) - 1, -1, -1):
            if cell < grid.end:
                cost, following[cell] = self._next(cell, grid.come[cell])
                self._after[cell] = cost + 1 - grid.come[cell]
            self._add_fines(cell)
        cells = [self._next(-grid.offset, grid.come_before)[1]]
        while cells[-1] < grid.end:
            cells.append(following[cells[-1]])
        return cells

    def _add_fines(self, cell: int) -> None:
        cost = self._after[cell]
        for costs, fine, late in zip(self._with_fines, self._fines, self._grid.late, strict=True):
            cost += fine * late[cell]
            costs[cell] = cost

    def _next(self, cell: int, come: float) -> tuple[float, int]:
        """The least cost after a poll at this cell, by when so much has come, and the cell of the poll after it."""
        nearest = cell + self._nearest
        best, following = (self._after[nearest], nearest) if nearest >= 0 else (inf, 0)
        for (begin, end), costs, fined in zip(self._bands, self._with_fines, self._fined, strict=True):
            first = max(0, cell + begin + 1)
            window = costs[first : max(0, cell + end + 1)]
            if window and (least := min(window)) - fined * come < best:
                best, following = least - fined * come, first + window.index(least)
        return best, following
