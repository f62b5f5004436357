"""The harness is put to the test: each planted bug must be caught by what the judge is shown."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.bugs import BUGS
from tests.chaos.deaths import zombies
from tests.chaos.judge import violations
from tests.chaos.provocations import (
    PLACES,
    Provoke,
    asked_about_again,
    cancelled_in_between,
    nothing_can_be_stored,
    passing,
    silent_to_submits,
)
from tests.chaos.stage import Run
from tests.harness.growing import Record

STUCK_S = 8.0  # twice what the slowest takes without its bug: by then everything has ended, or never will
SURELY_S = 60.0  # the same where a slow machine must not be taken for a bug
EDITS = 24
LATE_REQUEST_S = 2.0  # no bug comes so soon, and no other trouble of the machine takes so long
ROUNDS = 3  # chance has a part in some hunts


@dataclass(frozen=True)
class Hunt:
    """How one bug is provoked: faults of the API, workers that die at these points or oversleep there, or ``how``."""

    faults: tuple[Record, ...] = ()
    deaths: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    edits: int = EDITS
    workers: int = 1
    policy: str = "resubmit"
    within_s: float = STUCK_S
    how: Provoke | None = None


SLOW = ({"fault": "hang", "seconds": 1.5}, {"fault": "hang_poll", "seconds": 1.5}, {"fault": "odd_status", "times": 99})
LONG = ({"fault": "hang", "seconds": 4},)
UNANSWERED = ({"fault": "drop_after_accept", "times": 4},)  # one more would be an outage
AT_WORK = (
    {"fault": "in_progress", "seconds": 4},
    {"fault": "drop_after_accept", "probability": 0.5, "times": 4},
)
WAIT = (
    {"fault": "throttle", "retry_after": 3, "times": 1, "match": "painting 5"},
    {"fault": "hang", "seconds": 0.5},
)
NOT_FOUND = {"fault": "page", "status": 404}
FEW_PLACES = {"max_in_flight": PLACES}

HUNTS: dict[str, Hunt] = {
    "settle_under_any_fence": Hunt(faults=SLOW, stops=("settle.waiting.before",)),
    "intend_under_any_fence": Hunt(faults=LONG, stops=("claim.after",) * 2),
    "count_without_guard": Hunt(settings={"lies": 0.3}),
    "settle_before_put": Hunt(),
    "no_intent": Hunt(deaths=("post.after", "post.sent", "settle.waiting.before")),
    "event_outside_the_move": Hunt(deaths=("settle.completed.after",) * 2),
    "places_leak": Hunt(
        faults=({"fault": "status", "status": 503, "times": 4},), settings={"max_in_flight": 4, "poll_max": 0.3}
    ),
    "duplicates_unmarked": Hunt(faults=UNANSWERED),
    "send_for_ever": Hunt(faults=({"fault": "drop_after_accept", "match": "painting 13"},)),
    "unanswered_means_not_sent": Hunt(faults=UNANSWERED),
    "delivered_before_posted": Hunt(deaths=("hook.before", "hook.sent", "hook.before")),
    "another_id_each_time": Hunt(deaths=("hook.after", "hook.after")),
    "key_to_strangers": Hunt(),
    "half_an_image_will_do": Hunt(faults=({"fault": "truncated", "variant": "short", "times": 8},)),
    "claim_without_lease": Hunt(deaths=("ring.before", "claim.after")),
    "batch_ends_before_its_files": Hunt(),
    "post_without_looking_at_the_clock": Hunt(stops=("begin_submit.after",) * 2),
    "begun_by_every_call": Hunt(workers=2, settings={"again": 0.7}, within_s=20),
    "settled_and_still_held": Hunt(
        faults=({"fault": "odd_status", "times": 99},), settings={"again": 0.7}, within_s=20
    ),
    "refused_edits_keep_their_turn": Hunt(
        faults=({"fault": "status", "status": 403, "match": "painting 0"},),
        edits=4,
        settings={"max_in_flight": 1, "patience": 1},
    ),
    "struck_out_without_witness": Hunt(how=passing(4, NOT_FOUND, edits=2), settings={"patience": 0.5}),
    "any_good_answer_ends_the_wait": Hunt(faults=WAIT, settings=FEW_PLACES, within_s=20),
    "no_look_before_the_wire": Hunt(faults=WAIT, settings={"connections": 3}),
    "conflict_means_another_key": Hunt(faults=AT_WORK, policy="idempotent", within_s=20),
    "the_store_is_each_edits_own_trouble": Hunt(how=nothing_can_be_stored, settings=FEW_PLACES),
    "the_first_no_is_believed": Hunt(how=asked_about_again, settings={"deadline": 1, "poll_max": 0.5}, within_s=20),
    "unanswered_and_cancelled_is_sent_again": Hunt(how=cancelled_in_between, settings=FEW_PLACES, within_s=20),
    "the_unanswered_edit_is_the_probe": Hunt(how=silent_to_submits, settings=FEW_PLACES, within_s=20),
    "a_status_ends_an_outage_of_submits": Hunt(how=silent_to_submits, settings=FEW_PLACES, within_s=20),
}
assert HUNTS.keys() == BUGS.keys()


def hunt(make_run: Callable[[str], Run], bug: str, rng: random.Random, *, planted: bool = True) -> str:
    """Provoke one bug; returns what gave it away (empty: nothing did). Not ``planted``, nothing must be found."""
    for run in (make_run(HUNTS[bug].policy) for _ in range(ROUNDS if planted else 1)):
        stuck = ""
        try:
            _provoke(run, bug if planted else "", HUNTS[bug], rng, HUNTS[bug].within_s if planted else SURELY_S)
        except TimeoutError as error:
            stuck = f"stuck: {error}"
        run.stage.nursery.kill_all()
        late_s = 1.0 + max((f.get("seconds", 0) for f in HUNTS[bug].faults), default=0)
        late_request_s = None if HUNTS[bug].stops else LATE_REQUEST_S
        found = violations(
            run.evidence(late_post_s=late_s if HUNTS[bug].stops else None, late_request_s=late_request_s)
        )
        if found or stuck:
            return [*found, stuck][0]
    return ""


def score(
    make_run: Callable[[str], Run], rng: random.Random, bugs: tuple[str, ...] = tuple(HUNTS)
) -> Iterator[tuple[str, str]]:
    """Hunt every bug; yields its name and what gave it away."""
    for bug in bugs:
        yield bug, hunt(make_run, bug, rng)


def _provoke(run: Run, bug: str, how: Hunt, rng: random.Random, within_s: float) -> None:
    run.api.rules(*how.faults)
    if how.stops:
        zombies(run, rng, bug=bug, stops=how.stops, within_s=within_s)
        return
    settings = {"lease": 1, "max_in_flight": 24, **how.settings}
    if how.how:
        how.how(run, lambda: run.worker(bug=bug, **settings), within_s)
        return
    run.ready(*(run.worker(bug=bug, **settings) for _ in range(how.workers)))
    for point in how.deaths:
        doomed = run.worker(bug=bug, crash=f"{point}=1", **settings)
        run.ready(doomed)
        run.enqueue(how.edits)
        run.dies(doomed, point, lambda: not run.unfinished(), within_s)
    run.enqueue(how.edits)
    run.finish(within_s)
