"""Which edits take about as long as each other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from math import log2
from typing import Any

from retouch.edit import DEFAULT_MODEL
from retouch.edit_fields import API_DEFAULTS

PER_DOUBLING = 2  # steps for each doubling of work or of pixels: values in one step differ by at most 41 %
WORK = ("num_inference_steps", "strength", "samples")  # what it grows with
PLAIN_MODEL = re.compile(r"[A-Za-z0-9._-]{1,40}")
UNPLAIN = re.compile(r"[^A-Za-z0-9._-]+")


def kind_of(parameters: Mapping[str, Any]) -> str:
    """The kind of work that an edit is, by the API's names for its parameters; those left out have the API's defaults.

    At most 64 of A-Z a-z 0-9 . _ - and colons: ``model:work:size``, where work is steps times strength times samples
    and size is pixels, both in steps of half a doubling (``sd1.5:8:36``). A size that is not given is ``image``'s own.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    steps, strength, samples = (float(given.get(name, API_DEFAULTS[name])) for name in WORK)
    work = max(1.0, steps * strength) * max(1.0, samples)  # strength 0 takes a step all the same
    pixels = float(given.get("width", 0)) * float(given.get("height", 0))
    size = str(_step(pixels)) if pixels > 0 else "image"
    return f"{_model(str(given.get('model_id', DEFAULT_MODEL)))}:{_step(work)}:{size}"


def _step(amount: float) -> int:
    return round(PER_DOUBLING * log2(amount))


def _model(name: str) -> str:
    """The model's name if it is plain and short, else its beginning and a digest."""
    if PLAIN_MODEL.fullmatch(name):
        return name
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return f"{UNPLAIN.sub('-', name)[:24]}-{digest}"
