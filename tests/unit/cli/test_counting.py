"""The progress of commands that count: nothing of a quick one, few lines of a slow one."""

from __future__ import annotations

import pytest

from retouch.cli.counting import AFTER_S, LINE_EVERY_S, Counting, CountLines
from tests.unit.cli.test_progress import Clock


def shown(*moments: tuple[float, int]) -> list[tuple[int, int]]:
    """What a display is shown of these numbers, at these seconds."""

    class Recorder:
        def __init__(self) -> None:
            self.shown: list[tuple[int, int]] = []

        def show(self, done: int, total: int) -> None:
            self.shown.append((done, total))

        def close(self) -> None:
            pass

    clock, recorder = Clock(), Recorder()
    counting = Counting(lambda: recorder, clock)
    for clock.now, done in moments:
        counting(done, 10)
    counting.close()
    return recorder.shown


def test_what_ends_within_a_second_shows_nothing() -> None:
    """A flash of a bar tells nobody anything."""
    assert shown((0.0, 1), (AFTER_S / 2, 10)) == []


def test_what_takes_longer_shows_all_that_follows() -> None:
    """From the first number after the first second on."""
    assert shown((0.0, 1), (AFTER_S, 5), (AFTER_S + 0.1, 6)) == [(5, 10), (6, 10)]


def test_lines_are_rare_and_the_last_is_always_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no terminal."""
    clock = Clock()
    lines = CountLines("removing", clock)
    for clock.now, done in ((0.0, 1), (0.1, 2), (LINE_EVERY_S, 3), (LINE_EVERY_S + 0.1, 1000)):
        lines.show(done, 1000)
    lines.close()
    lines.close()
    assert capsys.readouterr().err.splitlines() == [f"removing: {n} of 1,000" for n in ("1", "3", "1,000")]
