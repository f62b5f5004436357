"""Variations: each edit once for every combination of values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retouch.errors import InputError
from retouch.intake.source import Line
from retouch.intake.variations import Varied, parse_variations


class Given:
    """A source of these lines."""

    def __init__(self, *lines: Line) -> None:
        self.lines = lines
        self.notes: list[str] = []

    def __iter__(self) -> Any:
        return iter(self.lines)


def varied(custom_id: object, *texts: str) -> list[dict[str, Any]]:
    variations = parse_variations(texts)
    return [line.fields for line in Varied(Given(Line(1, {"custom_id": custom_id, "prompt": "p"})), variations)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("seed=1..4", [1, 2, 3, 4]),
        ("seed=1..10..4", [1, 5, 9]),
        ("seed=-1..1", [-1, 0, 1]),
        ("seed=7..7", [7]),
        ("strength=0.2..0.8..0.2", [0.2, 0.4, 0.6, 0.8]),
        ("strength=0.4, 0.6,1", [0.4, 0.6, 1.0]),
        ("refiner=true,false", [True, False]),
        ("model_id=sd1.5,sdxl", ["sd1.5", "sdxl"]),
        ("prompt=a cat,5", ["a cat", "5"]),
    ],
)
def test_values(text: str, values: list[Any]) -> None:
    """Ranges, with a step too, and lists; of the kind that the field takes."""
    assert parse_variations([text])[0].values == values


def test_lines_of_a_file(tmp_path: Path) -> None:
    """For prompts with commas."""
    (tmp_path / "styles.txt").write_bytes("\ufeffoil, on canvas\r\n\r\nink\r\n".encode())
    assert parse_variations([f"prompt=@{tmp_path}/styles.txt"])[0].values == ["oil, on canvas", "ink"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed", "write FIELD=VALUES"),
        ("seed=", "write FIELD=VALUES"),
        ("seed=1-4", r"write a range as seed=1\.\.4"),
        ("seed=1,,2", "a value is empty"),
        ("seed=1,1", "1 is there twice"),
        ("strength=0.6,0.60", "0.6 is there twice"),
        ("seed=9..1", "counts up"),
        ("seed=1..9..0", "counts up"),
        ("strength=0.2..0.8", "need a step"),
        ("strength=0.4,1.4", "strength 1.4"),
        ("seed=a,b", "seed"),
        ("sede=1,2", "did you mean 'seed'"),
        ("custom_id=a,b", "cannot vary"),
        ("metadata=a,b", "cannot vary"),
        ("seed=1..1000000000", "1000000000 values; at most 10000"),
        ("prompt=@no-such-file", "cannot read no-such-file"),
    ],
)
def test_mistakes(text: str, words: str) -> None:
    """Each is a sentence that names the option."""
    with pytest.raises(InputError, match=f"--vary .*{words}"):
        parse_variations([text])


def test_a_field_varies_once() -> None:
    """Else its second list would replace the first."""
    with pytest.raises(InputError, match="given twice"):
        parse_variations(["seed=1,2", "seed=3"])


def test_a_product_that_is_a_slip_of_the_finger_is_refused() -> None:
    """Before a single edit is made."""
    with pytest.raises(InputError, match="makes 1000000 edits of each edit; at most 100000"):
        parse_variations(["seed=1..1000", "width=1..1000"])


def test_the_product_with_ids_that_say_what_varies() -> None:
    """In the order of the options; what varies replaces what the edit has."""
    made = varied("cat", "seed=3,4", "strength=0.4,0.6", "prompt=an oil painting,ink")
    assert len(made) == 8
    assert made[0] == {"custom_id": "cat.seed-3.strength-0.4.prompt-1", "prompt": "an oil painting"} | {
        "seed": 3,
        "strength": 0.4,
    }
    assert [edit["custom_id"] for edit in made[1:3]] == [
        "cat.seed-3.strength-0.4.prompt-2",
        "cat.seed-3.strength-0.6.prompt-1",
    ]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("model_id=sd1.5,sdxl", ["c.model_id-sd1.5", "c.model_id-sdxl"]),
        ("guidance_scale=7..8", ["c.guidance_scale-7", "c.guidance_scale-8"]),
        ("refiner=true,false", ["c.refiner-true", "c.refiner-false"]),
        ("prompt=2,an oil painting", ["c.prompt-1", "c.prompt-2"]),
    ],
)
def test_labels(text: str, ids: list[str]) -> None:
    """A word says itself; if one value is more than a word, all are told by their places."""
    assert [edit["custom_id"] for edit in varied("c", text)] == ids


def test_long_ids_are_cut_and_stay_different() -> None:
    """By the same rule as those of paths."""
    ids = [edit["custom_id"] for edit in varied("x" * 60, "seed=1..50", "strength=0.4,0.6")]
    assert len(set(ids)) == 100
    assert {len(custom_id) for custom_id in ids} == {64}


@pytest.mark.parametrize("custom_id", ["not valid", "", None, 5, "x" * 65])
def test_an_edit_whose_id_is_not_valid_is_refused_once(custom_id: object) -> None:
    """As it was given: no variation makes it valid."""
    assert varied(custom_id, "seed=1..20") == [{"custom_id": custom_id, "prompt": "p"}]


def test_where_it_comes_from_stays_with_each_variation() -> None:
    """But not how its picture was named, if the picture varies."""
    line = Line(7, {"custom_id": "a"}, redo_of="b/a", shown="a.png")
    for text, shown in (("seed=1,2", "a.png"), ("init_image=https://e.com/1,https://e.com/2", None)):
        made = list(Varied(Given(line), parse_variations([text])))
        assert [(one.number, one.redo_of, one.shown) for one in made] == [(7, "b/a", shown)] * 2
