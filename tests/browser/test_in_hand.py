"""What somebody has under their keys stays there, though what is around it is shown anew."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from retouch.ledger import Claim, Ledger, Settlement
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.browser.conftest import Look
from tests.browser.held import Held
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


def test_no_button_decides_about_the_edit_before(look: Look, ledger: Ledger, claims: list[Claim]) -> None:
    """The address says another one already, of which nothing has come yet."""
    fail(ledger, claims[:2], TOO_WIDE)
    first, second = (claim.member.partition("/")[2] for claim in claims[:2])
    page = look(f"#/batches/oil/edits/{first}")
    panel = page.locator(".edit")
    again = panel.get_by_role("button", name="Try it again…")
    expect(again).to_be_visible()
    answers = Held(page, f"**/v1/edits/oil/{second}")
    page.evaluate(f"location.hash = '#/batches/oil/edits/{second}'")
    answers.wait(1)
    rests = panel.locator("[inert]", has_text="Try it again…")
    expect(rests).to_have_count(1)
    expect(panel.get_by_role("button", name="Close the edit")).to_be_visible()
    page.get_by_role("row", name=second).dblclick()  # it is opened once more
    expect(rests).to_have_count(1)
    answers.release()
    again.click()
    expect(page.get_by_role("dialog", name=f"Try {second} of oil again?")).to_be_visible()


def test_what_is_as_before_is_left_alone(look: Look, ledger: Ledger, claims: list[Claim]) -> None:
    """An edit at work is looked at every two seconds: a button may be half pressed, words may be selected."""
    page = look(f"#/batches/oil/edits/{claims[0].member.partition('/')[2]}")
    title = page.locator(".edit h2").first
    expect(title).to_be_visible()
    title.evaluate("title => { title.dataset.old = '' }")
    for _ in range(2):
        with page.expect_response("**/history"):
            pass
    expect(title).to_have_attribute("data-old", "")


def test_a_row_stays_in_hand_when_a_batch_comes(look: Look, ledger: Ledger, claims: list[Claim]) -> None:
    """The next key leads on from there."""
    page = look("#/batches")
    row = page.locator(".batch-row", has_text="oil")
    row.focus()
    EditQueue(ledger).enqueue(edits(1), batch="ink")
    expect(page.locator(".batch-row")).to_have_count(2)
    expect(row).to_be_focused()
