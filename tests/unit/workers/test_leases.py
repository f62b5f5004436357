"""Leases: a claim is this process's own only for as long as nobody else can have it."""

from __future__ import annotations

import time

import pytest

from retouch.ledger import Claim, Step
from workers.leases import Leases

A, B = Claim("b/a", 1, Step.SUBMIT), Claim("b/b", 1, Step.POLL)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock, in seconds; the test turns it."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_claim_is_held_for_a_lease_from_the_asking(clock: list[float]) -> None:
    """What counts is when the ledger was asked, not when it answered."""
    leases = Leases(4)
    clock[0] = 103
    leases.begin([A], 100)
    assert leases.holds(A)
    clock[0] = 104
    assert not leases.holds(A)


def test_a_renewal_begins_the_lease_anew_and_a_loss_ends_it(clock: list[float]) -> None:
    """What the ledger renewed is held on; what it says is lost may not be acted on any more."""
    leases = Leases(4)
    leases.begin([A, B], 100)
    clock[0] = 103
    leases.renewed([A, B], [B.member], 102)
    assert (leases.holds(A), leases.holds(B)) == (True, False)
    clock[0] = 105.9
    assert leases.holds(A)


def test_a_renewal_never_brings_back_what_has_ended(clock: list[float]) -> None:
    """A claim that is settled while its renewal is under way stays ended."""
    leases = Leases(4)
    leases.begin([A], 100)
    leases.end(A)
    leases.renewed([A], [], 101)
    assert not leases.holds(A)
    assert (len(leases), leases.open()) == (0, [])


def test_another_fence_is_another_claim(clock: list[float]) -> None:
    """Holding a member under one fence says nothing of a later one."""
    leases = Leases(4)
    leases.begin([A], 100)
    assert not leases.holds(A._replace(fence=2))
    leases.end(A._replace(fence=2))
    assert leases.holds(A)


def test_a_lost_claim_counts_until_its_step_has_ended(clock: list[float]) -> None:
    """It still runs, and an orderly end waits for it."""
    leases = Leases(4)
    leases.begin([A, B], 100)
    leases.renewed([A], [A.member], 101)
    assert len(leases) == 2


def test_ending_what_is_not_held_does_no_harm() -> None:
    """A step ends its claim wherever it comes to an end, twice if need be."""
    Leases(4).end(A)
