"""What stands in cells."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from retouch.edit import Edit
from retouch.intake.manifest import Columns, cells
from retouch.intake.manifest.cells import _READERS
from tests.unit.intake.manifest.reading import outcome, read

KEEP = Columns(keep=True)


def test_every_field_has_its_reader() -> None:
    """A field that is added is read from tables too."""
    assert _READERS.keys() == Edit.model_fields.keys()


@pytest.mark.parametrize("cell", ["", "  ", "NaN", "nan", "null", "NULL", "None", "N/A", "<NA>", "#N/A", "NaT", "NA"])
@pytest.mark.parametrize("field", ["seed", "strength", "refiner", "scheduler", "negative_prompt", "prompt", "extra"])
def test_what_programs_write_for_nothing_is_not_set(field: str, cell: str) -> None:
    """Never sent as a word."""
    assert cells.read(field, cell) is None


@pytest.mark.parametrize("cell", ["nan", "None", "null", "", "<NA>"])
def test_a_missing_prompt_is_refused(cell: str) -> None:
    """It would be paid for."""
    (said,) = outcome(f"custom_id,prompt,init_image\na,{cell},https://example.com/a.png\n")
    assert "prompt is missing" in said


@pytest.mark.parametrize(
    ("field", "cell", "value"),
    [
        ("strength", "0,6", 0.6),
        ("strength", " 0.6 ", 0.6),
        ("strength", ",6", 0.6),
        ("strength", "6e-1", 0.6),
        ("strength", "0,600", 0.6),
        ("strength", Decimal("0.6"), 0.6),
        ("guidance_scale", "7", 7.0),
        ("width", "512.0", 512),
        ("width", "512,0", 512),
        ("width", "512", 512),
        ("width", 512.0, 512),
        ("seed", "-1", -1),
        ("seed", "9007199254740993", 9007199254740993),
        ("seed", "9" * 30, int("9" * 30)),
        ("custom_id", " 17 ", "17"),
        ("custom_id", 17, "17"),
        ("custom_id", 17.0, "17"),
        ("custom_id", "2026-11-26", "2026-11-26"),
        ("custom_id", "Mar-5", "Mar-5"),
        ("custom_id", "mar-05", "mar-05"),
        ("init_image", " a.png ", "a.png"),
        ("samples", "two", "two"),
        *(("refiner", cell, True) for cell in ("TRUE", "True", "yes", "1", "1.0", "WAHR", "VRAI", 1)),
        *(("refiner", cell, False) for cell in ("FALSE", "no", "0", "FALSCH", "FAUX", 0)),
        ("refiner", "maybe", "maybe"),
    ],
)
def test_a_cell_is_read_as_its_field(field: str, cell: Any, value: Any) -> None:
    """In any country's spreadsheet."""
    found = cells.read(field, cell)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("field", "cell", "what"),
    [
        ("strength", "1.234,5", "without thousands separators"),
        ("strength", "1,234.5", "without thousands separators"),
        ("width", "1.234.567", "without thousands separators"),
        ("width", "1 024", "without thousands separators"),
        ("width", "1'024", "without thousands separators"),
        ("seed", "1,000", "may mean 1 or 1000"),
        ("seed", "1.000", "may mean 1 or 1000"),
        ("seed", "1.70E+12", "made of a long number"),
        ("seed", "1,70E+12", "made of a long number"),
        ("strength", "60%", "as a plain number"),
        ("prompt", "#REF!", "an error of the spreadsheet"),
        *(
            ("prompt", word, "an error of the spreadsheet")
            for word in ("#NV", "#N/D", "#¿NOMBRE?", "#ÜBERLAUF!", "#VALEUR !")
        ),
        *(("prompt", word, "an error of the spreadsheet") for word in ("#ИМЯ?", "Err:502", "Loading...")),
        ("seed", "#####", "a column that is too narrow"),
        ("custom_id", " ######## ", "a column that is too narrow"),
        ("prompt", "###", "a column that is too narrow"),
        *(("custom_id", day, "the date that a spreadsheet made of an id") for day in ("5-Mar", "Mar-05", "05-Mar-26")),
        ("extra", "{", "not whole JSON"),
    ],
)
def test_what_may_mean_another_number_is_refused(field: str, cell: str, what: str) -> None:
    """A seed of 1 is not one of 1000."""
    with pytest.raises(ValueError, match=what):
        cells.read(field, cell)


def test_a_number_that_is_none_is_named_by_its_field() -> None:
    """By the edit's own check."""
    (said,) = outcome("custom_id,prompt,init_image,samples\na,x,https://example.com/a.png,two\n")
    assert said == 'line 2: samples "two" should be a valid integer'


def test_texts_of_ones_own_stay_what_they_are() -> None:
    """Only what no person would write is nothing."""
    data = "custom_id,a,b,c,d,e\nx,None,null,NA,nan,\n"
    assert read(data, "m.csv", KEEP).lines[0].fields["metadata"] == {"a": "None", "b": "null", "c": "NA"}


def test_a_date_is_a_text() -> None:
    """As Parquet gives it."""
    assert cells.text(date(2026, 11, 26)) == date(2026, 11, 26)
