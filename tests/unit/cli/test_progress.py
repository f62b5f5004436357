"""Rate, time left, and when a line is said."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from retouch.cli.progress import LINE_EVERY_S, WINDOW_S, Lines, Rate, clock_text
from retouch.ledger import BatchView
from retouch.states import BatchState, EditState


def view(completed: int, total: int = 100) -> BatchView:
    counts = {EditState.QUEUED: total - completed, EditState.COMPLETED: completed}
    return BatchView("b", BatchState.OPEN, counts, datetime.now(UTC))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_rate_is_that_of_the_window() -> None:
    """What happened long ago does not count."""
    clock = Clock()
    rate = Rate(clock)
    for clock.now, completed in ((0.0, 0), (10.0, 50), (10.0 + WINDOW_S, 50), (20.0 + WINDOW_S, 60)):
        rate.update(view(completed))
    assert rate.per_s == pytest.approx(10 / (10 + WINDOW_S), rel=0.4)


def test_no_movement_has_no_time_left() -> None:
    """Rather than infinity."""
    rate = Rate(Clock())
    rate.update(view(0))
    assert rate.left_s(view(0)) is None


def test_lines_are_rare_and_the_last_is_always_said(capsys: pytest.CaptureFixture[str]) -> None:
    """A log is not a screen."""
    clock = Clock()
    lines = Lines(clock)
    for clock.now, completed in ((0.0, 0), (0.1, 10), (0.2, 20), (LINE_EVERY_S, 30), (LINE_EVERY_S + 0.1, 40)):
        lines.show(view(completed))
    lines.close()
    said = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in said] == ["0/100", "30/100", "40/100"]


@pytest.mark.parametrize(("seconds", "text"), [(5, "0:05"), (65, "1:05"), (7209, "2:00:09")])
def test_clock_text(seconds: float, text: str) -> None:
    """Hours only when there are any."""
    assert clock_text(seconds) == text
