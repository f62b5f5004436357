"""Redis, S3, the webhook's receiver and the API go away in every way, and come back."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import redis

from retouch.causes import PauseCause
from tests.chaos.crew import Hand
from tests.chaos.evidence import Unkept
from tests.chaos.provocations import pass_time
from tests.chaos.stage import Run
from tests.chaos.weather import MIXED
from tests.harness.processes import RETOUCH, Process
from tests.harness.proxy import Mode
from tests.harness.redis_troubles import TROUBLES, Admin
from tests.harness.sentinel import Watched
from workers.stack.child import clean_environment

S3_PLACES = 16
ALWAYS_BUSY = 150  # edits that are always there, so that going on can be seen


@dataclass
class Recovery:
    """How long after the return of a part work went on, in seconds, by what had happened to it."""

    after_s: dict[str, float] = field(default_factory=dict)
    restarted: int = 0  # workers that did not survive it
    waiting: str = ""  # how the waiting command line ended


def command_line(run: Run, *arguments: str) -> Process:
    """A ``retouch`` command in the background."""
    return Process([RETOUCH, *arguments], env=clean_environment(**run.environment), merged=True)


def redis_outages(run: Run, *, only: tuple[str, ...] = ()) -> Recovery:
    """Redis is killed, cut off, half open and paused under load; the workers and a waiting command line survive it."""
    run.api.rules({"fault": "odd_status", "probability": 0.5}, {"fault": "hang", "seconds": 0.3, "probability": 0.3})
    crew = [run.worker(max_in_flight=60) for _ in range(2)]
    run.ready(*crew)
    last = run.enqueue(ALWAYS_BUSY)
    outcome = Recovery()
    with command_line(run, "watch", last) as watch:
        watch.out.line()  # an outage from here on is to be waited out
        for name, outage in _redis_outages(run).items():
            if not only or name in only:
                outcome.after_s[name] = _gone_through(run, outage)
        run.api.rules()
        run.finish(90)
        code, said, _ = watch.end()
    outcome.waiting = f"exit {code}" + ("" if code == 0 else f": {said[-300:]}")
    outcome.restarted = sum(hand.ended.is_set() for hand in crew)
    return outcome


def _gone_through(run: Run, outage: Callable[[], None]) -> float:
    """Let it happen under load; returns after how many seconds work went on."""
    while run.unfinished() < ALWAYS_BUSY:
        run.enqueue(ALWAYS_BUSY)
    _is_working(run, time.monotonic())
    outage()
    return _is_working(run, time.monotonic())


def _redis_outages(run: Run) -> dict[str, Callable[[], None]]:
    valkey, proxy = run.stage.valkey, run.stage.redis_proxy

    def killed(seconds: float) -> None:
        with redis.Redis.from_url(valkey.url) as client:
            client.config_set("appendfsync", "always")  # with everysec it may have answered what it has not written
        valkey.kill()
        pass_time(seconds)
        valkey.start()

    def through_the_proxy(mode: Mode, seconds: float) -> None:
        proxy.become(mode)
        pass_time(seconds)
        proxy.become(Mode.PASS)

    def paused(seconds: float) -> None:
        os.kill(valkey.child.pid, signal.SIGSTOP)
        pass_time(seconds)
        os.kill(valkey.child.pid, signal.SIGCONT)

    def refusing(code: str, seconds: float) -> None:
        with TROUBLES[code](Admin(valkey)):
            pass_time(seconds)

    return {
        "SIGKILL, back after 1 s": lambda: killed(1),
        "SIGKILL, back after 8 s": lambda: killed(8),
        "connections cut": proxy.cut,
        "refused for 3 s": lambda: through_the_proxy(Mode.REFUSE, 3),
        "half open for 2 s": lambda: through_the_proxy(Mode.STALL, 2),
        "half open for 8 s": lambda: through_the_proxy(Mode.STALL, 8),
        "paused for 6 s": lambda: paused(6),
        "too few replicas for 3 s": lambda: refusing("NOREPLICAS", 3),
        "its disk full for 3 s": lambda: refusing("MISCONF", 3),
        "a replica for 3 s": lambda: refusing("READONLY", 3),
    }


def _is_working(run: Run, since: float) -> float:
    """Wait until work that was begun after ``since`` is settled; returns how long that took in seconds."""

    def settled() -> float:
        later = [e for e in run.trace() if e["t"] > since]  # a server that was promoted gives old fences once more
        begun = {(e["member"], e["fence"]) for e in later if e["do"] == "begin"}
        done = [e["t"] for e in later if e["do"] == "settle" and e["ok"] and (e["member"], e["fence"]) in begun]
        return done[0] if done else 0.0

    return run.until(settled, "work goes on") - since


def lost_answers(run: Run, *, batches: int = 3, bug: str = "") -> None:
    """Redis does what it is told, and the answer is lost, one time in ten."""
    run.api.rules({"fault": "odd_status", "probability": 0.3})
    run.ready(*(run.worker(bug=bug, lies=0.1, again=0.1, lease=1, max_in_flight=40) for _ in range(2)))
    for _ in range(batches):
        run.enqueue(50, samples=2)
    run.finish(90)


@dataclass
class PowerLoss:
    """What a power failure of the Redis machine cost."""

    lost_bytes: int = 0
    enqueued_again: int = 0
    taken_twice: int = 0


def power_loss(run: Run, *, fsync: str) -> PowerLoss:
    """The power fails under load: with ``everysec`` the last second of the log is gone. Then the producers go on."""
    client = redis.Redis.from_url(run.stage.valkey.url)
    client.config_set("appendfsync", fsync)
    run.api.rules({"fault": "odd_status", "probability": 0.5})
    run.ready(*(run.worker(max_in_flight=60) for _ in range(2)))
    sizes: list[tuple[float, int]] = []
    for n in range(12):
        batch = f"p{n}"
        run.expect(batch, 50)
        run.queue.enqueue(run.edits(50), batch=batch)
        sizes.append((time.monotonic(), _log(run).stat().st_size))
        pass_time(0.15)
    run.stage.valkey.kill()
    outcome = PowerLoss()
    if fsync == "everysec":
        size = _log(run).stat().st_size
        kept = max(s for at, s in sizes if at < sizes[-1][0] - 1.0)
        os.truncate(_log(run), kept)
        outcome.lost_bytes = size - kept
    run.stage.valkey.start()
    for batch in run.enqueued:
        outcome.enqueued_again += run.queue.enqueue(run.edits(50), batch=batch).accepted
    run.api.rules()
    run.finish(90)
    client.config_set("appendfsync", "everysec")
    return outcome


@dataclass
class FailedOver:
    """What the loss of a master cost. Times are since its replica was promoted, in seconds."""

    enqueued_again: int
    working_after_s: float
    ended_after_s: float


def failover(run: Run, watched: Watched, *, lag_s: float) -> FailedOver:
    """The master dies under load, and its replica, which had nothing of the last seconds, is promoted.

    Then the producers go on, with the same manifests.
    """
    run.api.rules({"fault": "odd_status", "probability": 0.5})
    crew = [run.worker(max_in_flight=60) for _ in range(2)]
    run.ready(*crew)
    for n in range(3):
        batch = f"f{n}"
        run.expect(batch, 50)
        run.queue.enqueue(run.edits(50), batch=batch)
    run.until(lambda: len(run.api.accepted()) >= 40, "edits are at the API")
    watched.caught_up()
    if lag_s:
        watched.lag()
        run.expect("late", 50)
        run.queue.enqueue(run.edits(50), batch="late")
        pass_time(lag_s)
    watched.master.kill()
    watched.promoted()
    promoted_at = time.monotonic()
    again = sum(run.queue.enqueue(run.edits(50), batch=batch).accepted for batch in run.enqueued)
    run.api.rules()
    working_after_s = _is_working(run, promoted_at)
    run.finish(90)
    assert not any(hand.ended.is_set() for hand in crew), "a worker did not survive it"
    return FailedOver(again, working_after_s, time.monotonic() - promoted_at)


def lost_message(run: Run) -> Callable[[], bool]:
    """Leave a message of ours whose worker is gone; returns whether Celery in a worker of ours has found it."""
    prefix, client = run.ledger.connection.keys.prefix, redis.Redis.from_url(run.stage.valkey.url)
    message = json.dumps([{"body": "", "properties": {"delivery_info": {"priority": 0}}}, "", "nobody's"])
    client.hset(f"{prefix}unacked", "lost", message)
    client.zadd(f"{prefix}unacked_index", {"lost": 0.0})
    return lambda: client.zscore(f"{prefix}unacked_index", "lost") is None


def _log(run: Run) -> Path:
    return max(run.stage.valkey.data_dir.glob("appendonlydir/*.incr.aof"), key=lambda p: p.stat().st_mtime)


def s3_outages(run: Run) -> Recovery:
    """S3 is dead, refuses, answers 503: submits pause, and afterwards every image arrives; slow, it delays nothing."""
    stage, outcome = run.stage, Recovery()
    run.blameless = True
    crew = [run.worker(max_in_flight=S3_PLACES) for _ in range(2)]
    run.ready(*crew)

    def dead() -> None:
        stage.s3.kill()
        _without_a_store(run)
        stage.s3.start()

    def through_the_proxy(mode: Mode) -> None:
        stage.s3_proxy.become(mode)
        _without_a_store(run)
        stage.s3_proxy.become(Mode.PASS)

    def slow() -> None:
        stage.s3_proxy.become(Mode.SLOW)
        run.enqueue(S3_PLACES * 3)
        pass_time(3)
        stage.s3_proxy.become(Mode.PASS)

    ways = {"SIGKILL": dead, "slow": slow} | {
        m.name.lower(): lambda m=m: through_the_proxy(m) for m in (Mode.REFUSE, Mode.FAIL)
    }
    for name, outage in ways.items():
        began_at = time.time()
        outage()
        run.unkept = None if name == "slow" else Unkept(began_at, time.time(), S3_PLACES)  # the last is judged
        back_at = time.monotonic()
        run.finish(120)
        outcome.after_s[name] = time.monotonic() - back_at
    outcome.restarted = sum(hand.ended.is_set() for hand in crew)
    return outcome


def _without_a_store(run: Run) -> None:
    """Work comes while nothing can be stored, until it pauses."""
    run.enqueue(S3_PLACES * 3)
    run.until(lambda: any(p.cause == PauseCause.STORE for p in run.ledger.reader.pauses()), "submits pause: no store")
    pass_time(1)


def webhook_outage(run: Run) -> float:
    """The receiver answers 503: batches end all the same; returns after how many seconds it was told of everything."""
    run.stage.witness.usual = 503
    run.ready(run.worker(max_in_flight=60))
    batch = run.enqueue(60)
    run.until(lambda: (view := run.ledger.reader.batch(batch)) is not None and view.finished, "the batch ends")
    run.stage.witness.usual = 200
    back_at = time.monotonic()
    run.finish()
    return time.monotonic() - back_at


def api_outages(run: Run) -> Hand:
    """Every fault that the endpoint knows, mixed; it is paused, and killed and started again with nothing in mind."""
    run.api.rules(*MIXED)
    crew = [run.worker(max_in_flight=60) for _ in range(2)]
    run.ready(*crew)
    for _ in range(4):
        run.enqueue(60, samples=2)
    run.until(lambda: run.unfinished() < 200, "work is under way")
    os.kill(run.api.child.pid, signal.SIGSTOP)
    pass_time(5)
    os.kill(run.api.child.pid, signal.SIGCONT)
    run.until(lambda: run.unfinished() < 150, "work goes on")
    run.api.child.kill()
    pass_time(3)
    run.api.start()
    run.finish(120)
    return crew[0]
