"""What a person does to many edits on the page: the exact number first, then a bar, and what was skipped."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from retouch.access_keys import AccessKeys, Scope
from retouch.ledger import JobState, Ledger
from retouch.ledger.constants import CHANGED_AT_ONCE
from retouch.price import Price
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.browser.conftest import Look
from tests.browser.test_batch import end
from tests.browser.test_batches import accessible, edits
from tests.harness.waiting import until

BROKEN, WIDE = '{"code": "failure", "message": "broken"}', '{"code": "refused", "message": "width 99 is too large"}'


@pytest.fixture
def queue(ledger: Ledger) -> EditQueue:
    """A batch of nine edits: three failed for one reason, two for another, four wait."""
    ledger.worker.see_worker("w", {})
    ledger.producer.set_price(Price(Decimal("0.5"), "USD"))
    queue = EditQueue(ledger)
    queue.enqueue(edits(9), batch="oil")
    end(ledger, 3, EditState.FAILED, error=WIDE)
    end(ledger, 2, EditState.FAILED, error=BROKEN)
    return queue


def test_a_group_is_tried_again_after_its_number_and_price_are_read(look: Look, queue: EditQueue) -> None:
    """By keys alone: the focus is kept inside, Escape changes nothing, Enter does it."""
    page = look("#/batches/oil")
    again = page.get_by_role("region", name="Failures").get_by_role("button", name="Retry these").first
    again.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Try 3 edits of oil again?")
    expect(dialog).to_contain_text("3 edits are submitted again, for 1.50 USD.")
    reasons = dialog.get_by_role("list", name="Of which").get_by_role("listitem")
    expect(reasons).to_have_count(1)
    expect(reasons).to_contain_text("refused width … is too large")
    expect(reasons).to_contain_text("The API probably refuses the same again. To send them corrected:")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(again).to_be_focused()
    assert queue.status("oil").counts[EditState.FAILED] == 5
    page.keyboard.press("Enter")
    act = dialog.get_by_role("button", name="Try 3 edits again")
    expect(act).to_be_visible()
    while page.evaluate("document.activeElement.textContent") != "Try 3 edits again":
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Jobs")).to_contain_text("3 of 3 edits queued again (key ada)")
    expect(page.get_by_role("button", name="failed 2")).to_be_visible()
    page.reload()
    jobs = page.get_by_role("region", name="Jobs")
    expect(jobs).to_contain_text("3 of 3 edits queued again")
    jobs.get_by_role("button", name="Hide").click()
    expect(jobs).to_be_hidden()


def test_the_reasons_of_what_is_tried_again_are_told_with_their_numbers(
    look: Look, ledger: Ledger, queue: EditQueue
) -> None:
    """The three for which most failed, and how many others; a retry of what is refused is in vain."""
    queue.enqueue(edits(12), batch="oil")
    for words in ("too dark", "too light"):
        end(ledger, 1, EditState.FAILED, error=f'{{"code": "deadline", "message": "{words}"}}')
    end(ledger, 1, EditState.FAILED, error='{"code": "failure", "message": "broken"}')
    page = look("#/batches/oil")
    groups = page.get_by_role("list", name="Reasons").get_by_role("listitem")
    expect(groups).to_have_count(4)
    redo = "retouch redo oil --failed --group 1 --set FIELD=VALUE"
    expect(groups.nth(0).get_by_role("button", name=f"Copy: {redo}")).to_be_visible()
    expect(groups.nth(2)).to_contain_text("Trying again may help.")
    page.get_by_role("button", name="Retry all").click()
    reasons = page.get_by_role("list", name="Of which").get_by_role("listitem")
    expect(reasons).to_have_count(4)
    assert reasons.nth(0).locator(".count").inner_text() == "3"
    assert "each try may be paid for" in reasons.nth(1).inner_text()
    assert reasons.nth(2).inner_text().split() == ["1", "deadline", "too", "dark"]
    assert reasons.nth(3).inner_text().split() == ["1", "for", "1", "other", "reason"]
    page.keyboard.press("Escape")
    page.get_by_role("button", name="failed 8").click()
    page.get_by_role("button", name="Show these").nth(1).click()
    page.get_by_role("button", name="Retry 3…").click()
    expect(reasons).to_have_count(1)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Cancel what is queued…").click()
    expect(page.get_by_role("dialog")).to_contain_text("They are not submitted.")
    expect(reasons).to_have_count(0)


def test_held_edits_are_told_beside_those_that_wait(look: Look, ledger: Ledger, queue: EditQueue) -> None:
    """They may be paid for: whoever cancels, or tries them again, reads how many those are."""
    end(ledger, 1, EditState.HELD)
    page = look("#/batches/oil")
    page.get_by_role("button", name="Cancel what is queued or held…").click()
    listed = page.get_by_role("dialog", name="Cancel 4 edits of oil?").get_by_role("listitem")
    expect(listed).to_have_count(2)
    assert listed.nth(0).inner_text().split() == ["3", "queued"]
    assert listed.nth(1).inner_text().split()[:4] == ["1", "held", "sent", "and"]
    page.keyboard.press("Escape")
    page.get_by_role("button", name="held 1").click()
    page.get_by_role("button", name="failed 5").click()
    page.get_by_role("button", name="Retry 6").click()
    expect(page.get_by_role("dialog").get_by_role("listitem")).to_have_count(3)
    expect(page.get_by_role("dialog").get_by_role("listitem").last).to_contain_text("held sent and not answered")


def test_a_job_is_seen_by_all_who_look_and_can_be_stopped(
    look: Look, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Live, with how far it is."""
    monkeypatch.setattr(ledger.jobs, "due", list)  # the test does the pages
    ledger.worker.see_worker("w", {})
    queue = EditQueue(ledger)
    queue.enqueue(edits(CHANGED_AT_ONCE + 5), batch="oil")
    page = look("#/batches/oil")
    expect(page.locator(".live")).to_have_attribute("data-live", "on")
    job = queue.count_job("oil", "cancel")
    ledger.jobs.start(job.id, mine=True)
    ledger.jobs.advance(job.id)
    jobs = page.get_by_role("region", name="Jobs")
    expect(jobs).to_contain_text(f"Cancelling {CHANGED_AT_ONCE + 5} edits")
    expect(jobs.get_by_role("progressbar")).to_have_attribute("value", str(CHANGED_AT_ONCE))
    ledger.connection._client.zadd(ledger.connection.keys.jobs, {job.id: ledger.connection.now() - 60_000})
    page.reload()
    expect(jobs).to_contain_text("Nobody has gone on with it since")
    jobs.get_by_role("button", name="Stop").click()
    expect(jobs).to_contain_text("Stopped: ")
    assert queue.job(job.id).state is JobState.STOPPED


def test_an_answer_that_comes_late_takes_no_job_back(look: Look, queue: EditQueue) -> None:
    """What is heard meanwhile is newer: the job would look as if it did not go on, for ever."""
    page = look("#/batches/oil")
    expect(page.locator(".live")).to_have_attribute("data-live", "on")
    held: list[Route] = []
    page.route("**/start", lambda route: held.append(route))
    page.get_by_role("button", name="Retry all").click()
    page.get_by_role("button", name="Try 5 edits again").click()
    until(lambda: page.evaluate("1") and held, "the start is asked for")
    job: dict[str, Any] = {**queue.do_job(held[0].request.url.split("/")[-2]).to_json()}
    jobs = page.get_by_role("region", name="Jobs")
    expect(jobs).to_contain_text("5 of 5 edits queued again")
    held[0].fulfill(json=job | {"state": "running", "changed": 0, "ended": None})
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(jobs).to_contain_text("5 of 5 edits queued again")


def test_what_changed_since_is_told_at_the_end(look: Look, queue: EditQueue) -> None:
    """The dialog stands open while somebody else is quicker."""
    page = look("#/batches/oil")
    page.get_by_role("button", name="Retry all").click()
    expect(page.get_by_role("dialog", name="Try 5 edits of oil again?")).to_be_visible()
    queue.retry("oil", group=1)
    page.get_by_role("button", name="Try 5 edits again").click()
    expect(page.get_by_role("region", name="Jobs")).to_contain_text(
        "2 of 5 edits queued again, 3 skipped since they had changed"
    )


def test_what_a_filter_shows_is_cancelled_or_tried_again(look: Look, queue: EditQueue) -> None:
    """The number is on the button before, and in the dialog exactly."""
    page = look("#/batches/oil")
    page.get_by_role("button", name="queued 4").click()
    page.get_by_role("button", name="Cancel 4").click()
    expect(page.get_by_role("dialog")).to_contain_text("They are not submitted.")
    page.get_by_role("button", name="Cancel 4 edits").click()
    expect(page.get_by_role("region", name="Jobs")).to_contain_text("4 of 4 edits cancelled")
    page.get_by_role("button", name="queued").click()
    page.get_by_role("button", name="cancelled 4").click()
    expect(page.get_by_role("button", name="Retry 4")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel 4")).to_be_hidden()
    assert queue.status("oil").counts[EditState.CANCELLED] == 4


def test_one_edit_is_tried_again_from_its_panel(look: Look, queue: EditQueue) -> None:
    """Where its state allows it, with its price."""
    page = look("#/batches/oil/edits/cat-0")
    panel = page.get_by_role("complementary", name="Edit")
    expect(panel.locator(".past li").last).to_contain_text("failed (refused): width 99 is too large")
    panel.get_by_role("button", name="Try it again").click()
    expect(page.get_by_role("dialog")).to_contain_text("1 edit is submitted again, for 0.50 USD.")
    page.get_by_role("button", name="Try 1 edit again").click()
    expect(panel.get_by_role("button", name="Cancel it")).to_be_visible()
    assert queue.edit("oil", "cat-0").state is EditState.QUEUED


def test_only_what_was_counted_for_the_choice_that_is_seen_can_be_started(
    look: Look, queue: EditQueue, ledger: Ledger
) -> None:
    """One changes what is paid for: while that is counted, or cannot be, the count before it is no answer."""
    ledger.connection._client.hset(ledger.connection.keys.edit("oil/cat-0"), "provider_id", "1")
    page = look("#/batches/oil/edits/cat-0")
    page.get_by_role("complementary", name="Edit").get_by_role("button", name="Try it again").click()
    dialog, act = page.get_by_role("dialog"), page.get_by_role("button", name="Try 1 edit again")
    expect(act).to_be_visible()
    page.route(
        "**/jobs", lambda route: route.abort() if '"anew"' in (route.request.post_data or "") else route.continue_()
    )
    dialog.get_by_role("checkbox").check()
    expect(dialog.get_by_role("alert")).to_be_visible()
    expect(act).to_be_hidden()
    page.keyboard.press("Enter")
    dialog.get_by_role("checkbox").uncheck()
    expect(act).to_be_visible()
    assert queue.edit("oil", "cat-0").state is EditState.FAILED


def test_a_batch_is_paused_resumed_and_bounded(look: Look, queue: EditQueue) -> None:
    """Each says first what it does."""
    page = look("#/batches/oil")
    page.get_by_role("button", name="Pause…").click()
    expect(page.get_by_role("dialog", name="Pause oil?")).to_contain_text("4 queued edits wait until")
    page.get_by_role("button", name="Pause it").click()
    page.get_by_role("button", name="Resume…").click()
    expect(page.get_by_role("dialog")).to_contain_text("It is paused: somebody with the key ada paused it.")
    page.get_by_role("button", name="Resume it").click()
    expect(page.get_by_role("button", name="Pause…")).to_be_visible()
    page.get_by_role("button", name="Budget…").click()
    field = page.get_by_label("It may cost at most")
    field.fill("much")
    page.get_by_role("button", name="Set the budget").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("much")
    field.fill("20")
    page.get_by_role("button", name="Set the budget").click()
    expect(page.locator(".facts")).to_contain_text("of 20.00 USD")
    page.get_by_role("button", name="Cancel what is queued…").click()
    expect(page.get_by_role("dialog", name="Cancel 4 edits of oil?")).to_be_visible()


def test_a_budget_that_is_enough_is_offered_to_its_last_digit(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """Rounded it would end before the last edit; no held edits are spoken of where there are none."""
    ledger.producer.set_price(Price(Decimal("0.0985"), "USD"))
    page = look("#/batches/oil")
    page.get_by_role("button", name="Budget…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Spent so far: 0.000 USD, 0.394 USD to come for what is queued")
    dialog.get_by_role("button", name=re.compile("Enough for all")).click()
    money = queue.status("oil").money
    assert money is not None
    enough = sum((money.spent, money.committed, money.doubtful, money.to_come))
    assert Decimal(page.get_by_label("It may cost at most").input_value()) == enough
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Cancel what is queued…").click()
    expect(page.get_by_role("dialog", name="Cancel 4 edits of oil?")).not_to_contain_text("held")


def test_a_budget_below_what_is_spent_warns_first(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """And what is set is what the dialog has when it is opened again, however late the news of it comes."""
    ledger.connection._client.hset(ledger.connection.keys.batch("oil"), mapping={"spent": 220_000, "doubtful": 100_000})
    page = look("#/batches/oil")
    page.get_by_role("button", name="Budget…").click()
    dialog = page.get_by_role("dialog")
    field, warning = page.get_by_label("It may cost at most"), dialog.get_by_role("status")
    for given, warned in (("0.31", True), ("0.32", False), ("0,1", True), ("", False), ("much", False)):
        field.fill(given)
        expect(warning).to_be_visible(visible=warned)
    field.fill("0.31")
    expect(warning).to_have_text(
        "That is less than what it has cost already, 0.32 USD: it pauses at once. What is spent stays spent."
    )
    page.route("**/page/live*", lambda route: route.abort())
    page.get_by_role("button", name="Set the budget").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Budget…").click()
    expect(field).to_have_value("0.31")


def test_who_may_only_look_sees_no_buttons(look: Look, ledger: Ledger, queue: EditQueue) -> None:
    """Nor commands that it may not run: but that it may only look, and whether trying again would help."""
    token = AccessKeys(ledger, "here").create("eve", [Scope.READ], rate="100000/m")
    page = look("#/batches/oil", signed_in=False)
    page.get_by_label("Key of this gateway").fill(token)
    page.keyboard.press("Enter")
    failures = page.get_by_role("region", name="Failures")
    expect(failures).to_contain_text("This key may look, and not retry: that needs the scope operate.")
    expect(failures).to_contain_text("The API probably refuses the same again.")
    queue.pause("oil", "tea")
    expect(page.get_by_role("region", name="Why it waits")).to_contain_text("Whoever has the scope operate can let it")
    page.evaluate("location.hash = '#/batches/oil/edits/cat-0'")
    expect(page.get_by_role("complementary", name="Edit").locator(".why")).to_have_text("Width 99 is too large")
    assert "retouch" not in page.locator("main").inner_text()
    decisions = re.compile("^(Retry|Try|Cancel|Pause|Budget)")
    expect(page.get_by_role("button", name=decisions)).to_have_count(0)


def test_the_head_of_the_failures_counts_its_groups(look: Look, queue: EditQueue) -> None:
    """The record of the batch is of another moment."""
    group = {"group": 1, "code": "refused", "words": "too wide", "count": 3, "example": "", "message": "", "advice": ""}
    page = look("#/batches")
    page.route("**/v1/batches/oil/failures", lambda route: route.fulfill(json={"groups": [group]}))
    page.get_by_role("link", name="oil").click()
    expect(page.get_by_role("region", name="Failures")).to_contain_text("3 edits failed, in 1 group")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_decide(look: Look, queue: EditQueue, scheme: str) -> None:
    """With the dialog open, and with a job that has ended; also on a narrow screen."""
    page = look("#/batches/oil", scheme=scheme, width=1280 if scheme == "dark" else 390)
    page.get_by_role("button", name="Retry all").click()
    act = page.get_by_role("button", name="Try 5 edits again")
    act.wait_for()
    accessible(page)
    act.click()
    page.get_by_role("button", name="Hide").wait_for()
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
