"""How long the work of an installation will take, and how many workers it can use: estimates from what was learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, sqrt
from statistics import NormalDist

from retouch.causes import PauseCause
from retouch.ledger import Figures
from retouch.provider.polling.histogram import BINS, EDGES_MS, Distribution, Histogram
from retouch.provider.rates import Window, parse_rate
from retouch.states import EditState

AT_THE_API = (EditState.SUBMITTING, EditState.WAITING)
EDITS_PER_S = 500.0  # of one worker: half of what it does on a core of its own (docs/performance.md)
_PACED = ("RETOUCH_RATE_LIMIT", "RETOUCH_SUBMIT_RATE", "RETOUCH_POLL_RATE")


@dataclass(frozen=True, slots=True)
class Forecast:
    """``edits`` are to be done, ``at_once`` of them at a time, ``pace_s`` apart at least (by the rate limits).

    ``times``: how long one takes at the API, of all kinds lately; None: nothing was learned yet. ``paused``: no end
    can be told. A paused batch's edits are not counted.
    """

    edits: int
    at_once: float
    pace_s: float
    times: Histogram | None
    paused: bool

    @classmethod
    def of(cls, figures: Figures) -> Forecast:
        """What the ledger knows of it."""
        queued = max(0, figures.edits(EditState.QUEUED) - figures.halted_edits)
        together = dict.fromkeys(range(BINS), 0.0)
        for histogram in figures.learned.values():
            for number in together:
                together[number] += histogram.get(number, 0.0)
        at_the_api = figures.edits(*AT_THE_API)
        images = max(1.0, figures.provider.places_used / at_the_api) if at_the_api else 1.0
        return cls(
            edits=queued + at_the_api + figures.edits(EditState.COPYING),
            at_once=max(1.0, (figures.provider.places or 0) / images),
            pace_s=_pace_s(figures),
            times=together if sum(together.values()) >= 1 else None,
            paused=any(one.kind == "submit" and one.cause != PauseCause.THROTTLED for one in figures.pauses),
        )

    def left_s(self, probability: float) -> float | None:
        """Seconds until all edits have ended with this probability; None: it cannot be told.

        They go round by round through the places: the mean of a round, and how much the sum of that many varies; the
        last round takes as long as the slowest in it.
        """
        if not self.edits:
            return 0.0
        if self.times is None or self.paused:
            return None
        together = min(float(self.edits), self.at_once)
        rounds = self.edits / together - 1
        mean, variance = _moments(self.times)
        before = rounds * mean + NormalDist().inv_cdf(probability) * sqrt(rounds * variance / together)
        last = Distribution(self.times).age_ms(probability ** (1 / together)) / 1000
        return max(before + last, self.edits * self.pace_s)

    def workers(self) -> int:
        """How many workers are of use: one, unless the API could do more than that one."""
        if not self.edits or self.times is None:
            return 1
        per_s = min(float(self.edits), self.at_once) / max(_moments(self.times)[0], 0.001)
        return max(1, ceil(min(per_s, 1 / self.pace_s if self.pace_s else per_s) / EDITS_PER_S))


def _moments(times: Histogram) -> tuple[float, float]:
    """Mean and variance in seconds, each bin's weight in its middle; the last bin's at its beginning."""
    middles = [(a + b) / 2000 for a, b in pairwise(EDGES_MS[:BINS])]
    middles.append(EDGES_MS[BINS - 1] / 1000)
    weights = [times.get(number, 0.0) for number in range(BINS)]
    whole = sum(weights)
    mean = sum(w * m for w, m in zip(weights, middles, strict=True)) / whole
    return mean, sum(w * (m - mean) ** 2 for w, m in zip(weights, middles, strict=True)) / whole


def rate_limits(figures: Figures) -> dict[str, float]:
    """The requests a second that the workers' settings allow, by ``all``, ``submit`` and ``status``; none: not there.

    Where workers differ, the loosest holds.
    """
    return {step: min(map(_per_s, windows)) for step, windows in window_limits(figures).items()}


def window_limits(figures: Figures) -> dict[str, Sequence[Window]]:
    """The same as it is written: so many requests in so many seconds, one or more."""
    found: dict[str, Sequence[Window]] = {}
    for step, variable in zip(("all", "submit", "status"), _PACED, strict=True):
        told = [settings.get(variable, "") for settings in figures.settings]
        if told and all(told):
            found[step] = max(map(parse_rate, told), key=lambda windows: min(map(_per_s, windows)))
    return found


def _per_s(window: Window) -> float:
    return window.requests / window.seconds


def _pace_s(figures: Figures) -> float:
    """Seconds between two edits that the rate limits ask for; an edit has a submit, and as many polls as lately."""
    polls = sum(figures.summed("status").values()) / max(1, sum(figures.summed("submit").values()))
    asked = {"all": 1 + polls, "submit": 1.0, "status": polls}
    return max((asked[step] / limit for step, limit in rate_limits(figures).items()), default=0.0)
