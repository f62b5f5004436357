"""Live progress bars for terminals; the only file that loads rich."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from retouch.cli.progress import Rate
from retouch.ledger import BatchView


class Bar:
    """One bar: how many edits have ended, the counts by state, the rate and the time left."""

    def __init__(self) -> None:
        self._rate = Rate()
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}", style="cyan"),
            # In a narrow terminal the counts are cut first.
            TextColumn(
                "{task.fields[counts]}",
                style="dim",
                markup=False,
                table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
            ),
            console=Console(stderr=True),
            expand=True,
        )
        self._task = self._progress.add_task("", total=None, rate="", counts="")
        self._progress.start()

    def show(self, view: BatchView) -> None:
        """Move the bar."""
        self._rate.update(view)
        self._progress.update(
            self._task,
            description=view.batch,
            total=view.total,
            completed=view.ended,
            rate=self._rate.text(view),
            counts=f"{view.shown_counts}; {view.money}" if view.money else view.shown_counts,
        )

    def close(self) -> None:
        """Stop, and leave the bar on the terminal."""
        self._progress.stop()


class CountBar:
    """One bar: how much of a total is done, and the time left."""

    def __init__(self, what: str) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task(what, total=None)
        self._progress.start()

    def show(self, done: int, total: int) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=done, total=total)

    def close(self) -> None:
        """Stop, and leave the bar on the terminal."""
        self._progress.stop()
