"""Ids that are made of other names: of a picture's path, or of an edit's id and what varies."""

from __future__ import annotations

import hashlib
import re

from retouch.edit import CUSTOM_ID_PATTERN, RESERVED_CUSTOM_IDS

_KEPT, _HASH = 57, 6  # characters of a name, and of the hash that replaces what the name loses


def custom_id_for(name: str, path: str) -> str:
    """``name`` if it can be an id as it is; else what remains of it, and six hex digits of the SHA-256 of ``path``.

    A function of the two alone, so that no other edit of a batch changes it.
    """
    if is_custom_id(name) and not name.startswith("."):  # a leading dot would hide the result's file
        return name
    digest = hashlib.sha256(path.encode(errors="surrogateescape")).hexdigest()[:_HASH]
    remains = re.sub(r"^\.|[^A-Za-z0-9._-]", "-", name)
    return f"{remains[:_KEPT]}-{digest}"


def is_custom_id(name: object) -> bool:
    """Whether it is a valid id of an edit."""
    return isinstance(name, str) and bool(CUSTOM_ID_PATTERN.fullmatch(name)) and name not in RESERVED_CUSTOM_IDS
