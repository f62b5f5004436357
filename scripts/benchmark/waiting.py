"""What edits cost while the API works on them and there is nothing to do but to ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from retouch.errors import ServiceError
from scripts.benchmark.cost import meter
from scripts.benchmark.meter import Meter, Moment
from scripts.benchmark.sizes import Sizes
from scripts.benchmark.stage import Stage
from scripts.benchmark.standin import CALLS
from scripts.benchmark.versions import RETOUCH, Version
from scripts.benchmark.work import Work


class NotHeldError(ServiceError):
    """The version cannot have so many edits at the API; the message says how many it had."""


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which ``edits`` were at the API. ``cores``: CPU of the worker, as a share of one core."""

    edits: int
    cores: float
    polls_per_s: float
    mib: float

    @classmethod
    def between(cls, edits: int, begin: Moment, end: Moment, mib: float) -> Window:
        """What lies between two moments."""
        seconds = end.at_s - begin.at_s
        cpu_s = end.cpu_s["worker"] - begin.cpu_s["worker"]
        return cls(edits, cpu_s / seconds, (end.polls - begin.polls) / seconds, mib)


@dataclass(frozen=True, slots=True)
class Waiting:
    """The same worker with nothing to do (but warm), with a few edits at the API, and with many."""

    idle: Window
    few: Window
    many: Window

    @property
    def more_mib(self) -> float:
        """Memory that many edits take."""
        return self.many.mib - self.idle.mib

    @property
    def poll_ms(self) -> float:
        """CPU of one poll with all that belongs to it, in ms; told from the few."""
        if not self.few.polls_per_s:
            return 0.0
        return 1000 * max(0.0, self.few.cores - self.idle.cores) / self.few.polls_per_s

    @property
    def besides(self) -> float:
        """CPU beside the polls while many wait, as a share of one core: what only their number costs."""
        return max(0.0, self.many.cores - self.many.polls_per_s * self.poll_ms / 1000)


def measure(version: Version, sizes: Sizes) -> Waiting:
    """One run; raises NotHeldError, NotInstallableError, DiedError or ServiceError."""
    settings = {"RETOUCH_MAX_IN_FLIGHT": str(sizes.many_waiting)} if version is RETOUCH else {}
    commands = version.start()
    with Stage() as stage:
        version.enqueue(stage, Work("warm-up", sizes.few_waiting))
        with stage.processes(version.name, commands, **settings) as children, meter(stage, children) as watched:
            watched.wait_for(len(CALLS) * sizes.few_waiting)
            watched.look_again()
            idle = _watch(watched, 0, sizes)
            watched.ask("/hold")
            few = _hold(stage, version, watched, [sizes.few_waiting], sizes)
            many = _hold(stage, version, watched, [sizes.few_waiting, sizes.many_waiting - sizes.few_waiting], sizes)
    return Waiting(idle, few, many)


def _hold(stage: Stage, version: Version, watched: Meter, waves: Sequence[int], sizes: Sizes) -> Window:
    """Enqueue the last of ``waves`` beside the others, which are at the API already, and watch them wait."""
    version.enqueue(stage, Work(f"wave-{len(waves)}", waves[-1]))
    edits, before = sum(waves), sizes.few_waiting
    there = watched.wait_posts(before + edits, sizes.take_s) - before
    if there < edits:
        raise NotHeldError(f"only {there:,} of {edits:,} edits were at the API {sizes.take_s:g} s after the enqueue")
    watched.watch(sizes.calm_s)
    return _watch(watched, edits, sizes)


def _watch(watched: Meter, edits: int, sizes: Sizes) -> Window:
    begin, end = watched.watch(sizes.watch_s)
    return Window.between(edits, begin, end, watched.resident_mib())
