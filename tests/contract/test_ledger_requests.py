"""Requests with a key of their caller's: each is worked on once, and answered alike for a day."""

from __future__ import annotations

from retouch.ledger.requests import LEASE_MS, Begun
from tests.ledger_bench import Bench

DAY_MS = 86_400_000


def test_a_request_is_worked_on_by_one(bench: Bench) -> None:
    """Who works on it renews its lease; another one is told that it is at work."""
    requests = bench.ledger.requests
    assert requests.begin("k/1", "f", "a") == Begun()
    assert requests.begin("k/1", "f", "b") == Begun(at_work=True)
    bench.clock.now += LEASE_MS - 1
    assert requests.begin("k/1", "f", "a") == Begun()
    bench.clock.now += LEASE_MS - 1
    assert requests.begin("k/1", "f", "b") == Begun(at_work=True)
    assert requests.begin("k/2", "f", "b") == Begun()
    assert requests.begin("other/1", "f", "b") == Begun()


def test_a_request_of_who_died_is_taken_over(bench: Bench) -> None:
    """When its lease has ended; what the dead one says later counts for nothing."""
    requests = bench.ledger.requests
    requests.begin("k/1", "f", "a")
    bench.clock.now += LEASE_MS
    assert requests.begin("k/1", "f", "b") == Begun()
    assert not requests.end("k/1", "a", "late")
    assert requests.end("k/1", "b", "answer")
    assert requests.begin("k/1", "f", "c") == Begun(answer="answer")


def test_another_request_under_the_same_key_is_told(bench: Bench) -> None:
    """While the first is at work, and when it is answered."""
    requests = bench.ledger.requests
    requests.begin("k/1", "f", "a")
    assert requests.begin("k/1", "g", "b") == Begun(other=True)
    requests.end("k/1", "a", "answer")
    assert requests.begin("k/1", "g", "b") == Begun(other=True)


def test_a_request_without_an_answer_begins_anew(bench: Bench) -> None:
    """As one that was refused, and is sent corrected."""
    requests = bench.ledger.requests
    requests.begin("k/1", "f", "a")
    assert requests.end("k/1", "a")
    assert requests.begin("k/1", "g", "b") == Begun()


def test_an_answer_is_kept_for_a_day(bench: Bench) -> None:
    """From the moment of the answer on, by the server's own clock."""
    requests = bench.ledger.requests
    requests.begin("k/1", "f", "a")
    requests.end("k/1", "a", "answer")
    assert DAY_MS - 60_000 < bench.client.pttl(bench.keys.request("k/1")) <= DAY_MS
