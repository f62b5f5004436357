"""Strict JSON, and what is wrong with a text that is none: the mistakes that people and programs make most."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

_TYPOGRAPHIC = "\u201c\u201d\u201e\u00ab\u00bb\u2018\u2019"
_PYTHON = re.compile(r"(True|False|None)\b")
_NUMBERLIKE = re.compile(r"-?(nan|inf|infinity|undefined)\b", re.IGNORECASE)
_SEVERAL = re.compile(r"\s*,?\s*\{")
_TRAILING_COMMA = re.compile(r",\s*([}\]])")
_NAME = re.compile(r"[A-Za-z_]\w*\s*:")


class NotAllowedError(Exception):
    """Python's JSON reader accepts it, but it is certainly a mistake."""


class Unfinished(ValueError):  # a signal: what follows tells which mistake it is
    """The text ends within its object."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise NotAllowedError(f"the field {twice[:80]!r} is there twice")
    return fields


def _no_constant(name: str) -> float:
    raise NotAllowedError(f"{name} is no JSON; write null, or leave the field out")


def _finite(text: str) -> float:
    if math.isfinite(number := float(text)):
        return number
    raise NotAllowedError(f"{text[:40]} is too large a number")


DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)


def parse(text: str) -> dict[str, Any]:
    """Parse one JSON object strictly; raises ValueError with the end of a sentence about the line."""
    try:
        value = DECODER.decode(text)
    except json.JSONDecodeError as error:
        kind = Unfinished if error.pos >= len(text) or error.msg.startswith("Unterminated") else ValueError
        raise kind(reason(error)) from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except NotAllowedError as error:
        raise ValueError(f"is not allowed: {error}") from None
    except ValueError:  # an integer of thousands of digits
        raise ValueError("holds a number that is too long") from None
    if not isinstance(value, dict):
        raise ValueError("is not a JSON object")  # noqa: TRY004 - the text is wrong, not the caller
    return value


def reason(error: json.JSONDecodeError) -> str:
    """The end of a sentence: what is wrong, and what to do if it is a mistake that is known."""
    text, at = error.doc, error.pos
    place = text[at : at + 12]
    if place[:1] == "'":
        return "has single quotes, as Python prints a dict; JSON has double quotes: write it with json.dumps"
    if place[:1] and place[0] in _TYPOGRAPHIC:
        return f"has a typographic quote ({place[0]}) at position {at + 1}; type a plain one"
    if match := _PYTHON.match(place):
        return f"has {match[0]}, as Python prints it, at position {at + 1}; write it with json.dumps"
    if match := _NUMBERLIKE.match(place):
        return f"has {match[0]} at position {at + 1}, which is no JSON; write null, or leave the field out"
    if at >= len(text) or error.msg.startswith("Unterminated"):
        return f"is not whole JSON: it ends within its object, at position {len(text)}"
    return _of_syntax(error.msg, text, at) or f"is not JSON: {error.msg} at position {at + 1}"


def _of_syntax(message: str, text: str, at: int) -> str:
    place, before = text[at:], text[:at].rstrip()
    if message == "Extra data" and _SEVERAL.match(place):
        return "holds more than one object; write one a line"
    if message == "Extra data" and place.strip() == ",":
        return "ends with a comma, which JSONL does not have between its lines"
    # Up to Python 3.12 the position is the bracket's, from 3.13 on the comma's.
    if comma := _TRAILING_COMMA.match(text, len(before) - 1 if before.endswith(",") else at):
        return f"has a comma before {comma[1]} at position {comma.start(1) + 1}"
    if place[:1] in ("/", "#"):
        return f"has a comment at position {at + 1}, which JSON does not know"
    if message.startswith("Expecting property name") and _NAME.match(place):
        return f"has a name without double quotes at position {at + 1}"
    if message.startswith("Invalid \\"):
        return f"has a single \\ in a text at position {at + 1}; write two, or / in a path"
    if message.startswith("Invalid control character"):
        return f"has a tab or another control character in a text at position {at + 1}; write \\t or \\n"
    return ""
