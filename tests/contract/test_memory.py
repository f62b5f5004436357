"""What a waiting edit costs in Redis."""

from __future__ import annotations

import redis

from retouch import Edit
from retouch.ledger import Ledger
from retouch.queue import EditQueue

COUNT = 20_000
PROMPT = ("beautiful landscape photograph, golden evening light " * 6)[:300]


def test_a_queued_edit_takes_at_most_a_kilobyte(redis_url: str) -> None:
    """A 300-character prompt of its own, a link of its own; what the batch shares is stored once."""
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    before = client.info("memory")["used_memory"]
    queue = EditQueue(Ledger(client))
    edits = (
        Edit(
            custom_id=f"picture-{n:06}",
            prompt=f"{n:06} {PROMPT[7:]}",
            init_image=f"https://images.example.com/originals/{n:06}.png",
            seed=n,
            num_inference_steps=30,
            strength=0.6,
            negative_prompt="blurry, low quality, watermark, text, deformed",
        )
        for n in range(COUNT)
    )
    defaults = {
        "num_inference_steps": 30,
        "strength": 0.6,
        "negative_prompt": "blurry, low quality, watermark, text, deformed",
    }
    queue.enqueue(edits, batch="night-2026-11-22", defaults=defaults)
    each = (client.info("memory")["used_memory"] - before) / COUNT
    assert each <= 1000, f"{each:.0f} bytes an edit"
