"""``retouch redo``: edits of a batch once more, in a batch of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from retouch.ledger import Finish, Ledger, Made, Settlement
from retouch.states import EditState
from tests.ledger_bench import SUBMITTING, Bench
from tests.unit.cli.conftest import Run

IMAGE = {"uri": "s3://b/k/0.png", "sha256": "00", "bytes": 9, "width": 8, "height": 7, "content_type": "image/png"}
OUTCOMES = {
    "good": (EditState.COMPLETED, [IMAGE]),
    "bad": (EditState.FAILED, []),
    "black": (EditState.COMPLETED, [IMAGE, IMAGE | {"blank": True}]),
    "pale": (EditState.COMPLETED, [IMAGE | {"blank": "suspect"}]),
}


@pytest.fixture
def parent(run: Run, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A batch whose edits have ended, one in each way; the last one has not."""
    monkeypatch.chdir(tmp_path)
    edits = [
        {"custom_id": name, "prompt": f"a {name} cat", "init_image": "https://e.com/a", "metadata": {"sku": name}}
        for name in OUTCOMES
    ]
    Path("m.jsonl").write_text("".join(json.dumps(edit) + "\n" for edit in edits))
    run("enqueue", "m.jsonl", "--batch", "cats", "--set", "strength=0.5", "--set", "seed=7")
    end(ledger)
    return "cats"


def end(ledger: Ledger) -> None:
    """All edits that are queued end, by their names' beginnings."""
    bench = Bench(ledger.connection._client)
    claims = bench.edits()
    bench.intend(claims)
    for claim in claims:
        state, outputs = OUTCOMES[claim.member.partition("/")[2].partition(".")[0]]
        text = json.dumps(outputs, separators=(",", ":"))
        assert bench.ledger.worker.settle([Settlement(claim, SUBMITTING, state, outputs=text)])


def made(ledger: Ledger, batch: str) -> dict[str, Made]:
    return {one.custom_id: one for one in ledger.reader.made(batch)}


def only(*ids: str) -> list[str]:
    Path("ids.txt").write_text("\ufeff" + "\r\n".join(ids) + "\n\n")
    return ["--only", "ids.txt"]


@pytest.mark.parametrize(("option", "ids"), [("--failed", ["bad"]), ("--blank", ["black", "pale"])])
def test_edits_are_chosen_by_how_they_ended(run: Run, parent: str, ledger: Ledger, option: str, ids: list[str]) -> None:
    """They go to a batch that says whose edits it does again, and nothing else changes."""
    ended = run("redo", parent, option, "--json")
    assert (ended.code, ended.json["batch"], ended.json["accepted"]) == (0, "cats-redo-1", len(ids)), ended.err
    before, after = made(ledger, parent), made(ledger, "cats-redo-1")
    assert list(after) == ids
    for name, one in after.items():
        assert one.parameters == before[name].parameters
        assert one.about == before[name].about._replace(redo_of=f"cats/{name}")
    view = ledger.reader.batch("cats-redo-1")
    assert view is not None
    assert view.redo_of == parent


def test_what_is_set_replaces_and_null_takes_away(run: Run, parent: str, ledger: Ledger) -> None:
    """Unlike in enqueue, where the edit's own fields stay."""
    options = ["--set", "strength=0.9", "--set", "seed=null", "--set", "prompt=a dog"]
    assert run("redo", parent, *only("good", "bad"), *options).code == 0
    parameters = [one.parameters for one in made(ledger, "cats-redo-1").values()]
    expected = {"model_id": "sd1.5", "prompt": "a dog", "init_image": "https://e.com/a", "strength": 0.9}
    assert parameters == [expected] * 2


def test_one_edit_is_done_again_alone(run: Run, parent: str, ledger: Ledger) -> None:
    """As explain advises where it was refused: corrected, and no other failed edit with it."""
    assert run("redo", "cats/bad", "--set", "strength=0.8").code == 0
    [one] = ledger.reader.made("cats-redo-1")
    assert (one.custom_id, one.parameters["strength"]) == ("bad", 0.8)


def test_ids_come_from_stdin_too(run: Run, parent: str, ledger: Ledger) -> None:
    """As another command writes them."""
    assert run("redo", parent, "--only", "-", stdin=b"bad\ngood\n").code == 0
    assert list(made(ledger, "cats-redo-1")) == ["bad", "good"]


def test_who_writes_the_name_of_a_file_is_told_the_id(run: Run, parent: str, ledger: Ledger) -> None:
    """Ids cannot have all signs that names have."""
    address = "https://e.com/K%C3%A4se%201.png"
    Path("m.jsonl").write_text(json.dumps({"custom_id": "K-se-1-c2cc53", "prompt": "x", "init_image": address}))
    run("enqueue", "m.jsonl", "--batch", "food")
    for name in ("Käse 1", "Käse 1.png", "photos/Käse 1.png"):
        assert f"no edit {name} (did you mean K-se-1-c2cc53?); " in run("redo", "food", *only(name)).err


def test_the_ids_may_be_a_table_of_results(run: Run, parent: str, ledger: Ledger) -> None:
    """As ``results`` writes it: with a header, and as a spreadsheet wants it."""
    for number, options in enumerate([(), ("--delimiter", "tab")], 1):
        table = run("results", parent, "--only", "failed", "--format", "csv", "--fields", "custom_id", *options).out
        assert run("redo", parent, "--only", "-", "--set", f"seed={number}", stdin=table.encode()).code == 0
        assert [one.custom_id for one in ledger.reader.made(f"cats-redo-{number}")] == ["bad"]


def test_variations_and_sizes_of_a_redo(run: Run, parent: str, ledger: Ledger) -> None:
    """Ids say what varies, and each edit says which one it does again."""
    assert run("redo", parent, *only("good"), "--vary", "seed=1..3", "--size", "512x256").code == 0
    after = made(ledger, "cats-redo-1")
    assert list(after) == [f"good.seed-{n}" for n in (1, 2, 3)]
    assert {one.about.redo_of for one in after.values()} == {"cats/good"}
    assert {one.parameters["height"] for one in after.values()} == {256}


def test_new_seeds_are_different_for_all_edits(run: Run, parent: str, ledger: Ledger) -> None:
    """Edits of one picture would else be the same picture again, and each is paid for; ids say the new seed alone."""
    assert run("redo", parent, *only("good"), "--vary", "seed=1,2", "--yes").code == 0
    end(ledger)
    first = [one.custom_id for one in ledger.reader.made("cats-redo-1")]
    asked = ("redo", "cats-redo-1", *only(*first), "--new-seeds", "3", "--json")
    assert run(*asked).json["accepted"] == 6
    seeds = {name: one.parameters["seed"] for name, one in made(ledger, "cats-redo-1-redo-1").items()}
    assert (len(seeds), len(set(seeds.values()))) == (6, 6)
    assert seeds == {f"good.seed-{seed}": seed for seed in seeds.values()}
    again = run(*asked).json
    assert (again["batch"], again["already"]) == ("cats-redo-1-redo-1", 6)
    for options in (["--set", "seed=1"], ["--vary", "seed=1"]):
        ended = run(*asked, *options)
        assert (ended.code, "do not set the seed, or vary it, beside them" in ended.err) == (2, True)
    assert "new seeds: each edit gets 1 to 100, not 101" in run(*asked[:-2], "101").err


def test_the_same_command_is_the_same_batch_and_pays_nothing(run: Run, parent: str, ledger: Ledger) -> None:
    """Whatever the order of the ids; another wish is another batch."""
    options = [*only("good", "bad"), "--set", "seed=1"]
    first = run("redo", parent, *options, "--json").json
    end(ledger)
    again = run("redo", parent, *only("bad", "good"), "--set", "seed=1", "--json").json
    assert again == first | {"accepted": 0, "already": 2}
    assert run("redo", parent, *only("bad", "good"), "--set", "seed=2", "--json").json["batch"] == "cats-redo-2"
    assert run("redo", parent, *only("good"), "--set", "seed=1", "--json").json["batch"] == "cats-redo-3"


def test_the_number_of_a_redo_that_is_removed_is_not_used_again(run: Run, parent: str, ledger: Ledger) -> None:
    """Its images may be kept under its name."""
    run("redo", parent, *only("good"))
    run("redo", parent, *only("bad"))
    end(ledger)
    for claim in Bench(ledger.connection._client).claim().claims:
        ledger.worker.settle_batch(claim, Finish.WRITTEN)
    for batch in ("cats-redo-1", "cats-redo-2"):
        assert run("remove", batch, "--yes").code == 0
    assert run("redo", parent, *only("good"), "--json").json["batch"] == "cats-redo-3"
    assert run("redo", parent, *only("good"), "--json").json["already"] == 1


def test_a_redo_of_a_redo(run: Run, parent: str, ledger: Ledger) -> None:
    """It is linked to the batch that it comes from."""
    run("redo", parent, "--failed")
    end(ledger)
    assert run("redo", "cats-redo-1", "--failed", "--json").json["batch"] == "cats-redo-1-redo-1"
    assert made(ledger, "cats-redo-1-redo-1")["bad"].about.redo_of == "cats-redo-1/bad"


def test_a_picture_that_was_uploaded_keeps_its_name(run: Run, parent: str, ledger: Ledger) -> None:
    """It is in S3 already; another picture in its place has a name of its own."""
    own = {"prompt": "x", "init_image": "s3://b/_inputs/1.png", "about": {"init_image": "photos/a.png"}}
    key = ledger.connection.keys.edits(parent)
    ledger.connection._client.hset(key, "good", json.dumps(own))
    run("redo", parent, *only("good"))
    run("redo", parent, *only("good"), "--set", "init_image=https://e.com/b")
    assert made(ledger, "cats-redo-1")["good"].about.init_image == "photos/a.png"
    assert made(ledger, "cats-redo-2")["good"].about.init_image is None


def test_a_long_name_is_cut_and_never_another_batch(run: Run, ledger: Ledger, parent: str) -> None:
    """64 characters; a batch of that name which is none of its redos stays as it is."""
    long = "x" * 62
    run("enqueue", "m.jsonl", "--batch", long + "ab")
    run("enqueue", "m.jsonl", "--batch", "x" * 57 + "-redo-1")
    end(ledger)
    assert run("redo", long + "ab", "--failed", "--json").json["batch"] == "x" * 57 + "-redo-2"


def test_what_is_wrong_with_an_edit_is_told_by_its_name(run: Run, parent: str) -> None:
    """There is no manifest whose lines could be counted."""
    told = run("redo", parent, "--failed", "--set", "init_image=no-such.png").err
    assert told.startswith("bad: init_image no-such.png ")
    assert "nothing was enqueued: 1 bad edit" in told


def test_ids_that_are_not_there_are_named(run: Run, parent: str, ledger: Ledger) -> None:
    """And nothing is enqueued."""
    ended = run("redo", parent, *only("good", "gone", "lost"))
    assert ended.code == 2
    assert "batch cats has no edit gone, lost; nothing was enqueued" in ended.err
    ended = run("redo", parent, *only("goood", "Bad", "xyz"))
    said = "batch cats has no edit goood (did you mean good?), Bad (did you mean bad?), xyz; nothing was enqueued"
    assert said in ended.err
    assert len(ledger.reader.batches()) == 1


def test_edits_that_have_not_ended_are_not_done_beside_themselves(run: Run, parent: str, ledger: Ledger) -> None:
    """By name they are refused; among the failed ones they are told."""
    assert ledger.producer.retry(parent).sent == 1
    ended = run("redo", parent, *only("bad", "good"))
    assert ended.code == 2
    assert "bad of batch cats have not ended yet" in ended.err
    ended = run("redo", parent, "--failed")
    assert ended.code == 0
    assert "1 of its edits may still fail" in ended.err
    assert len(ledger.reader.batches()) == 1


def test_nothing_to_do_is_no_mistake(run: Run, parent: str, ledger: Ledger) -> None:
    """Exit code 0, and no batch."""
    run("redo", parent, *only("good"))
    end(ledger)
    for arguments in (["--failed"], ["--blank", "--json"]):
        ended = run("redo", "cats-redo-1", *arguments)
        assert (ended.code, "nothing to do" in ended.err) == (0, True)
    assert json.loads(ended.out)["accepted"] == 0
    assert len(ledger.reader.batches()) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "with one of --only FILE, --failed and --blank"),
        (["--failed", "--blank"], "with one of"),
        (["--only", "none.txt"], "cannot read none.txt"),
        (["--only", "empty.txt"], "holds no custom_id"),
        (["--failed", "--set", "sede=1"], "did you mean 'seed'"),
        (["--failed", "--vary", "seed"], "write FIELD=VALUES"),
    ],
)
def test_mistakes(run: Run, parent: str, arguments: list[str], words: str) -> None:
    """Each is one sentence."""
    Path("empty.txt").write_text("\n")
    ended = run("redo", parent, *arguments)
    assert ended.code == 2
    assert words in ended.err


def test_a_batch_that_is_gone_is_said(run: Run, parent: Any) -> None:
    """Its edits are only in Redis."""
    ended = run("redo", "gone", "--failed")
    assert ended.code == 2
    assert "there is no batch 'gone' in Redis" in ended.err
