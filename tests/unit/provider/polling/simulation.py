"""A provider, its edits, and who polls them: what each way of polling costs and how late it sees results. All seeded.

A way of polling is judged by two figures: polls an edit, and the 95th percentile of the lag (the time from the result
to the poll that sees it). Fewer polls are always to be had for more lag, so ways are compared at equal lag.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import ceil, exp, inf, log
from typing import NamedTuple

from retouch.provider.backoff import poll_delay_s
from retouch.provider.polling import Plan, learn, next_poll_s, phase_of, plan, remember

LAG_S = 1.0  # aimed at
POLL_MIN_S = 0.25
POLL_MAX_S = 30.0
PLACES = 16  # edits at the provider at once; one is submitted as soon as another's result was seen
REPLAN = 10  # edits: a plan is kept for so many
WARM_UP = 100  # edits, left out of comparisons: a new kind is polled with plain backoff first

Draw = Callable[[random.Random], float]


def lognormal(median_s: float, sigma: float) -> Draw:
    """Times spread like those of most programs: a longer tail to the right."""
    return lambda chance: chance.lognormvariate(log(median_s), sigma)


def bimodal(chance: random.Random) -> float:
    """Of ten edits seven take 3 s and three 15 s, give or take a twentieth."""
    return (3.0 if chance.random() < 0.7 else 15.0) * exp(chance.gauss(0, 0.05))


def memoryless(chance: random.Random) -> float:
    """Exponential with a mean of 6 s: how long an edit has run says nothing about how long it will."""
    return chance.expovariate(1 / 6)


DISTRIBUTIONS: dict[str, Draw] = {
    "lognormal, 6 s, sigma 0.2": lognormal(6, 0.2),
    "bimodal, 70 % 3 s, 30 % 15 s": bimodal,
    "lognormal, 6 s, sigma 0.7": lognormal(6, 0.7),
    "memoryless, mean 6 s": memoryless,
}


class Seen(NamedTuple):
    """How one edit's result was seen."""

    polls: int
    lag_s: float


@dataclass(frozen=True)
class Figures:
    """What many edits came to."""

    polls: float
    lag_s: float  # 95th percentile

    @classmethod
    def of(cls, edits: Iterable[Seen]) -> Figures:
        """The figures of edits."""
        polls, lags_s = zip(*edits, strict=True)
        return cls.of_lists(polls, lags_s)

    @classmethod
    def of_lists(cls, polls: Sequence[int], lags_s: Sequence[float]) -> Figures:
        """The figures of edits whose polls and lags are given apart."""
        return cls(sum(polls) / len(polls), sorted(lags_s)[ceil(0.95 * len(lags_s)) - 1])


@dataclass
class Learner:
    """Polls as a worker does: plain backoff first, then by plans from what was seen."""

    replan: int = REPLAN
    histogram: dict[int, float] = field(default_factory=dict)
    plan: Plan | None = None
    learned: int = 0

    def delay_s(self, edit: int, polls: int, age_s: float) -> float:
        """Seconds until the edit's next poll."""
        phase = phase_of(str(edit))
        return poll_delay_s(polls, phase) if self.plan is None else next_poll_s(self.plan, age_s, phase)

    def saw(self, low_s: float, high_s: float) -> None:
        """A result came between two polls."""
        lesson = learn(self.histogram, 1000 * low_s, 1000 * high_s, running=PLACES)
        self.histogram = remember(self.histogram, lesson)
        self.learned += 1
        if self.learned % self.replan == 0:
            self.plan = plan(self.histogram, LAG_S, POLL_MIN_S, POLL_MAX_S)


def run(learner: Learner, times_s: Sequence[float]) -> list[Seen]:
    """Submit an edit for each of these times, poll them all as the learner says, and tell it what is seen."""
    seen = [Seen(0, inf)] * len(times_s)
    agenda: list[tuple[float, int]] = []  # when which edit is polled
    submitted_s: dict[int, float] = {}
    polled_s: dict[int, float] = {}
    polls: dict[int, int] = {}

    def submit(edit: int, now_s: float) -> None:
        submitted_s[edit], polled_s[edit], polls[edit] = now_s, 0.0, 0
        heappush(agenda, (now_s + learner.delay_s(edit, 0, 0.0), edit))

    for edit in range(min(PLACES, len(times_s))):
        submit(edit, 0.0)
    while agenda:
        now_s, edit = heappop(agenda)
        age_s = now_s - submitted_s[edit]
        polls[edit] += 1
        if age_s >= times_s[edit]:
            seen[edit] = Seen(polls[edit], age_s - times_s[edit])
            learner.saw(polled_s[edit], age_s)
            if len(submitted_s) < len(times_s):
                submit(len(submitted_s), now_s)
        else:
            polled_s[edit] = age_s
            heappush(agenda, (now_s + learner.delay_s(edit, polls[edit], age_s), edit))
    return seen
