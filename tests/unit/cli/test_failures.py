"""Why edits failed, as the commands tell it, and what they do with the edits of one reason alone."""

from __future__ import annotations

import json

import pytest

from retouch.cli.failures import SHOWN, failure_lines
from retouch.ledger import OTHER_GROUP, FailureGroup, Ledger, Settlement
from retouch.states import EditState
from tests.unit.cli.conftest import Run


@pytest.fixture
def failed(batch: str, ledger: Ledger) -> str:
    """A batch of which two edits failed for one reason, and one for another."""
    messages = ("a prompt of 90 tokens is too long", "no image", "a prompt of 812 tokens is too long")
    for claim, message in zip(ledger.worker.claim("w", lease_ms=60_000, places=3).claims, messages, strict=True):
        error = json.dumps({"code": "refused", "message": message})
        ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), EditState.FAILED, error=error)])
    return batch


def test_status_tells_each_reason_with_its_count(run: Run, failed: str) -> None:
    """The most frequent first, and how one is tried again; as JSON too."""
    told = run("status", failed).out
    too_long = "  2 failed (refused): a prompt of … tokens is too long (such as e0; group 1)\n"
    too_long += "    e0: a prompt of 90 tokens is too long\n"
    no_image = "  1 failed (refused): no image (e1; group 2)\n"
    assert f"{too_long}{no_image}to try those of one group again: retouch retry b --group 1\n" in told
    groups = run("status", failed, "--json").json["failure_groups"]
    assert [(one["group"], one["count"], one["example"]) for one in groups] == [(1, 2, "e0"), (2, 1, "e1")]
    assert [one["message"] for one in groups] == ["a prompt of 90 tokens is too long", "no image"]


def test_a_batch_without_failures_has_no_groups(run: Run, batch: str) -> None:
    """Nor a line about them."""
    assert run("status", batch, "--json").json["failure_groups"] == []
    assert "group" not in run("status", batch).out


def test_one_group_is_tried_again_alone(run: Run, failed: str, ledger: Ledger) -> None:
    """The others stay failed; a second time there is nothing to do, and what there is is told."""
    assert "2 failed edits of batch b are back in the queue" in run("retry", failed, "--group", "1").err
    view = ledger.reader.batch(failed)
    assert view is not None
    assert view.counts == {EditState.QUEUED: 2, EditState.FAILED: 1}
    again = run("retry", failed, "--group", "1")
    assert (again.code, again.out) == (0, "")
    assert again.err == (
        "nothing to retry: no edit of batch b is failed in group 1\n  1 failed (refused): no image (e1; group 2)\n"
    )


@pytest.mark.parametrize("option", ["--held", "--cancelled"])
def test_a_group_is_of_failed_edits(run: Run, failed: str, option: str) -> None:
    """With another state it is refused, and nothing is changed."""
    ended = run("retry", failed, "--group", "1", option)
    assert (ended.code, "--group is of failed edits" in ended.err) == (2, True)


@pytest.mark.parametrize("number", ["0", "256", "x", "1,,2", "1,x", ",", "²"])
def test_what_is_no_number_of_a_group_is_refused(run: Run, failed: str, number: str) -> None:
    """By each command, with where they are told; nothing is done."""
    for command in (("retry",), ("results",), ("redo", "--failed")):
        ended = run(*command, failed, "--group", number)
        assert (ended.code, ended.err) == (
            2,
            f"retouch: --group {number!r}: a reason has a number from 1 to 255 (retouch status BATCH tells them);"
            " write one, or several as 1,3\n",
        )


def test_several_groups_are_tried_again_together(run: Run, failed: str, ledger: Ledger) -> None:
    """In any order, spaces included."""
    ended = run("retry", failed, "--group", "2, 1")
    assert "3 failed edits of batch b are back in the queue" in ended.err
    assert run("retry", failed, "--group", "2,1").err.startswith(
        "nothing to retry: no edit of batch b is failed in group 1 or 2\n"
    )


def test_edits_of_one_group_are_sent_corrected(run: Run, failed: str, ledger: Ledger) -> None:
    """What a retry says of them advises it, in one command."""
    told = run("retry", failed, "--group", "2").err
    assert "to send them corrected: retouch redo b --failed --group 2 --set FIELD=VALUE" in told


def test_only_the_edits_of_these_groups_are_done_again(run: Run, failed: str, ledger: Ledger) -> None:
    """The same again is the same batch, another choice another one; where there are none the reasons are told."""
    for groups, batch, ids in (("1", "b-redo-1", ["e0", "e2"]), ("2", "b-redo-2", ["e1"]), ("1,2", "b-redo-3", None)):
        for accepted in (len(ids or "123"), 0):
            done = run("redo", failed, "--failed", "--group", groups, "--set", "strength=0.5", "--json")
            assert (done.code, done.json["batch"], done.json["accepted"]) == (0, batch, accepted), done.err
        assert [one.custom_id for one in ledger.reader.made(batch)] == (ids or ["e0", "e1", "e2"])
    none = run("redo", failed, "--failed", "--group", "3")
    assert (none.code, none.err.splitlines()[0]) == (0, "nothing to do: no edit of batch b has failed in group 3")
    assert "  1 failed (refused): no image (e1; group 2)" in none.err.splitlines()
    for other in ((), ("--blank",), ("--only", "-")):
        refused = run("redo", failed, *other, "--group", "1")
        assert (refused.code, "--group is of failed edits: write --failed beside it" in refused.err) == (2, True)


def test_results_of_one_group(run: Run, failed: str) -> None:
    """Also as a table; a group that there is not is named with those that there are."""
    lines = run("results", failed, "--group", "1").out.splitlines()
    assert [json.loads(line)["custom_id"] for line in lines] == ["e0", "e2"]
    assert run("results", failed, "--group", "2", "--format", "csv", "--fields", "custom_id").out == "custom_id\ne1\n"
    none = run("results", failed, "--group", "3")
    assert none.code == 2
    assert "batch b has no group 3 of failed edits; there is 1, 2" in none.err


def test_many_reasons_are_cut() -> None:
    """The rest is a number, and the group of all further ones has no code."""
    groups = [FailureGroup(number, "refused", "no", 2, None) for number in range(1, SHOWN + 3)]
    lines = failure_lines("b", groups)
    assert lines[0] == "  2 failed (refused): no (group 1)"
    assert lines[SHOWN:] == [
        "  and 2 further reasons: retouch status b --json",
        "to try those of one group again: retouch retry b --group 1",
    ]
    assert failure_lines("b", [FailureGroup(OTHER_GROUP, "", "", 1200, "c7")]) == [
        "  1,200 failed: no reason was given (such as c7; group 255)"
    ]
