"""Manifests that Python programs read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from retouch import EditQueue, InputError, RejectedEditsError, read_manifest
from retouch.intake.reading import lines_of
from retouch.ledger import Ledger
from tests.unit.producing import parameters

URL = "https://example.com/a.png"


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_a_table_is_mappings_that_can_be_changed(queue: EditQueue, ledger: Ledger, tmp_path: Path) -> None:
    """With the types of the fields, as often as is asked for, and with what was not certain."""
    path = written(tmp_path / "a.csv", f"Name;Caption;init_image;strength;sku\na;a cat;{URL};0,6;17\n")
    manifest = read_manifest(path, column={"custom_id": "Name", "prompt": "Caption"}, keep_columns=True)
    row = {"custom_id": "a", "prompt": "a cat", "init_image": URL, "strength": 0.6, "metadata": {"sku": "17"}}
    assert list(manifest) == list(manifest) == [row]
    assert any("decimal commas" in note for note in manifest.notes)
    queue.enqueue([edit | {"seed": 7} for edit in manifest], batch="b")
    assert parameters(ledger, "b", "a")["seed"] == 7


def test_a_manifest_is_enqueued_as_it_is(queue: EditQueue, tmp_path: Path) -> None:
    """Checked whole; a bad line is told by its number in the file, and again is nothing new."""
    lines = [{"custom_id": name, "prompt": "a cat", "init_image": URL} for name in "abc"]
    path = written(tmp_path / "a.jsonl", "\n".join(map(json.dumps, lines)))
    assert queue.enqueue(read_manifest(str(path)), batch="b").accepted == 3
    assert queue.enqueue(read_manifest(str(path)), batch="b").already == 3
    path.write_text(path.read_text() + '\n\n{"custom_id": "d"\n{"custom_id": "e", "prompt": 5}')
    manifest = read_manifest(path)
    with pytest.raises(RejectedEditsError, match=r"(?s)line 5: is not whole JSON.*line 6 \(e\): prompt 5") as error:
        queue.enqueue(manifest, batch="other")
    assert [rejection.line for rejection in error.value.rejected] == [5, 6]
    assert len(queue.batches()) == 1
    with pytest.raises(InputError, match=r"a\.jsonl line 5 is not whole JSON"):
        list(manifest)


def test_other_columns_are_kept_by_either_call(queue: EditQueue, tmp_path: Path) -> None:
    """An error that names keep_columns helps, wherever it is given then."""
    path = written(tmp_path / "a.csv", f"custom_id,prompt,init_image,sku\na,a cat,{URL},17\n")
    with pytest.raises(InputError, match="keep_columns=True"):
        queue.enqueue(read_manifest(path), batch="b")
    assert queue.enqueue(read_manifest(path), batch="b", keep_columns=True).accepted == 1
    assert queue.enqueue(read_manifest(path, keep_columns=True), batch="b").already == 1
    queue.cancel("b")
    assert [result.metadata for result in queue.results("b")] == [{"sku": "17"}]


def test_pictures_are_beside_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And found from the working directory."""
    monkeypatch.chdir(tmp_path)
    given = ["cat.jpg", "/else/cat.jpg", URL, "s3://bucket/cat.jpg"]
    text = "".join(json.dumps({"custom_id": f"e{n}", "init_image": one}) + "\n" for n, one in enumerate(given))
    manifest = read_manifest(written(Path("photos/a.jsonl"), text))
    assert [edit["init_image"] for edit in manifest] == ["photos/cat.jpg", *given[1:]]
    assert next(line.shown for line in lines_of(manifest)) == "cat.jpg"


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        (None, {}, "cannot read .*: No such file"),
        ("", {}, "is empty"),
        ("custom_id,caption\n", {}, r"write column=\{'prompt': 'caption'\} to .*, or keep_columns=True to keep"),
        ("custom_id\na\n", {"column": {"prompt": "x"}}, r"^column=\{'prompt': 'x'\}: .* has no column 'x'"),
        ("custom_id\na\n", {"column": {"promt": "x"}}, r"^column=\{'promt': 'x'\}: 'promt' is no field"),
        ("name\na\n", {}, r"Write column=\{'custom_id': 'name'\} to read a column as ours"),
        ("text,file name\na,b\n", {}, r"Write column=\{'prompt': 'text', 'init_image': 'file name'\} to read"),
        ("%PDF", {}, "is a PDF"),
    ],
)
def test_what_is_wrong_is_said_in_the_words_of_python(
    tmp_path: Path, text: str | None, arguments: dict[str, Any], said: str
) -> None:
    """One sentence, without an option of the command line."""
    path = tmp_path / "a.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=said) as error:
        list(read_manifest(path, **arguments))
    assert "--" not in str(error.value)
