"""A folder of pictures as edits: ids, and prompts that are filled."""

from __future__ import annotations

import errno
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from retouch.errors import InputError
from retouch.intake.opening import Asked, opened_source
from retouch.intake.variations import parse_variations


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two pictures with captions, one of them in a subfolder."""
    folder = tmp_path / "photos"
    (folder / "rome").mkdir(parents=True)
    for name in ("cat.jpg", "rome/dog.jpg"):
        (folder / name).write_bytes(b"x")
    (folder / "cat.txt").write_bytes(b"\xef\xbb\xbfa {tabby} cat \r\n")
    (folder / "rome/dog.caption").write_text("\n a dog")
    return folder


def edits(*arguments: Path | str, vary: Sequence[str] = (), **fields: Any) -> list[dict[str, Any]]:
    options = {name: fields.pop(name) for name in ("id_template", "matches", "recursive") if name in fields}
    asked = Asked(fields, parse_variations(vary), **options)
    with opened_source([str(path) for path in arguments], asked, no_store) as opened:
        return [line.fields for line in opened.source]


def no_store(bucket: str) -> Any:
    raise AssertionError(f"nobody needs {bucket}")


def test_an_edit_for_each_picture(photos: Path) -> None:
    """Its id is made of the path, and its init_image is the path as it was given."""
    assert edits(photos, recursive=True, prompt="x") == [
        {"custom_id": "cat", "init_image": str(photos / "cat.jpg"), "prompt": "x"},
        {"custom_id": "rome-dog-e770fc", "init_image": str(photos / "rome/dog.jpg"), "prompt": "x"},
    ]


def test_all_names_are_filled(photos: Path) -> None:
    """A caption may hold braces, and has no blanks at its ends; two braces are one."""
    prompt = "{n} {stem} {name} {folder} {caption} {{}}"
    assert [edit["prompt"] for edit in edits(photos, recursive=True, prompt=prompt)] == [
        "1 cat cat.jpg photos a {tabby} cat {}",
        "2 dog dog.jpg rome a dog {}",
    ]


def test_negative_prompts_and_prompts_that_vary_are_filled_too(photos: Path) -> None:
    """Each is a template."""
    made = edits(photos, vary=("prompt=oil of {caption},ink of {stem}",), negative_prompt="no {folder}")
    assert [(edit["prompt"], edit["negative_prompt"]) for edit in made] == [
        ("oil of a {tabby} cat", "no photos"),
        ("ink of cat", "no photos"),
    ]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("x {colour}", r"names \{colour\}, which is not known here; there are \{stem\}"),
        ("x {}", "not known"),
        ("x {caption|title}", r"names \{title\}, which is not known here"),
        ("x {caption|}", "not known"),
        ("x {stem", r"single \{"),
        ("x }", r"single \}.*\}\}"),
        ("x {stem!r}", "not known"),
    ],
)
@pytest.mark.parametrize("where", ["prompt", "negative_prompt", "vary"])
def test_a_template_that_names_what_is_missing_is_refused(photos: Path, template: str, words: str, where: str) -> None:
    """Wherever it is given, and before any picture is looked at."""
    fields = {"prompt": "x"} | ({where: template} if where != "vary" else {})
    with pytest.raises(InputError, match=words):
        edits(photos, vary=(f"negative_prompt=ok,{template}",) if where == "vary" else (), **fields)


def test_captions_that_are_missing_are_counted(photos: Path) -> None:
    """An empty one is none."""
    for n in range(4):
        (photos / f"{n}.jpg").touch()
    (photos / "0.txt").write_text(" \n")
    words = (
        r"4 of 5 pictures have none: .*0\.jpg, .*1\.jpg, .*2\.jpg and 1 more\. \{caption\|stem\} takes the file's name"
    )
    with pytest.raises(InputError, match=words):
        edits(photos, prompt="{caption}")


def test_another_name_stands_in_for_a_caption_that_is_missing(photos: Path) -> None:
    """The first that has a value; a caption that is there is never left out."""
    (photos / "dog.jpg").touch()
    assert [e["prompt"] for e in edits(photos, prompt="oil of {caption|stem}")] == [
        "oil of a {tabby} cat",
        "oil of dog",
    ]
    with pytest.raises(InputError, match="1 of 2 pictures has none"):
        edits(photos, prompt="{caption|stem}, {caption}")


@pytest.mark.parametrize(("data", "words"), [(b"caf\xe9", "not UTF-8"), (b"x" * 70_000, "too long")])
def test_a_caption_that_is_no_text_is_refused(photos: Path, data: bytes, words: str) -> None:
    """With the file."""
    (photos / "cat.txt").write_bytes(data)
    with pytest.raises(InputError, match=rf"cat\.txt is .*{words}"):
        edits(photos, prompt="{caption}")


def test_pictures_without_a_prompt_are_refused_once(photos: Path) -> None:
    """With an example, and not once a picture."""
    with pytest.raises(InputError, match="pictures need a prompt, such as --prompt"):
        edits(photos)


def test_two_pictures_with_one_id_are_refused(photos: Path) -> None:
    """Both are named, with the way out, which works."""
    (photos / "cat.png").touch()
    with pytest.raises(InputError, match=r"cat\.jpg and .*cat\.png would both have the id 'cat'; .*--id '\{name\}'"):
        edits(photos, prompt="x")
    assert [e["custom_id"] for e in edits(photos, prompt="x", id_template="{name}")] == ["cat.jpg", "cat.png"]


def test_two_spellings_of_one_name_are_refused_as_that(photos: Path) -> None:
    """They look alike, and no option tells them apart."""
    for form in ("NFC", "NFD"):
        (photos / unicodedata.normalize(form, "é.jpg")).touch()
    with pytest.raises(InputError, match="differ only in how Unicode writes accents"):
        edits(photos, prompt="x")


def test_one_name_in_two_folders_is_refused_with_another_way_out(photos: Path) -> None:
    """The extension does not tell them apart."""
    (photos / "rome/cat.jpg").touch()
    arguments = photos / "cat.jpg", photos / "rome/cat.jpg"
    with pytest.raises(InputError, match=r"--id '\{folder\}-\{name\}'"):
        edits(*arguments, prompt="x")
    ids = [e["custom_id"] for e in edits(*arguments, prompt="x", id_template="{folder}-{name}")]
    assert ids == ["photos-cat.jpg", "rome-cat.jpg"]


@pytest.mark.parametrize("name", ["n", "caption"])
def test_an_id_is_not_made_of_what_changes(photos: Path, name: str) -> None:
    """A place changes when a picture is added."""
    with pytest.raises(InputError, match="not known here"):
        edits(photos, prompt="x", id_template=f"{{{name}}}")


def test_a_file_name_that_is_not_utf_8_is_a_problem_of_that_picture(photos: Path) -> None:
    """It cannot be written down."""
    (photos / "caf\udce9.jpg").touch()
    asked = Asked({"prompt": "{stem}"})
    with opened_source([str(photos)], asked, no_store) as opened:
        lines = list(opened.source)
    assert [line.problem for line in lines] == ["has a file name that is not UTF-8", None]
    assert lines[0].name == f"{photos}/caf\N{REPLACEMENT CHARACTER}.jpg"


@pytest.mark.parametrize(
    ("arguments", "fields", "words"),
    [
        (["photos", "photos/rome"], {}, "one folder at a time"),
        (["photos", "m.jsonl"], {}, "one folder at a time"),
        (["photos/cat.jpg", "m.jsonl"], {}, r"m\.jsonl is not a picture"),
        (["photos/cat.jpg", "-"], {}, "- is not a picture"),
        (["m.jsonl", "m.jsonl"], {}, "one manifest at a time"),
        ([""], {}, "a source is empty"),
        (["no-such"], {"recursive": True}, "cannot read no-such: there is no such file or folder"),
        (["photos/cat.jpg", "no-such"], {}, "cannot read no-such"),
        (["a" * 300], {}, "cannot read a{200}: File name too long"),
        (["locked/m.jsonl"], {}, r"cannot read locked/m\.jsonl: Permission denied"),
        (["m.jsonl"], {"id_template": "{name}"}, "for a folder of pictures"),
        (["m.jsonl"], {"recursive": True}, "for a folder of pictures"),
        (["photos/cat.jpg"], {"matches": ["*.jpg"]}, "for a folder"),
    ],
)
def test_sources_that_do_not_go_together(
    photos: Path, arguments: list[str], fields: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is what is said."""
    monkeypatch.chdir(photos.parent)
    Path("m.jsonl").write_text("{}\n")
    refuse_what_is_in("locked", monkeypatch)
    with pytest.raises(InputError, match=words):
        edits(*arguments, prompt="x", **fields)


def refuse_what_is_in(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a folder that may not be searched; root may, so that no mode of a file shows it."""
    real = os.stat

    def look(path: Any, **how: Any) -> os.stat_result:
        if str(path).startswith(f"{folder}/"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return real(path, **how)

    monkeypatch.setattr(os, "stat", look)


def test_a_picture_that_may_not_be_read_is_told_by_whoever_takes_it(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its path, beside what is wrong with the others; neither it nor its caption ends the command before."""
    monkeypatch.chdir(photos.parent)
    refuse_what_is_in("locked", monkeypatch)
    assert [edit["custom_id"] for edit in edits("photos/cat.jpg", "locked/b.jpg", prompt="x")] == ["b", "cat"]
    assert edits("locked/b.jpg", prompt="{caption|stem}")[0]["prompt"] == "b"


def test_a_pipe_is_read_once(photos: Path) -> None:
    """What was read to know it would be missing from the manifest, as with <(...) of a shell."""
    read_end, write_end = os.pipe()
    with os.fdopen(write_end, "wb") as stream:
        stream.write(b'{"custom_id": "a", "prompt": "x"}\n')
    try:
        assert edits(f"/dev/fd/{read_end}") == [{"custom_id": "a", "prompt": "x"}]
    finally:
        os.close(read_end)


def test_a_picture_is_known_by_its_bytes_and_a_brace_in_a_manifest_stays(photos: Path) -> None:
    """Templates are for pictures alone."""
    (photos / "img").write_bytes(b"\xff\xd8\xff\xe0")
    assert [edit["custom_id"] for edit in edits(photos / "img", prompt="x")] == ["img"]
    (photos / "m.jsonl").write_text('{"custom_id": "a", "prompt": "{stem}"}\n')
    assert edits(photos / "m.jsonl") == [{"custom_id": "a", "prompt": "{stem}"}]
