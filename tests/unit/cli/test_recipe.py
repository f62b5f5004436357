"""``retouch recipe check``: what a recipe would make of an object."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from retouch.cli.recipe_scan import folder_of
from retouch.ledger import Ledger
from retouch.queue import EditQueue
from retouch.triggers.recipe_file import parse_recipe, read_recipe
from retouch.triggers.taking import Taker, Told
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


def png() -> bytes:
    """A picture."""
    out = io.BytesIO()
    Image.new("RGB", (64, 32)).save(out, "PNG")
    return out.getvalue()


def scanned(run: Run, path: str, *more: str, code: int = 0) -> Any:
    """The record of a scan."""
    ended = run("recipe", "scan", path, *more, "--json", *RESULTS)
    assert ended.code == code, ended.err
    schema = json.loads((schemas.FOLDER / "recipe-scan.json").read_text())
    Draft202012Validator(schema).validate(ended.json)
    return ended.json


def test_what_lies_in_the_bucket_is_taken_once(
    run: Run, recipe: Callable[..., str], bucket: Bucket, ledger: Ledger
) -> None:
    """Page by page, in its batches; new content under a key is another edit. Others are passed over."""
    path, picture = recipe(), png()
    for name in ("2026-11-25/a.png", "2026-11-26/b.png", "2026-11-26/c.png", "d.png", "2026-11-26/e.txt"):
        bucket.objects[f"incoming/{name}"] = picture
    bucket.objects["incoming/2026-11-26/e.txt"] = b"hello, this is a text"
    bucket.objects["other/2026-11-26/b.png"] = picture
    first, again = scanned(run, path), scanned(run, path)
    assert first["place"] == "s3://photos/incoming/"
    assert first["objects"] == 4
    batches = [
        {"batch": f"daily-2026-11-{day}", "accepted": number, "already": 0} for day, number in ((25, 1), (26, 2))
    ]
    assert first["batches"] == batches
    assert [(one["accepted"], one["already"]) for one in again["batches"]] == [(0, 1), (0, 2)]
    left_out = [{"uri": "s3://photos/incoming/2026-11-26/e.txt", "reason": "it is not PNG, JPEG or WebP"}]
    assert first["left_out"] == again["left_out"] == left_out
    bucket.objects["incoming/2026-11-26/b.png"] = picture + b"\n"
    [batch] = scanned(run, path, "s3://photos/incoming/2026-11-26/")["batches"]
    assert batch == {"batch": "daily-2026-11-26", "accepted": 1, "already": 1}
    assert EditQueue(ledger).status("daily-2026-11-26").total == 3


def test_a_scan_adds_nothing_that_a_notification_has(
    run: Run, recipe: Callable[..., str], bucket: Bucket, ledger: Ledger
) -> None:
    """The same id follows from what the store tells and from what lies there."""
    key, picture = "incoming/2026-11-26/a b.png", png()
    bucket.objects[key] = picture
    etag = f'"{hashlib.md5(picture).hexdigest()}"'
    about = {"bucket": {"name": "photos"}, "object": {"key": quote_plus(key), "size": len(picture), "eTag": etag}}
    told = Told(json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": about}]}), datetime.now(UTC))
    path = recipe()
    Taker(EditQueue(ledger), [read_recipe(Path(path))], lambda _name: bucket).take([told])
    [batch] = scanned(run, path)["batches"]
    assert (batch["accepted"], batch["already"]) == (0, 1)


def test_a_scan_can_count_alone(run: Run, recipe: Callable[..., str], bucket: Bucket, ledger: Ledger) -> None:
    """Nothing is read, and nothing enqueued; it says so."""
    bucket.objects["incoming/2026-11-26/a.png"] = b"not read"
    ended = run("recipe", "scan", recipe(), "--dry-run", *RESULTS)
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == "s3://photos/incoming/: 1 object that daily takes; nothing was enqueued (--dry-run)\n"
    assert EditQueue(ledger).batches() == []


def test_a_scan_tells_people_what_it_did(run: Run, recipe: Callable[..., str], bucket: Bucket) -> None:
    """And ends with 2 if something makes no edit although it should; also that there is nothing."""
    path = recipe('unusable = "fail"\n')
    ended = run("recipe", "scan", path, *RESULTS)
    assert (ended.code, ended.err) == (0, "s3://photos/incoming/ has no object that the recipe takes\n")
    bucket.objects |= {"incoming/2026-11-26/a.png": png(), "incoming/2026-11-26/b.png": b"hello, this is a text"}
    ended = run("recipe", "scan", path, *RESULTS)
    assert ended.code == 2
    assert "batch daily-2026-11-26: 1 edit accepted, 0 were already there\n" in ended.err
    assert "no edit: s3://photos/incoming/2026-11-26/b.png: it is not PNG, JPEG or WebP\n" in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["scan", "{path}"], "RETOUCH_BUCKET is missing: "),
        (["scan", "{path}", "--bucket", "photos", "--prefix", "incoming/"], "they could make edits of themselves"),
        (["scan", "{path}", "s3://others/incoming/", *RESULTS], "the recipe daily is for the bucket photos"),
        (["scan", "{path}", "s3://photos/incoming", *RESULTS], "must be a folder, with a / at its end"),
        (["scan", "{path}", "photos/incoming/", *RESULTS], "is not s3://BUCKET/PREFIX"),
        (["scan", "{path}", "--read", *RESULTS], "--read is for: retouch recipe check"),
        (["check", "{path}", CAT, "--dry-run"], "--dry-run is for: retouch recipe scan"),
        (["check", "{path}"], "which object? Write: retouch recipe check FILE s3://bucket/key"),
    ],
)
def test_a_scan_that_cannot_be_meant_is_refused(
    run: Run, recipe: Callable[..., str], bucket: Bucket, arguments: list[str], said: str
) -> None:
    """In one sentence, before anything is read."""
    ended = run("recipe", *(word.replace("{path}", recipe()) for word in arguments))
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert bucket.acts == []


@pytest.mark.parametrize(("key", "folder"), [("{name}.png", ""), ("a/b-{x}/{y}.png", "a/"), ("a/{x*}/b.png", "a/")])
def test_a_scan_begins_where_the_pattern_does(key: str, folder: str) -> None:
    """At the last folder that all keys are in."""
    own = parse_recipe("r", {"bucket": "b", "key": key, "batch": "b", "edit": {"prompt": "x"}})
    assert folder_of(own, "") == folder
