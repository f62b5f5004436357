"""What there is to say about each field of an edit: for ``help()``, ``retouch fields`` and docs/api.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args

from pydantic.fields import FieldInfo

_KINDS = {str: "text", bool: "true or false", int: "whole number", float: "number", dict: "object"}
_SHOWN_UP_TO = 10**6  # a larger bound says nothing to a person


class FieldNote(NamedTuple):
    """One field: ``kind`` is its type and range, such as ``number, 0 to 1``, and whether it is required."""

    name: str
    kind: str
    required: bool
    description: str

    @property
    def heading(self) -> str:
        """``strength (number, 0 to 1)``."""
        return f"{self.name} ({self.kind})"


def notes(fields: Mapping[str, FieldInfo]) -> list[FieldNote]:
    """A note for each field of a model, the required ones first."""
    found = [
        FieldNote(name, _kind(field), field.is_required(), field.description or "") for name, field in fields.items()
    ]
    return sorted(found, key=lambda note: not note.required)


def with_fields(docstring: str | None, fields: Mapping[str, FieldInfo]) -> str:
    """A model's docstring with a line for each field."""
    lines = "\n".join(f"    {note.heading}: {note.description}" for note in notes(fields))
    return f"{(docstring or '').rstrip()}\n\n    Fields:\n\n{lines}\n"


def _kind(field: FieldInfo) -> str:
    kind = next(_KINDS[part] for part in _parts(field.annotation) if part in _KINDS)
    return kind + _range(field) + (", required" if field.is_required() else "")


def _parts(annotation: Any) -> Iterator[Any]:
    """``Annotated[int, …] | None`` and the like, taken apart from the outside."""
    yield getattr(annotation, "__origin__", annotation)
    for inner in get_args(annotation):
        if isinstance(inner, type) or get_args(inner):
            yield from _parts(inner)


def _range(field: FieldInfo) -> str:
    bounds = {name: getattr(one, name) for one in field.metadata for name in ("ge", "le") if hasattr(one, name)}
    least, most = bounds.get("ge"), bounds.get("le")
    if least is None:
        return ""
    return f", {least} to {most}" if most is not None and most < _SHOWN_UP_TO else f", from {least} on"
