"""The command line, run in this process against a fake Redis."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from retouch.cli import app, commands
from retouch.ledger import Finish, Ledger, Settlement, Step
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.unit.outside import Bucket


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


def _become(_program: str, _command: list[str], _environment: dict[str, str]) -> None:
    """End as a process does that becomes another program."""
    raise SystemExit(0)


@pytest.fixture
def run(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``retouch`` with arguments, and ``stdin`` if given."""

    def open_queue(_url: str, **_how: object) -> EditQueue:
        return EditQueue(ledger)

    monkeypatch.setattr(commands, "raise_on", lambda *_numbers: None)  # this process keeps its own signals
    monkeypatch.setattr("retouch.cli.page.os.execve", _become)
    for name in [name for name in sys.modules if name.startswith("retouch.cli.")]:
        monkeypatch.setattr(f"{name}.open_queue", open_queue, raising=False)
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
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """The S3 of the commands: one bucket, whatever its name, in memory."""
    found = Bucket()
    ours = ("retouch.cli.", "retouch.results.", "retouch.batch_reader", "retouch.queue")
    users = (*ours, "retouch.media.stores")  # the last: of what is imported later
    for name in [name for name in sys.modules if name.startswith(users)]:
        monkeypatch.setattr(f"{name}.open_store", lambda _bucket: found, raising=False)
        monkeypatch.setattr(f"{name}.kept_store", lambda _bucket: found, raising=False)
    return found


def picture(shade: int = 0, side: int = 8) -> bytes:
    """A whole PNG of one shade of red."""
    out = io.BytesIO()
    Image.new("RGB", (side, side), (shade, 0, 0)).save(out, "PNG")
    return out.getvalue()


class Worker:
    """Ends edits in the order in which they are queued, with pictures in the bucket."""

    def __init__(self, ledger: Ledger, bucket: Bucket) -> None:
        self.ledger = ledger
        self.bucket = bucket

    def complete(self, count: int, *, images: int = 1, state: EditState = EditState.COMPLETED) -> None:
        """End so many edits with so many images each; a failed one also with the reason ``no``."""
        claims = self.ledger.worker.claim("w", lease_ms=60_000, places=100 * count, submits=count).claims
        for claim in claims[:count]:
            outputs = [self._store(f"{claim.member}/{n}.png", picture(len(self.bucket.objects))) for n in range(images)]
            error = json.dumps({"code": "refused", "message": "no"}) if state is EditState.FAILED else None
            settlement = Settlement(claim, (EditState.SUBMITTING,), state, outputs=json.dumps(outputs), error=error)
            self.ledger.worker.settle([settlement])

    def finish(self) -> None:
        """Write the files of the batches that have ended, and end them."""
        for claim in self.ledger.worker.claim("w", lease_ms=60_000, places=100).claims:
            lines = [json.dumps(record) for record in self.ledger.reader.results(claim.member)]
            self.bucket.objects[f"{claim.member}/manifest.jsonl"] = "".join(f"{line}\n" for line in lines).encode()
            self.bucket.objects[f"{claim.member}/_SUCCESS"] = b""
            self.ledger.worker.settle_batch(claim, Finish.WRITTEN)

    def _store(self, key: str, data: bytes) -> dict[str, Any]:
        self.bucket.objects[key] = data
        size = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "width": 8, "height": 8}
        return {"uri": self.bucket.uri(key), **size, "content_type": "image/png"}


@pytest.fixture
def worker(ledger: Ledger, bucket: Bucket) -> Worker:
    return Worker(ledger, bucket)


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


@pytest.fixture
def batch(run: Run, manifest: Callable[..., str]) -> str:
    """The name of a batch of three edits, which are queued."""
    run("enqueue", manifest({}, {}, {}), "--batch", "b")
    return "b"


def end(ledger: Ledger, *states: EditState) -> None:
    """Be the worker: end the edits in these states, and the batch."""
    left = list(states)
    while claims := ledger.worker.claim("w", lease_ms=60_000, places=100).claims:
        for claim in claims:
            if claim.step is Step.FINISH:
                ledger.worker.settle_batch(claim, Finish.WRITTEN)
                continue
            error = json.dumps({"code": "refused", "message": "no [such] model\x1b[31m"})
            ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), left.pop(0), error=error)])
