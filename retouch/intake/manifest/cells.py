"""What stands in the cells of a table: text of the types that fields have, or values of their own types.

``read`` gives None for a cell that is not set. Text that is no number or truth value stays as it is, so that an edit's
own check refuses it by name; what would be read as another number than was meant is refused here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from retouch.intake.manifest import json_text

# How spreadsheets, pandas, R, SQL and Python write that there is no value.
NOT_SET = frozenset({"", "nan", "-nan", "nat", "na", "null", "none", "n/a", "<na>", "#n/a", "#na", "\\n", "undefined"})
# As a text of one's own, only what no person would write.
_NOT_A_TEXT = frozenset({"", "nan", "-nan", "nat", "<na>", "#n/a"})
_TRUE = frozenset({"true", "yes", "y", "t", "on", "1", "1.0", "wahr", "ja", "vrai", "oui", "verdadero", "vero", "waar"})
_FALSE = frozenset({"false", "no", "n", "f", "off", "0", "0.0", "falsch", "nein", "faux", "non", "falso", "onwaar"})

_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")
_COMMA = re.compile(r"[+-]?(\d+,\d+|,\d+)")
_EXPONENT = re.compile(r"[+-]?\d+([.,]\d+)?[eE][+-]?\d+")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:([.,'\u2019\s\u00a0\u202f])\d{3})+(?:[.,]\d+)?|[+-]?\d+[.,]\d+[.,]\d+")
_LOOKS_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}[.,]0{3}")
# In all languages: #NAME?, #¿NOMBRE?, #VALEUR !, #ÜBERLAUF!, #DIV/0!, #NV, #N/D; of Google's and LibreOffice's too.
_ERROR = re.compile(r"#\u00bf?[^\W\d_]{2,12}(?:/0)?\s?[!?]|#(?:NV|N/D|N/V|N/B)|Err:\d{3}|Loading\.\.\.")
_TOO_NARROW = re.compile(r"#{3,}")
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DATE = re.compile(rf"\d{{1,2}}-{_MONTH}(?:-\d{{2,4}})?|{_MONTH}-\d{{2}}")


def is_set(cell: Any) -> bool:
    """Whether a cell of a column that is no text of one's own says anything."""
    if isinstance(cell, str):
        return cell.strip().casefold() not in NOT_SET
    return cell is not None and cell == cell  # NaN is not


def read(name: str, cell: Any) -> Any:
    """The value of a field's cell, None if it is not set; raises ValueError with the end of a sentence about it."""
    if not is_set(cell):
        return None
    if isinstance(cell, str) and _ERROR.fullmatch(cell.strip()):
        raise ValueError(f"holds {cell.strip()}, an error of the spreadsheet")
    if isinstance(cell, str) and _TOO_NARROW.fullmatch(cell.strip()):
        raise ValueError(
            "holds only #, what a spreadsheet shows in a column that is too narrow; widen it, and save again"
        )
    return _READERS[name](cell)


def text(cell: Any) -> Any:
    """A text of one's own, such as metadata: ``None`` and ``null`` stay what they are."""
    if isinstance(cell, str):
        return None if cell.strip().casefold() in _NOT_A_TEXT else cell
    return cell


def _same(cell: Any) -> Any:
    return cell


def _name(cell: Any) -> Any:
    if isinstance(cell, str):
        if _DATE.fullmatch(cell.strip()):
            raise ValueError(
                f"holds {cell.strip()}, the date that a spreadsheet made of an id such as 3-5 or MAR5: format the"
                " column as text, and type the id again"
            )
        return cell.strip()
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell) if isinstance(cell, int) and not isinstance(cell, bool) else cell


def _number(cell: Any) -> Any:
    if isinstance(cell, Decimal):
        return float(cell)
    if not isinstance(cell, str):
        return cell
    written = cell.strip()
    if _PLAIN.fullmatch(written) or _EXPONENT.fullmatch(written):
        return _finite(written.replace(",", "."), cell)
    if _COMMA.fullmatch(written):
        return _finite(written.replace(",", "."), cell)
    if _GROUPED.fullmatch(written):
        raise ValueError(f"holds {written[:40]!r}; write it without thousands separators")
    if written.endswith("%"):
        raise ValueError(f"holds {written[:40]!r}; write it as a plain number, such as 0.6")
    return cell


def _finite(written: str, cell: str) -> Any:
    number = float(written)
    return number if math.isfinite(number) else cell


def _whole(cell: Any) -> Any:
    if isinstance(cell, str):
        written = cell.strip()
        if _EXPONENT.fullmatch(written):
            raise ValueError(f"holds {written[:40]!r}, what a spreadsheet made of a long number; write all its digits")
        if _LOOKS_GROUPED.fullmatch(written):
            raise ValueError(f"holds {written[:40]!r}, which may mean {written[:-4]} or {written[:-4]}000; write that")
        if re.fullmatch(r"[+-]?\d{1,4000}", written):
            return int(written)
    number = _number(cell)
    return int(number) if isinstance(number, float) and number.is_integer() and abs(number) < 2**53 else number


def _truth(cell: Any) -> Any:
    if isinstance(cell, str):
        folded = cell.strip().casefold()
        return True if folded in _TRUE else False if folded in _FALSE else cell
    return bool(cell) if cell in (0, 1) else cell


def _stripped(cell: Any) -> Any:
    return cell.strip() if isinstance(cell, str) else cell


def _object(cell: Any) -> Any:
    return json_text.parse(cell) if isinstance(cell, str) else cell


_READERS: dict[str, Callable[[Any], Any]] = {
    "custom_id": _name,
    "prompt": _same,
    "negative_prompt": _same,
    "init_image": _stripped,
    "model_id": _stripped,
    "scheduler": _stripped,
    "num_inference_steps": _whole,
    "samples": _whole,
    "width": _whole,
    "height": _whole,
    "seed": _whole,
    "strength": _number,
    "guidance_scale": _number,
    "refiner": _truth,
    "safety_checker": _truth,
    "extra": _object,
    "metadata": _object,
}
TEXTS = frozenset(name for name, reader in _READERS.items() if reader in (_name, _same, _stripped))
NUMBERS = frozenset(name for name, reader in _READERS.items() if reader in (_whole, _number))
