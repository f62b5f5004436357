"""What the engine computes, against diffusers' own pipeline, on a tiny model of random numbers."""

from __future__ import annotations

import random
from typing import Any

import pytest
from PIL import Image

from workers.endpoint.engine import RenderError

torch = pytest.importorskip("torch", reason="needs the extra `diffusion`: scripts/test --diffusion")

import diffusers

from tests.harness import tiny_sd
from tests.harness.pipeline import img2img, tokenizer
from workers.endpoint.diffusion import model, precision
from workers.endpoint.diffusion.batching import Batches, OutOfMemoryError, Ticket
from workers.endpoint.diffusion.prompts import places
from workers.endpoint.diffusion.sampling import SCHEDULERS, Canvas, Made, Sampler, Wish

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # among its libraries
torch.set_num_threads(1)


def tiny(dtype: Any = torch.float32) -> model.Parts:
    """The model, where the tests compute."""
    return tiny_sd.parts(dtype, tiny_sd.DEVICE)


PARTS = tiny()


def picture(seed: int, size: tuple[int, int] = (64, 64)) -> Image.Image:
    """Noise, larger than a pixel."""
    draw = random.Random(seed)
    return Image.frombytes("RGB", (8, 8), draw.randbytes(192)).resize(size, Image.Resampling.BILINEAR)


def made_alone(sampler: Sampler, wish: Wish) -> Made:
    canvas = sampler.begin(wish)
    while canvas.step < canvas.steps:
        [prediction] = sampler.predict([canvas], wish.rows)
        sampler.advance(canvas, prediction)
    return sampler.finish(canvas)


@pytest.mark.parametrize(
    "text", ["", "A red fox, 4k (masterpiece:1.2)", "naïve Größe 東京 😀", "word " * 80, "don't  \n stop…", "½ Ⅷ"]
)
def test_the_text_model_is_given_the_tokens_of_transformers(text: str) -> None:
    """77 of them, padded with the end mark."""
    [given] = tokenizer()([text], padding="max_length", truncation=True).input_ids
    assert places(text) == given


def made_by_diffusers(wish: Wish) -> Image.Image:
    pipeline = img2img(PARTS)
    pipeline.scheduler = getattr(diffusers, wish.scheduler).from_config(PARTS.scheduler)
    made: list[Image.Image] = pipeline(
        prompt=wish.prompt,
        negative_prompt=wish.negative_prompt,
        image=wish.image,
        strength=wish.strength,
        num_inference_steps=wish.steps,
        guidance_scale=wish.guidance,
        generator=torch.Generator("cpu").manual_seed(wish.seed),
    ).images
    return made[0]


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize(
    ("steps", "strength", "guidance", "size"),
    [(6, 0.8, 7.5, (64, 64)), (10, 0.5, 1.0, (64, 64)), (4, 1.0, 3.0, (72, 64)), (1, 1.0, 2.0, (64, 64))],
)
def test_an_image_is_that_of_diffusers_to_the_bit(
    scheduler: str, steps: int, strength: float, guidance: float, size: tuple[int, int]
) -> None:
    """With every scheduler."""
    wish = Wish(picture(1, size), "a red fox", "blurry", steps, strength, guidance, scheduler, seed=7)
    sampler = Sampler(PARTS, exact=False)  # with the convolutions that diffusers has
    assert made_alone(sampler, wish).image.tobytes() == made_by_diffusers(wish).tobytes()


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_few_steps_and_little_strength_are_no_crash(scheduler: str) -> None:
    """Of each number of steps that is at least one."""
    sampler = Sampler(PARTS)
    for steps in (1, 2, 3, 5):
        for strength in (0.0, 0.2, 0.5, 1.0):
            wish = Wish(picture(2), "", "", steps, strength, 2.0, scheduler)
            image = made_alone(sampler, wish).image
            assert (image is wish.image) == (steps * strength < 1)


def wishes(count: int, seed: int) -> list[Wish]:
    """Images that differ in everything."""
    draw = random.Random(seed)
    return [
        Wish(
            picture(number, draw.choice([(64, 64), (64, 64), (72, 64)])),
            draw.choice(["a fox", "the sea", ""]),
            draw.choice(["", "blurry"]),
            draw.randint(1, 6),
            draw.choice([0.3, 0.5, 0.8, 1.0]),
            draw.choice([1.0, 5.0, 12.0]),
            draw.choice(SCHEDULERS),
            seed=draw.randrange(2**32),
        )
        for number in range(count)
    ]


WISHES = wishes(24, seed=1)


def made_together(chosen: list[int], *, max_rows: int) -> dict[int, bytes]:
    """The pixels of these of WISHES, made in one go."""
    made: dict[int, bytes] = {}
    batches: Batches[Wish, Canvas, Any, Made] = Batches(Sampler(PARTS), max_rows=max_rows, max_waiting=100, exact=True)

    def ticket(number: int) -> Ticket[Wish, Made]:
        def ended(outcome: Made | Exception) -> None:
            assert isinstance(outcome, Made)
            made[number] = outcome.image.tobytes()

        wish = WISHES[number]
        return Ticket(wish, wish.image.size, wish.rows, ended)

    batches.add([ticket(number) for number in chosen])
    while batches.turn():
        pass
    return made


@pytest.mark.timeout(600)
def test_mates_and_order_change_no_bit() -> None:
    """Fifty mixes of images with nothing in common, in calls of eight rows, and each of them alone."""
    alone: dict[int, bytes] = {}
    for number in range(len(WISHES)):
        alone |= made_together([number], max_rows=8)
    draw = random.Random(2)
    for _ in range(50):
        chosen = draw.sample(range(len(WISHES)), draw.randint(2, 6))
        made = made_together(chosen, max_rows=8)
        assert [number for number in chosen if made[number] != alone[number]] == []


def of_place(noise: Any, _latents: Any) -> Any:
    """As of a library that computes the last rows of a call in another way."""
    return torch.cat([noise[:-2], noise[-2:] + 0.001])


def of_mates(noise: Any, latents: Any) -> Any:
    """As of one that looks at the whole call."""
    return noise + 0.001 * latents.mean()


def of_nothing(noise: Any, _latents: Any) -> Any:
    """As of one whose numbers are too large for their type: they are computed again later."""
    return noise * float("nan")


@pytest.mark.parametrize(("change", "steady"), [(None, True), (of_nothing, True), (of_place, False), (of_mates, False)])
def test_a_model_that_heeds_places_or_mates_is_noticed(
    change: Any, steady: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal bytes could not be promised of images that share its calls."""
    work = PARTS.unet.forward

    def changed(latents: Any, *given: Any, **named: Any) -> Any:
        [noise] = work(latents, *given, **named)
        return (change(noise, latents),)

    if change:
        monkeypatch.setattr(PARTS.unet, "forward", changed)
    assert Sampler(PARTS).steady(8, (64, 64)) is steady


@pytest.mark.parametrize("exact", [True, False])
def test_exact_calls_do_without_the_convolutions_of_cudnn(exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """On an H100 they compute the last rows of a call in another way; all else may have them."""
    work = PARTS.unet.forward
    seen: list[bool] = []

    def looking(*given: Any, **named: Any) -> Any:
        seen.append(torch.backends.cudnn.enabled)
        return work(*given, **named)

    monkeypatch.setattr(PARTS.unet, "forward", looking)
    made_alone(Sampler(PARTS, exact=exact), Wish(picture(3), "a fox", steps=2, strength=1.0))
    assert seen == [not exact] * 2
    assert torch.backends.cudnn.enabled


def test_numbers_that_float16_cannot_hold_are_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """In float32, wherever they arise; here in bfloat16, which every CPU has."""
    for part, method in (("unet", "forward"), ("vae", "encode"), ("vae", "decode"), ("text", "forward")):
        parts = tiny(torch.bfloat16)
        module = getattr(parts, part)
        work = getattr(module, method)
        seen: list[Any] = []

        def without_numbers(
            *given: Any, module: Any = module, work: Any = work, seen: list[Any] = seen, **named: Any
        ) -> Any:
            seen.append(next(module.parameters()).dtype)
            made = work(*given, **named)
            if seen[-1] == torch.bfloat16:
                first = made.latent_dist.parameters if hasattr(made, "latent_dist") else made[0]
                first.fill_(float("nan"))
            return made

        monkeypatch.setattr(module, method, without_numbers)
        image = made_alone(Sampler(parts), Wish(picture(3), "a fox", steps=3)).image
        assert seen[-1] == torch.float32
        assert next(module.parameters()).dtype == torch.bfloat16
        assert image.getextrema() != ((0, 0),) * 3


def test_memory_that_runs_out_on_the_way_to_float32_leaves_the_model_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half of it in another type would break the next image."""
    parts = tiny(torch.bfloat16)
    decode = parts.vae.decode
    monkeypatch.setattr(parts.vae, "decode", lambda latents, **_named: (latents * float("nan"),))
    convert = model.to

    def short(module: Any, device: str, dtype: Any) -> Any:
        convert(module.post_quant_conv if dtype == torch.float32 else module, device, dtype)
        if dtype == torch.float32:
            raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(precision, "to", short)
    sampler = Sampler(parts)
    with pytest.raises(OutOfMemoryError):
        made_alone(sampler, Wish(picture(3), "a fox", steps=3))
    assert {parameter.dtype for parameter in parts.vae.parameters()} == {torch.bfloat16}
    monkeypatch.setattr(parts.vae, "decode", decode)
    assert made_alone(sampler, Wish(picture(3), "a fox", steps=3)).image


def test_a_text_without_numbers_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails its own image, and is tried anew for the next."""
    parts = tiny()
    forward = parts.text.forward
    sampler = Sampler(parts)
    monkeypatch.setattr(parts.text, "forward", lambda ids: (torch.full((1, 77, 32), float("inf"), device=ids.device),))
    with pytest.raises(RenderError, match=r"^nan$"):
        sampler.begin(Wish(picture(3), "a fox"))
    monkeypatch.setattr(parts.text, "forward", forward)
    assert made_alone(sampler, Wish(picture(3), "a fox", steps=3)).image


def test_what_is_computed_again_draws_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of its seed, from the first on."""
    parts = tiny(torch.bfloat16)
    encode = parts.vae.encode

    def without_numbers(sample: Any) -> Any:
        return encode(sample * float("nan") if sample.dtype == torch.bfloat16 else sample)

    monkeypatch.setattr(parts.vae, "encode", without_numbers)
    begun = Sampler(parts).begin(Wish(picture(3), "a fox", steps=3, seed=5))
    expected = torch.Generator("cpu").manual_seed(5)
    torch.randn(begun.latents.shape, generator=expected, dtype=torch.float32)
    torch.randn(begun.latents.shape, generator=expected, dtype=torch.bfloat16)
    assert torch.equal(begun.generator.get_state(), expected.get_state())


def test_what_is_no_number_in_float32_either_is_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image fails, and says so in one word."""
    parts = tiny()
    monkeypatch.setattr(parts.vae, "decode", lambda latents, **_named: (latents * float("nan"),))
    with pytest.raises(RenderError, match=r"^nan$"):
        made_alone(Sampler(parts), Wish(picture(3), "a fox", steps=3))


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 17.92 GB)"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."),
        RuntimeError("std::bad_alloc"),
        RuntimeError("could not create a primitive"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("FIND was unable to find an engine to execute this computation"),
        RuntimeError("Invalid buffer size: 16.00 GiB"),
        MemoryError(),
    ],
    ids=["cuda", "mps", "cpu", "c++", "onednn", "cudnn", "cublas", "cudnn plan", "metal", "python"],
)
def test_where_memory_runs_out_calls_have_fewer_rows(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """The images are those of an engine that had so few from its start."""
    chosen = [number for number, wish in enumerate(WISHES) if wish.steps * wish.strength >= 2][:4]
    few = made_together(chosen, max_rows=4)
    work = PARTS.unet.forward
    refused: list[int] = []

    def small(latents: Any, *given: Any, **named: Any) -> Any:
        if len(latents) > 4:
            refused.append(len(latents))
            raise error
        return work(latents, *given, **named)

    monkeypatch.setattr(PARTS.unet, "forward", small)
    assert made_together(chosen, max_rows=16) == few
    assert set(refused) == {16, 8}


def test_an_error_of_another_kind_is_not_taken_for_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the engine."""

    def broken(*_given: Any, **_named: Any) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(PARTS.unet, "forward", broken)
    with pytest.raises(RuntimeError, match="device-side assert"):
        made_together(list(range(4)), max_rows=4)
