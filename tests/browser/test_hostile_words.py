"""Words from outside, in every view: none runs, becomes an element or a link, or turns what stands beside it.

And no other site puts the page into a frame of its own.
"""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from retouch.ledger import Entry, Heartbeat, Ledger, Named, Settlement, Which
from retouch.price import Budget, Price
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.browser.conftest import Look
from tests.browser.test_batches import edits
from tests.browser.use import write_sinks, write_use
from tests.harness.waiting import until
from tests.ledger_bench import SUBMITTING

RUNS = "parent.ran=1;window.ran=1"
SCRIPT, DATA = f"javascript:{RUNS}", f"data:text/html,<script>{RUNS}</script>"
MARKUP = f"<img src=x onerror={RUNS}><script>{RUNS}</script><a href='{SCRIPT}'>a</a><style>*{{display:none}}</style>"
TURNS = "\u202edeliaf\u202c\u2066\u200b"
WORDS = f"odd \"'> {MARKUP} {SCRIPT} {DATA} {TURNS} odd"
SEEN = "<img src=x onerror="
VIEWS = {  # each with what it shows when it is there
    "#/batches": SEEN,
    "#/batches/oil": SEEN,
    "#/batches/oil/edits/failed": "Parameters",
    "#/batches/oil/edits/completed": SCRIPT,
    "#/batches/oil/edits/waiting": SEEN,
    "#/batches/oil/gallery": "1 of 1 picture",
    "#/batches/oil/gallery/completed": "Pick it",
    "#/provider": SEEN,
    "#/workers": SEEN,
    "#/budgets": "oil",
    "#/sinks": SEEN,
    "#/keys": "ada",
    f"#/batches?by={SCRIPT}": SCRIPT,
    f"#/batches/{quote(MARKUP, safe='')}": SEEN,
    f"#/batches/oil/edits/{quote(MARKUP, safe='')}": SEEN,
    f"#/batches/oil/gallery/{quote(MARKUP, safe='')}": "1 of 1 picture",
}
FOREIGN = """() => {
    const all = [...document.querySelectorAll("*")];
    const values = (name) => all.map((one) => one.getAttribute(name)).filter(Boolean);
    const ours = /^(#(\\/|main$)|\\/(page\\/files|v1)\\/)/;
    const addresses = ["href", "src", "action", "formaction", "data", "xlink:href", "srcset"].flatMap(values);
    const foreign = "script:not([nonce]), style:not([nonce]), iframe, object, embed, base";
    return {
        ran: window.ran ?? null,
        made: document.querySelectorAll(foreign).length,
        addresses: addresses.filter((one) => !ours.test(one)),
        handlers: all.filter((one) => [...one.attributes].some(({ name }) => name.startsWith("on"))).length,
        turning: document.documentElement.outerHTML.match(/[\\u200b\\u202a-\\u202e\\u2066-\\u2069]/g),
    };
}"""


@pytest.fixture
def hostile(ledger: Ledger) -> Ledger:
    """Every text in it that comes from outside is hostile, though no producer or API of ours gets most of them in."""
    write_use(ledger)
    write_sinks(ledger)
    ledger.producer.set_price(Price.of_micros(10_000, "USD"))
    keys, client, now = ledger.connection.keys, ledger.connection._client, ledger.connection.now()
    says = Heartbeat(f"{now}-9", WORDS, WORDS, 9, {})
    ledger.worker.see_worker(WORDS, {"hook": Named(WORDS)}, {"RETOUCH_LEASE": WORDS}, says=says)
    trouble = {"reason": WORDS, "since": now, "until": now, "at": now}
    for name, how in (("hook", "held"), (WORDS, "gone"), (SCRIPT, "failed")):
        sink = {"seen": now - 10**7, "shown": WORDS, "types": WORDS, how: trouble}
        client.hset(keys.sinks, name, json.dumps(sink))
    client.hset(keys.state, mapping={"refusal": WORDS, "refused_at": now})
    client.zadd(keys.kinds, {WORDS: 99})
    client.hset(keys.learned(WORDS), mapping={20: 5.0})
    made_of = {"prompt": WORDS, "init_image": SCRIPT, "model_id": WORDS, "metadata": {WORDS: WORDS, "odd": DATA}}
    names = ("failed", "completed", "waiting")
    ledger.producer.enqueue("oil", [Entry(name, name, json.dumps(made_of), 1, None) for name in names], sender=WORDS)
    ledger.producer.seal("oil")
    claims = {one.member: one for one in ledger.worker.claim(WORDS, lease_ms=60_000, places=99).claims}
    output = {"uri": SCRIPT, "sha256": WORDS, "bytes": 9, "width": 9, "height": 9, "content_type": WORDS}
    said = json.dumps({"code": WORDS, "message": WORDS})
    ends = [
        Settlement(claims["oil/failed"], SUBMITTING, EditState.FAILED, error=said, put={"provider_id": WORDS}),
        Settlement(claims["oil/completed"], SUBMITTING, EditState.COMPLETED, outputs=json.dumps([output])),
        Settlement(claims["oil/waiting"], SUBMITTING, EditState.WAITING, put={"note": WORDS, "provider_id": SCRIPT}),
    ]
    assert all(ledger.worker.settle(ends))
    ledger.producer.set_budget("oil", Budget.parse("20 USD"))
    pauses = {cause: {"reason": WORDS, "since": now} for cause in ("person", WORDS)}
    client.hset(keys.batch("oil"), "paused", json.dumps(pauses))
    ledger.producer.pause_submits(WORDS)
    job = ledger.jobs.count("oil", "retry", Which.of("retry", None), by=WORDS)
    assert job is not None
    ledger.jobs.start(job.id, mine=True)
    ledger.jobs.stop(job.id)
    return ledger


def harmless(page: Page) -> None:
    """Nothing has run; all elements are the page's own, all addresses its own, and nothing turns."""
    assert page.evaluate(FOREIGN) == {"ran": None, "made": 0, "addresses": [], "handlers": 0, "turning": None}


def test_words_stay_words(look: Look, hostile: Ledger) -> None:
    """In each view; and the console is quiet: the policy had nothing to refuse."""
    page = look("#/batches")
    for view, shows in VIEWS.items():
        page.evaluate("view => { location.hash = view; }", view)
        expect(page.locator("#main")).to_contain_text(shows)
        harmless(page)


def test_words_stay_words_where_somebody_decides(look: Look, hostile: Ledger) -> None:
    """In the dialogs, and for whoever is to sign in by a link that is none."""
    page = look("#/batches/oil")
    for text in ("Retry all…", "Resume…", "Budget…"):
        page.get_by_role("button", name=text).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        harmless(page)
        page.keyboard.press("Escape")
    page = look("#/batches/oil/edits/completed")
    with page.expect_popup() as popup:
        page.get_by_role("button", name="Open the picture").click()
    expect(page.locator("#notices")).to_contain_text("javascript")
    until(lambda: page.evaluate("true") and popup.value.is_closed(), "the tab is closed")
    harmless(page)
    page = look(f"#link={quote(MARKUP)}", signed_in=False)
    expect(page.get_by_label("Key of this gateway")).to_be_visible()
    harmless(page)


def test_a_name_turns_no_other(look: Look, ledger: Ledger) -> None:
    """Those that are written from right to left stand in their order; of a character that turns all a sign is left."""
    queue = EditQueue(ledger)
    for number, sender in enumerate(("אבג", "דהו")):
        queue.enqueue(edits(number + 1), batch="oil", sender=sender)
    page = look("#/batches/oil")
    first, second = (page.get_by_role("link", name=name).bounding_box() for name in ("אבג", "דהו"))
    assert first is not None
    assert second is not None
    assert first["x"] < second["x"]


def test_no_site_frames_the_page(browser: Browser, url: str) -> None:
    """Or a person would click on what is not seen."""
    page = browser.new_page()
    page.set_content(f"<iframe src='{url}'></iframe>")
    framed = page.frames[1]
    framed.wait_for_load_state()
    assert framed.locator("#main").count() == 0
    assert framed.evaluate("location.href") == "chrome-error://chromewebdata/"
    page.close()
