"""Variations: each edit of a source once for every combination of values."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from retouch.edit import Edit
from retouch.errors import InputError
from retouch.intake.admission import InvalidEditError, check_defaults
from retouch.intake.custom_ids import custom_id_for, is_custom_id
from retouch.intake.source import Line, Source
from retouch.intake.values import checked_value

MOST_VALUES = 10_000  # of one field; more is a slip of the finger
MOST_COMBINATIONS = 100_000  # of each edit: they are held in memory until all are checked
_FIXED = ("custom_id", "metadata", "extra")
_NUMBER = r"-?\d+(?:\.\d+)?"
_DASHED = re.compile(r"(\d+)-(\d+)")
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?:\.\.({_NUMBER}))?")
_WORD = re.compile(r"[A-Za-z0-9._-]{1,20}")  # what says itself in an id


class Variation(NamedTuple):
    """A field, its values, and what each is called in an id."""

    field: str
    values: list[Any]
    labels: list[str]


class Varied:
    """A ``Source`` around another: each edit once for every combination, with an id that says what varies."""

    def __init__(self, source: Source, variations: Sequence[Variation]) -> None:
        self._source = source
        self._variations = variations

    @property
    def notes(self) -> list[str]:
        """Those of the other source."""
        return self._source.notes

    def __iter__(self) -> Iterator[Line]:
        for line in self._source:
            if line.problem or not is_custom_id(line.fields.get("custom_id")):
                yield line  # it is refused, and once is enough
            else:
                yield from self._vary(line)

    def _vary(self, line: Line) -> Iterator[Line]:
        for chosen in itertools.product(*(range(len(one.values)) for one in self._variations)):
            pairs = list(zip(self._variations, chosen, strict=True))
            name = ".".join([line.fields["custom_id"], *(f"{one.field}-{one.labels[i]}" for one, i in pairs)])
            values = {one.field: one.values[i] for one, i in pairs}
            fields = line.fields | values | {"custom_id": custom_id_for(name, name)}
            yield line._replace(fields=fields, shown=None if "init_image" in values else line.shown)


def parse_variations(texts: Sequence[str]) -> list[Variation]:
    """Read ``FIELD=VALUES``: ``1..20``, ``1..20..5``, a list with commas, or ``@FILE`` of lines. Raises InputError."""
    variations = [_parse(text) for text in texts]
    fields = [one.field for one in variations]
    for name in fields:
        if fields.count(name) > 1:
            raise InputError(f"--vary {name} is given twice; give all of its values at once: {name}=A,B,C")
    return _not_too_many(variations)


def variations_of(values: Mapping[str, Sequence[Any]]) -> list[Variation]:
    """The same of values as they are, by field; raises InputError."""
    return _not_too_many([_checked(name, given) for name, given in values.items()])


def _checked(name: str, given: Any) -> Variation:
    shown = f"vary {name[:80]}"
    if name in _FIXED or name not in Edit.model_fields:
        raise InputError(f"{shown}: that cannot vary; it can be one of {', '.join(_varying())}")
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise InputError(f"{shown}: write a list of values")
    if len(given) > MOST_VALUES:
        raise _too_many(shown, len(given))
    try:
        values = [check_defaults({name: value}).get(name) for value in given]
    except InvalidEditError as error:
        raise InputError(f"{shown}: {error}") from None
    return _variation(shown, name, values)


def _not_too_many(variations: list[Variation]) -> list[Variation]:
    if (number := math.prod(len(one.values) for one in variations)) > MOST_COMBINATIONS:
        raise InputError(f"--vary makes {number} edits of each edit; at most {MOST_COMBINATIONS} are made")
    return variations


def _parse(text: str) -> Variation:
    name, equals, given = text.partition("=")
    shown = f"--vary {text[:80]}"
    if not equals or not given:
        raise InputError(f"{shown}: write FIELD=VALUES, such as seed=1..20, strength=0.4,0.6 or prompt=@styles.txt")
    if name in _FIXED:
        raise InputError(f"{shown}: {name} cannot vary; it can be one of {', '.join(_varying())}")
    texts = _texts(shown, given)
    try:
        values = [checked_value(name, one) for one in texts]
    except InvalidEditError as error:
        if span := _DASHED.fullmatch(given):
            raise InputError(f"{shown}: write a range as {name}={span[1]}..{span[2]}") from None
        raise InputError(f"{shown}: {error}") from None
    return _variation(shown, name, values)


def _variation(shown: str, name: str, values: list[Any]) -> Variation:
    if len(set(values)) < len(values):
        twice = next(value for value, times in Counter(values).items() if times > 1)
        raise InputError(f"{shown}: {str(twice)[:40]} is there twice")
    labels = [_label(value) for value in values]
    if not all(_WORD.fullmatch(label) for label in labels):
        labels = [str(place) for place in range(1, len(values) + 1)]
    return Variation(name, values, labels)


def _label(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _varying() -> list[str]:
    return [name for name in Edit.model_fields if name not in _FIXED]


def _texts(shown: str, given: str) -> list[str]:
    if given.startswith("@"):
        texts = _lines(shown, Path(given[1:]))
    elif spans := _RANGE.fullmatch(given):
        texts = _range(shown, spans[1], spans[2], spans[3])
    else:
        texts = [part.strip() for part in given.split(",")]
    if not texts or not all(texts):
        raise InputError(f"{shown}: a value is empty")
    if len(texts) > MOST_VALUES:
        raise _too_many(shown, len(texts))
    return texts


def _lines(shown: str, path: Path) -> list[str]:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"{shown}: cannot read {path}: {reason}") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def _range(shown: str, first: str, last: str, step: str | None) -> list[str]:
    start, end = Decimal(first), Decimal(last)
    if step is None and "." in first + last:
        raise InputError(f"{shown}: numbers with a fraction need a step, such as {first}..{last}..0.1")
    width = Decimal(step or 1)
    if end < start or width <= 0:
        raise InputError(f"{shown}: a range counts up, from the smaller number to the larger one")
    number = int((end - start) / width) + 1
    if number > MOST_VALUES:
        raise _too_many(shown, number)
    return [str(start + place * width) for place in range(number)]


def _too_many(shown: str, number: int) -> InputError:
    return InputError(f"{shown}: {number} values; at most {MOST_VALUES} are taken")
