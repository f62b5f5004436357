"""``retouch price``, ``retouch budget`` and ``--budget``: what is spent is told, and what may be is bound."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

import pytest

from retouch.cli.moments import moment
from retouch.cli.money import NO_PRICE
from retouch.ledger import Ledger, Policy, Settlement
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.unit.cli.conftest import Run
from tests.unit.producing import edit

Manifest = Callable[..., str]
WHY = "its budget of 0.02 USD: 0.00 USD spent, 0.02 USD under way, and the next edit costs 0.01 USD"


@pytest.fixture
def three(run: Run, manifest: Manifest) -> str:
    """A manifest of three edits, where an image costs a cent."""
    assert run("price", "0.01 USD").code == 0
    return manifest({}, {}, {})


def send(ledger: Ledger) -> int:
    """Be a worker: what can be sent is taken, and ends. Returns how many that were."""
    claims = ledger.worker.claim("w", lease_ms=60_000, places=100).claims
    begun = ledger.worker.begin_submit(claims, Policy(), 60_000, nonce=str(claims))
    sent = [claim for claim, one in zip(claims, begun, strict=True) if one]
    ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), EditState.COMPLETED) for claim in sent])
    return len(sent)


def test_a_price_is_shown_and_set(run: Run) -> None:
    """It alone: what was spent is told by another command."""
    assert run("price").out.startswith("no price is known: set it with retouch price '0.0035 USD'")
    assert run("price", "--json").json == {"price": None}
    assert run("price", "image 0.0035 USD").out == "one image costs 0.0035 USD\n"
    assert run("price", "--json").json == {"price": {"amount": 0.0035, "currency": "USD"}}
    assert run("price", "--days", "3").code == 2
    assert "`retouch money`" in run("price", "--help").out


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("price", "cheap"), "PRICE: 'cheap' is not a price of one image, such as 0.0035 USD"),
        (("price", " "), "PRICE is empty"),
        (("price", "0.01 EUR"), "amounts are counted in USD here"),
        (("budget", "b", "much"), "AMOUNT is 'much': write an amount of money"),
        (("budget", "b", "5 EUR"), "amounts are counted in USD here"),
        (("budget", "b", "0,40 €"), "write this one in USD too, such as '20 USD'"),
        (("budget", "b", "1,000"), "is that 1.000 or 1000? Write one of these"),
        (("budget", "none-such", "5"), "there is no batch 'none-such'"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    run: Run, three: str, ledger: Ledger, command: tuple[str, ...], said: str
) -> None:
    """Exit code 2, and nothing is changed."""
    assert run("enqueue", three, "--batch", "b", "--budget", "2").code == 0
    ended = run(*command)
    assert (ended.code, len(ended.err.splitlines())) == (2, 1)
    assert said in ended.err
    view = ledger.reader.batch("b")
    assert str(ledger.reader.price()) == "0.01 USD"
    assert view is not None
    assert str(view.money) == "0.00 USD spent, about 0.03 USD to come; its budget is 2.00 USD"


def test_a_budget_needs_a_price(run: Run, manifest: Manifest, ledger: Ledger) -> None:
    """Nothing is enqueued without."""
    ended = run("enqueue", manifest({}), "--batch", "b", "--budget", "20")
    assert (ended.code, ended.err.splitlines()) == (
        2,
        ["retouch: a budget needs a price of one image: set one first, with retouch price '0.0035 USD'"],
    )
    assert ledger.reader.batch("b") is None
    assert run("enqueue", manifest({}), "--budget", "-1").code == 2


def test_a_batch_is_paused_at_its_budget_and_goes_on_with_more(run: Run, three: str, ledger: Ledger) -> None:
    """Every command says why, and what to do; a resume does not help."""
    assert run("enqueue", three, "--batch", "oil", "--budget", "0.02").code == 0
    assert send(ledger) == 2
    told = run("status", "oil")
    assert f"batch oil is PAUSED (budget): {WHY}" in told.out
    assert "retouch budget oil AMOUNT" in told.out
    assert "money: 0.02 USD spent, about 0.01 USD to come; its budget is 0.02 USD" in told.out
    watched = run("watch", "oil", "--timeout", "0")
    assert (watched.code, f"PAUSED (budget): {WHY}" in watched.err) == (5, True)
    resumed = run("resume", "oil")
    assert (resumed.code, f"PAUSED (budget): {WHY}" in resumed.err, "is resumed" in resumed.err) == (0, True, False)
    assert "PAUSED (budget)" in run("budget", "oil", "0.02").err
    raised = run("budget", "oil", "0.03 USD")
    assert (raised.code, raised.err) == (0, "")
    assert raised.out == "money: 0.02 USD spent, about 0.01 USD to come; its budget is 0.03 USD\n"
    ledger.worker.claim("w", lease_ms=60_000, places=1, submits=0)
    assert send(ledger) == 1
    assert run("budget", "oil", "none").out == "money: 0.03 USD spent\n"
    assert run("budget", "oil", "--json").json["money"]["spent"] == 0.03
    costs = [json.loads(line)["cost"] for line in run("results", "oil").out.splitlines()]
    assert costs == [{"amount": 0.01, "currency": "USD"}] * 3


def test_the_same_manifest_again_must_have_the_same_budget(run: Run, three: str, ledger: Ledger) -> None:
    """What a person has set since stays."""
    assert run("enqueue", three, "--batch", "oil", "--budget", "0.02").code == 0
    refused = run("enqueue", three, "--batch", "oil", "--budget", "0.05")
    assert (refused.code, "was given a budget of 0.02 before, and not 0.05" in refused.err) == (2, True)
    assert "retouch budget oil 0.05" in refused.err
    run("budget", "oil", "7")
    assert run("enqueue", three, "--batch", "oil", "--budget", "0.02").code == 0
    view = ledger.reader.batch("oil")
    assert view is not None
    assert view.money is not None
    assert view.money.budget == 7


def test_the_price_that_holds_is_told_before_anything_is_sent(
    run: Run, three: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the command was told another one, which it says."""
    assert "about 0.03 USD" in run("enqueue", three, "--batch", "a").err
    monkeypatch.setenv("RETOUCH_PRICE", "0.5 USD")
    ended = run("enqueue", three, "--batch", "b")
    assert "note: the price that holds for all workers is 0.01 USD, and not 0.50 USD" in ended.err
    assert "about 0.03 USD" in ended.err
    assert "about 1.50 USD" in run("enqueue", three, "--dry-run").err


def test_the_status_of_all_has_today_s_money(run: Run, three: str, ledger: Ledger) -> None:
    """Beside the price."""
    run("enqueue", three, "--batch", "oil")
    send(ledger)
    found = run("status", "--json").json
    assert (found["price"]["amount"], found["money"]["spent"]) == (0.01, 0.03)
    assert "one image costs 0.01 USD; money of " in run("status").out


def test_what_was_spent_is_told_by_sender_and_by_batch(run: Run, ledger: Ledger) -> None:
    """The dearest first, with one number of digits; what is still to come, and the days."""
    assert run("money").out.splitlines() == [NO_PRICE, "no batch cost anything"]
    run("price", "0.01 USD")
    for batch, sender, spent in (("cats", "ann", 100_000), ("oil", "bob", 4_220_000), ("oil", "ann", 4_220_000)):
        EditQueue(ledger).enqueue([edit(sender)], batch=batch, sender=sender)
        ledger.connection._client.hset(ledger.connection.keys.batch(batch), mapping={"spent": spent, "currency": "USD"})
    lines = run("money", "--days", "1").out.splitlines()
    assert lines[:8] == [
        "one image costs 0.01 USD",
        "2 batches: 4.32 USD spent, about 0.03 USD to come",
        "by sender:",
        "  ann and bob together (1 batch, not split): 4.22 USD spent, about 0.02 USD to come",
        "  ann (1 batch): 0.10 USD spent, about 0.01 USD to come",
        "by batch:",
        "  oil: 4.22 USD spent, about 0.02 USD to come",
        "  cats: 0.10 USD spent, about 0.01 USD to come",
    ]
    assert lines[8] == "by day (UTC), all batches:"
    assert lines[9].endswith(": 0.00 USD spent")
    assert "by batch (the 1 dearest):" in run("money", "--limit", "1").out
    assert "2 batches: 4.32 USD spent" in run("money", "--by", "ann").out
    assert (
        ": 4.22 USD spent, about 0.02 USD to come" in run("money", "--by", "bob", "--since", "1h").out.splitlines()[1]
    )
    told = run("money", "--json", "--since", "2h").json
    assert ([one["batch"] for one in told["batches"]], told["total"]["spent"]) == (["oil", "cats"], 4.32)
    wrong = run("money", "--since", "25:00")
    assert (wrong.code, "--since '25:00' is no time" in wrong.err) == (2, True)


def test_days_and_batches_are_told_with_one_number_of_digits(run: Run, three: str, ledger: Ledger) -> None:
    """As many as the least of them needs: they are compared, the days with the batches too."""
    run("enqueue", three, "--batch", "oil")
    keys, connection = ledger.connection.keys, ledger.connection._client
    connection.hset(keys.batch("oil"), mapping={"spent": 220_000, "currency": "USD"})
    connection.hset(keys.money(ledger.reader.days(1)[0].day.isoformat()), "spent", 3_500)
    lines = run("money", "--days", "1").out.splitlines()
    assert lines[1] == "1 batch: 0.2200 USD spent, about 0.0300 USD to come"
    assert lines[-1].endswith(": 0.0035 USD spent")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("18:00", "2026-11-26T18:00:00+01:00"),
        ("9:30", "2026-11-27T09:30:00+01:00"),
        ("2h", "2026-11-27T08:00:00+01:00"),
    ],
)
def test_a_time_of_the_day_is_the_last_one(text: str, expected: str) -> None:
    """By the clock of this machine."""
    assert moment(text, now=datetime.fromisoformat("2026-11-27T10:00:00+01:00")).isoformat() == expected


def test_a_budget_below_what_is_spent_says_that_it_pauses(run: Run, three: str, ledger: Ledger) -> None:
    """Before it is set; one that is enough says nothing."""
    run("enqueue", three, "--batch", "oil")
    ledger.connection._client.hset(ledger.connection.keys.batch("oil"), mapping={"spent": 220_000, "currency": "USD"})
    said = "note: 0.10 USD is less than what batch oil has cost already, 0.22 USD: it pauses at once, and what is spent"
    assert run("budget", "oil", "$0.1").err == f"{said} stays spent\n"
    assert run("budget", "oil", "0.22").err == ""
    assert run("budget", "oil", "none").err == ""
