"""A small batch that has lived: its edits were worked on by the ledger's own moves, so that they have histories."""

from __future__ import annotations

import json
from collections.abc import Sequence

import redis

from retouch.causes import Fared
from retouch.ledger import Claim, Entry, Ledger, Policy, Seen, Settlement, Step
from retouch.states import EditState
from tests.ledger_bench import POLLED, SUBMITTING, Clock

BATCH, WORKER = "portraits", "retouch1"
LEASE_MS, DEADLINE_MS = 60_000, 1_800_000
SENT = ("submit:200", "taken")
FIRST = "harbour-morning"  # whose history is the longest
OTHERS = tuple(
    f"{place}-{time}"
    for place in ("harbour", "market", "old-town", "lighthouse", "museum", "river", "station")
    for time in ("morning", "noon", "evening", "night")
    if f"{place}-{time}" != FIRST
)


def write_story(client: redis.Redis) -> None:
    """Of its edits the API was too busy for the first, and works on it now; the others are completed."""
    _Story(client).tell()


class _Story:
    def __init__(self, client: redis.Redis) -> None:
        self.clock = Clock()
        self.clock.now -= 60_000
        self.worker = Ledger(client, self.clock).worker
        self.producer = Ledger(client, self.clock).producer

    def tell(self) -> None:
        self.worker.see_worker(WORKER, {})
        self.producer.enqueue(BATCH, [_entry(n, name) for n, name in enumerate((FIRST, *OTHERS))], {}, 1.0)
        self.producer.seal(BATCH)
        self._later(1.2)
        first, *others = self._claim()
        self._begin([first, *others])
        self._later(0.8)
        self._too_busy(first)
        self._accept(others)
        self._later(22)
        claims = self._claim()
        self._complete([claim for claim in claims if claim.member in {other.member for other in others}])
        again = [claim for claim in claims if claim.member == first.member]
        self._begin(again)
        self._later(1.1)
        self._accept(again)
        for polls, (seconds, delay_s) in enumerate(((2.5, 5), (5, 9), (9, 120)), 1):
            self._later(seconds)
            self._ask_again(self._claim(), polls, delay_s)

    def _later(self, seconds: float) -> None:
        self.clock.now += round(1000 * seconds)

    def _claim(self) -> list[Claim]:
        claims = self.worker.claim(WORKER, lease_ms=LEASE_MS, places=100).claims
        return [claim for claim in claims if claim.step in (Step.SUBMIT, Step.POLL)]

    def _begin(self, claims: Sequence[Claim]) -> None:
        self.worker.begin_submit(claims, Policy(), LEASE_MS, nonce=f"{self.clock.now}")

    def _too_busy(self, claim: Claim) -> None:
        busy = (Seen("submit", self.clock.now, Fared.THROTTLED, "too many requests", 20_000),)
        put = {"note": "429: too many requests"}
        self._settle(Settlement(claim, SUBMITTING, EditState.QUEUED, delay_ms=20_000, untaken=True, seen=busy, put=put))

    def _accept(self, claims: Sequence[Claim]) -> None:
        for number, claim in enumerate(claims):
            put = {"provider_id": f"7f3a{number:04x}"}
            good = {"submit": self.clock.now}
            taken = Settlement(
                claim, SUBMITTING, EditState.WAITING, 2000, good=good, put=put, deadline_ms=DEADLINE_MS, counts=SENT
            )
            self._settle(taken)

    def _ask_again(self, claims: Sequence[Claim], polls: int, delay_s: float) -> None:
        self.worker.begin_poll(claims, LEASE_MS, DEADLINE_MS, nonce=f"{self.clock.now}")
        self._later(0.2)
        for claim in claims:
            good = {"poll": self.clock.now}
            put = {"polls": str(polls), "note": "the API says 'processing'"}
            self._settle(
                Settlement(claim, POLLED, EditState.WAITING, delay_ms=round(1000 * delay_s), good=good, put=put)
            )

    def _complete(self, claims: Sequence[Claim]) -> None:
        self.worker.begin_poll(claims, LEASE_MS, DEADLINE_MS, nonce=f"{self.clock.now}")
        for claim in claims:
            output = {"uri": f"s3://bucket/edits/{claim.member}/0.png", "sha256": "5f" * 32, "bytes": 412_345}
            output |= {"width": 768, "height": 512, "content_type": "image/png"}
            self._settle(Settlement(claim, POLLED, EditState.COMPLETED, outputs=json.dumps([output])))

    def _settle(self, settlement: Settlement) -> None:
        [settled] = self.worker.settle([settlement])
        assert settled, settlement


def _entry(number: int, name: str) -> Entry:
    place, _, time = name.rpartition("-")
    parameters = {
        "prompt": f"an oil painting of the {place.replace('-', ' ')}, {time} light",
        "init_image": f"s3://photos/portraits/{name}.jpg",
        "strength": 0.6,
        "seed": 7 + number,
        "num_inference_steps": 30,
    }
    return Entry(name, f"{number:032x}", json.dumps(parameters), 1, None)
