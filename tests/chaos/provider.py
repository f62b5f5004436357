"""How the API is used under a rate limit: its own record of arrivals is looked at through every sliding window."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from retouch.provider.rates import Window, parse_rate
from tests.chaos.stage import Run

RATE = "10/s,540/m"
WORKERS = 4


@dataclass(frozen=True)
class Used:
    """The most requests that any window of a length held, and the ``share`` of the tightest limit that was used."""

    fullest: dict[Window, int]
    share: float
    requests: int

    @property
    def kept(self) -> bool:
        """No window held more than its limit."""
        return all(most <= window.requests for window, most in self.fullest.items())

    def __str__(self) -> str:
        parts = [f"{most} in the fullest {w.seconds} s (limit {w.requests})" for w, most in self.fullest.items()]
        return f"{self.requests} requests; {', '.join(parts)}; {self.share:.0%} used"


def fullest(arrivals: list[float], window: Window) -> int:
    """The most arrivals (sorted, in seconds) in any sliding window."""
    return max((bisect_left(arrivals, at + window.seconds) - n for n, at in enumerate(arrivals)), default=0)


def rate(run: Run, seconds: float, *, limit: str = RATE, workers: int = WORKERS) -> Used:
    """Four workers with more work than the limit lets through, for so long."""
    run.api.rules({"fault": "odd_status", "probability": 0.5})
    crew = [run.worker(rate_limit=limit, max_in_flight=50) for _ in range(workers)]
    run.ready(*crew)
    batch = run.enqueue(int(seconds * 10))
    run.until(lambda: len(_arrivals(run)) > 5, "requests flow")
    began = len(_arrivals(run))
    threading.Event().wait(seconds)
    arrivals = _arrivals(run)
    run.queue.cancel(batch)
    windows = parse_rate(limit)
    tightest = min(w.requests / w.seconds for w in windows)
    share = (len(arrivals) - began) / (tightest * seconds)
    return Used({w: fullest(arrivals, w) for w in windows}, share, len(arrivals))


@dataclass(frozen=True)
class SatOut:
    """What an outage of the API came to: edits by state, submits beyond one an edit, requests while it lasted."""

    ends: dict[str, int]
    resent: int
    probes: int
    longest_gap_s: float

    def __str__(self) -> str:
        ends = ", ".join(f"{count:,} {state}" for state, count in self.ends.items())
        return f"{ends}; {self.resent} sent again; {self.probes} probes, at most {self.longest_gap_s:.0f} s apart"


def sit_out(run: Run, edits: int, seconds: float, *, deadline_s: float = 60) -> SatOut:
    """The API answers 503 to everything for so long, with edits queued and others waiting for their result there.

    Their deadline is far shorter than the outage: it must stand still.
    """
    run.api.rules({"fault": "odd_status"})  # what is taken waits there until the outage begins
    run.ready(*[run.worker(max_in_flight=200, deadline=deadline_s) for _ in range(2)])
    batch = run.enqueue(edits)
    run.until(lambda: _counts(run, batch).get("waiting", 0) > 20, "edits wait at the API")
    run.api.rules({"fault": "status", "status": 503}, {"fault": "status_poll", "status": 503})
    run.until(lambda: any(p.cause == "outage" for p in run.ledger.reader.pauses()), "the outage is seen")
    began = len(_arrivals(run))
    threading.Event().wait(seconds)
    during = _arrivals(run)[began:]
    run.api.rules()
    run.finish(300)
    submits = Counter(r["idempotency_key"] for r in run.api.submits() if (r["status"] or 500) < 400)
    gaps = [after - before for before, after in pairwise(during)]
    return SatOut(_counts(run, batch), sum(submits.values()) - edits, len(during), max(gaps, default=0.0))


def _arrivals(run: Run) -> list[float]:
    return sorted(r["arrived"] for r in run.api.requests("submit", "status"))


def _counts(run: Run, batch: str) -> dict[str, int]:
    view = run.ledger.reader.batch(batch)
    return {state.value: count for state, count in view.counts.items() if count} if view else {}
