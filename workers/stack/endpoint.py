"""The local img2img endpoint as a child process."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests

from workers.stack.child import Child, keep_secret
from workers.stack.part import Launch
from workers.stack.server import ServerPart

STOP_GRACE_S = 5.0
ENGINE_DEADLINE_S = 1800.0  # four gigabytes of weights may come from a slow disk
HEALTH_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Model:
    """A Stable Diffusion 1.5, and the endpoint's options about it."""

    path: Path
    about: Sequence[str] = ()

    @property
    def options(self) -> list[str]:
        """The endpoint's options: it runs in another folder."""
        return ["--engine", "diffusion", "--model", str(self.path.resolve()), *self.about]


class Endpoint(ServerPart):
    """``python -m workers.endpoint``, with an API key and a port of its own, which ``data_dir`` keeps.

    ``latency`` (seconds per edit, ``"0.5"`` or ``"0.2-0.8"``), ``capacity`` (images made at once) and ``max_queue``
    (edits that may wait beyond those) are the endpoint's own options. ``model`` makes the pictures instead of the
    stand-in. After a restart it still knows what it has taken, and works on that
    again when it is asked about it.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        latency: str | None = None,
        capacity: int | None = None,
        max_queue: int | None = None,
        model: Model | None = None,
        private_hosts: str = "",
        log: Path | None = None,
    ) -> None:
        self.api_key = keep_secret(data_dir / "api-key")
        self._private_hosts = private_hosts
        self._options = ["--journal", str(data_dir / "edits.jsonl")]
        self._options += [] if latency is None else ["--latency", latency]
        self._options += [] if capacity is None else ["--capacity", str(capacity)]
        self._options += [] if max_queue is None else ["--max-queue", str(max_queue)]
        self._options += [] if model is None else model.options
        child = Child("the endpoint", log or data_dir / "endpoint.log")
        super().__init__(
            child,
            self._launching,
            stop_grace_s=STOP_GRACE_S,
            ports_file=data_dir / "port",
        )

    def wait_for_engine(self) -> str:
        """Return when it takes edits, which is once its model is loaded, what makes them; raises ServiceError."""
        engine = self.child.wait_until(self._healthy, ENGINE_DEADLINE_S)
        return f"{engine['name']} on {engine['device']} as {engine['dtype']}"

    def _healthy(self) -> dict[str, str] | None:
        try:
            answer = requests.get(f"http://{self.host}/healthz", timeout=HEALTH_TIMEOUT_S)
            engine: dict[str, str] = answer.json()["engine"]
        except requests.RequestException:  # busy, or about to end
            return None
        return engine if answer.ok else None

    @property
    def host(self) -> str:
        """The endpoint as ``host:port``; only once started."""
        return urlsplit(self.url).netloc

    def _launching(self, ports: list[int]) -> Launch:
        command = [sys.executable, "-m", "workers.endpoint", "--port", str(ports[0]), "--die-with-parent"]
        command += self._options
        return Launch(command, {"RETOUCH_API_KEY": self.api_key, "RETOUCH_PRIVATE_HOSTS": self._private_hosts})
