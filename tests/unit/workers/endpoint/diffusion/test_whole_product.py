"""Batches through the whole product, with a tiny Stable Diffusion behind the stack's endpoint."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from tests.harness.processes import Process, run

pytest.importorskip("torch", reason="needs the extra `diffusion`: scripts/test --diffusion")

from tests.harness import tiny_sd
from workers.endpoint.diffusion.sampling import SCHEDULERS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),  # among its libraries
]
ROOT = Path(__file__).parents[5]
RETOUCH = (sys.executable, "-m", "retouch")
WITHIN_S = 240.0


def manifest(picture: Path) -> list[str]:
    """24 lines: edits that differ in all that an edit can differ in."""
    return [
        json.dumps(
            {
                "custom_id": f"edit-{number}",
                "init_image": str(picture),
                "prompt": f"picture {number}",
                "negative_prompt": "" if number % 3 else "blurry",
                "width": 64,
                "height": 64,
                "num_inference_steps": 2 + number % 7,
                "strength": 0.4 + number / 48,
                "guidance_scale": 1.0 + number / 3,
                "scheduler": SCHEDULERS[number % len(SCHEDULERS)],
                "seed": number,
            }
        )
        for number in range(24)
    ]


def test_the_same_batch_in_another_order_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """24 mixed edits, twice."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    tiny_sd.save_folder(tmp_path / "tiny")
    picture = Path(shutil.copy(ROOT / "scripts/samples/lighthouse.jpg", tmp_path))
    lines = manifest(picture)
    env_file = tmp_path / "env"
    stack_command = [
        sys.executable,
        "-m",
        "workers.stack",
        "--model",
        str(tmp_path / "tiny"),
        "--env-file",
        str(env_file),
    ]
    with Process(stack_command) as stack:
        stack.err.line("ready after", WITHIN_S)
        exported = shlex.split(env_file.read_text().replace("export ", ""))
        env = os.environ | dict(line.split("=", 1) for line in exported)
        sums: list[dict[str, str]] = []
        for turn in (1, 2):
            (tmp_path / "edits.jsonl").write_text("\n".join(lines) + "\n")
            batch, folder = f"turn-{turn}", tmp_path / f"out-{turn}"
            wait = run(
                [*RETOUCH, "enqueue", str(tmp_path / "edits.jsonl"), "--batch", batch, "--wait"],
                env=env,
                within_s=WITHIN_S,
            )
            assert wait.code == 0, wait.err
            assert run([*RETOUCH, "download", batch, str(folder)], env=env, within_s=WITHIN_S).code == 0
            pictures = sorted(folder.glob("*.png"))
            sums.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in pictures})
            random.Random(turn).shuffle(lines)
    assert len(sums[0]) == len(set(sums[0].values())) == 24
    assert sums[0] == sums[1]
