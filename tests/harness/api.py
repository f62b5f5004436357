"""The API's stand-in: the local endpoint as a process, its faults, and its own record of what reached it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.harness.growing import Growing, Record
from workers.stack.child import Child, DiedError, clean_environment, keep_secret
from workers.stack.ports import LOOPBACK, free_ports

START_ATTEMPTS = 5  # on other ports each time: another process may be quicker to take one


class Api:
    """The endpoint. Killed and started again it is at its old port, with nothing in mind but its record.

    ``options`` are those of ``python -m workers.endpoint``. ``keys``: those that it accepts from its next start on;
    ``key`` is the harness's own. ``begin`` forgets the faults and the record of who used it before.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self.child = Child("the endpoint", folder / "endpoint.log")
        self.key = keep_secret(folder / "api-key")
        self.keys = [self.key]
        self.url = ""
        self._options = options
        self._record = Growing(folder / "record.jsonl")
        self._session = requests.Session()
        # Not kept open: the server ends idle connections, maybe just when the next request is on its way.
        self._session.headers.update({"API-Key": self.key, "Connection": "close"})

    @property
    def host(self) -> str:
        """The endpoint as ``host:port``; only once started."""
        return urlsplit(self.url).netloc

    def start(self) -> None:
        """Start it; returns when it listens. Only at the first start another port may be taken; raises ServiceError."""
        if self.url:
            self._start_on(self.host.rpartition(":")[2])
            return None
        for port in free_ports(START_ATTEMPTS):
            try:
                self._start_on(str(port))
            except DiedError:
                if "in use" not in self.child.output():
                    raise
            else:
                return self.begin()
        raise DiedError(f"the endpoint found no free port: {self.child.output()[-300:]}")

    def begin(self) -> None:
        """End all trouble, and count from here on."""
        self.clear()
        self._record = Growing(self._record.path)
        self._known = self._count()

    def trouble(self, fault: str, **particulars: Any) -> None:
        """Put one rule in place of all others."""
        self.rules({"fault": fault, **particulars})

    def rules(self, *rules: Record) -> None:
        """Put rules in place of all others."""
        self._session.put(f"http://{self.host}/_faults", json=rules, timeout=30).raise_for_status()

    def clear(self) -> None:
        """End all trouble."""
        self.rules()

    def requests(self, *kinds: str) -> list[Record]:
        """Every request of these kinds (of all), read from the file: it may be asked while the endpoint is dead."""
        return [entry for entry in self._record.read() if not kinds or entry["kind"] in kinds]

    def submits(self) -> list[Record]:
        """Every POST of an edit, answered or not."""
        return self.requests("submit")

    def polls(self) -> list[Record]:
        """Every status request about an edit that it took; not those by which a worker finds out that it answers."""
        given = {entry["id"] for entry in self.submits()}
        return [entry for entry in self.requests("status") if entry["path"].rpartition("/")[2] in given]

    def fetches(self) -> list[Record]:
        """Every request for a result."""
        return self.requests("result")

    def accepted(self) -> list[str]:
        """The ids of the edits that were taken: what the account pays for."""
        return [entry["id"] for entry in self.submits() if entry["new"]]

    def taken(self) -> int:
        """How many edits were taken, those that are not answered yet included."""
        return self._count() - self._known

    def _count(self) -> int:
        about = self._session.get(f"http://{self.host}/", timeout=30).json()
        return int(about["waiting"] + about["running"] + about["finished"])

    def _start_on(self, port: str) -> None:
        command = [sys.executable, "-m", "workers.endpoint", "--port", port, "--die-with-parent", *self._options]
        command += ["--record", str(self._record.path)]
        env = clean_environment(RETOUCH_API_KEY=" ".join(self.keys), RETOUCH_PRIVATE_HOSTS=LOOPBACK)
        self.child.launch(command, env=env)
        self.url = self.child.wait_until(self._announced_url)

    def _announced_url(self) -> str | None:
        lines = self.child.output().splitlines()
        return next((json.loads(line)["url"] for line in lines if line.startswith('{"url"') and line[-1] == "}"), None)
