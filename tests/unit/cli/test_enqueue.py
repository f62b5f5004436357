"""``retouch enqueue``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from retouch.cli import enqueue as command
from retouch.cli.options import parse_set
from retouch.cli.receipt import SHOWN
from retouch.errors import InputError
from retouch.ledger import Ledger
from retouch.states import EditState
from tests.unit.cli.conftest import Run

Manifest = Callable[..., str]


def test_a_manifest_is_accepted_and_named_after_its_content(run: Run, manifest: Manifest) -> None:
    """The same manifest again is the same batch and adds nothing."""
    path = manifest({}, {})
    first = run("enqueue", path, "--json")
    assert first.code == 0
    assert first.json == {"batch": first.json["batch"], "accepted": 2, "already": 0, "rejected": []}
    assert first.json["batch"].startswith("m-")
    again = run("enqueue", path, "--json")
    assert again.json == first.json | {"accepted": 0, "already": 2}


@pytest.mark.parametrize("weight", ["nan", "inf", "-inf", "0", "-1", "0.0001", "1001"])
def test_a_weight_out_of_its_bounds_is_refused(run: Run, manifest: Manifest, ledger: Ledger, weight: str) -> None:
    """Before anything is uploaded or written, and in words that name the bounds."""
    ended = run("enqueue", manifest({}), "--batch", "b", "--weight", weight)
    assert ended.code == 2
    assert "must be a number from 0.001 to 1000" in ended.err
    assert ledger.reader.batches(1) == []


def test_the_weight_has_its_name_of_before_too(run: Run, manifest: Manifest, ledger: Ledger) -> None:
    """It is not in the help, and says its name of today; its bounds are the same."""
    weights = []
    for name, *option in (("new", "--weight", "2"), ("old", "--priority", "2"), ("none",)):
        ended = run("enqueue", manifest({}), "--batch", name, *option)
        assert (ended.code, "--priority is called --weight now" in ended.err) == (0, name == "old")
        weights.append(ledger.connection.read("HGET", ledger.connection.keys.batch(name), "weight"))
    assert list(map(float, weights)) == [2, 2, 1]
    assert run("enqueue", manifest({}), "--priority", "nan").code == 2
    assert "--priority" not in run("enqueue", "-h").out


def test_a_timeout_that_is_no_number_is_refused(run: Run, manifest: Manifest) -> None:
    """It would never be reached."""
    ended = run("enqueue", manifest({}), "--wait", "--timeout", "nan")
    assert (ended.code, "--timeout" in ended.err) == (2, True)


@pytest.mark.parametrize("command", [["enqueue", "MANIFEST"], ["redo", "b", "--failed"]])
def test_a_timeout_of_nothing_is_refused(run: Run, manifest: Manifest, command: list[str]) -> None:
    """Whoever gives one means to wait."""
    ended = run(*(manifest({}) if word == "MANIFEST" else word for word in command), "--timeout", "5")
    assert (ended.code, ended.out) == (2, "")
    assert "--timeout bounds --wait" in ended.err


def test_without_json_stdout_is_the_batch_alone(run: Run, manifest: Manifest) -> None:
    """So that a script can keep it in a variable."""
    assert run("enqueue", manifest({}), "--batch", "b").out == "b\n"


def test_bad_lines_are_named_and_nothing_is_enqueued(run: Run, manifest: Manifest, ledger: Ledger) -> None:
    """All or nothing."""
    ended = run("enqueue", manifest({}, {"samples": 9}, "garbage", {"strenth": 1}), "--batch", "b", "--json")
    assert ended.code == 2
    assert [(r["line"], r["custom_id"]) for r in ended.json["rejected"]] == [(2, "e1"), (3, None), (4, "e3")]
    assert "samples 9" in ended.err
    assert "nothing was enqueued: 3 bad lines" in ended.err
    assert ledger.reader.batch("b") is None


def test_skip_invalid_enqueues_the_good_and_does_not_call_it_a_success(run: Run, manifest: Manifest) -> None:
    """Exit code 3: finished with failures."""
    ended = run("enqueue", manifest({}, "garbage"), "--batch", "b", "--json", "--skip-invalid")
    assert ended.code == 3
    assert (ended.json["accepted"], len(ended.json["rejected"])) == (1, 1)


def test_skip_invalid_with_nothing_good_is_bad_input(run: Run, manifest: Manifest) -> None:
    """There is no batch to speak of."""
    assert run("enqueue", manifest("{"), "--skip-invalid").code == 2


@pytest.mark.parametrize("values", [[9] * 50, list(range(5, 55))])
def test_a_mistake_on_every_line_is_told_once(run: Run, manifest: Manifest, values: list[int]) -> None:
    """With the number of its lines, whatever differs in it; --json has all."""
    ended = run("enqueue", manifest(*[{"samples": value} for value in values]), "--json")
    assert f"line 1 (e0) and 49 others: samples {values[0]} should be" in ended.err
    assert ended.err.count("samples") == 1
    assert len(ended.json["rejected"]) == 50


def test_a_few_lines_with_different_values_are_each_told(run: Run, manifest: Manifest) -> None:
    """The values help to find what is wrong; the same sentence twice does not."""
    err = run("enqueue", manifest({"samples": 9}, {"samples": 8}, {"seed": "x"}, {"seed": "x"})).err
    assert [line.partition(":")[0] for line in err.splitlines()[:3]] == [
        "line 1 (e0)",
        "line 2 (e1)",
        "line 3 (e2) and 1 other",
    ]


def test_many_mistakes_are_cut_on_the_terminal_and_whole_in_json(run: Run, manifest: Manifest) -> None:
    """Nobody reads a thousand lines."""
    ended = run("enqueue", manifest(*[{"x" * (n + 1): 1} for n in range(30)], *[{"a" * n: 1} for n in range(1, 3)]))
    assert ended.err.count("unknown field") == 1
    fields = ["samples", "width", "height", "strength", "guidance_scale", "num_inference_steps", "seed", "refiner"]
    pairs = [{one: "x", other: "x"} for n, one in enumerate(fields) for other in fields[n + 1 :]]
    ended = run("enqueue", manifest(*pairs), "--json")
    assert len([line for line in ended.err.splitlines() if line.startswith("line")]) == SHOWN
    assert f"and {len(pairs) - SHOWN} more bad lines" in ended.err
    assert len(ended.json["rejected"]) == len(pairs)


def test_columns_of_other_names_are_read_or_kept(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    """From the option to the ledger."""
    path = tmp_path / "m.csv"
    path.write_text("id;caption;init_image;note;strength\na;cat;https://e.com/a;hello;0,5\n")
    refused = run("enqueue", str(path), "--column", "custom_id=id", "--column", "prompt=caption")
    assert (refused.code, "--keep-columns" in refused.err) == (2, True)
    ended = run(
        *("enqueue", str(path), "--batch", "b", "--column", "custom_id=id", "--column", "prompt=caption"),
        "--keep-columns",
    )
    assert ended.code == 0
    assert "kept as metadata: note" in ended.err
    view = ledger.reader.edit("b", "a")
    assert view is not None
    assert (view.parameters["prompt"], view.parameters["strength"]) == ("cat", 0.5)
    ledger.producer.cancel("b", [EditState.QUEUED])
    assert next(ledger.reader.results("b"))["metadata"] == {"note": "hello"}


def test_a_duplicate_custom_id_names_both_lines(run: Run, manifest: Manifest) -> None:
    """One of the two is a mistake; we cannot know which."""
    assert (
        "line 2 (x): custom_id 'x' is already used on line 1; each must be unique in the batch"
        in run("enqueue", manifest({"custom_id": "x"}, {"custom_id": "x"})).err
    )


def test_other_parameters_under_a_known_name_refuse_the_manifest(run: Run, manifest: Manifest, ledger: Ledger) -> None:
    """Looked up before anything is written."""
    run("enqueue", manifest({}), "--batch", "b")
    ended = run("enqueue", manifest({"seed": 1}, {}), "--batch", "b", "--json")
    assert ended.code == 2
    assert [r["custom_id"] for r in ended.json["rejected"]] == ["e0"]
    batch = ledger.reader.batch("b")
    assert batch is not None
    assert batch.total == 1


def test_set_fills_in_where_the_line_says_nothing(run: Run, manifest: Manifest, ledger: Ledger) -> None:
    """The line wins."""
    run("enqueue", manifest({}, {"samples": 1}), "--batch", "b", "--set", "samples=3")
    samples = [view.parameters["samples"] for n in (0, 1) if (view := ledger.reader.edit("b", f"e{n}"))]
    assert samples == [3, 1]


def test_set_reads_json_where_that_suits_the_field() -> None:
    """A prompt of digits stays a prompt."""
    assert parse_set(["prompt=5", "samples=2", "refiner=true", "scheduler=UniPC"]) == {
        "prompt": "5",
        "samples": 2,
        "refiner": True,
        "scheduler": "UniPC",
    }


@pytest.mark.parametrize("pair", ["samples", "samples=9", "foo=1", "custom_id=a", "samples=x"])
def test_a_bad_set_is_refused(pair: str) -> None:
    """By the same rules as a line's field."""
    with pytest.raises(InputError, match="--set"):
        parse_set([pair])


def test_csv_is_read_leniently(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    """All that CSV has is text."""
    path = tmp_path / "m.csv"
    path.write_text(
        "custom_id,prompt,init_image,samples,refiner\na,cat,https://e.com/a,2,yes\nb,cat,https://e.com/a,,\n"
    )
    assert run("enqueue", str(path), "--batch", "b").code == 0
    view = ledger.reader.edit("b", "a")
    assert view is not None
    assert (view.parameters["samples"], view.parameters["refiner"]) == (2, True)


def test_a_dry_run_estimates_and_writes_nothing(run: Run, manifest: Manifest, ledger: Ledger) -> None:
    """Samples x min(int(steps x strength), steps), with the API's defaults."""
    ended = run(
        "enqueue", manifest({}, {"samples": 2, "num_inference_steps": 30, "strength": 0.5}), "--dry-run", "--json"
    )
    assert ended.code == 0
    work = {"edits": 2, "images": 3, "unet_steps": 16 + 30}
    assert ended.json["estimate"] == work | {"equal_edits": 0, "price": None}
    assert ledger.reader.batches() == []


def test_stdin_is_a_manifest(run: Run) -> None:
    """Under the name stdin."""
    line = json.dumps({"custom_id": "a", "prompt": "x", "init_image": "https://e.com/a"}).encode()
    assert run("enqueue", "-", stdin=line).out.startswith("stdin-")


@pytest.mark.parametrize("path", ["missing.jsonl", "."])
def test_an_unreadable_manifest_is_one_sentence(run: Run, path: str) -> None:
    """And exit code 2, and no traceback."""
    ended = run("enqueue", path)
    assert ended.code == 2
    assert ended.err.count("\n") == 1


def test_waiting_past_the_timeout_prints_the_way_back(run: Run, manifest: Manifest) -> None:
    """Exit code 5, and the counts all the same."""
    ended = run("enqueue", manifest({}), "--batch", "b", "--wait", "--timeout", "0", "--json")
    assert ended.code == 5
    assert ended.json["counts"] == {"queued": 1}
    assert "retouch watch b" in ended.err


def test_a_bug_is_a_sentence(run: Run, manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback reaches a user."""

    def broken(_pairs: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(command, "parse_private_hosts", broken)
    ended = run("enqueue", manifest({}))
    assert ended.code == 1
    assert "unexpected ZeroDivisionError" in ended.err
    assert "Traceback" not in ended.err
