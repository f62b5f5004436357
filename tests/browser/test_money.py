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
    page.get_by_role("link", name="ann@build7").press("Enter")
    expect(page.get_by_role("table", name="Money", exact=True).locator("tbody tr")).to_have_count(3)
    expect(together).to_contain_text("10.10 USD by 3 batches")
    page.get_by_role("link", name="by anybody").press("Enter")
    expect(together).to_contain_text("14.32 USD by 4 batches")


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
    page.get_by_role("link", name="oil").press("Enter")
    expect(page.get_by_role("heading", name="oil")).to_be_visible()


def test_many_batches_are_shown_as_they_are_asked_for(look: Look, ledger: Ledger) -> None:
    """The dearest 100 first; the sums are of all."""
    for number in range(130):
        write_batch(ledger, f"b{number:03}", 0)
        money = {"spent": 1_000_000 + number, "currency": "USD"}
        ledger.connection._client.hset(ledger.connection.keys.batch(f"b{number:03}"), mapping=money)
    page = look("#/money")
    rows = page.get_by_role("table", name="Money", exact=True).locator("tbody tr")
    expect(rows).to_have_count(100)
    page.get_by_role("button", name="Show all 134 batches, not the 100 dearest").press("Enter")
    expect(rows).to_have_count(134)
