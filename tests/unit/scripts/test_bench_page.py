"""The benchmark of the page, as far as it needs neither servers nor a browser: arithmetic, tables, bounds."""

from __future__ import annotations

import json
import math

import pytest

from retouch.errors import ServiceError
from scripts.benchmark import page
from scripts.benchmark.browser import looking
from scripts.benchmark.browser.__main__ import main
from scripts.benchmark.browser.live import Live, late
from scripts.benchmark.browser.opening import Opened
from scripts.benchmark.browser.report import Report
from scripts.benchmark.browser.retrying import Retry
from scripts.benchmark.browser.run import Run
from scripts.benchmark.browser.sizes import QUICK


def report() -> Report:
    """A report in which everything was measured."""
    return Report(
        {"cpu": "a CPU"},
        {"rounds": "3"},
        opened=[
            Opened(400.0, 200.0, {"failed": 30.0, "queued": 55.0}, {"failed": 90.0, "queued": 80.0}),
            Opened(520.0, 210.0, {"failed": 45.0, "queued": 60.0}, {"failed": 95.0, "queued": 85.0}),
            Opened(490.0, 700.0, {"failed": 35.0, "queued": 40.0}, {"failed": 99.0, "queued": 81.0}),
        ],
        shown=[Live(290.0, 0.02, [0.1, 0.5, 0.3]), Live(100.0, 0.04, [1.2, 0.2]), Live(300.0, 0.06, [0.4])],
        alone=[Live(300.0), Live(100.0), Live(290.0)],
        retries=[Retry(40_000, 9.0, 25.0), Retry(40_000, 8.0, 12.0), Retry(40_000, 10.0, 14.0)],
        scrapes=[3.0, 12.0, 4.0],
        strangers=[],
    )


def test_what_is_shown_late_is_counted_from_when_it_happened() -> None:
    """What the page never showed is late for ever; it may be ahead of what was looked at."""
    happened = [(10.0, 100), (10.5, 150), (11.0, 200), (11.5, 250)]
    assert late(happened, [(9.9, 90), (10.2, 120), (11.1, 200)]) == pytest.approx([0.2, 0.6, 0.1, math.inf])
    assert late([(10.0, 100)], [(9.8, 100)]) == [0.0]


def test_the_table_shows_the_middle_of_the_rounds_and_its_ends() -> None:
    """The slowest filter first."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in report().text().splitlines()]
    assert ["ms to open a batch by its address", "490", "400", "520"] in lines
    filters = [line for line in lines if line[0].startswith("ms of the filter") and "names" not in line[0]]
    assert filters == [
        ["ms of the filter queued", "55", "40", "60"],
        ["ms of the filter failed", "35", "30", "45"],
    ]
    assert ["ms of the filter failed, with names", "95", "90", "99"] in lines
    assert ["seconds until a change is seen, at most", "0.50", "0.40", "1.20"] in lines
    assert ["ms of a scrape", "4.0", "3.0", "12.0"] in lines


def test_a_bound_that_is_missed_says_so() -> None:
    """And only what was measured is judged; edits are compared in pairs, which met the same load."""
    found = report()
    found.strangers = ["cdn.example.com"]
    assert found.beside() == pytest.approx(1.0)
    assert [target.name for target in found.targets() if not target.holds] == [
        "ms of the slowest filter",
        "other hosts that the page asks",
    ]
    assert len(found.targets()) == 10
    assert Report({}, {}).targets() == []
    assert Report({}, {}).text() == ""


def test_the_report_is_json_too() -> None:
    """Bounds included."""
    read = json.loads(json.dumps(report().to_json()))
    assert read["opened"][0]["filters_ms"] == {"failed": 30.0, "queued": 55.0}
    assert {target["holds"] for target in read["targets"]} == {True, False}


def test_a_machine_without_a_browser_is_told_where_one_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ServiceError, match="the page needs a Chromium: apt-get install chromium"), looking.eyes():
        pass
    Run(QUICK, Report({}, {})).measure([])  # no part: nothing is started


def test_options_that_make_no_sense_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """In one sentence, before anything is measured."""
    for arguments, said in (
        (["--only", "open,nothing"], "unknown: 'nothing'"),
        (["--rounds", "0"], "is not a number of rounds"),
        (["--quick", "--docs"], "with --quick they mean nothing"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
        assert said in capsys.readouterr().err


def test_the_documentation_has_a_place_for_the_run() -> None:
    """Which --docs fills."""
    assert page.PAGE.read_text().count(page.BROWSER) == 1
