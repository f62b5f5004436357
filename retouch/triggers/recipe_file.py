"""Reads a recipe's file, and says in one sentence what is wrong in it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from retouch.bucket_names import check_bucket
from retouch.edit import Edit, unknown_fields
from retouch.errors import InputError
from retouch.intake.admission import InvalidEditError, check_defaults
from retouch.intake.sizes import Wanted, parse_size
from retouch.intake.template import Template
from retouch.intake.values import read_value
from retouch.ledger.producer import check_weight
from retouch.media.images import MAX_BYTES
from retouch.nearest import nearest
from retouch.triggers.pattern import KeyPattern
from retouch.triggers.recipe import NAMES, Recipe, Unusable, refuse_own_results

_MAX_FILE = 64 * 1024  # bytes
_KNOWN = ("bucket", "key", "batch", "closes", "size", "weight", "max_bytes", "unusable", "edit")
_OWN = ("custom_id", "init_image")  # fields that follow from the object
_DURATION = re.compile(r"([1-9]\d{0,3})(m|h|d)")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def read_recipe(path: Path) -> Recipe:
    """Read a file; raises InputError in one sentence that names the file and what is wrong in it."""
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_FILE + 1)
    except OSError as error:
        raise InputError(f"the recipe {path} cannot be read: {error.strerror}") from None
    if len(data) > _MAX_FILE:
        raise InputError(f"the recipe {path} has more than {_MAX_FILE // 1024} KiB, so it is none")
    try:
        return parse_recipe(path.stem, tomllib.loads(data.decode("utf-8-sig")))
    except UnicodeDecodeError:
        raise InputError(f"the recipe {path} is not UTF-8 text") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"the recipe {path} is not TOML: {error}") from None
    except InputError as error:
        raise InputError(f"the recipe {path}: {error}") from None


def read_recipes(paths: Iterable[Path], bucket: str, prefix: str) -> list[Recipe]:
    """Read files, and of folders all ``*.toml``, by their names; raises InputError.

    None may take results, which are below ``prefix`` of ``bucket``.
    """
    recipes = [read_recipe(file) for path in paths for file in _files(path)]
    for recipe in recipes:
        refuse_own_results(recipe, bucket, prefix)
    return recipes


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    if not (found := sorted(path.glob("*.toml"))):
        raise InputError(f"the folder {path} has no recipe (*.toml)")
    return found


def parse_recipe(name: str, raw: Mapping[str, Any]) -> Recipe:
    """Make a recipe of what its file says; raises InputError."""
    _check_names(raw)
    given = {key: raw[key] for key in raw if key != "edit"}
    pattern = KeyPattern(_text(given, "key"))
    known = tuple(dict.fromkeys((*pattern.names, *NAMES)))
    shared, templates, metadata = _fields(raw["edit"], known)
    if "size" in given and (sides := {"width", "height"} & {*shared, *templates}):
        raise InputError(f"size and {min(sides)} both say how large results are; give one of them")
    return Recipe(
        name,
        check_bucket(_text(given, "bucket"), "bucket"),
        pattern,
        _template("batch", _text(given, "batch"), known),
        shared,
        templates,
        metadata,
        closes=_closes(_text(given, "closes")) if "closes" in given else "",
        size=_size(_text(given, "size")) if "size" in given else None,
        weight=check_weight(given.get("weight", 1.0)),
        max_bytes=_max_bytes(given.get("max_bytes", MAX_BYTES)),
        unusable=_unusable(given.get("unusable", Unusable.SKIP.value)),
    )


def _check_names(raw: Mapping[str, Any]) -> None:
    for name in raw:
        if name not in _KNOWN:
            meant = nearest(name, _KNOWN)
            hint = f"did you mean {meant}?" if meant else f"there are {', '.join(_KNOWN)}"
            if name in Edit.model_fields:
                hint = "fields of edits stand below [edit]"
            raise InputError(f"{name[:60]} is nothing that a recipe has; {hint}")
    if missing := [name for name in ("bucket", "key", "batch", "edit") if name not in raw]:
        raise InputError(f"{missing[0]} is missing")


def _fields(raw: object, known: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Template], dict[str, Template]]:
    """The fields that all edits share, those with names in them, and the metadata; raises InputError."""
    if not isinstance(raw, Mapping):
        raise InputError("edit must be a table: write [edit], and its fields below")
    for name in raw:
        if name in _OWN:
            raise InputError(f"{name} follows from the object, so it cannot stand below [edit]")
        if name not in Edit.model_fields:
            raise InputError(f"below [edit]: {unknown_fields([name])}")
    if "prompt" not in raw:
        raise InputError("prompt is missing below [edit]")
    metadata = _metadata(raw.get("metadata", {}), known)
    texts = {name: value for name, value in raw.items() if name != "metadata" and isinstance(value, str)}
    templates = {name: _template(name, value, known) for name, value in texts.items()}
    filled = {name: template for name, template in templates.items() if template.choices}
    fixed = {
        name: read_value(name, templates[name].fill({})) if name in templates else value
        for name, value in raw.items()
        if name not in filled and name != "metadata"
    }
    try:
        return check_defaults(fixed), filled, metadata
    except InvalidEditError as error:
        raise InputError(f"below [edit]: {error}") from None


def _metadata(raw: object, known: tuple[str, ...]) -> dict[str, Template]:
    if not isinstance(raw, Mapping) or not all(isinstance(value, str) for value in raw.values()):
        raise InputError('metadata must be a table of texts, such as metadata = { source = "{key}" }')
    try:
        check_defaults({"metadata": dict(raw)} if raw else {})
    except InvalidEditError as error:
        raise InputError(f"below [edit]: {error}") from None
    return {name: _template(f"metadata.{name}", value, known) for name, value in raw.items()}


def _template(name: str, text: str, known: tuple[str, ...]) -> Template:
    try:
        return Template(text, known)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given[name]
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{name} must be a text, not {value!r:.60}")
    return value


def _closes(text: str) -> str | timedelta:
    if text in ("day", "hour"):
        return text
    if found := _DURATION.fullmatch(text):
        return int(found[1]) * _UNITS[found[2]]
    raise InputError(
        f'closes is {text[:40]!r}; write "day", "hour", or how long after its newest picture, such as "45m", "2h", "1d"'
    )


def _size(text: str) -> Wanted:
    try:
        return parse_size(text)
    except InputError as error:
        raise InputError(str(error).removeprefix("--")) from None


def _max_bytes(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_BYTES:
        raise InputError(f"max_bytes must be a whole number from 1 to {MAX_BYTES:_}, not {value!r:.40}")
    return value


def _unusable(value: object) -> Unusable:
    try:
        return Unusable(value)  # type: ignore[arg-type] # whatever it is
    except ValueError:
        raise InputError(f'unusable is {value!r:.40}; write "skip" or "fail"') from None
