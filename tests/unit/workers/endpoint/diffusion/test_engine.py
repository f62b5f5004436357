"""The engine behind the endpoint's seam, with a tiny model of random numbers."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from retouch.edit import Parameters
from retouch.errors import InputError
from workers.endpoint.engine import EngineError, EngineStoppedError, RenderError

torch = pytest.importorskip("torch", reason="needs the extra `diffusion`: scripts/test --diffusion")

import diffusers
from safetensors.torch import load_file, save_file

from tests.harness import tiny_sd
from workers.endpoint.diffusion.engine import Diffusion, Settings
from workers.endpoint.diffusion.sampling import Sampler

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),  # among its libraries
]
torch.set_num_threads(1)


@asynccontextmanager
async def running(folder: Path, **settings: Any) -> AsyncIterator[Diffusion]:
    """An engine that takes edits."""
    engine = Diffusion(Settings(folder, device=tiny_sd.DEVICE, **settings))
    await engine.load()
    await engine.warm_up()
    yield engine
    engine.close()


@pytest.fixture
async def engine(folder: Path) -> AsyncIterator[Diffusion]:
    """With the tiny model."""
    async with running(folder) as made:
        yield made


Calls = list[tuple[int, int]]  # of the model: images, and rows


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """The calls that are made."""
    made: Calls = []
    predict = Sampler.predict

    def noted(self: Sampler, states: Any, rows: int) -> Any:
        made.append((len(states), rows))
        return predict(self, states, rows)

    monkeypatch.setattr(Sampler, "predict", noted)
    return made


def picture_of_noise() -> bytes:
    """A PNG."""
    buffer = io.BytesIO()
    Image.effect_noise((80, 64), 60).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


INIT = picture_of_noise()


def unheard(_step: int, _steps: int) -> None:
    """For those who do not look at it."""


def params(**fields: Any) -> Parameters:
    """A small edit."""
    small: dict[str, Any] = {"prompt": "a fox", "width": 64, "height": 64, "num_inference_steps": 5, "seed": 3}
    return Parameters(**small | fields)


async def test_each_sample_has_its_own_seed_and_progress_counts_all(engine: Diffusion) -> None:
    """Sample n is the image of seed + n, and seeds wrap."""
    heard: list[tuple[int, int]] = []
    both = await engine.render(params(samples=2, seed=2**32 - 1), INIT, lambda *given: heard.append(given))
    assert both.seeds == [2**32 - 1, 0]
    [second] = (await engine.render(params(seed=0), INIT, unheard)).images
    assert both.images[1] == second
    assert both.images[0] != second
    assert heard[0] == (0, 8)
    assert heard[-1] == (8, 8)
    assert both.timings.keys() == {"encode", "steps", "decode", "png"}
    with Image.open(io.BytesIO(second)) as image:
        assert (image.format, image.size, image.mode) == ("PNG", (64, 64), "RGB")


async def test_the_same_edit_gives_the_same_bytes_beside_any_other(engine: Diffusion) -> None:
    """And in any order."""
    edits = [params(seed=seed, strength=0.2 * seed, guidance_scale=float(seed)) for seed in range(1, 5)]
    alone = [(await engine.render(edit, INIT, unheard)).images for edit in edits]
    together = await asyncio.gather(*(engine.render(edit, INIT, unheard) for edit in reversed(edits)))
    assert [made.images for made in reversed(together)] == alone


async def test_the_folder_s_checker_is_asked_unless_the_edit_does_without(folder: Path, tmp_path: Path) -> None:
    """A filtered image is black, and told; so is one that is not, and one that was only resized."""
    tiny_sd.save_folder(tmp_path / "strict", checker=tiny_sd.Checker.FINDS_ALL)
    async with running(tmp_path / "strict") as strict:
        for filtered in (
            await strict.render(params(), INIT, unheard),
            await strict.render(params(strength=0.1), INIT, unheard),
        ):
            assert filtered.filtered == [True]
            with Image.open(io.BytesIO(filtered.images[0])) as image:
                assert image.getextrema() == ((0, 0),) * 3
        unchecked = await strict.render(params(safety_checker=False), INIT, unheard)
    assert unchecked.filtered is None
    async with running(folder) as lenient:
        passed = await lenient.render(params(), INIT, unheard)
    assert passed.filtered == [False]
    assert passed.images == unchecked.images


async def test_what_is_no_picture_fails_alone(engine: Diffusion) -> None:
    """The engine goes on."""
    with pytest.raises(RenderError, match="not a whole PNG"):
        await engine.render(params(), b"GIF", unheard)
    assert (await engine.render(params(), INIT, unheard)).images


async def test_an_edit_that_nobody_waits_for_is_dropped(engine: Diffusion, calls: Calls) -> None:
    """Else it would hold a place until its last step, which is the eightieth."""
    begun = asyncio.Event()
    task = asyncio.create_task(engine.render(params(num_inference_steps=100), INIT, lambda *_given: begun.set()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await engine.render(params(), INIT, unheard)
    assert len(calls) < 80


async def test_a_model_that_breaks_fails_what_it_had_begun(engine: Diffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the error by which the endpoint knows that it has to end, in one line; what waits is not begun."""

    def broken(*_given: Any) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nCompile with TORCH_USE_CUDA_DSA")

    monkeypatch.setattr(Sampler, "predict", broken)
    edits = [engine.render(params(seed=seed), INIT, unheard) for seed in range(3)]
    outcomes = await asyncio.gather(*edits, return_exceptions=True)
    says = "RuntimeError: CUDA error: an illegal memory access was encountered"
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["EngineError", *["EngineStoppedError"] * 2]
    assert {str(outcome) for outcome in outcomes} == {says}
    with pytest.raises(EngineError, match=f"^{says}$"):
        await asyncio.wait_for(engine.until_broken(), 30)
    with pytest.raises(EngineStoppedError):
        await engine.render(params(), INIT, unheard)


async def test_an_end_does_not_wait_for_a_long_step(engine: Diffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it holds was not to blame: another process can do it."""
    begun, going_on = threading.Event(), threading.Event()
    predict = Sampler.predict

    def long(self: Sampler, states: Any, rows: int) -> Any:
        begun.set()
        going_on.wait(60)
        return predict(self, states, rows)

    monkeypatch.setattr(Sampler, "predict", long)
    edit = asyncio.create_task(engine.render(params(), INIT, unheard))
    await asyncio.to_thread(begun.wait, 30)
    engine.close()
    assert not going_on.is_set()
    going_on.set()
    with pytest.raises(EngineStoppedError):
        await edit


async def test_a_scheduler_that_the_model_does_not_suit_fails_its_own_edit_alone(folder: Path, tmp_path: Path) -> None:
    """In a sentence; the others go on."""
    odd = Path(shutil.copytree(folder, tmp_path / "odd"))
    config = odd / "scheduler" / "scheduler_config.json"
    written = json.loads(config.read_text()) | {"algorithm_type": "sde-dpmsolver++", "skip_prk_steps": False}
    config.write_text(json.dumps(written))
    async with running(odd) as engine:
        other = asyncio.create_task(engine.render(params(num_inference_steps=20), INIT, unheard))
        with pytest.raises(RenderError, match=r"^DEISMultistepScheduler does not work with this model's scheduler_con"):
            await engine.render(params(scheduler="DEISMultistepScheduler"), INIT, unheard)
        assert (await engine.render(params(scheduler="PNDMScheduler", num_inference_steps=3), INIT, unheard)).images
        assert (await other).images


async def test_weights_that_are_no_numbers_do_not_start(folder: Path, tmp_path: Path) -> None:
    """Each picture of theirs would fail."""
    broken = Path(shutil.copytree(folder, tmp_path / "broken"))
    path = broken / "unet" / "diffusion_pytorch_model.safetensors"
    save_file({name: tensor * float("nan") for name, tensor in load_file(path).items()}, path)
    engine = Diffusion(Settings(broken, device="cpu"))
    await engine.load()
    with pytest.raises(EngineError, match="it makes no picture: nan"):
        await engine.warm_up()
    engine.close()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, {}),
        ({"model_id": "sdxl"}, {"model_id": "the model that is loaded is tiny: ask for sd1.5 or tiny"}),
        ({"refiner": True}, {"refiner": "Stable Diffusion 1.5 has no refiner"}),
        ({"width": 63}, {"width": "must be a multiple of 8"}),
        ({"scheduler": "DDIMScheduler"}, {}),
        ({"width": 1024, "height": 1024}, {}),
        ({"width": 4096}, {}),
        (
            {"width": 1024, "height": 1032},
            {"width": "times height is 1056768, and at most 1048576 (--max-pixels)"},
        ),
    ],
)
def test_what_it_cannot_do_is_told_before_it_is_taken(folder: Path, fields: dict[str, Any], says: object) -> None:
    """A field at a time."""
    assert Diffusion(Settings(folder, device="cpu")).problems(params(**fields)) == says


def test_an_unknown_scheduler_is_told_those_that_there_are(folder: Path) -> None:
    """Eleven of them, and which one may have been meant."""
    engine = Diffusion(Settings(folder, device="cpu"))
    there = "there are UniPCMultistepScheduler, DDIMScheduler, "
    assert engine.problems(params(scheduler="Karras"))["scheduler"].startswith(there)
    told = engine.problems(params(scheduler="eulerdiscretescheduler"))["scheduler"]
    assert told.startswith(f"did you mean EulerDiscreteScheduler? {there}")


def test_the_facts_are_those_of_the_run(folder: Path) -> None:
    """Also before it is loaded."""
    fast = Diffusion(Settings(folder, device="cpu", dtype="bfloat16", fast=True))
    assert fast.facts == {
        "model": "tiny",
        "device": f"cpu ({torch.backends.cpu.get_cpu_capability()}, 1 thread)",
        "dtype": "bfloat16",
        "version": f"torch {torch.__version__}, diffusers {diffusers.__version__}",
        "rows": 16,
        "exact": False,
    }
    assert fast.places == 32
    assert Diffusion(Settings(folder, device="cpu")).facts["rows"] == 1


async def test_a_model_that_is_none_does_not_start(tmp_path: Path) -> None:
    """One sentence, and nothing is left behind."""
    engine = Diffusion(Settings(tmp_path / "absent", device="cpu"))
    with pytest.raises(InputError, match="there is no such file or folder"):
        await engine.load()
    engine.close()


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory"),
            "cpu has too little memory for a picture of 64 x 64: --dtype float16 needs half of it",
        ),
        (
            RuntimeError("CUDA error: no kernel image is available for execution on the device\nCompile with …"),
            "cpu cannot run it: CUDA error: no kernel image is available for execution on the device",
        ),
    ],
)
async def test_what_only_the_first_picture_finds_is_found_before_an_edit_is_taken(
    folder: Path, error: Exception, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence."""

    def broken(*_given: Any, **_named: Any) -> None:
        raise error

    engine = Diffusion(Settings(folder, device="cpu"))
    await engine.load()
    monkeypatch.setattr("diffusers.UNet2DConditionModel.forward", broken)
    with pytest.raises(EngineError) as raised:
        await engine.warm_up()
    engine.close()
    assert str(raised.value) == f"--model {folder}: {says}"


async def test_fast_calls_serve_several_at_once(folder: Path, calls: Calls) -> None:
    """As all do on a GPU, filled up there to a constant number of rows."""
    async with running(folder, fast=True) as engine:
        calls.clear()
        await engine.render(params(samples=3), INIT, unheard)
    assert calls == [(3, 8)] * 4


@pytest.mark.parametrize(("steady", "made"), [(True, [(2, 4)] * 4), (False, [(1, 2)] * 8)])
async def test_images_share_calls_only_where_that_changes_no_bit(
    steady: bool, made: Calls, folder: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried before an edit is taken; else each image has calls of its own, and the facts tell."""
    monkeypatch.setattr(Sampler, "steady", lambda *_given: steady)
    engine = Diffusion(Settings(folder, device=tiny_sd.DEVICE))
    engine._rows = 4  # as on a GPU
    await engine.load()
    await engine.warm_up()
    calls.clear()
    await engine.render(params(samples=2), INIT, unheard)
    engine.close()
    assert calls == made
    assert engine.facts["exact"] is True
    assert steady or engine.facts["rows"] == 1


@pytest.mark.skipif(tiny_sd.DEVICE != "cpu", reason="elsewhere calls are filled up")
async def test_an_exact_call_on_a_cpu_serves_one_image_alone(engine: Diffusion, calls: Calls) -> None:
    """With as many rows as diffusers' own pipeline has, so that it gives the same bits."""
    await engine.render(params(samples=2), INIT, unheard)
    await engine.render(params(guidance_scale=1), INIT, unheard)
    assert calls == [(1, 2)] * 8 + [(1, 1)] * 4
