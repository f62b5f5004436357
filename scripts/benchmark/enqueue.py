"""How fast edits are enqueued: from Python, through the command line with its start, and by the peers' producers."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median

from retouch.queue import EditQueue
from scripts.benchmark.sizes import Sizes
from scripts.benchmark.stage import Stage
from scripts.benchmark.versions import Version
from scripts.benchmark.work import Work
from workers.stack.child import ROOT, clean_environment

RUNS = 3
CLI = [sys.executable, "-m", "retouch"]  # the command ``retouch``
DISTINCT, SHARED, THROUGH_CLI = "distinct prompts", "one prompt", "retouch enqueue"


def retouch(sizes: Sizes) -> Iterator[tuple[str, float]]:
    """Edits enqueued a second, by the way they are enqueued, every edit validated: the median of RUNS, the CLI once."""
    with Stage() as stage:
        for name, distinct in ((DISTINCT, True), (SHARED, False)):
            yield name, median(_from_python(stage, Work("enqueue", sizes.enqueued, distinct)) for _ in range(RUNS))
        yield THROUGH_CLI, _through_cli(stage, Work("enqueue", sizes.enqueued))


def peer(version: Version, sizes: Sizes) -> float:
    """Edits enqueued a second, nothing validated; raises NotInstallableError or ServiceError."""
    with Stage() as stage:
        return version.enqueue(stage, Work("enqueue", sizes.enqueued_peer))


def _from_python(stage: Stage, work: Work) -> float:
    stage.empty_redis()
    queue = EditQueue.from_url(stage.valkey.url)
    began_s = time.monotonic()
    receipt = queue.enqueue(work.named(), batch=work.batch)
    seconds = time.monotonic() - began_s
    assert receipt.accepted == work.count, f"only {receipt.accepted} of {work.count} edits were accepted"
    return work.count / seconds


def _through_cli(stage: Stage, work: Work) -> float:
    stage.empty_redis()
    manifest = stage.folder / "manifest.jsonl"
    work.write_manifest(manifest)
    command = [*CLI, "enqueue", str(manifest), "--batch", work.batch]
    began_s = time.monotonic()
    subprocess.run(command, env=clean_environment(**stage.environment), cwd=ROOT, check=True, capture_output=True)
    return work.count / (time.monotonic() - began_s)
