"""Values that are given as text on a command line, and read as their field takes them."""

from __future__ import annotations

import json
from typing import Any

from retouch.intake.admission import InvalidEditError, check_defaults


def read_value(name: str, text: str) -> Any:
    """``text`` as JSON if the field accepts that, else unchanged (``prompt=5`` is a prompt)."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    for candidate in (value, text):
        try:
            check_defaults({name: candidate})
        except InvalidEditError:
            continue
        return candidate
    return value


def checked_value(name: str, text: str) -> Any:
    """The value that a field gets (None: it is not set); raises InvalidEditError if it takes none like it."""
    return check_defaults({name: read_value(name, text)}).get(name)
