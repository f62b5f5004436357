"""What somebody has under their keys stays there, though what is around it is shown anew."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from retouch.ledger import Claim, Ledger, Settlement
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.browser.conftest import Look
from tests.browser.test_batches import edits

TOO_WIDE, NO_IMAGE = "width 9000 is too large", "image 7 is no image"


@pytest.fixture
def claims(ledger: Ledger) -> list[Claim]:
    """Ten edits of a batch, which a worker has."""
    EditQueue(ledger).enqueue(edits(10), batch="oil")
    ledger.worker.see_worker("w", {})
    return ledger.worker.claim("w", lease_ms=600_000, places=20, submits=10).claims


def fail(ledger: Ledger, claims: list[Claim], message: str) -> None:
    """The API refuses them."""
    error = json.dumps({"code": "refused", "message": message})
    settlements = [Settlement(one, (EditState.SUBMITTING,), EditState.FAILED, error=error) for one in claims]
    ledger.worker.settle(settlements)


def test_a_button_of_a_reason_stays_in_hand(look: Look, ledger: Ledger, claims: list[Claim]) -> None:
    """More edits fail for it, so that it moves up and is written anew."""
    fail(ledger, claims[:3], TOO_WIDE)
    fail(ledger, claims[3:4], NO_IMAGE)
    page = look("#/batches/oil")
    reasons = page.get_by_role("list", name="Reasons").get_by_role("listitem")
    expect(reasons.last).to_contain_text("is no image")
    reasons.last.get_by_role("button", name="Retry these…").focus()
    fail(ledger, claims[4:9], NO_IMAGE)
    expect(reasons.first).to_contain_text("is no image")
    expect(reasons.first.get_by_role("button", name="Retry these…")).to_be_focused()


def test_a_button_of_an_edit_stays_in_hand(look: Look, ledger: Ledger, claims: list[Claim]) -> None:
    """What is told of it changes meanwhile."""
    fail(ledger, claims[:1], TOO_WIDE)
    page = look(f"#/batches/oil/edits/{claims[0].member.partition('/')[2]}")
    panel = page.locator(".edit")
    expect(panel).to_contain_text(TOO_WIDE)
    panel.get_by_role("button", name="Try it again…").focus()
    EditQueue(ledger).retry("oil")
    expect(panel).not_to_contain_text(TOO_WIDE)
    [claim] = ledger.worker.claim("w", lease_ms=600_000, places=20, submits=1).claims
    fail(ledger, [claim], NO_IMAGE)
    expect(panel).to_contain_text(NO_IMAGE)
    close = panel.get_by_role("button", name="Close the edit")
    close.focus()
    EditQueue(ledger).retry("oil")
    expect(panel.get_by_role("button", name="Try it again…")).to_have_count(0)
    expect(close).to_be_focused()


def test_a_pause_stays_in_hand_when_another_comes(look: Look, ledger: Ledger, claims: list[Claim]) -> None:
    """In the list of batches, and where the API is looked at."""
    ledger.worker.pause("submit:person", "lunch")
    page = look("#/batches")
    resume = page.get_by_role("button", name="Resume submits")
    for place in ("#/batches", "#/provider"):
        page.evaluate(f"location.hash = '{place}'")
        resume.focus()
        ledger.worker.pause("status:outage", f"502, seen at {place}")
        expect(page.locator("#main")).to_contain_text("502")
        expect(resume).to_be_focused()
        ledger.worker.resume("status:outage")
        expect(page.locator("#main")).not_to_contain_text("502")
        expect(resume).to_be_focused()
