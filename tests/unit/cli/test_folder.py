"""``retouch enqueue FOLDER`` and ``retouch manifest``: from pictures to edits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from retouch.cli import confirm
from retouch.ledger import Ledger
from tests.unit.cli.conftest import Run
from tests.unit.cli.test_uploads import MemoryStore, png


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """The bucket that pictures are uploaded to."""
    memory = MemoryStore()
    monkeypatch.setattr("retouch.queue.kept_store", lambda _bucket: memory)
    monkeypatch.setenv("RETOUCH_BUCKET", "bucket")
    return memory


@pytest.fixture
def photos(tmp_path: Path, bucket: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pictures, in a folder of the current one."""
    monkeypatch.chdir(tmp_path)
    folder = Path("photos")
    folder.mkdir()
    for shade, name in enumerate(("cat.png", "my dog.PNG")):
        (folder / name).write_bytes(png(shade))
    return folder


def ids(ledger: Ledger, batch: str) -> list[str]:
    return [made.custom_id for made in ledger.reader.made(batch)]


def test_a_folder_is_enqueued_and_uploaded(run: Run, photos: Path, bucket: MemoryStore, ledger: Ledger) -> None:
    """No file is written by hand; each edit says which picture it is of."""
    ended = run("enqueue", "photos", "--prompt", "an oil painting of {stem}", "--set", "strength=0.6", "--json")
    assert (ended.code, ended.json["accepted"], bucket.puts) == (0, 2, 2), ended.err
    made = list(ledger.reader.made(ended.json["batch"]))
    assert [(one.custom_id, one.parameters["prompt"], one.about.init_image) for one in made] == [
        ("cat", "an oil painting of cat", "photos/cat.png"),
        ("my-dog-87f51a", "an oil painting of my dog", "photos/my dog.PNG"),
    ]
    assert {one.parameters["strength"] for one in made} == {0.6}
    assert ended.json["batch"].startswith("photos-")
    assert "2 edits, 2 images" in ended.err


def test_the_same_folder_again_adds_nothing_and_sends_nothing(run: Run, photos: Path, bucket: MemoryStore) -> None:
    """Wherever it is called from."""
    first = run("enqueue", "photos", "--prompt", "x", "--json").json
    again = run("enqueue", str(photos.resolve()) + "/", "--prompt", "x", "--json").json
    assert again == first | {"accepted": 0, "already": 2}
    assert bucket.puts == 2


def test_what_is_sent_is_told_apart_from_what_is_there(run: Run, photos: Path) -> None:
    """Sending takes time and traffic; a picture that is left out is not sent."""
    assert "\n2 pictures uploaded\n" in run("enqueue", "photos", "--prompt", "x").err
    for name, data in (("new.png", png(9)), ("bad.png", b"hello")):
        (photos / name).write_bytes(data)
    again = run("enqueue", "photos", "--prompt", "x", "--skip-invalid").err
    assert "\n1 picture uploaded, 2 were in the bucket already\n" in again
    assert "uploaded" not in run("enqueue", "photos", "--prompt", "x", "--dry-run").err


def test_a_picture_that_is_added_goes_to_the_same_batch(run: Run, photos: Path, ledger: Ledger) -> None:
    """And changes no id, wherever it stands; more variations do not pay for the others again either."""
    first = run("enqueue", "photos", "--prompt", "x", "--json").json
    (photos / "a.png").write_bytes(png(9))
    assert run("enqueue", "photos", "--prompt", "x", "--json").json == first | {"accepted": 1, "already": 2}
    assert ids(ledger, first["batch"]) == ["cat", "my-dog-87f51a", "a"]


@pytest.mark.parametrize("options", [["--prompt", "y"], ["--prompt", "x", "--set", "seed=1"], ["--size", "512x256"]])
def test_other_wishes_are_another_batch(run: Run, photos: Path, options: list[str]) -> None:
    """Nothing of the first one is in the way."""
    first = run("enqueue", "photos", "--prompt", "x", "--json").json
    options = options if "--prompt" in options else ["--prompt", "x", *options]
    other = run("enqueue", "photos", *options, "--json").json
    assert other["accepted"] == 2
    assert other["batch"] != first["batch"]


def test_another_folder_of_the_same_name_is_another_batch(run: Run, photos: Path) -> None:
    """Many cameras call theirs alike."""
    first = run("enqueue", "photos", "--prompt", "x", "--json").json
    Path("b").mkdir()
    photos.rename("b/photos")
    assert run("enqueue", "b/photos", "--prompt", "x", "--json").json["batch"] != first["batch"]


def test_its_pictures_by_name_are_the_same_batch(run: Run, photos: Path) -> None:
    """``photos/*.png`` is what a shell makes of it."""
    first = run("enqueue", "photos", "--prompt", "x", "--json").json
    named = run("enqueue", "photos/cat.png", "photos/my dog.PNG", "--prompt", "x", "--json").json
    assert named == first | {"accepted": 0, "already": 2}


def test_a_batch_of_one_picture_is_named_after_it(run: Run, photos: Path) -> None:
    """And not after the folder that it happens to be in; the same picture again is the same batch."""
    first = run("enqueue", "photos/cat.png", "--prompt", "x", "--json").json
    assert first["batch"].startswith("cat-")
    again = run("enqueue", str(photos.resolve() / "cat.png"), "--prompt", "x", "--json").json
    assert again == first | {"accepted": 0, "already": 1}
    assert run("enqueue", "photos/my dog.PNG", "--prompt", "x", "--json").json["batch"].startswith("my-dog-")


def test_a_bad_picture_is_named_by_its_path(run: Run, photos: Path) -> None:
    """A folder has no lines; what is wrong is told with it once, and in JSON with the name."""
    (photos / "cut.png").write_bytes(png(3)[:-8])
    (photos / "new\nline.png").write_bytes(b"hello")
    ended = run("enqueue", "photos", "--prompt", "x", "--json")
    assert ended.code == 2
    told = ended.err.splitlines()
    assert told[0].startswith("photos/cut.png: is not a picture that the API accepts (PNG, JPEG, WebP): it is a trunc")
    assert told[1].startswith("photos/new line.png: ")
    assert told[-1] == "nothing was enqueued: 2 bad edits"
    assert [one["name"] for one in ended.json["rejected"]] == ["photos/cut.png", "photos/new\nline.png"]
    skipped = run("enqueue", "photos", "--prompt", "x", "--skip-invalid")
    assert "2 edits accepted, 2 edits were left out" in skipped.err


def test_a_mistake_of_all_variations_of_a_picture_is_told_once(run: Run, photos: Path) -> None:
    """By the picture, also in ``manifest``, and with a conflict."""
    options = ["photos/cat.png", "--prompt", "x " * 80, "--vary", "seed=1..9"]
    for command, nothing in (("enqueue", "nothing was enqueued"), ("manifest", "nothing was written")):
        told = run(command, *options).err
        assert "photos/cat.png and 8 others: prompt" in told
        assert f"{nothing}: 9 bad edits" in told
    run("enqueue", "photos/cat.png", "--prompt", "x", "--batch", "b")
    assert "photos/cat.png: custom_id exists" in run("enqueue", "photos", "--prompt", "y", "--batch", "b").err


def test_a_picture_that_has_changed_is_said(run: Run, photos: Path, bucket: MemoryStore) -> None:
    """With what to do; nothing is uploaded for it."""
    run("enqueue", "photos", "--prompt", "x")
    (photos / "cat.png").write_bytes(png(7))
    ended = run("enqueue", "photos", "--prompt", "x", "--json")
    assert ended.code == 2
    [[error]] = [rejected["errors"] for rejected in ended.json["rejected"]]
    assert error.startswith("the picture photos/cat.png has changed since it was enqueued in this batch; ")
    assert "--batch" in error
    assert bucket.puts == 2


def test_other_parameters_are_named(run: Run, photos: Path) -> None:
    """In a batch that was given by name."""
    run("enqueue", "photos", "--prompt", "x", "--batch", "b")
    ended = run("enqueue", "photos", "--prompt", "y", "--set", "seed=1", "--batch", "b")
    assert ended.code == 2
    assert "exists in the batch with other parameters" in ended.err
    assert "(what differs: prompt, seed)" in ended.err


@pytest.mark.parametrize("prompt", ["{caption}", "{nothing}", "{"])
def test_a_template_is_refused_before_anything_is_uploaded(run: Run, photos: Path, prompt: str, ledger: Ledger) -> None:
    """Exit code 2, and no batch."""
    ended = run("enqueue", "photos", "--prompt", prompt)
    assert ended.code == 2
    assert ledger.reader.batches() == []
    assert "uploading" not in ended.err


def test_variations_are_counted_with_their_price(run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is sent."""
    monkeypatch.setenv("RETOUCH_PRICE", "0.0035 usd")
    options = ["--prompt", "x", "--vary", "seed=1..20", "--vary", "strength=0.4,0.6,0.8"]
    ended = run("enqueue", "photos", *options, "--dry-run", "--json")
    assert ended.code == 0
    estimate = {"edits": 120, "images": 120, "equal_edits": 0, "price": {"amount": 0.42, "currency": "USD"}}
    assert ended.json["estimate"].items() >= estimate.items()
    assert "120 edits, 120 images" in ended.err
    assert "about 0.42 USD" in ended.err


def test_a_price_may_have_a_decimal_comma(run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As tables may."""
    monkeypatch.setenv("RETOUCH_PRICE", "0,5 EUR")
    assert "EUR" in run("enqueue", "photos", "--prompt", "x", "--dry-run").err


def test_one_mistake_of_many_pictures_is_told_once(run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever their names are."""
    monkeypatch.delenv("RETOUCH_BUCKET")
    for name in ("100% Sonne", "Bäume", "a b c", "ü", "it's 'so'"):
        shutil.copy(photos / "cat.png", photos / f"{name}.png")
    ended = run("enqueue", "photos", "--prompt", "x")
    assert ended.code == 2
    assert ended.err.count("RETOUCH_BUCKET") == 1


def test_a_price_that_is_none_names_the_variable(run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything else."""
    monkeypatch.setenv("RETOUCH_PRICE", "cheap")
    ended = run("enqueue", "photos", "--prompt", "x")
    assert (ended.code, "RETOUCH_PRICE" in ended.err) == (2, True)


class Terminal:
    """What a terminal is asked, and its answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
        self.asked: list[str] = []
        self._answer = answer
        monkeypatch.setattr(confirm, "_on_terminal", lambda: True)
        monkeypatch.setattr("typer.confirm", self._ask)

    def _ask(self, question: str, *, err: bool) -> bool:
        assert err
        self.asked.append(question)
        return self._answer


@pytest.mark.parametrize(
    ("options", "answer", "asked", "code"),
    [
        (["--vary", "seed=1..501"], True, ["Enqueue 1002 edits?"], 0),
        (["--vary", "seed=1..501"], False, ["Enqueue 1002 edits?"], 2),
        (["--vary", "seed=1..501", "--yes"], False, [], 0),
        (["--vary", "seed=1..500"], False, [], 0),
    ],
)
def test_above_a_thousand_variations_a_terminal_is_asked(
    run: Run,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    ledger: Ledger,
    options: list[str],
    answer: bool,
    asked: list[str],
    code: int,
) -> None:
    """A no enqueues nothing; ``--yes`` does not ask."""
    terminal = Terminal(monkeypatch, answer)
    ended = run("enqueue", "photos", "--prompt", "x", *options)
    assert (ended.code, terminal.asked) == (code, asked), ended.err
    assert bool(ledger.reader.batches()) is (code == 0)


def test_edits_that_are_equal_are_told(run: Run, photos: Path) -> None:
    """Two files of one picture are paid for twice."""
    (photos / "copy.png").write_bytes(png(0))
    ended = run("enqueue", "photos", "--prompt", "x", "--dry-run", "--json")
    assert (ended.json["estimate"]["equal_edits"], ended.json["estimate"]["price"]) == (1, None)
    assert "1 edit is equal to another one but for the custom_id, such as copy and cat" in ended.err


def test_a_manifest_of_the_folder_is_the_same(run: Run, photos: Path, tmp_path: Path, ledger: Ledger) -> None:
    """Enqueued from where it was written, with variations and sizes in it."""
    options = ["--prompt", "an oil of {stem}", "--vary", "seed=1,2", "--size", "fit:512", "--set", "strength=0.6"]
    written = run("manifest", "photos", *options)
    assert written.code == 0
    (tmp_path / "m.jsonl").write_text(written.out)
    run("enqueue", "photos", *options, "--batch", "folder")
    run("enqueue", "m.jsonl", "--batch", "manifest")
    assert (
        ids(ledger, "folder")
        == ids(ledger, "manifest")
        == [f"{stem}.seed-{n}" for stem in ("cat", "my-dog-87f51a") for n in (1, 2)]
    )
    assert [one[1:] for one in ledger.reader.made("folder")] == [one[1:] for one in ledger.reader.made("manifest")]


def test_a_manifest_written_elsewhere_finds_its_pictures(run: Run, photos: Path, ledger: Ledger) -> None:
    """With ``-o`` its paths are relative to the file."""
    Path("out").mkdir()
    assert run("manifest", "photos", "--prompt", "x", "-o", "out/m.jsonl").out == ""
    assert run("manifest", "photos", "--prompt", "x", "-o", "-").out == run("manifest", "photos", "--prompt", "x").out
    images = [json.loads(line)["init_image"] for line in Path("out/m.jsonl").read_text().splitlines()]
    assert images == ["../photos/cat.png", "../photos/my dog.PNG"]
    assert run("enqueue", "out/m.jsonl", "--batch", "b").code == 0
    assert len(ids(ledger, "b")) == 2


def test_a_manifest_with_a_bad_edit_is_not_written(run: Run, photos: Path) -> None:
    """All or nothing, as for enqueue."""
    Path("m.jsonl").write_text(
        '{"custom_id": "a", "prompt": "x", "init_image": "https://e.com/a"}\n{"custom_id": "b"}\n'
    )
    ended = run("manifest", "m.jsonl", "--vary", "seed=1,2")
    assert (ended.code, ended.out) == (2, "")
    assert "line 2 (b.seed-1) and 1 other: prompt is missing" in ended.err
