"""What the ledger knows of each live worker."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from retouch.ledger.views import instant, iso
from retouch.records.installation import WorkerRecord


class Heartbeat(NamedTuple):
    """What a worker says of itself each time. ``id``: of this heartbeat, which may be sent twice.

    ``steps``: claims that it has in hand. ``took``: how long the API's answers took since the last one. ``settings``:
    those that may differ from those of other workers, by their variables, as people may see them.
    """

    id: str
    host: str
    version: str
    steps: int
    took: Mapping[str, int]
    settings: Mapping[str, str] = {}

    def to_text(self) -> str:
        """As the move takes it."""
        return json.dumps(self._asdict(), separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A live worker. ``since``: when it started; ``seen``: its last heartbeat. None: a worker of before does not say.

    ``steps``: how many edits, batches and deliveries it has in hand. ``settings``: by their variables, as people may
    see them; empty: it does not say.
    """

    name: str
    host: str | None
    version: str | None
    since: datetime | None
    seen: datetime
    steps: int | None
    settings: Mapping[str, str]

    @classmethod
    def parse(cls, name: str, seen_ms: float, text: str | None, alike: str | None = None) -> WorkerView:
        """Read what its heartbeats have left; ``alike``: of the settings that all must have alike."""
        raw, seen = json.loads(text or "{}"), instant(seen_ms)
        assert seen is not None
        return cls(
            name,
            raw.get("host"),
            raw.get("version"),
            instant(raw.get("since")),
            seen,
            raw.get("steps"),
            dict(sorted({**(raw.get("settings") or {}), **json.loads(alike or "{}")}.items())),
        )

    def to_json(self) -> WorkerRecord:
        """A part of what a gateway tells of the workers."""
        return {
            "worker": self.name,
            "host": self.host,
            "version": self.version,
            "since": iso(self.since.timestamp() * 1000) if self.since else None,
            "seen": str(iso(self.seen.timestamp() * 1000)),
            "steps": self.steps,
            "settings": dict(self.settings),
        }

    @classmethod
    def from_json(cls, raw: WorkerRecord) -> WorkerView:
        """Read what ``to_json`` has made."""
        since = datetime.fromisoformat(raw["since"]) if raw["since"] else None
        seen = datetime.fromisoformat(raw["seen"])
        settings = raw.get("settings", {})  # a gateway of before does not tell them
        return cls(raw["worker"], raw["host"], raw["version"], since, seen, raw["steps"], settings)
