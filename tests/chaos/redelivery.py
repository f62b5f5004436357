"""Messages that Celery's broker delivers twice: connections are cut while an acknowledgement is on the wire."""

from __future__ import annotations

import time
from collections import Counter

from tests.chaos.play import Play
from tests.chaos.stage import Run

CUTS, CUTS_QUICK = 60, 4
AT_WORK = 60
WITHIN_S = 240.0


def redelivery(play: Play) -> None:
    """Redis' connections are cut, sixty times, while a message's acknowledgement is on the wire: it comes again."""
    run = play.stage.run()
    run.blameless = True
    run.api.rules({"fault": "odd_status", "probability": 0.5}, {"fault": "instant", "probability": 0.2})
    run.ready(*[run.worker(max_in_flight=30) for _ in range(2)])
    wanted = CUTS_QUICK if play.quick else CUTS
    cuts = _cut_acknowledgements(run, wanted)
    run.finish(120)
    again = sum(n - 1 for n in _messages(run).values())
    play.measured("cuts of an acknowledgement", f"{cuts}; {again} messages came again", f"{wanted}", cuts >= wanted)
    play.measured("messages that came again", str(again), "one at least", again > 0)
    play.judged("messages delivered twice", run)
    marked = sum(f.counted.get("marked", 0) for f in play.report.findings["messages delivered twice"])
    play.measured("possible duplicates of messages delivered twice", str(marked), "none", marked == 0)


def _cut_acknowledgements(run: Run, wanted: int) -> int:
    """Cut so often, and let work go on in between; returns how often it was."""
    proxy, end = run.stage.redis_proxy, time.monotonic() + WITHIN_S
    before = proxy.hits
    while proxy.hits - before < wanted and time.monotonic() < end:
        if run.unfinished() < AT_WORK:
            run.enqueue(AT_WORK)
        _cut(run)
    return proxy.hits - before


def _cut(run: Run) -> None:
    proxy = run.stage.redis_proxy
    hits, messages = proxy.hits, _messages(run).total()
    proxy.aim(acknowledges)
    run.until(lambda: proxy.hits > hits or _idle(run), "an acknowledgement is cut")
    run.until(lambda: _messages(run).total() > messages or _idle(run), "a message comes after it")


def acknowledges(piece: bytes) -> bool:
    """Tell whether these bytes take a message off the list of those that are not acknowledged, and no more."""
    return b"HDEL" in piece and b":unacked\r\n" in piece and b"PUSH" not in piece


def _idle(run: Run) -> bool:
    return not run.unfinished()


def _messages(run: Run) -> Counter[tuple[str, str, int]]:
    """How often each message reached a worker."""
    return Counter((e["step"], e["member"], e["fence"]) for e in run.trace() if e["do"] == "message")
