"""``retouch cancel`` and ``retouch retry``: what they say, and what there is to do where they do nothing."""

from __future__ import annotations

from retouch.causes import AmbiguityPolicy
from retouch.ledger import Ledger, Policy, Settlement, Strike
from retouch.states import EditState
from tests.unit.cli.conftest import Run, end


def test_cancel_then_retry_cancelled(run: Run, batch: str, ledger: Ledger) -> None:
    """What was cancelled can be put back."""
    assert "3 edits" in run("cancel", batch).err
    assert "3 cancelled edits" in run("retry", batch, "--cancelled").err
    view = ledger.reader.batch(batch)
    assert view is not None
    assert view.counts == {EditState.QUEUED: 3}


def test_nothing_to_cancel_says_where_the_batch_stands(run: Run, batch: str, ledger: Ledger) -> None:
    """And what can be done: exit code 0."""
    ledger.worker.see_worker("w", {})
    ended = run("cancel", batch, "--held")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == "nothing to cancel: no edit of batch b is held. To cancel the queued ones: retouch cancel b\n"
    claims = ledger.worker.claim("w", lease_ms=60_000, places=100).claims
    ledger.worker.begin_submit(claims, Policy(AmbiguityPolicy.HOLD, AmbiguityPolicy.HOLD), lease_ms=60_000, nonce="n")
    said = run("cancel", batch).err
    assert said.startswith("nothing to cancel: no edit of batch b is queued or held. It has not ended (3 submitting): ")
    assert said.endswith("waiting for 3 edits at the API\n")
    ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), EditState.COMPLETED) for claim in claims])
    assert run("cancel", batch).err.endswith("(3 completed): waiting for its files to be written\n")
    end(ledger)
    assert run("cancel", batch).err.endswith("It has ended (3 completed); to remove it: retouch remove b\n")


def fail(ledger: Ledger, *, taken: int) -> None:
    """Be the worker: every edit fails, and the API had taken so many of them."""
    claims = ledger.worker.claim("w", lease_ms=60_000, places=100).claims
    for number, claim in enumerate(claims):
        put = {"provider_id": "p"} if number < taken else {}
        ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), EditState.FAILED, put=put)])


def test_retry_says_how_many_are_asked_about(run: Run, batch: str, ledger: Ledger) -> None:
    """And how to submit them again all the same."""
    fail(ledger, taken=2)
    err = run("retry", batch).err
    assert "1 failed edit of batch b is back in the queue" in err
    assert "2 failed edits were taken by the API before: it is asked for the results first" in err
    assert "retouch retry b --anew" in err


def test_retry_anew_asks_about_none(run: Run, batch: str, ledger: Ledger) -> None:
    """All are submitted again."""
    fail(ledger, taken=2)
    err = run("retry", batch, "--anew").err
    assert "3 failed edits of batch b are back in the queue" in err
    assert "it is asked" not in err


def test_status_tells_what_came_of_a_retry_that_asked(run: Run, batch: str, ledger: Ledger) -> None:
    """Results that were still there, and edits that were submitted again; nothing where nobody asked."""
    assert "retried" not in run("status", batch).out
    fail(ledger, taken=3)
    run("retry", batch)
    claims = ledger.worker.claim("w", lease_ms=60_000, places=100).claims
    ledger.worker.begin_poll(claims, 60_000, 60_000, nonce="n")
    waiting = (EditState.WAITING,)
    unknown = Settlement(claims[2], waiting, EditState.WAITING, strike=Strike("status", 0, last=True))
    ledger.worker.settle([Settlement(claim, waiting, EditState.COMPLETED) for claim in claims[:2]] + [unknown])
    assert "retried: 2 results were still at the API, 1 was submitted again" in run("status", batch).out
    status = run("status", batch, "--json").json
    assert (status["recovered"], status["sent_anew"]) == (2, 1)


def states(ledger: Ledger) -> dict[str, EditState]:
    """The state of each edit."""
    views = {name: ledger.reader.edit("b", name) for name in ("e0", "e1", "e2")}
    return {name: view.state for name, view in views.items() if view}


def test_one_edit_is_changed_alone(run: Run, batch: str, ledger: Ledger) -> None:
    """As explain advises: cancelled, put back, tried again; the others stay as they are."""
    queued, cancelled, failed = EditState.QUEUED, EditState.CANCELLED, EditState.FAILED
    assert run("cancel", "b/e1").err == "b/e1 is cancelled\n"
    assert states(ledger) == {"e0": queued, "e1": cancelled, "e2": queued}
    assert "2 edits of batch b are cancelled" in run("cancel", batch).err
    assert run("retry", "b/e2", "--cancelled").err == "b/e2 is tried again\n"
    assert states(ledger) == {"e0": cancelled, "e1": cancelled, "e2": queued}
    run("retry", batch, "--cancelled")
    fail(ledger, taken=1)
    asked, *sent = [name for name in ("e0", "e1", "e2") if (view := ledger.reader.edit("b", name)) and view.provider_id]
    assert (
        run("retry", f"b/{asked}").err == f"b/{asked} was taken by the API before: it is asked for the result first\n"
    )
    assert list(states(ledger).values()).count(failed) == 2
    assert sent == []
    first = next(name for name, state in states(ledger).items() if state is failed)
    assert run("retry", f"b/{first}", "--anew").err == f"b/{first} is submitted again\n"
    assert list(states(ledger).values()).count(failed) == 1


def test_one_edit_that_cannot_be_changed_says_why(run: Run, batch: str, ledger: Ledger) -> None:
    """Exit code 0 where there is nothing to do, and 2 where there is no such edit."""
    ended = run("retry", "b/e1")
    assert ended.code == 0
    assert ended.err == "nothing is tried again: b/e1 is queued, and not failed\nwhy: retouch explain b/e1\n"
    for command, said in (
        (("retry", "b/none"), "there is no edit 'none' in batch 'b'"),
        (("cancel", "b/"), "'b/' names no edit: write BATCH/CUSTOM_ID"),
        (("retry", "b/e1", "--group", "1"), "--group is of a batch's edits"),
        (("redo", "b/e1", "--failed"), "BATCH/CUSTOM_ID is one edit: leave out --only, --failed and --blank"),
    ):
        refused = run(*command)
        assert (refused.code, said in refused.err) == (2, True)


def test_retry_says_what_keeps_its_edits_from_being_submitted(run: Run, batch: str, ledger: Ledger) -> None:
    """That no worker is alive, or that all submits are paused: else one waits for what is never sent."""
    fail(ledger, taken=0)
    ledger.worker.pause("submit:person", "lunch")
    ledger.worker.pause("status:outage", "503")
    err = run("retry", batch).err
    assert "NO workers alive" in err
    assert "PAUSED: submits (person)" in err
    assert "status requests" not in err
    ledger.worker.see_worker("w", {})
    assert "NO workers alive" not in run("retry", batch, "--cancelled").err
