"""The examples of docs/producers.md, run one after the other beside a worker; that of pandas where it is installed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from retouch import EditQueue, EditState
from retouch.ledger import Finish, Ledger, Settlement, Step
from tests.harness.pictures import FOLDER, field
from workers.stack.s3 import S3

PAGE = Path(__file__).parents[2] / "docs" / "producers.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the pictures that the page speaks of."""
    (tmp_path / "photos").mkdir()
    for name in ("cat", "dog", "fox"):
        shutil.copy(FOLDER / "palette.png", tmp_path / "photos" / f"{name}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ledger(redis_url: str, s3: S3, s3_prefix: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """What the variables lead to."""
    mine = {"RETOUCH_REDIS_URL": redis_url, "RETOUCH_BUCKET": s3.bucket, "RETOUCH_PREFIX": s3_prefix}
    for name, value in (s3.environment | mine).items():
        monkeypatch.setenv(name, value)
    ledger = Ledger.from_url(redis_url)
    yield ledger
    ledger.connection.close()


@pytest.fixture
def worker(ledger: Ledger, s3: S3, s3_prefix: str) -> Iterator[None]:
    """Complete every edit with one image, and end every batch."""
    key, image = f"{s3_prefix}result/0.png", field("sixteen-bit.png")
    s3.client().put_object(Bucket=s3.bucket, Key=key, Body=image)
    output = {"uri": f"s3://{s3.bucket}/{key}", "sha256": hashlib.sha256(image).hexdigest(), "bytes": len(image)}
    outputs = json.dumps([output | {"width": 64, "height": 64, "content_type": "image/png"}])
    done = Event()

    def work() -> None:
        while not done.wait(0.01):
            for claim in ledger.worker.claim("w", lease_ms=60_000, places=10_000).claims:
                if claim.step is Step.FINISH:
                    ledger.worker.settle_batch(claim, Finish.WRITTEN)
                else:
                    came_from = (EditState.SUBMITTING,)
                    ledger.worker.settle([Settlement(claim, came_from, EditState.COMPLETED, outputs=outputs)])

    thread = Thread(target=work)
    thread.start()
    yield
    done.set()
    thread.join()


def test_every_example_runs(photos: Path, worker: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is written, and with the outcome that the page speaks of."""
    monkeypatch.setattr("builtins.print", lambda *words, sep=" ": said.append(sep.join(map(str, words))))
    said: list[str] = []
    examples = [each for each in EXAMPLES if find_spec("pandas") or "pandas" not in each]
    for example in examples:
        scope: dict[str, Any] = {"__name__": "example"}
        # 1,000 downloads would take minutes, and tell no more than a few.
        exec(compile(example.replace("range(1000)", "range(3)"), os.fspath(PAGE), "exec"), scope)
    assert "3 new, 0 already there" in said
    assert "cats: 3 of 3 ended (3 completed)" in said
    saved = sorted(path.relative_to(photos / "pictures").as_posix() for path in (photos / "pictures").rglob("*.png"))
    assert saved == [*(f"cat-{n}.0.png" for n in range(3)), "evening/a.0.png", "morning/a.0.png"]
    assert any("decimal commas are read: 0,6 as 0.6" in line for line in said)
    assert len(EXAMPLES) - len(examples) == (find_spec("pandas") is None)
    assert len(examples) < len(EXAMPLES) or any("A-18" in line for line in said)
    assert any(line.startswith("1 rejected; the first: b ['strength 7 ") for line in said)
    assert "1 accepted; [2] left out" in said
    assert any("result/0.png" in line for line in said)
    with EditQueue.from_env() as queue:
        finished = {view.batch: view.finished for view in queue.batches()}
    assert all(finished.values())
    assert len(finished) == len(examples) + 2
