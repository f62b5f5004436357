"""What the parts of the stack have in common: a child process, its ports, when it is ready, and how it ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workers.stack.child import ROOT, Child, DiedError, clean_environment
from workers.stack.ports import free_ports

START_ATTEMPTS = 5  # on other ports each time: two stacks may start at once

_PORT_TAKEN = re.compile(r"in use|not available")  # Valkey's words, SeaweedFS's words, the system's words


@dataclass(frozen=True, slots=True)
class Launch:
    """How a part's process is started: its command, with which variables over a clean environment, and where."""

    command: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = ROOT


class Part:
    """One part of the stack, a child process.

    ``launching`` says how it is started on the given ports (``ports`` of them, chosen at the first start and kept at
    later ones). ``ready`` gives something as soon as it is up on them. ``stop_grace_s`` is how long it may take to end.
    """

    def __init__(
        self,
        child: Child,
        launching: Callable[[list[int]], Launch],
        ready: Callable[[list[int]], object | None],
        *,
        stop_grace_s: float,
        ports: int = 0,
    ) -> None:
        self.child = child
        self.ports: list[int] = []
        self._launching = launching
        self._ready = ready
        self._stop_grace_s = stop_grace_s
        self._port_count = ports

    def start(self) -> None:
        """Start it and return when it is ready; raises ServiceError.

        If another process takes a port first, others are tried, but only while no client knows them.
        """
        if self.ports or not self._port_count:
            self._start_on(self.ports)
            return
        for attempt in range(1, START_ATTEMPTS + 1):
            ports = free_ports(self._port_count)
            try:
                self._start_on(ports)
            except DiedError:
                if attempt == START_ATTEMPTS or not _PORT_TAKEN.search(self.child.output()):
                    raise
            else:
                self.ports = ports
                return

    def launch(self) -> None:
        """Start it and return at once, to do something else before ``wait``; not for a part that needs ports."""
        assert not self._port_count
        self._launch_on([])

    def wait(self) -> None:
        """Return when it is ready; raises ServiceError."""
        self._wait_on(self.ports)

    def stop(self) -> None:
        """End it in order; what it keeps in its data folder stays."""
        self.child.stop(self._stop_grace_s)

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        self.child.kill()

    def restart(self) -> None:
        """Stop and start on the same ports with the same data."""
        self.stop()
        self.start()

    def _start_on(self, ports: list[int]) -> None:
        self._launch_on(ports)
        self._wait_on(ports)

    def _launch_on(self, ports: list[int]) -> None:
        launch = self._launching(ports)
        self.child.launch(launch.command, env=clean_environment(**launch.environment), cwd=launch.cwd)

    def _wait_on(self, ports: list[int]) -> None:
        self.child.wait_until(lambda: self._ready(ports))
