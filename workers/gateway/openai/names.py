"""What OpenAI's clients call the fields of an edit, and sentences about these fields in their words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, partial

from retouch.edit import Edit
from retouch.intake.mistakes import VALUE

THEIRS = {"model_id": "model", "samples": "n", "init_image": "image"}
ENVELOPE = ("custom_id", "method", "url", "body")  # the parts of a line
FIELDS = frozenset({*Edit.model_fields, *THEIRS.values(), *ENVELOPE, "images", "mask", "response_format", "size"})
_BOTH = ("width", "height")  # what their size says in one


def wording(called: Mapping[str, str]) -> Callable[[str], str]:
    """How a sentence about a field is said to whoever wrote a line.

    ``called``: the fields of the edit that were written, as the line calls them.
    """
    return partial(_said, called)  # nearly no line needs it


def _said(called: Mapping[str, str], sentence: str) -> str:
    names = {**THEIRS, **called}
    shown = {ours: f"{name}: {ours}" if ours in _BOTH else name for ours, name in names.items() if ours != name}
    return _pattern(tuple(sorted(shown))).sub(lambda found: shown.get(found[0], found[0]), sentence)


@cache
def _pattern(ours: tuple[str, ...]) -> re.Pattern[str]:
    """The field that a sentence begins with, and further names that are no English words; values stay as they are."""
    within = [name for name in ours if "_" in name]
    return re.compile(rf"^(?:{'|'.join(ours)})\b|{VALUE.pattern}|\b(?:{'|'.join(within)})\b")
