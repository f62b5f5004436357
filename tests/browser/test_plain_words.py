"""What the page says to somebody who sees it for the first time: in whose words, how long ago, what a word means."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from retouch.causes import BatchPause, Fared
from retouch.ledger import Ledger, Policy, Run, Seen, Settlement
from retouch.price import Price
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.browser.conftest import SOON, Look
from tests.browser.test_batch import end
from tests.browser.test_batches import edits

REFUSED = "labels are not allowed"


@pytest.fixture
def queue(ledger: Ledger) -> EditQueue:
    """A batch of thirty edits."""
    ledger.worker.see_worker("w", {})
    queue = EditQueue(ledger)
    queue.enqueue(edits(30), batch="oil")
    return queue


def later(page: Page) -> None:
    """Two minutes go by, in which nothing changes."""
    page.clock.fast_forward(120_000)


def test_how_long_ago_something_was_stays_true(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """Nothing else changes meanwhile: a batch that stands still is what somebody looks at."""
    ledger.worker.pause("submit:person", "lunch")
    page = look("#/batches/oil")
    page.clock.install()
    page.reload()
    made, begun = page.locator("#main"), page.get_by_role("region", name="Pauses of all batches")
    expect(made).to_contain_text(re.compile(f"made {SOON}"))
    expect(begun).to_contain_text(re.compile(f"begun {SOON}: lunch"))
    later(page)
    expect(page.get_by_text("made 2 min ago")).to_be_visible()
    expect(begun).to_contain_text("begun 2 min ago: lunch")
    page.evaluate("location.hash = '#/provider'")
    pauses = page.get_by_role("region", name="Pauses")
    expect(pauses).to_contain_text("begun 2 min ago")
    later(page)
    expect(pauses).to_contain_text("begun 4 min ago")


def test_whose_words_a_pause_has_is_said(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """They are the API's; by themselves they could be anybody's."""
    claims = ledger.worker.claim("w", lease_ms=60_000, places=20, submits=20).claims
    assert all(ledger.worker.begin_submit(claims, Policy(), 60_000, nonce="1"))
    seen = (Seen("submit", ledger.connection.now(), Fared.ANSWERED, REFUSED),)
    run, sent = Run(REFUSED, definite=True), (EditState.SUBMITTING,)
    ledger.worker.settle([Settlement(claim, sent, EditState.FAILED, seen=seen, run=run) for claim in claims])
    assert [pause.cause for pause in queue.status("oil").paused] == [BatchPause.REFUSALS]
    note = look("#/batches/oil").get_by_role("region", name="Why it waits")
    expect(note).to_contain_text(f"Paused: the API refuses its edits, in these words: {REFUSED}. Queued edits")


def test_failures_are_told_as_the_api_has_written_them(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """In the group, in the list and before a retry; what differs between them is left out as before."""
    for number in (512, 768):
        words = f"CUDA out of memory: tried to allocate {number} MiB"
        end(ledger, 1, EditState.FAILED, error=f'{{"code": "failure", "message": "{words}"}}')
    end(ledger, 1, EditState.FAILED, error='{"code": "failure", "message": "No GPU"}')
    shared = "CUDA out of memory: tried to allocate … MiB"
    page = look("#/batches/oil")
    reasons = page.get_by_role("list", name="Reasons").get_by_role("listitem")
    expect(reasons.first).to_contain_text(f"failure {shared}")
    expect(reasons.first).to_contain_text("cat-0: CUDA out of memory: tried to allocate 512 MiB")
    expect(reasons.last).to_contain_text("No GPU")
    expect(reasons.last).not_to_contain_text("no gpu")
    expect(page.locator("virtual-list .row").first).to_contain_text(shared)
    reasons.first.get_by_role("button", name="Retry these…").click()
    expect(page.get_by_role("list", name="Of which")).to_contain_text(shared)


def test_when_a_retry_was_done_is_said(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """What somebody finds in the morning may be of the evening, or of a colleague a minute ago."""
    end(ledger, 1, EditState.FAILED, error='{"code": "failure", "message": "broken"}')
    page = look("#/batches/oil")
    page.get_by_role("button", name="Retry all…").click()
    page.get_by_role("button", name="Try 1 edit again").click()
    jobs = page.get_by_role("region", name="Jobs")
    expect(jobs).to_contain_text("1 of 1 edit queued again (key ada)")
    expect(jobs.locator("time")).to_have_text(re.compile(SOON))


def test_the_key_can_be_typed_or_pasted_at_once(look: Look, queue: EditQueue, token: str) -> None:
    """Nothing has to be clicked first, also after signing out; and what a key must have to decide is said."""
    page = look(signed_in=False)
    expect(page.get_by_label("Key of this gateway")).to_be_focused()
    expect(page.get_by_text("with --scope read,operate it may decide too")).to_be_visible()
    page.keyboard.type(token)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Key of this gateway")).to_be_focused()


def test_words_that_mean_something_here_are_explained(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """What a key may, what is under way, and that a part of an edit's name is searched for in its batch."""
    page = look("#/keys")
    expect(page.get_by_text("Operate: pause, resume, retry, cancel, and set budgets.")).to_be_visible()
    expect(page.get_by_text("Watch: the same without prompts.")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    page.evaluate("location.hash = '#/money'")
    expect(page.get_by_text("No price is known")).to_be_visible()
    ledger.producer.set_price(Price.of_micros(10_000, "USD"))
    expect(page.get_by_text("under way is what is being sent.")).to_be_visible()
    page.evaluate("location.hash = '#/batches?search=at-1'")
    expect(page.get_by_text("In a batch, a part of an edit's name is enough.")).to_be_visible()


@pytest.mark.parametrize(
    ("failed", "said"), [(0, "completed"), (1, "completed, some failed"), (2, "completed, all failed")]
)
def test_a_batch_that_ended_with_failures_does_not_look_well(
    look: Look, ledger: Ledger, failed: int, said: str
) -> None:
    """In the list and in its own view; it is found among those that are completed."""
    EditQueue(ledger).enqueue(edits(2), batch="oil")
    for number in range(2):
        end(ledger, 1, EditState.FAILED if number < failed else EditState.COMPLETED)
    now = ledger.connection.now()
    ended = {"state": "completed", "created": now - 7_500_000, "completed_at": now - 300_000}
    ledger.connection._client.hset(ledger.connection.keys.batch("oil"), mapping=ended)
    page = look("#/batches?state=completed")
    expect(page.locator(".batch-row .pill")).to_have_text(said)
    page.locator(".batch-row").click()
    expect(page.locator("main .pill").first).to_have_text(said)
    expect(page.get_by_text("made 2 h 5 min ago, completed 5 min ago after 2 h")).to_be_visible()


def test_back_leads_to_the_row_from_which_one_went(look: Look, ledger: Ledger) -> None:
    """Whoever has no mouse would begin at the top again."""
    queue = EditQueue(ledger)
    for batch in ("ink", "oil", "wax"):
        queue.enqueue(edits(1), batch=batch)
    page = look("#/batches")
    page.get_by_role("link", name="oil").press("Enter")
    expect(page.get_by_role("heading", name="oil")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("link", name="oil")).to_be_focused()
    page.get_by_role("navigation").get_by_role("link", name="Workers").click()
    page.get_by_role("navigation").get_by_role("link", name="Batches").click()
    expect(page.get_by_role("link", name="oil")).to_be_visible()
    expect(page.locator("main")).to_be_focused()
