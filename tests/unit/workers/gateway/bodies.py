"""Bodies of edits, as callers send them."""

from __future__ import annotations

import json
from typing import Any

JSONL = {"Content-Type": "application/jsonl"}
CSV = {"Content-Type": "text/csv"}


def edit(name: object = "a", **fields: Any) -> dict[str, Any]:
    """An edit that is right."""
    return {"custom_id": str(name), "prompt": "a cat", "init_image": "https://example.com/cat.png"} | fields


def lines(*edits: dict[str, Any]) -> str:
    """A body of JSON Lines."""
    return "".join(json.dumps(one) + "\n" for one in edits)
