"""The command line, run in this process against a fake Redis."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import fakeredis
import pytest

from retouch.cli import app, change, enqueue, events, explain, redo, status, watch
from retouch.ledger import Ledger
from retouch.queue import EditQueue


class Outcome(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object on stdout."""
        return json.loads(self.out)


Run = Callable[..., Outcome]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(fakeredis.FakeRedis(decode_responses=True))


@pytest.fixture
def run(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``retouch`` with arguments, and ``stdin`` if given."""

    def open_queue(_url: str) -> EditQueue:
        return EditQueue(ledger)

    monkeypatch.setattr(app, "raise_on", lambda *_numbers: None)  # this process keeps its own signals
    for module in (change, enqueue, events, explain, redo, status, watch):
        monkeypatch.setattr(module, "open_queue", open_queue)
    for variable in ("BUCKET", "PREFIX", "PRIVATE_HOSTS", "API_KEY", "API_URL", "REDIS_URL", "DEBUG", "PRICE"):
        monkeypatch.delenv(f"RETOUCH_{variable}", raising=False)

    def run_cli(*args: str, stdin: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "argv", ["retouch", *args])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin))))
        with pytest.raises(SystemExit) as ended:
            app.run()
        printed = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), printed.out, printed.err)

    return run_cli


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[..., str]:
    """Write a manifest of the given edits (fields over a good one, or text as it is) and return its path."""

    def write(*edits: dict[str, object] | str, name: str = "m.jsonl") -> str:
        good = {"prompt": "a cat", "init_image": "https://example.com/cat.png"}
        lines = [
            e if isinstance(e, str) else json.dumps({"custom_id": f"e{n}"} | good | e) for n, e in enumerate(edits)
        ]
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n")
        return str(path)

    return write
