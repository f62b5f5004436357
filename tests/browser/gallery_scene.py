"""Batches whose pictures are really in S3: variations of the samples, as the stand-in makes them."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from PIL import Image

from retouch.edit import Edit, Parameters
from retouch.ledger import Ledger, Settlement
from retouch.queue import EditQueue
from retouch.states import EditState
from workers.endpoint.stand_in import draw
from workers.stack.child import ROOT
from workers.stack.s3 import S3

SIDE = 256  # pixels
PROMPT = "an oil painting, thick impasto strokes"

Put = Callable[[str, bytes], str]


def putting(s3: S3) -> Put:
    """Puts an object under a key; returns its address."""
    client = s3.client()

    def put(key: str, data: bytes) -> str:
        client.put_object(Bucket=s3.bucket, Key=key, Body=data)
        return f"s3://{s3.bucket}/{key}"

    return put


def write_pictures(
    ledger: Ledger,
    put: Put,
    batch: str,
    *,
    sources: Sequence[str] = ("lighthouse",),
    seeds: Sequence[int],
    strengths: Sequence[float] = (),
    left: int = 0,
) -> list[str]:
    """Each sample once with each strength and seed, all completed but for the last ``left``; returns the custom ids."""
    made: dict[str, tuple[Edit, bytes]] = {}
    for source in sources:
        data = sample(source)
        address = put(f"edits/_inputs/{source}.jpg", data)
        for strength in strengths or (None,):
            for seed in seeds:
                label = "" if strength is None else f".strength-{strength}"
                name = f"{source}{label}.seed-{seed}"
                fields: dict[str, Any] = {"prompt": PROMPT, "init_image": address, "seed": seed}
                made[name] = Edit(custom_id=name, **fields, strength=strength or 0.6), data
    EditQueue(ledger).enqueue([edit for edit, _ in made.values()], batch=batch)
    claims = ledger.worker.claim("w", lease_ms=60_000, places=1000, submits=1000).claims
    for claim in [claim for claim in claims if claim.member.startswith(f"{batch}/")][: len(made) - left]:
        name = claim.member.removeprefix(f"{batch}/")
        outputs = [_output(put, f"edits/{claim.member}/0.png", *made[name])]
        end = Settlement(claim, (EditState.SUBMITTING,), EditState.COMPLETED, outputs=json.dumps(outputs))
        assert ledger.worker.settle([end])
    return list(made)


def sample(name: str) -> bytes:
    """One of the samples, small."""
    with Image.open(ROOT / "scripts/samples" / f"{name}.jpg") as picture:
        out = io.BytesIO()
        picture.resize((SIDE, SIDE * picture.height // picture.width)).save(out, "JPEG")
        return out.getvalue()


@cache  # they are drawn once in a process
def _drawn(strength: float, seed: int, init: bytes) -> bytes:
    fields = {"prompt": PROMPT, "strength": strength, "seed": seed}
    return draw(Parameters.model_validate({**fields, "width": SIDE, "height": SIDE}), init)[0]


def _output(put: Put, key: str, edit: Edit, init: bytes) -> dict[str, Any]:
    data = _drawn(edit.strength or 0.6, edit.seed or 0, init)
    told = {"width": SIDE, "height": SIDE, "content_type": "image/png", "bytes": len(data)}
    return {"uri": put(key, data), "sha256": hashlib.sha256(data).hexdigest(), **told}
