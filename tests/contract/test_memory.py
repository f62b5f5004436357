"""What an edit costs in Redis, while it waits and when it has ended: docs/redis.md has these figures."""

from __future__ import annotations

import json
from itertools import islice

import redis

from retouch import Edit
from retouch.ledger import Claim, Ledger, Policy, Settlement
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.harness.redis_client import connect
from tests.harness.waiting import LIMIT_S, until

COUNT = 20_000
PROMPT = ("beautiful landscape photograph, golden evening light " * 6)[:300]


def used_memory(client: redis.Redis) -> int:
    """In bytes, once what earlier tests had is freed: the server does that in the background after FLUSHALL.

    Without other clients, whose buffers the server keeps for some time after a large request (a page of edits).
    """

    def freed() -> bool:
        return bool(client.info("memory")["lazyfree_pending_objects"] == 0)

    client.client_kill_filter(_type="normal", skipme=True)
    until(freed, "what was there is freed")
    return int(client.info("memory")["used_memory"])


def test_a_queued_edit_takes_at_most_a_kilobyte(redis_url: str) -> None:
    """A 300-character prompt of its own, a link of its own; what the batch shares is stored once."""
    client = connect(redis_url)
    before = used_memory(client)
    queue = EditQueue.from_url(redis_url, timeout_s=LIMIT_S)
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
    each = (used_memory(client) - before) / COUNT
    assert each <= 1000, f"{each:.0f} bytes an edit"


ENDED = 2_000
LEASE_MS = 60_000


def test_an_edit_that_has_ended_takes_at_most_two_and_a_half_kilobytes(redis_url: str) -> None:
    """With its result of one image, and with its event: 2.5 GB for a million of them."""
    client = connect(redis_url)
    ledger = Ledger.from_url(redis_url, timeout_s=LIMIT_S)
    edits = (
        Edit(custom_id=f"picture-{n:06}", prompt=f"{n:06} {PROMPT[7:]}", init_image=f"https://images.test/{n:06}.png")
        for n in range(2 * ENDED)
    )
    EditQueue(ledger).enqueue(islice(edits, ENDED), batch="before")  # what there is once is in the first figure
    complete_all(ledger)
    before = used_memory(client)
    EditQueue(ledger).enqueue(edits, batch="night-2026-11-22")
    complete_all(ledger)
    each = (used_memory(client) - before) / ENDED
    assert 2000 <= each <= 2500, f"{each:.0f} bytes an edit"


def complete_all(ledger: Ledger) -> None:
    """Take every edit to its end, as workers do."""
    while claims := ledger.worker.claim("w", lease_ms=LEASE_MS, places=1000, polls=0, deliveries=0).claims:
        ledger.worker.begin_submit(claims, Policy(), LEASE_MS, nonce=claims[0].member)
        assert all(ledger.worker.settle([completed(claim) for claim in claims]))


def completed(claim: Claim) -> Settlement:
    """One image has come out of it."""
    image = {"uri": f"s3://a-bucket/edits/{claim.member}/0.png", "sha256": "ab" * 32, "content_type": "image/png"}
    output = image | {"bytes": 412_345, "width": 512, "height": 512, "blank": False}
    put = {"provider_id": "0c9b8f0e-6c0f-4e2c-9f6e-3d9a4f3c2a11"}
    to = EditState.COMPLETED
    return Settlement(claim, (EditState.SUBMITTING,), to, put=put, outputs=json.dumps([output]))
