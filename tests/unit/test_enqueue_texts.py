"""Edits that are texts alone, as ``csv.DictReader`` makes them: read as the rows of a table."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from retouch import EditQueue, RejectedEditsError
from retouch.ledger import Ledger
from tests.unit.producing import parameters

TABLE = """Custom ID,Prompt,init-image,STRENGTH,seed,refiner,negative_prompt,metadata.sku,
a,a cat,https://example.com/a.png,"0,6",7.0,yes,,A-17,0
b,5,https://example.com/b.png,nan,,,,,1
"""
GOOD = {"custom_id": "a", "prompt": "a cat", "init_image": "https://example.com/a.png"}


@pytest.mark.parametrize("collect", [list, iter])
def test_the_rows_of_a_csv_are_edits(queue: EditQueue, ledger: Ledger, collect: Any) -> None:
    """Numbers and truth values are read, an empty cell is not set, and the case of a header is no mistake."""
    rows = collect(csv.DictReader(io.StringIO(TABLE)))
    assert queue.enqueue(rows, batch="b", defaults={"negative_prompt": "blurry", "seed": 1}).accepted == 2
    read = parameters(ledger, "b", "a")
    assert (read["strength"], read["seed"], read["refiner"], read["negative_prompt"]) == (0.6, 7, True, "blurry")
    other = parameters(ledger, "b", "b")
    assert (other["prompt"], other["seed"], other["negative_prompt"]) == ("5", 1, "blurry")
    queue.cancel("b")
    assert [result.metadata for result in queue.results("b")] == [{"sku": "A-17"}, {}]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"seed": "1,000"}, "seed holds '1,000', which may mean"),
        ({"strength": "60%"}, "strength holds '60%'; write it as a plain number"),
        ({"strength": "much"}, 'strength "much" should be a valid number'),
        ({"PROMPT": "x"}, "two of its columns mean 'prompt'"),
        ({"sku": "17"}, "unknown field 'sku'"),
        ({None: ["x"]}, "it has more cells than the header"),
    ],
)
def test_a_row_that_cannot_be_read_is_rejected_with_its_place(queue: EditQueue, more: Any, said: str) -> None:
    """Nothing is guessed, and nothing written."""
    with pytest.raises(RejectedEditsError, match=rf"edit 2 \(c\): {said}"):
        queue.enqueue([GOOD, GOOD | {"custom_id": "c"} | more], batch="b")
    assert queue.batches() == []


def test_other_columns_are_kept_if_asked_for(queue: EditQueue) -> None:
    """As the producer writes them, but for an index of pandas."""
    row = GOOD | {"Unnamed: 0": "0", "SKU": "17", "note": ""}
    queue.enqueue([row], batch="b", keep_columns=True)
    queue.cancel("b")
    assert [result.metadata for result in queue.results("b")] == [{"SKU": "17"}]


@pytest.mark.parametrize("word", ["none", "NA", " a ", "a\n", "5-Mar", "####"])
def test_texts_stay_letter_for_letter(queue: EditQueue, ledger: Ledger, word: str) -> None:
    """They are no cells of a spreadsheet."""
    queue.enqueue([GOOD | {"prompt": word, "negative_prompt": word}], batch="b")
    read = parameters(ledger, "b", "a")
    assert (read["prompt"], read["negative_prompt"]) == (word, word)


def test_an_id_is_taken_or_refused_as_it_is(queue: EditQueue, ledger: Ledger) -> None:
    """It is not made another one."""
    for name in ("none", "NaN", "null", "NA", "5-Mar"):
        assert queue.enqueue([GOOD | {"custom_id": name}], batch="b").accepted == 1
        assert ledger.reader.edit("b", name) is not None
    for name in ("a\n", " a", "####"):
        with pytest.raises(RejectedEditsError, match="custom_id"):
            queue.enqueue([GOOD | {"custom_id": name}], batch="b")


def test_a_mapping_with_other_values_keeps_its_texts(queue: EditQueue, ledger: Ledger) -> None:
    """Its program knows types: a number in a text is a mistake there, and None is the API's default."""
    with pytest.raises(RejectedEditsError, match=r'strength "0\.6" should be a valid number'):
        queue.enqueue([GOOD | {"strength": "0.6", "seed": 7}], batch="b")
    queue.enqueue([GOOD | {"negative_prompt": None}], batch="b", defaults={"negative_prompt": "blurry"})
    assert "negative_prompt" not in parameters(ledger, "b", "a")
