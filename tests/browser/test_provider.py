"""The provider in a browser: how it is used, live, and paused by hand; the tables beside it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from retouch.access_keys import AccessKeys, Scope
from retouch.ledger import Ledger
from retouch.queue import EditQueue
from tests.browser.conftest import SOON, Look
from tests.browser.test_batches import SCHEMES, accessible, edits
from tests.browser.use import show_workers, write_budgets, write_keys, write_sinks, write_use

TABLES = ("workers", "money", "sinks", "keys")


@pytest.fixture
def queue(ledger: Ledger) -> EditQueue:
    """An installation that has worked for hours."""
    found = EditQueue(ledger)
    write_use(ledger)
    write_sinks(ledger)
    write_keys(ledger)
    for batch in ("oil", "ink"):
        found.enqueue(edits(2), batch=batch)
    write_budgets(ledger, "oil", "ink")
    return found


def column(page: Page, number: int) -> list[str]:
    """What stands in a column of the first table."""
    return page.locator("table.data").first.locator(f"tbody td:nth-child({number})").all_inner_texts()


def test_the_use_of_the_api_is_seen(look: Look, queue: EditQueue) -> None:
    """In numbers, in drawings with their tables, and by kind of work."""
    page = look("#/provider")
    use = page.get_by_role("region", name="Use")
    expect(use).to_contain_text("of 20")
    for text in ("600 in 60 s", "3 submits", "may have cost 0.03 USD", "481.20 USD"):
        expect(use).to_contain_text(text)
    expect(page.get_by_text("width 9000 is too large")).to_be_visible()
    verdict = page.get_by_role("status").filter(has_text="The API is")
    expect(verdict).to_contain_text(re.compile(r"of the requests of the 15 min until \d\d:\d\d"))
    expect(verdict).to_contain_text("failed; half of the results come within")
    drawing = page.get_by_role("img", name="Places")
    expect(drawing).to_be_visible()
    assert "used: " in drawing.locator("desc").inner_html()
    hour = page.get_by_role("table", name="Places").get_by_role("row").count()
    assert hour > 15
    page.get_by_role("button", name="6 h").press("Enter")
    lines = page.locator(".chart", has_text="Places").locator("path.line").first.get_attribute("d") or ""
    assert lines.count("M") == 2  # no worker ran in between
    expect(page.locator("p", has_text="half come within")).to_contain_text("sdxl, about 32 steps, 1 million pixels")
    page.get_by_label("Kind of work").select_option("sd1.5:8:37")
    expect(page.locator("p", has_text="half come within")).to_contain_text("sd1.5, about 16 steps, 0.37 million pixels")
    expect(page.get_by_role("row", name="429 asked to wait 210 0")).to_be_visible()
    page.locator(".chart", has_text="Places").locator("svg").hover()
    expect(page.locator("output:visible")).to_contain_text("allowed 20")


def test_submits_are_paused_and_resumed_by_hand(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """With keys alone; what others do is seen too."""
    page = look("#/provider")
    page.get_by_role("button", name="Pause all submits…").press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Pause them").press("Enter")
    pauses = page.get_by_role("region", name="Pauses")
    expect(pauses).to_contain_text("Submits are paused (by a person)")
    expect(pauses).to_contain_text("somebody with the key ada paused it")
    expect(pauses).not_to_contain_text("retouch resume")  # there is a button
    expect(page.get_by_text("Paused: submits (by a person)")).to_be_visible()
    assert [pause.name for pause in ledger.reader.pauses()] == ["submit:person"]
    expect(page.get_by_role("button", name="Pause all submits…")).to_be_hidden()
    page.get_by_role("button", name="Resume submits").press("Enter")
    expect(pauses).to_be_hidden()
    expect(page.locator("#notices p").last).to_have_text("Submits go on.")  # there is no cause that could remain
    assert ledger.reader.pauses() == []
    ledger.worker.pause("status:outage", "502 <b>bad</b> gateway")
    expect(pauses).to_contain_text("Status requests are paused (the API does not answer)")
    expect(pauses).to_contain_text("502 <b>bad</b> gateway. It ends by itself when the API answers")
    assert pauses.get_by_role("button").count() == 0


def test_a_pause_that_comes_back_after_it_was_resumed_says_so(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """The cause was not gone: it looks otherwise than before the button."""
    ledger.worker.pause("submit:refused", "401: no such key")
    page = look("#/provider")
    pauses = page.get_by_role("region", name="Pauses")
    expect(pauses).to_contain_text("Submits are paused (the API refuses requests), begun ")
    pauses.get_by_role("button", name="Resume submits").click()
    expect(page.locator("#notices")).to_contain_text("If the API refuses the next one too, they pause again.")
    expect(pauses).to_be_hidden()
    ledger.worker.pause("submit:refused", "401: no such key")
    expect(pauses).to_contain_text("Submits are paused again, after they were resumed (the API refuses requests)")


def test_what_is_refused_in_this_minute_counts(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """Minutes that are over know nothing of it: neither they nor their rates are told as if nothing had changed."""
    keys, client, now = ledger.connection.keys, ledger.connection._client, ledger.connection.now()
    minute = now // 60_000 * 60_000 - 60_000
    client.delete(keys.samples)
    client.rpush(keys.samples, f"{minute} 30 420 17 20 0 186 0 0 0 0 600 {'0 ' * 12}")
    ledger.worker.see_worker("w", {})
    page = look("#/provider")
    verdict, use = page.locator(".verdict"), page.get_by_role("region", name="Use", exact=True)
    expect(verdict).to_have_text(re.compile(r"^The API is well: none of the requests of the 15 min until"))
    expect(use).to_contain_text("3.1/s in the last whole minute")
    client.hset(keys.state, mapping={"refusal": "401: no such key", "refused_at": ledger.connection.now()})
    expect(verdict).to_contain_text(re.compile(f"The API refused a request {SOON}: half of the results"))
    ledger.worker.pause("submit:refused", "401: no such key")
    expect(verdict).to_contain_text("Paused: submits (the API refuses requests); half of the results")
    expect(use).to_contain_text(f"3.1/s at {clock(page, minute)}, the last minute with any")
    expect(use).to_contain_text("10.0/s in the last whole minute")  # polls go on


def clock(page: Page, at: int) -> str:
    """How the page writes this time."""
    written = "at => new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' }).format(at)"
    return str(page.evaluate(written, at))


def test_submits_that_something_else_holds_are_not_said_to_go_on(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """One pause is ended, the other one is not."""
    ledger.worker.pause("submit:person", "lunch")
    ledger.worker.pause("submit:outage", "502")
    page = look("#/provider")
    page.get_by_role("button", name="Resume submits").click()
    expect(page.locator("#notices p").last).to_have_text("Submits are paused still (the API does not answer).")


def test_a_kind_of_work_with_a_long_name_fits_a_phone(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """Its list is as wide as its card at most."""
    keys, client = ledger.connection.keys, ledger.connection._client
    kind = "stable-diffusion-xl-inpainting:7:28"
    client.zadd(keys.kinds, {kind: 99})
    client.hset(keys.learned(kind), mapping={20: 9.0})
    page = look("#/provider", width=375)
    page.get_by_label("Kind of work").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_minute_that_is_over_is_seen_while_one_looks(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """And the numbers above."""
    keys, client = ledger.connection.keys, ledger.connection._client
    client.delete(keys.samples)
    page = look("#/provider")
    expect(page.get_by_text("each minute is shown when it is over").first).to_be_visible()
    expect(page.locator(".live")).to_have_attribute("data-live", "on")
    minute = ledger.connection.now() // 60_000 * 60_000 - 60_000
    client.rpush(keys.samples, f"{minute} 30 420 17 20 0 600 {'0 ' * 17}")
    expect(page.get_by_role("img", name="Places").locator("desc")).to_contain_text("used: 14 at last")
    expect(page.get_by_role("region", name="Use")).to_contain_text("10.0/s")
    client.rpush(keys.samples, f"{minute + 60_000} 30 60 17 20 0 0 {'0 ' * 17}")
    expect(page.get_by_role("img", name="Places").locator("desc")).to_contain_text("used: 2 at last, 14 at most")


def middle(of: Locator) -> float:
    """How far down the middle of its first text is."""
    text = "(e) => { const r = document.createRange(); r.selectNodeContents(e); const b = r.getBoundingClientRect(); "
    return float(of.evaluate(text + "return b.y + b.height / 2 }"))


def test_workers_tell_in_what_they_differ(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """Both values are named; the table is sorted by its heads, by keys too."""
    show_workers(ledger)
    page = look("#/workers")
    expect(page.get_by_role("region", name="Settings that differ")).to_contain_text(
        "RETOUCH_LEASE differs: 8 (render-1-4100); 30"
    )
    assert column(page, 2) == ["render-1", "render-2"]
    expect(page.get_by_text("A task is one thing that is done for an edit")).to_be_visible()
    head = page.get_by_role("columnheader", name="Working on")
    expect(head).to_have_attribute("aria-sort", "none")
    head.get_by_role("button").press("Enter")
    assert column(page, 6) == ["9 tasks", "10 tasks"]  # as numbers
    head.get_by_role("button").press("Enter")
    assert column(page, 6) == ["10 tasks", "9 tasks"]
    expect(head).to_have_attribute("aria-sort", "descending")


def test_all_settings_of_a_worker_are_seen(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """Below its row, by keys; those in which another one differs say so, and it stays open when all is read again."""
    show_workers(ledger)
    page = look("#/workers")
    button = page.get_by_role("button", name="Settings of render-1-4100")
    assert abs(middle(button) - middle(page.get_by_role("cell", name="render-1-4100", exact=True))) < 2
    expect(button).to_have_attribute("aria-expanded", "false")
    settings = page.locator("tr.detail").first
    expect(settings).to_be_hidden()
    with page.expect_response("**/v1/workers"):
        button.press("Enter")
    expect(settings).to_be_visible()
    expect(button).to_be_focused()
    for variable, value in (
        ("RETOUCH_LEASE differs", "8"),
        ("RETOUCH_POLL_MAX differs", "5"),
        ("RETOUCH_POLL_MIN", "0.25"),
        ("RETOUCH_API_IDEMPOTENT", "false"),
        ("RETOUCH_API_KEY", "is set, and not shown"),
        ("RETOUCH_PRIVATE_HOSTS", "not set"),
    ):
        told = settings.locator("dl > div", has_text=re.compile(rf"^{variable.split()[0]}\b"))
        expect(told).to_have_text(re.compile(rf"^{variable}\s*{value}$"))
    accessible(page)
    button.press("Enter")
    expect(settings).to_be_hidden()


def test_who_only_reads_sees_no_settings(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """Nor a button for them: the address of the API, a budget, are matters of those who operate."""
    show_workers(ledger)
    reader = AccessKeys(ledger, "here").create("reader", [Scope.READ])
    page = look(signed_in=False)
    page.get_by_label("Key of this gateway").fill(reader)
    page.keyboard.press("Enter")
    page.get_by_role("navigation").get_by_role("link", name="Workers").click()
    expect(page.get_by_role("cell", name="render-1", exact=True)).to_be_visible()
    assert page.get_by_role("button", name="Settings of").count() == 0


def test_sinks_are_told_again_and_removed(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """The one that no worker has, after a question."""
    show_workers(ledger)
    page = look("#/sinks")
    expect(page.get_by_role("row", name="audit")).to_contain_text("it answered 503")
    for button in page.locator("table.data").get_by_role("button").filter(has_text=re.compile("again|…")).all():
        assert (button.get_attribute("aria-label") or "").startswith(button.inner_text().rstrip("…"))  # as it is seen
    page.get_by_role("button", name="Deliver again to audit").press("Enter")
    expect(page.locator("#notices")).to_contain_text("to be delivered to audit again")
    expect(page.get_by_text("Remove…")).to_have_count(1)  # it asks
    page.get_by_role("button", name="Remove old-hook").press("Enter")
    dialog = page.get_by_role("dialog", name="Remove the sink old-hook?")
    expect(dialog).to_contain_text("1 event waiting")
    page.keyboard.press("Enter")  # it asks with Cancel in hand
    expect(dialog).to_be_hidden()
    assert len(ledger.reader.sinks()) == 3
    page.get_by_role("button", name="Remove old-hook").press("Enter")
    dialog.get_by_role("button", name="Remove it").press("Enter")
    expect(page.locator("table.data tbody tr")).to_have_count(2)
    assert [sink.name for sink in ledger.reader.sinks()] == ["audit", "orders"]


def test_keys_are_listed(look: Look, queue: EditQueue) -> None:
    """Without secrets."""
    page = look("#/keys")
    expect(page.get_by_role("row", name="nightly")).to_contain_text("nightly-…")
    assert column(page, 1) == ["ada", "nightly", "prometheus"]


@SCHEMES
def test_everybody_can_use_the_views(look: Look, queue: EditQueue, ledger: Ledger, scheme: str) -> None:
    """Whoever cannot see them, or has no mouse; also on a narrow screen."""
    ledger.worker.pause("submit:person", "lunch")
    page = look("#/provider", scheme=scheme, width=1280 if scheme == "light" else 390)
    page.get_by_text("Requests by answer").first.wait_for()
    page.get_by_role("button", name="6 h").click()
    links = page.get_by_role("navigation").get_by_role("link").all()
    assert all(
        box["x"] + box["width"] <= page.evaluate("innerWidth") for box in (link.bounding_box() for link in links) if box
    )
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for name in TABLES:
        show_workers(ledger)
        page.evaluate(f"location.hash = '#/{name}'")
        page.locator("table.data tbody tr").first.wait_for()
        accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


def test_nothing_yet_says_what_to_do(look: Look, ledger: Ledger) -> None:
    """On each view, with a command."""
    page = look("#/provider")
    expect(page.get_by_text("Nothing was asked of the API yet.")).to_be_visible()
    for path, command in (
        ("workers", "celery -A workers worker"),
        ("money", "retouch budget BATCH 20"),
        ("sinks", "RETOUCH_WEBHOOK_URL"),
    ):
        page.evaluate(f"location.hash = '#/{path}'")
        expect(page.get_by_text(command)).to_be_visible()


def test_a_key_of_some_batches_sees_its_own(look: Look, queue: EditQueue, ledger: Ledger) -> None:
    """No counts, no money of others, no buttons; and no way to what it may not read."""
    ledger.worker.pause("submit:person", "lunch")
    team = AccessKeys(ledger, "here").create("team", [Scope.READ, Scope.OPERATE], prefix="oil")
    page = look(signed_in=False)
    page.get_by_label("Key of this gateway").fill(team)
    page.keyboard.press("Enter")
    page.get_by_role("navigation").get_by_role("link", name="Provider").click()
    expect(page.get_by_role("region", name="Pauses")).to_contain_text("lunch")
    assert page.get_by_role("region", name="Pauses").get_by_role("button").count() == 0
    for gone in ("Pause all submits", "Not answered", "Requests by answer", "Trouble"):
        expect(page.get_by_text(gone).first).to_be_hidden()
    links = page.get_by_role("navigation").get_by_role("link")
    assert links.all_inner_texts() == ["Batches", "Provider", "Workers", "Money"]
    page.get_by_role("link", name="Money").click()
    batches = page.get_by_role("table", name="Money", exact=True).locator("tbody tr")
    expect(batches).to_have_count(1)
    expect(batches.locator("td").first).to_have_text("oil")
