"""``python -m workers.endpoint --engine diffusion``, as its caller and its operator see it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness.waiting import until
from tests.unit.workers.endpoint.conftest import KEY, Start, endpoint_process

pytest.importorskip("torch", reason="needs the extra `diffusion`: scripts/test --diffusion")

from tests.harness import tiny_sd

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),  # among its libraries
]
HEADERS = {"API-Key": KEY}
WITHIN_S = 120.0  # its libraries take long to import on a busy machine


def outcome(http: httpx.Client, url: str, job_id: str) -> dict[str, Any]:
    """The answer that ends an edit."""

    def asked() -> Any:
        answer = http.get(f"{url}/status/{job_id}").json()
        return None if answer["status"] == "PENDING" else answer

    answer: dict[str, Any] = until(asked, "the edit ends", within_s=WITHIN_S)
    return answer


def test_edits_that_differ_give_the_same_bytes_in_any_order(
    start: Start, picture_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve, all in work at once; the answers say what made them."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    tiny_sd.save_folder(tmp_path / "tiny")
    process, url = start("--engine", "diffusion", "--model", str(tmp_path / "tiny"), "--device", tiny_sd.DEVICE)
    schedulers = ("UniPCMultistepScheduler", "EulerAncestralDiscreteScheduler", "PNDMScheduler")
    edits = [
        {
            "prompt": f"picture {number}",
            "init_image": picture_url,
            "width": 64 + 8 * (number % 2),
            "height": 64,
            "num_inference_steps": 2 + number % 5,
            "strength": 0.5 + number / 24,
            "guidance_scale": 1.0 + number,
            "scheduler": schedulers[number % 3],
            "seed": number,
        }
        for number in range(12)
    ]
    with httpx.Client(headers=HEADERS, timeout=WITHIN_S) as http:
        loading = process.err.line("endpoint: loading", WITHIN_S)
        device, dtype = (r"cpu \(.*, 1 thread\)", "float32") if tiny_sd.DEVICE == "cpu" else (".*", "float16")
        assert re.search(rf"loading {tmp_path / 'tiny'} to {device} as {dtype}, torch .*, diffusers ", loading)
        assert "endpoint: tiny is loaded after" in process.err.line("endpoint: tiny", WITHIN_S)
        named = http.get(url.replace("/sd/image2image/v1", "/healthz")).json()["engine"]["device"]
        assert re.fullmatch(device, named)
        assert f"on {named}" in process.err.line("endpoint: the engine is ready", WITHIN_S)

        def made(numbers: list[int]) -> dict[int, bytes]:
            ids = {number: http.post(url, json=edits[number]).json()["id"] for number in numbers}
            answers = {number: outcome(http, url, job_id) for number, job_id in ids.items()}
            assert {answer["status"] for answer in answers.values()} == {"SUCCESS"}
            assert {answer["safety"] for answer in answers.values()} == {"unchecked"}
            assert all(answer["engine"]["exact"] is True for answer in answers.values())
            assert all(answer["seeds"] == [number] for number, answer in answers.items())
            return {number: http.get(answer["download_urls"][0]).content for number, answer in answers.items()}

        first = made(list(range(12)))
        assert len(set(first.values())) == 12
        assert made([7, 2, 11, 4, 0, 9, 5, 1, 10, 3, 8, 6]) == first


def test_a_model_that_cannot_be_loaded_ends_the_process(tmp_path: Path) -> None:
    """At once, with one sentence, and the exit code of what was mistyped."""
    with endpoint_process("--engine", "diffusion", "--model", str(tmp_path / "absent"), "--device", "cpu") as process:
        ended = process.end(WITHIN_S)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.endswith(f"endpoint: --model {tmp_path / 'absent'}: there is no such file or folder\n")


def test_a_model_that_lacks_tensors_ends_the_process(tmp_path: Path) -> None:
    """With the exit code of what is broken."""
    lacks = tmp_path / "lacks.safetensors"
    tiny_sd.save_file_of({"conv_in.bias": tiny_sd.parts().unet.conv_in.bias}, lacks)
    with endpoint_process("--engine", "diffusion", "--model", str(lacks), "--device", "cpu") as process:
        ended = process.end(WITHIN_S)
    assert ended.code == 6
    assert f"endpoint: --model {lacks}: no whole Stable Diffusion 1.5: of 686 tensors" in ended.err
