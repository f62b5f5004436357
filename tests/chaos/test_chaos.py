"""A part of ``scripts/chaos``, small enough for every run of the suite."""

from __future__ import annotations

import sys

import pytest

from tests.chaos.__main__ import BEGIN, END, PAGE, write
from tests.chaos.acts import ACTS
from tests.chaos.hunts import HUNTS
from tests.harness.processes import run

# Minutes each, or of times that a busy machine does not keep; their parts have tests of their own.
WHOLE_ONLY = (
    *("loads", "power_loss", "api", "rates", "gateway", "refused_puts", "retry_after"),
    *("rolling_restarts", "webhook", "shares", "rescue", "poison", "failover", "shared_redis"),
    *("webhooks", "producers", "jobs"),
)

WITHIN_S = 1200


@pytest.mark.slow
@pytest.mark.timeout(WITHIN_S + 60)
def test_everything_holds_while_everything_breaks() -> None:
    """Kills at boundaries, zombies, restarts and outages break no invariant, and planted bugs are caught."""
    acts = ",".join(act for act in ACTS if act not in WHOLE_ONLY)
    command = [sys.executable, "-m", "tests.chaos", "--quick", "--only", acts]
    outcome = run(command, within_s=WITHIN_S)
    assert outcome.code == 0, outcome.out[-6000:] + outcome.err[-3000:]


def test_the_page_shows_a_whole_run() -> None:
    """The tables in docs/reliability.md are of a run in which every planted bug was caught and nothing broke."""
    tables = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    if "Planted bugs" not in tables:
        pytest.skip("the page says that no whole run is shown yet")
    assert f"Planted bugs: {len(HUNTS)} of {len(HUNTS)} caught" in tables
    assert "**NO**" not in tables


def test_the_tables_take_the_place_of_the_last_ones(tmp_path: object) -> None:
    """What stands before and after them stays."""
    page = PAGE.parent / "reliability.md"
    text = page.read_text()
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    copy = type(page)(str(tmp_path)) / "page.md"
    copy.write_text(text)
    write(copy, "new tables")
    assert copy.read_text() == f"{before}{BEGIN}\nnew tables\n{END}{after}"
