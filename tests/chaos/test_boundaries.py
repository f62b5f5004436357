"""Where a worker can be killed: a new move of it is a new place."""

from __future__ import annotations

from retouch.ledger import Worker
from tests.chaos.boundaries import POINTS

WITHOUT = {
    "give_back": "a renewal by nothing",
    "pause": "of persons",
    "resume": "of persons",
    "hear_waits": "changes nothing",
    "messages": "changes nothing",
    "forget_worker": "the last that a worker does: one that dies before it is one that dies anywhere",
}


def test_a_worker_can_be_killed_at_every_move_that_it_makes() -> None:
    """Before it and after it."""
    moves = {name for name, method in vars(Worker).items() if callable(method) and not name.startswith("_")}
    places = {point.partition(".")[0] for point in POINTS if point.endswith(".before")}
    places &= {point.partition(".")[0] for point in POINTS if point.endswith(".after")}
    assert moves - places == WITHOUT.keys()
    assert places >= {"advance_job", "ring", "post", "poll", "fetch", "put", "delete", "hook"}
