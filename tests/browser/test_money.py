"""What a night cost, in a browser: all batches that cost something, who sent them, and the days."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from retouch.ledger import Ledger
from retouch.price import Price
from tests.browser.conftest import Look
from tests.browser.scene import write_batch
from workers.gateway.gate import FILES
from workers.gateway.page.frame import version

# id, hours ago, senders, micro-units spent, edits
BATCHES = (
    ("cats", 2, ["ann@build7"], 100_000, 20),
    ("oil", 3, ["key:studio"], 4_220_000, 20),
    ("ink", 4, ["ann@build7", "key:studio"], 1_000_000, 10),
    ("old", 200, ["ann@build7"], 9_000_000, 0),
)


@pytest.fixture(autouse=True)
def night(ledger: Ledger) -> None:
    """Three batches of a night, one of a week before, and one that cost nothing; none has a budget."""
    for batch, hours, senders, spent, edits in BATCHES:
        write_batch(ledger, batch, edits, age_s=hours * 3600)
        more = {"spent": spent, "currency": "USD", "senders": json.dumps(senders)}
        ledger.connection._client.hset(ledger.connection.keys.batch(batch), mapping=more)
    write_batch(ledger, "free", 0)
    ledger.producer.set_price(Price.of_micros(10_000, "USD"))
    today = ledger.reader.days(1)[0].day.isoformat()
    ledger.connection._client.hset(ledger.connection.keys.money(today), "spent", 5_320_000)


def cells(page: Page, table: str, *numbers: int) -> list[list[str]]:
    """What stands in these columns of a table, by rows."""
    rows = page.get_by_role("table", name=table).locator("tbody tr")
    return [[row.locator("td").nth(number).inner_text() for number in numbers] for row in rows.all()]


def test_what_a_night_cost_is_told_by_batch_by_sender_and_together(look: Look) -> None:
    """The dearest first, with one number of digits; what several have sent to is not split."""
    page = look("#/money")
    expect(page.get_by_role("table", name="Money", exact=True).locator("tbody tr")).to_have_count(4)
    assert cells(page, "Money", 0, 5) == [
        ["old", "9.00 USD"],
        ["oil", "4.22 USD"],
        ["ink", "1.00 USD"],
        ["cats", "0.10 USD"],
    ]
    together = page.get_by_role("region", name="Together")
    expect(together).to_contain_text("14.32 USD by 4 batches")
    expect(together).to_contain_text("Today (UTC)")
    page.get_by_label("Batches made").select_option("made in the last 24 h")
    expect(together).to_contain_text("5.32 USD by 3 batches")
    assert cells(page, "By sender", 0, 1, 2) == [
        ["key:studio", "1", "4.22 USD"],
        ["ann@build7 and key:studio together (not split)", "1", "1.00 USD"],
        ["ann@build7", "1", "0.10 USD"],
    ]
    page.get_by_role("table", name="Money", exact=True).get_by_role("columnheader", name="Batch").get_by_role(
        "button"
    ).press("Enter")
    assert [row[0] for row in cells(page, "Money", 0)] == ["cats", "ink", "oil"]
    page.get_by_role("table", name="By sender").get_by_role("link", name="ann@build7").press("Enter")
    expect(page.get_by_role("table", name="Money", exact=True).locator("tbody tr")).to_have_count(2)
    expect(together).to_contain_text("1.10 USD by 2 batches")
    page.get_by_role("link", name="by anybody").press("Enter")
    expect(together).to_contain_text("5.32 USD by 3 batches")


def test_a_batch_that_is_finishing_is_explained(look: Look, ledger: Ledger) -> None:
    """Where one is shown; and which batches are counted is said without a word of Redis."""
    page = look("#/money")
    expect(page.get_by_text("All batches that are kept")).to_be_visible()
    expect(page.get_by_text("Finishing: ")).to_have_count(0)
    ledger.connection._client.hset(ledger.connection.keys.batch("oil"), "state", "finishing")
    expect(page.get_by_text("Finishing: all edits of a batch have ended")).to_be_visible()


def test_a_day_is_chosen_and_an_evening(look: Look, ledger: Ledger) -> None:
    """A day as the ledger counts it (UTC); since 18:00 by the clock of whoever looks."""
    page = look("#/money")
    today = ledger.reader.days(1)[0].day.isoformat()
    chosen = page.get_by_label("Batches made")
    expect(chosen.locator("option")).to_have_count(5)
    with page.expect_request("**/v1/money*since=*") as asked:
        chosen.select_option(f"made on {today} (UTC)")
    assert f"since={today}T00%3A00%3A00.000Z&until=" in asked.value.url
    evening = """async (path) => {
        const { evening } = await import(path);
        const times = ["2026-11-27T09:00:00", "2026-11-27T18:30:00"].map((at) => evening(new Date(at)));
        return times.map((at) => at.toString().slice(4, 21));
    }"""
    module = f"{FILES}{version()}/views/money-times.js"
    assert page.evaluate(evening, module) == ["Nov 26 2026 18:00", "Nov 27 2026 18:00"]
    chosen.select_option("made at any time")
    page.get_by_role("link", name="oil").press("Enter")
    expect(page.get_by_role("heading", name="oil")).to_be_visible()


def test_what_is_told_stands_in_the_address(look: Look) -> None:
    """A reload, a link and a sender keep the time that was chosen; each choice is a step back."""
    page = look("#/money")
    together, chosen = page.get_by_role("region", name="Together"), page.get_by_label("Batches made")
    senders = page.get_by_role("table", name="By sender")
    expect(together).to_contain_text("14.32 USD by 4 batches")
    chosen.select_option("made in the last 24 h")
    expect(together).to_contain_text("5.32 USD by 3 batches")
    senders.get_by_role("link", name="key:studio").click()
    expect(together).to_contain_text("5.22 USD by 2 batches")
    assert page.evaluate("location.hash") == "#/money?made=24h&by=key%3Astudio"
    page.reload()
    expect(together).to_contain_text("5.22 USD by 2 batches")
    expect(chosen).to_have_value("24h")
    page.get_by_role("link", name="by anybody").click()
    expect(together).to_contain_text("5.32 USD by 3 batches")
    page.go_back()
    expect(page.get_by_text("sent by key:studio")).to_be_visible()
    expect(together).to_contain_text("5.22 USD by 2 batches")
    page.go_back()
    expect(together).to_contain_text("5.32 USD by 3 batches")
    page.go_back()
    expect(together).to_contain_text("14.32 USD by 4 batches")
    expect(chosen).to_have_value("")
    senders.get_by_role("link", name="ann@build7").click()
    expect(together).to_contain_text("10.10 USD by 3 batches")  # of any time: the link is not that of before


@pytest.mark.parametrize("made", ["yesterday", "2026-02-31", "2026-13-01", "%", ""])
def test_a_time_that_cannot_be_is_passed_over(look: Look, made: str) -> None:
    """As other filters of an address; a day on which nothing was made is shown as what it is."""
    page = look(f"#/money?made={made}&by={'x' * 90}")
    expect(page.get_by_role("region", name="Together")).to_contain_text("14.32 USD by 4 batches")
    expect(page.get_by_label("Batches made")).to_have_value("")
    page.evaluate("location.hash = '#/money?made=2024-02-29'")
    expect(page.get_by_text("No batch of this time has cost anything")).to_be_visible()
    expect(page.get_by_label("Batches made").locator("option:checked")).to_have_text("made on 2024-02-29 (UTC)")


@pytest.mark.parametrize("width", [1280, 390])
def test_senders_and_days_are_found_without_passing_all_batches(look: Look, ledger: Ledger, width: int) -> None:
    """The dearest ten of each, senders first; the sums are of all, and each part is a step away."""
    for number in range(30):
        write_batch(ledger, f"b{number:03}", 0)
        who = json.dumps([f"key:{number}"])
        money = {"spent": 1_000_000 + number, "currency": "USD", "senders": who}
        ledger.connection._client.hset(ledger.connection.keys.batch(f"b{number:03}"), mapping=money)
    page = look("#/money", width=width)
    senders, batches = (page.get_by_role("table", name=name, exact=True) for name in ("By sender", "Money"))
    expect(batches.locator("tbody tr")).to_have_count(10)
    expect(senders.locator("tbody tr")).to_have_count(10)
    expect(page.get_by_role("heading", name="By sender")).to_be_in_viewport()
    for name, heading in (("By day", "The last 30 days"), ("By batch", "By batch"), ("By sender", "By sender")):
        page.get_by_role("navigation", name="On this page").get_by_role("button", name=name).press("Enter")
        expect(page.get_by_role("heading", name=heading)).to_be_focused()
        expect(page.get_by_role("heading", name=heading)).to_be_in_viewport()
    page.get_by_role("button", name="Show all 33 senders, not the 10 dearest").press("Enter")
    expect(senders.locator("tbody tr")).to_have_count(33)
    page.get_by_role("button", name="Show all 34 batches, not the 10 dearest").press("Enter")
    expect(batches.locator("tbody tr")).to_have_count(34)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
