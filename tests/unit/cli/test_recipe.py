"""``retouch recipe check``: what a recipe would make of an object."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from scripts import schemas
from tests.unit.cli.conftest import Run
from tests.unit.outside import Bucket

RECIPE = """
bucket = "photos"
key = "incoming/{date}/{name}.{ext}"
batch = "daily-{date}"

[edit]
prompt = "an oil painting of {name}"
strength = 0.6
"""
CAT = "s3://photos/incoming/2026-11-26/cat.png"
RESULTS = ("--bucket", "results")


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[..., str]:
    """Write a recipe with more lines before its first, and return its path."""

    def write(more: str = "", text: str = RECIPE) -> str:
        path = tmp_path / "daily.toml"
        path.write_text(more + text)
        return str(path)

    return write


def test_what_an_object_makes_is_printed(run: Run, recipe: Callable[..., str]) -> None:
    """Its batch and its edit; nothing is said beside."""
    ended = run("recipe", "check", recipe('closes = "2h"\nsize = "fit:512"\n'), CAT, *RESULTS)
    assert (ended.code, ended.err) == (0, "")
    said = ended.out.splitlines()
    assert said[0] == f"{CAT} makes an edit:"
    assert said[1].startswith("  batch: daily-2026-11-26, open for more until 20")
    assert said[2:] == [
        "  strength: 0.6",
        "  prompt: an oil painting of cat",
        f"  init_image: {CAT}",
        "  size: from the picture (--read tells)",
    ]


def test_the_object_is_read_if_asked(run: Run, recipe: Callable[..., str], bucket: Bucket) -> None:
    """So that its size is known; one that is no picture, or is not there, makes no edit."""
    path = recipe('size = "fit:512"\n')
    out = io.BytesIO()
    Image.new("RGB", (64, 32)).save(out, "PNG")
    assert "there is no such object (skip)" in run("recipe", "check", path, CAT, "--read", *RESULTS).err
    bucket.objects["incoming/2026-11-26/cat.png"] = b"hello, this is a text"
    assert "it is not PNG, JPEG or WebP (skip)" in run("recipe", "check", path, CAT, "--read", *RESULTS).err
    bucket.objects["incoming/2026-11-26/cat.png"] = out.getvalue()
    ended = run("recipe", "check", path, CAT, "--read", "--json", *RESULTS)
    assert (ended.code, ended.json["edit"]["width"], ended.json["edit"]["height"]) == (0, 512, 256)


@pytest.mark.parametrize(("uri", "taken"), [(CAT, True), ("s3://photos/elsewhere/cat.png", False)])
def test_json_is_as_its_schema_says(run: Run, recipe: Callable[..., str], uri: str, taken: bool) -> None:
    """Whether it makes an edit or not; the exit code says that too."""
    ended = run("recipe", "check", recipe(), uri, "--json", *RESULTS)
    schema = json.loads((schemas.FOLDER / "recipe-check.json").read_text())
    Draft202012Validator(schema).validate(ended.json)
    assert (ended.code, ended.json["taken"], ended.json["recipe"]) == (0 if taken else 2, taken, "daily")


@pytest.mark.parametrize(
    ("more", "uri", "said"),
    [
        (
            "",
            "s3://photos/x.png",
            "s3://photos/x.png makes no edit: the key does not match incoming/{date}/{name}.{ext}",
        ),
        ("", "s3://others/incoming/a/x.png", "makes no edit: it is for the bucket photos"),
        ("", "cat.png", "'cat.png' is not s3://bucket/key"),
        ("", "https://example.com/cat.png", "is not s3://bucket/key"),
        ("bacth = 1\n", CAT, "bacth is nothing that a recipe has; did you mean batch?"),
    ],
)
def test_what_makes_no_edit_is_told(run: Run, recipe: Callable[..., str], more: str, uri: str, said: str) -> None:
    """With exit code 2."""
    ended = run("recipe", "check", recipe(more), uri, *RESULTS)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_an_edit_that_would_be_refused_is_told(run: Run, recipe: Callable[..., str]) -> None:
    """As the listener would meet it: what its names are filled with counts."""
    path = recipe(text=RECIPE.replace("strength = 0.6", 'seed = "{name}"'))
    ended = run("recipe", "check", path, CAT, *RESULTS)
    assert ended.code == 2
    assert "makes no edit: seed" in ended.err


def test_results_that_would_make_edits_of_themselves_are_told(run: Run, recipe: Callable[..., str]) -> None:
    """Also that it is not known, where nobody says where they are."""
    own = run("recipe", "check", recipe(), CAT, "--bucket", "photos", "--prefix", "incoming/")
    assert own.code == 2
    assert "they could make edits of themselves, without end" in own.err
    assert run("recipe", "check", recipe(), CAT, "--bucket", "photos", "--prefix", "edits/").code == 0
    assert run("recipe", "check", recipe(), CAT).err.startswith("note: RETOUCH_BUCKET is not set")
