"""A part that is one of our own HTTP servers: it prints its URL as a line of JSON once it listens."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from workers.stack.child import Child
from workers.stack.part import Launch, Part


class ServerPart(Part):
    """An HTTP server with one port, which ``ports_file`` keeps."""

    def __init__(
        self, child: Child, launching: Callable[[list[int]], Launch], *, stop_grace_s: float, ports_file: Path
    ) -> None:
        self._url: str | None = None
        super().__init__(child, launching, self._announced, stop_grace_s=stop_grace_s, ports=1, ports_file=ports_file)

    @property
    def url(self) -> str:
        """Where it is, as it says; only once started."""
        assert self._url is not None, f"{self.child.name} is not started"
        return self._url

    def _announced(self, _ports: list[int]) -> str | None:
        for line in self.child.output().splitlines():
            if line.startswith('{"url"') and line.endswith("}"):
                self._url = str(json.loads(line)["url"])
                return self._url
        return None
