"""The run: which parts are measured, in which order; all ways of a part take turns, round by round."""

from __future__ import annotations

import random
import sys
from collections.abc import Collection
from dataclasses import dataclass

from scripts.benchmark.gateway import hooks, posts, small, waiters
from scripts.benchmark.gateway.report import Report
from scripts.benchmark.gateway.sizes import Sizes
from scripts.benchmark.gateway.ways import (
    AIOHTTP,
    ALWAYS,
    BAD_SINKS,
    BARE,
    GATEWAY,
    NO_SINK,
    POLLS,
    QUICK_SINK,
    STREAMS,
    WORKER,
)
from scripts.benchmark.stage import Stage

PARTS = ("posts", "broken", "small", "hooks", "sinks", "waiters")


@dataclass(slots=True)
class Run:
    """One run of the benchmark; ``report`` grows as it goes on."""

    sizes: Sizes
    report: Report

    def measure(self, parts: Collection[str]) -> None:
        """Measure these parts; raises ServiceError if something fails, but not for a load tool that is not here."""
        acts = {
            "posts": self._posts,
            "broken": self._broken,
            "small": self._small,
            "hooks": self._hooks,
            "sinks": self._sinks,
            "waiters": self._waiters,
        }
        for part in PARTS:
            if part in parts:
                acts[part]()

    def _posts(self) -> None:
        with Stage() as stage:
            for number in self._rounds():
                for edits in self.sizes.posts:
                    for way in posts.WAYS:
                        _say(f"posts, {edits:,} edits, {way}, {number}")
                        found = self.report.posts.setdefault(way, {}).setdefault(edits, [])
                        found.append(posts.accepted(stage, way, edits))

    def _broken(self) -> None:
        lines = self.sizes.broken
        _say(f"broken, {lines:,} lines")
        with Stage() as stage:
            self.report.broken[lines] = posts.refused(stage, lines, random.Random(1))

    def _small(self) -> None:
        try:
            with Stage() as stage:
                for number in self._rounds():
                    for way in (GATEWAY, ALWAYS, BARE):
                        _say(f"small, {way}, {number}")
                        self.report.small.setdefault(way, []).append(small.measure(stage, way, self.sizes))
        except small.NoLoadToolError as error:
            self.report.missing["small"] = str(error)

    def _hooks(self) -> None:
        for number in self._rounds():
            for way in (WORKER, AIOHTTP):
                _say(f"hooks, {way}, {number}")
                self.report.hooks.setdefault(way, []).append(hooks.deliver(way, self.sizes.hooks))

    def _sinks(self) -> None:
        for number in self._rounds():
            for way in (NO_SINK, QUICK_SINK, BAD_SINKS):
                _say(f"sinks, {way}, {number}")
                self.report.sinks.setdefault(way, []).append(hooks.beside(way, self.sizes.edits))

    def _waiters(self) -> None:
        with Stage() as stage:
            for number in self._rounds():
                for way in (STREAMS, POLLS):
                    _say(f"waiters, {way}, {number}")
                    self.report.waits.setdefault(way, []).append(waiters.measure(stage, way, self.sizes))

    def _rounds(self) -> Collection[str]:
        return [f"round {number} of {self.sizes.rounds}" for number in range(1, self.sizes.rounds + 1)]


def _say(what: str) -> None:
    print(f"measuring {what} …", file=sys.stderr, flush=True)
