"""What a recipe makes of an object, and how its file is read."""

from __future__ import annotations

import tomllib
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from retouch.errors import InputError
from retouch.triggers.notifications import NewObject
from retouch.triggers.recipe import Made, Recipe, refuse_own_results
from retouch.triggers.recipe_file import parse_recipe, read_recipe, read_recipes

AT = datetime(2026, 11, 26, 9, 30, 1, tzinfo=UTC)
CAT = NewObject("photos", "incoming/2026-11-25/Großer Kater.png", "", "abc", 1000, AT)
RECIPE = """
bucket = "photos"
key = "incoming/{date}/{name}.{ext}"
batch = "daily-{date}"

[edit]
prompt = "an oil painting of {name}"
strength = 0.6
"""


def recipe(text: str = RECIPE, **more: Any) -> Recipe:
    raw = tomllib.loads(text)
    edit = raw["edit"] | more.pop("edit", {})
    return parse_recipe("r", {**raw, **more, "edit": edit})


def make(of: Recipe, found: NewObject = CAT) -> Made:
    assert of.why_not(found) == of.trouble_with(found) == ""
    return of.make(found, AT)


def test_an_object_makes_an_edit() -> None:
    """Its names are filled; what all edits of the recipe share stands apart."""
    made = make(of := recipe())
    assert made.batch == "daily-2026-11-25"
    assert made.fields == {
        "custom_id": "Gro-er-Kater-a024148c3b04",
        "prompt": "an oil painting of Großer Kater",
        "init_image": "s3://photos/incoming/2026-11-25/Großer Kater.png",
    }
    assert of.shared == {"strength": 0.6}
    assert made.open_until is None


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{stem} {folder} {day} {hour} {bucket}", "Großer Kater 2026-11-25 2026-11-26 2026-11-26T09 photos"),
        ("{key}", CAT.key),
        ("{name}.{ext}", "Großer Kater.png"),  # the pattern's name comes before the file's
        ("{{x}} {date}", "{x} 2026-11-25"),
    ],
)
def test_a_template_has_the_names_of_the_pattern_and_those_of_every_object(template: str, text: str) -> None:
    """The day and the hour are those at which it came, in UTC."""
    assert make(recipe(edit={"prompt": template})).fields["prompt"] == text


def test_a_field_that_is_no_text_and_metadata_are_filled_too() -> None:
    """As their kinds ask for."""
    found = CAT._replace(key="incoming/7/cat.png")
    made = make(recipe(edit={"seed": "{date}", "metadata": {"from": "{key}"}, "guidance_scale": "7.5"}), found)
    assert (made.fields["seed"], made.fields["metadata"]) == (7, {"from": "incoming/7/cat.png"})
    assert recipe(edit={"guidance_scale": "7.5"}).shared["guidance_scale"] == 7.5


def test_an_edit_is_known_by_the_content_of_its_picture() -> None:
    """Told twice it is the same edit; another version, another content, another key is another."""
    of = recipe()
    others = [CAT._replace(version="v2"), CAT._replace(etag="abd"), CAT._replace(key="incoming/2026-11-25/K.png")]
    ids = [make(of, one).fields["custom_id"] for one in (CAT, CAT._replace(size=None, at=None), *others)]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
    assert len(make(of, CAT._replace(key=f"incoming/x/{'n' * 300}.png")).fields["custom_id"]) == 64


@pytest.mark.parametrize(
    ("batch", "name"),
    [
        ("b-{day}", "b-2026-11-26"),
        ("{hour}", "2026-11-26T09"),
        ("{name}", "Gro-er-Kater-cdba5b"),
        ("{key}", "incoming-2026-11-25-Gro-er-Kater.png-c7b2ff"),
    ],
)
def test_every_name_of_a_batch_is_one(batch: str, name: str) -> None:
    """What no batch can be called is written otherwise, with a hash of it."""
    made = make(recipe(batch=batch))
    assert made.batch.rpartition("-")[0] == name.rpartition("-")[0]
    assert len(made.batch) == len(name)


@pytest.mark.parametrize(
    ("closes", "until"),
    [
        ("day", datetime(2026, 11, 27, 0, 10, tzinfo=UTC)),
        ("hour", datetime(2026, 11, 26, 10, 10, tzinfo=UTC)),
        ("45m", AT + timedelta(minutes=45)),
        ("2h", AT + timedelta(hours=2)),
        ("3d", AT + timedelta(days=3)),
    ],
)
def test_a_batch_is_open_until_its_window_closes(closes: str, until: datetime) -> None:
    """By when the picture came, whenever it is told."""
    assert recipe(closes=closes).make(CAT, AT + timedelta(days=9)).open_until == until


@pytest.mark.parametrize("told_before", [timedelta(days=1, seconds=1), timedelta(days=300)])
def test_no_batch_is_open_for_years(told_before: timedelta) -> None:
    """A store's clock may be wrong: what it tells of the day after tomorrow counts as told of."""
    told_at = AT - told_before
    made = recipe(closes="2h", batch="{day}").make(CAT, told_at)
    assert (made.open_until, made.batch) == (told_at + timedelta(hours=2), f"{told_at:%Y-%m-%d}")
    assert recipe(closes="2h").make(CAT, AT - timedelta(days=1)).open_until == AT + timedelta(hours=2)


def test_where_the_store_does_not_say_when_the_time_of_the_message_counts() -> None:
    """Which is the same each time that it comes."""
    assert recipe(batch="{day}").make(CAT._replace(at=None), AT + timedelta(days=1)).batch == "2026-11-27"


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (CAT._replace(bucket="others"), "it is for the bucket photos"),
        (CAT._replace(key="out/a.png"), "the key does not match incoming/{date}/{name}.{ext}"),
    ],
)
def test_what_a_recipe_does_not_take_is_told(found: NewObject, why: str) -> None:
    """With the reason."""
    assert recipe().why_not(found) == why


@pytest.mark.parametrize(
    ("changed", "trouble"),
    [
        ({"size": 0}, "it is empty"),
        ({"key": "incoming/x/"}, "it is empty"),
        ({"size": 1001}, "it has 1,001 bytes; at most 1,000 are taken (max_bytes)"),
        ({"key": "incoming/2026-11-25/a.png "}, "its key begins or ends with a blank"),
        ({"key": "incoming/../a.png"}, "its address holds .., which S3 does not resolve"),
    ],
)
def test_what_can_be_no_picture_is_told(changed: dict[str, Any], trouble: str) -> None:
    """As far as its notification says."""
    assert recipe(max_bytes=1000).trouble_with(CAT._replace(**changed)).startswith(trouble)


@pytest.mark.parametrize(
    ("of", "bucket", "prefix", "may"),
    [
        ({}, "results", "", False),
        ({}, "photos", "edits/", False),
        ({}, "photos", "", True),
        ({}, "photos", "incoming/", True),
        ({"key": "{date}"}, "photos", "edits/", True),
    ],
)
def test_results_that_would_make_edits_of_themselves_are_seen(
    of: dict[str, str], bucket: str, prefix: str, may: bool
) -> None:
    """Unless the bucket is another, or all keys begin otherwise."""
    raw = tomllib.loads(RECIPE) | of
    found = parse_recipe("r", raw)
    with pytest.raises(InputError, match="could make edits of themselves") if may else nullcontext():
        refuse_own_results(found, bucket, prefix)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (RECIPE.replace("batch", "bacth"), "bacth is nothing that a recipe has; did you mean batch?"),
        (RECIPE.replace("bucket", "where"), "where is nothing that a recipe has; there are bucket, key"),
        ("strength = 1\n" + RECIPE, "strength is nothing that a recipe has; fields of edits stand below [edit]"),
        (RECIPE.replace("strength", "strenght"), "below [edit]: 'strenght', did you mean 'strength'?"),
        (RECIPE.replace("0.6", "6"), "below [edit]: strength"),
        (RECIPE.replace('{name}"\nstrength', '{nmae}"\nstrength'), "prompt: 'an oil painting of {nmae}' names {nmae}"),
        (RECIPE.replace("daily-{date}", "daily-{dat}"), "batch: 'daily-{dat}' names {dat}"),
        (RECIPE.replace("{ext}", "{name}"), "has the name {name} twice"),
        (RECIPE.replace("prompt", "negative_prompt"), "prompt is missing below [edit]"),
        (RECIPE.replace('batch = "daily-{date}"', ""), "batch is missing"),
        (RECIPE.replace('bucket = "photos"', ""), "bucket is missing"),
        (RECIPE.replace('"daily-{date}"', "5"), "batch must be a text, not 5"),
        (RECIPE.replace('"photos"', '"s3://photos"'), "bucket must be the name of a bucket"),
        (RECIPE + 'custom_id = "x"', "custom_id follows from the object"),
        (RECIPE + 'metadata = "x"', "metadata must be a table of texts"),
        ('closes = "2 hours"\n' + RECIPE, 'closes is \'2 hours\'; write "day", "hour"'),
        ('closes = "0h"\n' + RECIPE, "closes is '0h'"),
        ('size = "large"\n' + RECIPE, "size large: write fit:512"),
        ('size = "fit:512"\n' + RECIPE + "width = 512", "size and width both say how large"),
        ("weight = 0\n" + RECIPE, "weight must be a number"),
        ('weight = "2"\n' + RECIPE, "weight must be a number"),
        ("max_bytes = 0\n" + RECIPE, "max_bytes must be a whole number from 1 to 33_554_432, not 0"),
        ("max_bytes = true\n" + RECIPE, "max_bytes must be a whole number"),
        ('unusable = "drop"\n' + RECIPE, 'unusable is \'drop\'; write "skip" or "fail"'),
        ("unusable = []\n" + RECIPE, "unusable is []"),
        ('bucket = "abc"\nkey = "a"\nbatch = "b"\nedit = 1', "edit must be a table"),
        ("key = ", "is not TOML: "),
        ("\N{BYTE ORDER MARK}" + RECIPE + "seed = 1.5", "below [edit]: seed"),
        ("# " + "x" * 70_000, "has more than 64 KiB"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """In one sentence that names the file, and what was probably meant."""
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_recipe(path)
    assert str(caught.value).startswith(f"the recipe {path}")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"\xff", None])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, data: bytes | None) -> None:
    """Also in one sentence."""
    path = tmp_path / "r.toml"
    if data:
        path.write_bytes(data)
    with pytest.raises(InputError, match=r"^the recipe .* (is not UTF-8 text|cannot be read: No such file)"):
        read_recipe(path)


def test_a_file_may_begin_as_editors_of_windows_write_it(tmp_path: Path) -> None:
    """With a byte order mark; its name is the recipe's."""
    path = tmp_path / "daily.toml"
    path.write_text(RECIPE, encoding="utf-8-sig")
    assert read_recipe(path).name == "daily"


def test_of_a_folder_all_recipes_are_read_by_their_names(tmp_path: Path) -> None:
    """Beside files; other files in it are none."""
    for name in ("b.toml", "a.toml", "notes.txt", "single/c.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(RECIPE)
    found = read_recipes([tmp_path / "single" / "c.toml", tmp_path], "results", "")
    assert [each.name for each in found] == ["c", "a", "b"]


def test_a_folder_without_recipes_is_told(tmp_path: Path) -> None:
    """A mistyped one would make nothing, silently."""
    with pytest.raises(InputError, match=r"the folder .* has no recipe \(\*\.toml\)"):
        read_recipes([tmp_path], "results", "")
