"""Workers as they are deployed: ``celery -A workers worker``, a process each."""

from __future__ import annotations

from pathlib import Path

from workers.stack.worker import Worker

SINKS = {"RETOUCH_SINKS", "RETOUCH_WEBHOOK_URL"}


class Crew:
    """The workers of one test. One that has the settings that the next test wants goes on working for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: tuple[dict[str, str], Worker] | None = None
        self._others: list[Worker] = []
        self._count = 0

    def hire(self, environment: dict[str, str]) -> Worker:
        """Return a running worker with this environment."""
        if self._kept and self._kept[0] == environment and self._kept[1].child.running:
            return self._kept[1]
        worker = self.prepared(environment)
        worker.start()
        self._others.remove(worker)
        self._kept = environment, worker
        return worker

    def prepared(self, environment: dict[str, str]) -> Worker:
        """A worker of this test alone, not started; the one that was kept from earlier tests is dismissed."""
        self._dismiss()
        self._count += 1
        worker = Worker(f"w{self._count}", environment, self._folder / f"w{self._count}.log")
        self._others.append(worker)
        return worker

    def end_test(self) -> None:
        """Kill the workers that were extra; the kept one goes on.

        One with sinks is not kept: the next test would find sinks that it knows nothing of, and that nobody serves.
        """
        for worker in self._others:
            worker.kill()
        self._others.clear()
        if self._kept and not SINKS.isdisjoint(self._kept[0]):
            self._dismiss()

    def end(self) -> None:
        """Kill all."""
        self.end_test()
        self._dismiss()

    def logs(self) -> str:
        """Everything that workers have written; who wrote last is at the end."""
        logs = sorted(self._folder.glob("*.log"), key=lambda path: path.stat().st_mtime_ns)
        return "".join(path.read_text(errors="replace") for path in logs)

    def _dismiss(self) -> None:
        if self._kept:
            self._kept[1].kill()
        self._kept = None
