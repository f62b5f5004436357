"""How much is measured: ``FULL`` for figures, ``QUICK`` to try whether the benchmark itself runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from scripts.benchmark.service import Service


@dataclass(frozen=True, slots=True)
class Sizes:
    """Edits, unless the name says seconds. The defaults are a whole run's, some 20 minutes on two cores."""

    rounds: int = 3  # of which each version's cheapest counts: what disturbs a run only ever adds to its CPU
    peer_rounds: int = 2
    retouch: int = 10_000  # several times what is at the API at once
    floor: int = 6000
    peer: int = 800
    peer_warm_up: int = 128  # every thread has made its S3 client, which is dear
    enqueued: int = 100_000
    enqueued_peer: int = 2000
    paced: int = 2000
    service: Service = field(default_factory=Service)
    growth: tuple[int, ...] = (1000, 10_000, 100_000)
    few_waiting: int = 1000
    many_waiting: int = 10_000
    take_s: float = 60.0  # until all of them must be at the provider
    calm_s: float = 10.0  # after that, until the first polls, which come fast, are over
    watch_s: float = 12.0


FULL = Sizes()
QUICK = Sizes(
    rounds=1,
    peer_rounds=1,
    retouch=300,
    floor=300,
    peer=60,
    peer_warm_up=20,
    enqueued=2000,
    enqueued_peer=100,
    paced=60,
    service=Service(places=16, median_s=0.3),
    growth=(200, 400),
    few_waiting=50,
    many_waiting=200,
    take_s=20.0,
    calm_s=1.0,
    watch_s=3.0,
)
