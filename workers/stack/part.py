"""What the parts of the stack have in common: a child process, its ports, when it is ready, and how it ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workers.stack.child import ROOT, Child, DiedError, clean_environment
from workers.stack.ports import free_ports, is_free, keep_ports, kept_ports

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

    ``launching`` says how it is started on the given ports: ``ports`` of them, chosen at the first start and kept
    at later ones, also by the next program with the same ``ports_file``. ``ready`` gives something as soon as it is up
    on them. ``stop_grace_s`` is how long it may take to end.
    """

    def __init__(
        self,
        child: Child,
        launching: Callable[[list[int]], Launch],
        ready: Callable[[list[int]], object | None],
        *,
        stop_grace_s: float,
        ports: int = 0,
        ports_file: Path | None = None,
    ) -> None:
        self.child = child
        self.ports: list[int] = []
        self.earlier_ports = kept_ports(ports_file, ports) if ports_file else []
        self._launching = launching
        self._ready = ready
        self._stop_grace_s = stop_grace_s
        self._port_count = ports
        self._ports_file = ports_file
        self._launched_on: list[int] = []

    def start(self) -> None:
        """Start it and return when it is ready; raises ServiceError."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start it and return at once, to do something else before ``wait``."""
        self._launch_on(self.ports or self._usable_ports())

    def choose_ports(self) -> None:
        """Choose its ports before it is launched, for another part that must know them earlier."""
        self.ports = self.ports or self._usable_ports()

    def wait(self) -> None:
        """Return when it is ready; raises ServiceError.

        If another process takes a port first, others are tried, but only while no client of this program knows them.
        """
        attempts = 1 if self.ports or not self._port_count else START_ATTEMPTS
        while True:
            attempts -= 1
            try:
                self.child.wait_until(lambda: self._ready(self._launched_on))
            except DiedError:
                if not attempts or not _PORT_TAKEN.search(self.child.output()):
                    raise
                self._launch_on(free_ports(self._port_count))
            else:
                self.ports = self._launched_on
                if self._ports_file:
                    keep_ports(self._ports_file, self.ports)
                return

    @property
    def moved(self) -> bool:
        """Tell whether it has other ports than at the last start from the same data folder; only once started."""
        return bool(self.earlier_ports) and self.ports != self.earlier_ports

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

    def _usable_ports(self) -> list[int]:
        usable = self.earlier_ports if all(map(is_free, self.earlier_ports)) else []
        return usable or free_ports(self._port_count)

    def _launch_on(self, ports: list[int]) -> None:
        self._launched_on = ports
        launch = self._launching(ports)
        self.child.launch(launch.command, env=clean_environment(**launch.environment), cwd=launch.cwd)
