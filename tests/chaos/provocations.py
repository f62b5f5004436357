"""Longer ways to provoke a planted bug: what happens to a run, given a function that starts a worker with the bug."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from tests.chaos.crew import Hand
from tests.chaos.evidence import Unkept
from tests.chaos.stage import Run
from tests.harness.growing import Record
from tests.harness.proxy import Mode

Start = Callable[[], Hand]
Provoke = Callable[[Run, Start, float], None]  # the run, how to start a worker, seconds within which all must end

EDITS, PLACES = 40, 8  # so many more than places that there is always another to be the probe


def passing(seconds: float, *faults: Record, edits: int = EDITS) -> Provoke:
    """The API has this trouble with all edits for so long, and then none."""

    def provoke(run: Run, start: Start, within_s: float) -> None:
        run.blameless = True
        run.api.rules(*faults)
        run.ready(start())
        run.enqueue(edits)
        run.until(lambda: run.api.submits(), "the first is submitted")
        pass_time(seconds)
        run.api.rules()
        run.finish(within_s)

    return provoke


def silent_to_submits(run: Run, start: Start, within_s: float) -> None:
    """Statuses are answered, and submits are not, for some seconds."""
    run.blameless = True
    run.api.rules({"fault": "odd_status"})
    run.ready(start())
    run.enqueue(2)
    run.until(lambda: len(run.api.accepted()) == 2, "some are at the API")
    run.api.rules({"fault": "odd_status"}, {"fault": "page", "status": 502})
    run.enqueue(EDITS)
    pass_time(6)
    run.api.rules()
    run.finish(within_s)


def nothing_can_be_stored(run: Run, start: Start, within_s: float) -> None:
    """S3 takes nothing for some seconds."""
    run.ready(start())
    began_at = time.time()
    run.stage.s3_proxy.become(Mode.FAIL)
    run.enqueue(EDITS)
    run.until(lambda: run.api.accepted(), "the first is taken")
    pass_time(5)
    run.unkept = Unkept(began_at, time.time(), PLACES)
    run.stage.s3_proxy.become(Mode.PASS)
    run.finish(within_s)


def cancelled_in_between(run: Run, start: Start, within_s: float) -> None:
    """A person cancels a batch while submits are under way that will not be answered."""
    run.api.rules({"fault": "hang", "seconds": 1}, {"fault": "drop_after_accept", "probability": 0.7})
    run.ready(start())
    batch = run.enqueue(EDITS)
    run.until(lambda: run.api.taken() >= PLACES, "some are under way")
    run.cancel(batch)
    run.api.rules()
    run.enqueue(EDITS)  # work that is taken, as it is before an edit that was not answered is sent again
    run.finish(within_s)


def asked_about_again(run: Run, start: Start, within_s: float) -> None:
    """Edits failed by their deadline; when a person retries them, statuses are refused for a moment."""
    run.api.rules({"fault": "odd_status"})
    run.ready(start())
    batch = run.enqueue(PLACES // 2)
    run.finish(within_s)
    run.api.rules({"fault": "page_poll", "status": 404})
    run.undo_ends()
    asked, sent = run.queue.retry(batch)
    assert (asked, sent) == (PLACES // 2, 0), (asked, sent)
    pass_time(2)
    run.api.rules()
    run.finish(within_s)


def pass_time(seconds: float) -> None:
    """The length of some trouble is what it is about: there is nothing to wait for."""
    threading.Event().wait(seconds)
