"""How the page reckons and writes numbers: its own modules, run in the browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from workers.gateway.gate import FILES
from workers.gateway.page.frame import version

Run = Callable[[str], Any]


@pytest.fixture
def run(browser: Browser, url: str) -> Iterator[Run]:
    """Run an expression over what the modules have."""
    context = browser.new_context(bypass_csp=True)  # the page's own policy would not let a test load modules
    page = context.new_page()
    page.goto(f"{url}/healthz")
    paths = [f"{FILES}{version()}/{name}.js" for name in ("format", "rate", "states", "strip")]
    names = f"Promise.all({paths}.map((path) => import(path)))"

    def make(expression: str) -> Any:
        return page.evaluate(f"{names}.then(([format, rate, states, strip]) => {{ {expression} }})")

    yield make
    context.close()


def test_the_time_left_is_a_range_that_grows_narrow(run: Run) -> None:
    """Around what is left at the rate of the last minute; a retry begins anew, and so does whoever has just come."""
    told = run(
        """const found = [], r = new rate.Rate();
        r.update(0, 100); r.update(90000, 101); for (let t = 91; t <= 100; t++) r.update(t * 1000, 11 + t);
        found.push([r.perSecond, r.left(100)]);
        for (let t = 101; t <= 200; t++) r.update(t * 1000, 111 + 10 * (t - 100));
        found.push([r.perSecond, r.left(100)]); r.update(201000, 50); found.push([r.perSecond, r.left(100)]);
        found.push(new rate.Rate().left(5)); return found"""
    )
    (slow, wide), (fast, narrow), again, unknown = told
    assert (slow, fast) == (1, pytest.approx(10))
    assert wide[0] < 100 < wide[1]
    assert narrow[0] < 10 < narrow[1]
    assert narrow[1] / narrow[0] < wide[1] / wide[0] < 4
    assert (again, unknown) == ([0, None], None)


def test_a_pause_does_not_count(run: Run) -> None:
    """Nor does the wait for the first result after it; until enough was seen nothing is said."""
    told = run(
        """const r = new rate.Rate(), found = [];
        for (let t = 0; t <= 20; t++) r.update(t * 1000, t);
        r.update(21000, 20, false); found.push(r.left(10)); r.update(900000, 20); r.update(915000, 20);
        r.update(915500, 21); r.update(917000, 24); found.push(r.left(10));
        for (let t = 918; t <= 925; t++) r.update(t * 1000, t - 893); found.push(r.left(10)); return found"""
    )
    assert told[:2] == [None, None]
    assert told[2][0] < 10 < told[2][1] < 30


def test_numbers_are_written_for_people(run: Run) -> None:
    """Nothing that is there is written as nothing, nor what is missing as all."""
    told = run(
        """return [format.percent(0, 9), format.percent(1, 100000), format.percent(99999, 100000), format.percent(9, 9),
        format.span(0.2), format.span(59), format.span(3600), format.span(5400), format.span(200000),
        format.range([200, 390]), format.range([50, 61]), format.range([86400, 200000]), format.bytes(999),
        format.bytes(412345), format.count(1, "edit"), format.count(2000, "edit"),
        format.exact(0.098 + 0.182, "USD"), format.exact(0.0985, "USD")]"""
    )
    assert told == [
        *("0 %", "< 0.1 %", "99.9 %", "100 %"),
        *("1 s", "59 s", "1 h", "1 h 30 min", "2 days"),
        *(
            "3 \N{EN DASH} 7 min",
            "1 min",
            "1 \N{EN DASH} 2 days",
            "999 bytes",
            "412.3 kB",
            "1 edit",
            "2,000 edits",
            "0.28 USD",
            "0.0985 USD",
        ),
    ]


def test_a_strip_takes_changes_and_filters_by_both(run: Run) -> None:
    """Also more edits than before, and bytes of a newer version."""
    told = run(
        """const s = new strip.Strip(), code = (c) => c.charCodeAt(0);
        s.take(Uint8Array.from("qqff", code), Uint8Array.from([0, 0, 1, 2]));
        s.change({ states: [[0, "C"], [4, "Z"]], groups: [[1, "\\u00ff"]], total: 6 });
        const of = (states, groups) => { const f = s.filter(new Set(states), new Set(groups)); return f && [...f] };
        return [[...s.states], [...s.groups], of([], []), of([code("f")], []), of([], [2, 255]), of([code("f")], [2]),
        states.stateOf(code("Z")).name, s.counts()[code("f")]]"""
    )
    assert told == [
        [*b"CqffZ", 0],
        [0, 255, 1, 2, 0, 0],
        *(None, [2, 3], [1, 3], [3], "unknown", 2),
    ]
