"""Batches of any size, written as the ledger keeps them: to enqueue and settle 100,000 edits takes minutes."""

from __future__ import annotations

import hashlib
import json
import time
from random import Random
from typing import Any

from retouch.ledger import Ledger
from retouch.states import LETTERS, EditState

GROUPS = {
    "refused init_image could not be read: …": 1200,
    "deadline no result within … s": 610,
    "refused width … is too large": 190,
}
EDIT = {
    "prompt": "an oil painting of a lighthouse",
    "init_image": "https://example.com/a.png",
    "strength": 0.6,
    "seed": 7,
}


def write_batch(
    ledger: Ledger, batch: str, count: int, *, ended: float = 0.7, age_s: float = 600, seed: int = 1
) -> None:
    """A batch of which a part has ended; its failures are those of GROUPS, as far as it is large enough."""
    keys, client = ledger.connection.keys, ledger.connection._client
    ids = [f"lighthouse-{n:06}" for n in range(count)]
    states, groups = _states(count, ended, Random(1))
    created = round((time.time() - age_s) * 1000)
    pipe = client.pipeline(transaction=False)
    pipe.set(keys.schema, 2)
    for first in range(0, count, 5000):
        pipe.rpush(keys.order(batch), *ids[first : first + 5000])
    pipe.zadd(keys.batches, {batch: created})
    counts = {f"n:{state}": states.count(letter.encode()) for state, letter in LETTERS.items()}
    pipe.hset(keys.batch(batch), mapping={"state": "open", "created": created, "defaults": "{}", **counts})
    pipe.hset(keys.batch(batch), "senders", json.dumps(["key:studio" if count > 4000 else "ann@build7"]))
    pipe.set(keys.strip(batch), states)
    pipe.set(keys.groupstrip(batch), groups)
    table: dict[str, Any] = {}
    for number, name in enumerate(GROUPS, 1):
        if found := groups.count(number):
            table |= {name: number, str(number): found}
    if table:
        pipe.hset(keys.groups(batch), mapping=table)
    for place in range(min(count, 50)):  # those that somebody may open
        state = _state(states[place])
        pipe.hset(keys.edits(batch), ids[place], json.dumps(EDIT))
        pipe.hset(keys.edit(f"{batch}/{ids[place]}"), mapping={"state": state, "submits": 1})
        if state in ("completed", "failed"):
            result = _result(batch, ids[place], state, groups[place], created)
            pipe.hset(keys.results(batch), ids[place], json.dumps(result))
    pipe.execute()


def _result(batch: str, custom_id: str, state: str, group: int, at: int) -> dict[str, Any]:
    code, _, words = list(GROUPS)[group - 1].partition(" ") if group else ("", "", "")
    sha256 = hashlib.sha256(custom_id.encode()).hexdigest()
    image = {"uri": f"s3://bucket/edits/{batch}/{custom_id}/0.png", "sha256": sha256, "bytes": 412_345}
    return {
        "custom_id": custom_id,
        "state": state,
        "attempts": 1,
        "provider_id": f"job-{sha256[:8]}",
        "seed": 7,
        "outputs": [] if group else [{**image, "width": 768, "height": 512, "content_type": "image/png"}],
        "error": {"code": code, "message": words.replace("…", "9000")} if group else None,
        "possible_duplicate": False,
        "submitted_at": at,
        "completed_at": at + 9000,
    }


def _states(count: int, ended: float, random: Random) -> tuple[bytes, bytes]:
    """Those at the front have ended, then come those at work; the failed ones lie in runs, as in life."""
    front = int(count * ended)
    working = "".join(random.choices("swwwwc", k=min(160, count - front)))
    states = bytearray(("C" * front + working).ljust(count, "q").encode())
    groups = bytearray(count)
    for number, size in enumerate(GROUPS.values(), 1):
        left = size if size < front // 4 else front // 10
        while left > 0:
            first, run = random.randrange(front), min(left, random.randint(1, 40))
            for place in range(first, min(first + run, front)):
                if states[place : place + 1] == b"C":
                    states[place : place + 1], groups[place] = b"f", number
                    left -= 1
    return bytes(states), bytes(groups)


def _state(letter: int) -> str:
    return next(state.value for state, known in LETTERS.items() if known == chr(letter)) if letter else EditState.QUEUED
