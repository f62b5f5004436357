"""What there is to say about each field of an edit: for ``help()``, ``retouch fields`` and docs/fields.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args

from pydantic.fields import FieldInfo

_KINDS = {str: "text", bool: "true or false", int: "whole number", float: "number", dict: "object"}
_SHOWN_UP_TO = 10**6  # a larger bound says nothing to a person
# What the API uses where a field is not sent, by its documentation of Stable Diffusion 1.5; None: that does not say.
API_DEFAULTS: dict[str, Any] = {
    "num_inference_steps": 20,
    "strength": 0.8,
    "samples": 1,
    "guidance_scale": 7.5,
    "width": 512,
    "height": 512,
    "seed": -1,
    "scheduler": None,
    "refiner": None,
    "safety_checker": None,
}


class FieldNote(NamedTuple):
    """One field: ``kind`` is its type and range, such as ``number, 0 to 1``.

    ``default``: what holds where it is not set, such as ``the API's, 0.8``; of a required field, ``required``.
    """

    name: str
    kind: str
    required: bool
    default: str
    description: str

    @property
    def heading(self) -> str:
        """``strength (number, 0 to 1; default: the API's, 0.8)``."""
        return f"{self.name} ({self.kind}; {self.default if self.required else f'default: {self.default}'})"


def notes(fields: Mapping[str, FieldInfo]) -> list[FieldNote]:
    """A note for each field of a model, the required ones first."""
    found = [
        FieldNote(name, _kind(field), field.is_required(), _default(name, field), field.description or "")
        for name, field in fields.items()
    ]
    return sorted(found, key=lambda note: not note.required)


def with_fields(docstring: str | None, fields: Mapping[str, FieldInfo]) -> str:
    """A model's docstring with a line for each field."""
    lines = "\n".join(f"    {note.heading}: {note.description}" for note in notes(fields))
    return f"{(docstring or '').rstrip()}\n\n    Fields:\n\n{lines}\n"


def _kind(field: FieldInfo) -> str:
    kind = next(_KINDS[part] for part in _parts(field.annotation) if part in _KINDS)
    return kind + _range(field)


def _default(name: str, field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default is not None:
        return str(field.default)
    if name not in API_DEFAULTS:
        return "none"
    by_api = API_DEFAULTS[name]
    return "the API's, not documented" if by_api is None else f"the API's, {by_api}"


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
