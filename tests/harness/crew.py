"""Workers as they are deployed: ``celery -A workers worker``, a process each."""

from __future__ import annotations

from pathlib import Path

from workers.stack.worker import Worker


class Crew:
    """The workers of one test. One that has the settings that the next test wants goes on working for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: tuple[dict[str, str], Worker] | None = None
        self._others: list[Worker] = []
        self._count = 0

    def hire(self, environment: dict[str, str]) -> tuple[Worker, bool]:
        """Return a running worker with this environment, and whether it is new."""
        if self._kept and self._kept[0] == environment and self._kept[1].child.running:
            return self._kept[1], False
        worker = self.prepared(environment)
        worker.start()
        self._others.remove(worker)
        self._kept = environment, worker
        return worker, True

    def prepared(self, environment: dict[str, str]) -> Worker:
        """A worker of this test alone, not started; the one that was kept from earlier tests is dismissed."""
        self._dismiss()
        self._count += 1
        worker = Worker(f"w{self._count}", environment, self._folder / f"w{self._count}.log")
        self._others.append(worker)
        return worker

    def end_test(self) -> None:
        """Kill the workers that were extra; the kept one goes on."""
        for worker in self._others:
            worker.kill()
        self._others.clear()

    def end(self) -> None:
        """Kill all."""
        self.end_test()
        self._dismiss()

    def logs(self) -> str:
        """Everything that workers have written."""
        return "".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("*.log")))

    def _dismiss(self) -> None:
        if self._kept:
            self._kept[1].kill()
        self._kept = None
