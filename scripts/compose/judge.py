"""What must hold when the batch has ended, whatever was killed: pure functions over what was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any


def broken_promises(
    manifest: Iterable[Mapping[str, Any]], results: Iterable[Mapping[str, Any]], record: Iterable[Mapping[str, Any]]
) -> list[str]:
    """Each edit of the manifest is completed, and was sent once, or twice if its result is marked; else: what is wrong.

    ``record`` is the endpoint's own: an edit is told by its prompt, of which no two are the same.
    """
    by_id = {result["custom_id"]: result for result in results}
    sent = Counter(entry["prompt"] for entry in record if entry["kind"] == "submit")
    wrong = []
    for edit in manifest:
        name = edit["custom_id"]
        result = by_id.pop(name, None)
        if result is None or result["state"] != "completed":
            wrong.append(f"{name} is {result['state'] if result else 'lost'}")
        allowed = 2 if result and result["possible_duplicate"] else 1
        times = sent[edit["prompt"]]
        if not 1 <= times <= allowed:
            wrong.append(f"{name} was sent {times} times, {allowed} allowed")
    return wrong + [f"{name} was never enqueued" for name in by_id]
