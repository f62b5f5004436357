"""Kinds of work: edits that take about as long share one, and its name is always fit for a key."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from retouch.provider.polling import kind_of

EDIT: dict[str, object] = {
    "model_id": "sd1.5",
    "num_inference_steps": 20,
    "strength": 0.8,
    "samples": 1,
    "width": 512,
    "height": 512,
}


def test_a_kind_is_model_work_and_size() -> None:
    """20 steps at strength 0.8 are 16, which is 8 half doublings; 512 x 512 are 2 to the 18th."""
    assert kind_of(EDIT) == "sd1.5:8:36"


def test_what_is_left_out_has_the_api_s_defaults() -> None:
    """An edit that names the defaults is of the same kind as one that leaves them out, or to None."""
    plain: dict[str, object] = {"model_id": "sd1.5", "width": 512, "height": 512}
    assert kind_of(plain) == kind_of(plain | {"strength": None, "samples": None}) == kind_of(EDIT)


def test_near_values_share_a_kind() -> None:
    """One step more, a slightly weaker strength or an upright picture take about as long."""
    near: list[dict[str, object]] = [
        {"num_inference_steps": 21},
        {"strength": 0.75},
        {"width": 480, "height": 544},
        {"seed": 7},
    ]
    assert {kind_of(EDIT | change) for change in near} == {kind_of(EDIT)}


def test_far_values_do_not() -> None:
    """Twice the work, twice the pixels or another model are kinds of their own."""
    far: list[dict[str, object]] = [
        {},
        {"num_inference_steps": 40},
        {"samples": 4},
        {"width": 1024},
        {"model_id": "sdxl"},
        {"width": None},
    ]
    assert len({kind_of(EDIT | change) for change in far}) == len(far)


def test_work_counts_as_a_product() -> None:
    """Two samples of 10 steps are as much work as one of 20."""
    assert kind_of(EDIT | {"num_inference_steps": 40, "samples": 2}) == kind_of(EDIT | {"samples": 4})


def test_odd_models_are_told_apart() -> None:
    """Names that are too long, or hold what no key should, are shortened without becoming equal."""
    odd = ["a" * 200, "a" * 199 + "b", "own/model v1", "own/model:v1", "модель", ""]
    assert len({kind_of(EDIT | {"model_id": name}) for name in odd}) == len(odd)


@given(
    model=st.text(max_size=200),
    steps=st.integers(1, 100),
    strength=st.floats(0, 1),
    samples=st.integers(1, 4),
    side=st.none() | st.integers(1, 4096),
)
def test_a_kind_is_short_and_plain(model: str, steps: int, strength: float, samples: int, side: int | None) -> None:
    """Whatever the parameters, a kind is at most 64 plain characters."""
    edit: dict[str, object] = {
        "model_id": model,
        "num_inference_steps": steps,
        "strength": strength,
        "samples": samples,
    }
    assert re.fullmatch(r"[A-Za-z0-9.:_-]{1,64}", kind_of(edit | {"width": side, "height": side}))
