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

from retouch.media.images import inspect
from tests.harness.page_script import PageScript
from tests.harness.pages import blocks
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
        "--device",
        "cpu",
    ]
    with Process(stack_command) as stack:
        assert "retouch-diffusion on cpu (" in stack.err.line("stack: the model is loaded", WITHIN_S)
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


def test_the_page_leads_to_first_pictures_in_five_commands(tmp_path: Path) -> None:
    """With the tiny model in the place of the weights, and small pictures."""
    page = (ROOT / "docs" / "engine.md").read_text()
    first = next(block for block in blocks(page) if block.language == "sh")
    assert len(first.text.splitlines()) == 5
    tiny_sd.save_folder(tmp_path / "tiny")
    (tmp_path / "photos").mkdir()
    shutil.copy(ROOT / "scripts/samples/lighthouse.jpg", tmp_path / "photos")
    for name in ("workers", "config", "retouch", "tasks"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".venv-diffusion").symlink_to(sys.prefix)
    script = PageScript(
        "\n".join(page.split("\n")[: first.line + first.text.count("\n")]),
        left_out={"scripts/bootstrap": "makes this environment"},
        endless={r"python -m workers\.stack": "ready after"},
        names={r"v1-5-pruned-emaonly\.safetensors": "tiny", "fit:512": "fit:64"},
    )
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    own = {"HOME": str(tmp_path), "PATH": path, "PAGE": "engine.md", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
    with Process(["bash", "-eu", script.write(tmp_path)], cwd=tmp_path, env=own, merged=True) as process:
        code, said, _ = process.end(WITHIN_S)
    assert code == 0, said
    for log in (tmp_path / ".page").glob("*.log"):
        log.unlink()  # the stack has shown its export lines there, whose secrets shall be in no log
    [picture] = (tmp_path / "oil").glob("*.png")
    assert inspect(picture.read_bytes()).width == 64


def test_a_stack_whose_model_cannot_be_loaded_does_not_start(tmp_path: Path) -> None:
    """It says why, and is not ready before it knows."""
    lacks = tmp_path / "lacks.safetensors"
    tiny_sd.save_file_of({"conv_in.bias": tiny_sd.parts().unet.conv_in.bias}, lacks)
    ended = run([sys.executable, "-m", "workers.stack", "--model", str(lacks)], within_s=WITHIN_S)
    assert (ended.code, ended.out) == (1, "")
    assert "no whole Stable Diffusion 1.5: of 686 tensors" in ended.err
