"""Edits compared: with each other, and with those that a batch has under the same ids."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retouch.intake.writing import CONFLICT
from retouch.ledger import Entry, Made, made_of
from retouch.plural import are, count


def equal_edits(entries: Sequence[Entry]) -> tuple[int, list[str]]:
    """How many edits are equal to another one but for their ``custom_id``, and a note about it: each is paid for."""
    first: dict[str, str] = {}
    equal: list[tuple[str, str]] = []
    for entry in entries:
        if (known := first.setdefault(entry.digest, entry.custom_id)) != entry.custom_id:
            equal.append((entry.custom_id, known))
    if not equal:
        return 0, []
    custom_id, known = equal[0]
    some = f"{count(len(equal), 'edit')} {are(len(equal))} equal to another one"
    note = f"{some} but for the custom_id, such as {custom_id} and {known}: each of them is sent, and paid for"
    return len(equal), [note]


def explain_conflict(defaults: Mapping[str, Any], entry: Entry, there: Made | None) -> str:
    """Why an edit cannot be added to a batch that has another one under its id, and what to do."""
    if there is None:
        return CONFLICT
    new, about = made_of(defaults, json.loads(entry.parameters))
    fields = sorted(
        name for name in new.keys() | there.parameters.keys() if new.get(name) != there.parameters.get(name)
    )
    names = [Path(one.init_image or "").name for one in (about, there.about)]
    if fields == ["init_image"] and names[0] and names[0] == names[1]:
        return (
            f"the picture {about.init_image} has changed since it was enqueued in this batch; give it another name"
            " (or the edit another custom_id), or choose another batch (--batch)"
        )
    return f"{CONFLICT} (what differs: {', '.join(fields)})"
