"""A live bar of pictures and bytes that are transferred; loads rich."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn


class TransferBar:
    """One bar: how many pictures and bytes are done, of how many, and the rate."""

    def __init__(self, title: str, pictures: int, size: int) -> None:
        self._done = 0
        self._pictures = pictures
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[pictures]}"),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task(title, total=size, pictures=f"0/{pictures}")
        self._progress.start()

    def step(self, size: int) -> None:
        """One more picture of so many bytes is done."""
        self._done += 1
        self._progress.update(self._task, advance=size, pictures=f"{self._done}/{self._pictures}")

    def close(self) -> None:
        """Stop, and leave the bar on the terminal."""
        self._progress.stop()
