"""``retouch cancel`` and ``retry`` of many edits show how far they are, and how to go on when they are interrupted."""

from __future__ import annotations

import pytest

from retouch.ledger import PAGE, Entry, JobState, Ledger, Settlement
from retouch.ledger.constants import CHANGED_AT_ONCE
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.unit.cli.conftest import Run

SIZE = 2 * CHANGED_AT_ONCE + 1
assert SIZE <= PAGE


@pytest.fixture
def batch(ledger: Ledger) -> str:
    ledger.producer.enqueue("b", [Entry(f"e{n}", "d", "{}", 1, None) for n in range(SIZE)])
    ledger.producer.seal("b")
    return "b"


def test_progress_is_told_page_by_page(batch: str, ledger: Ledger) -> None:
    """How many were dealt with, of how many; nothing where there are none."""
    queue, told = EditQueue(ledger), list[tuple[int, int]]()
    pages = [(CHANGED_AT_ONCE, SIZE), (2 * CHANGED_AT_ONCE, SIZE), (SIZE, SIZE)]
    assert queue.cancel(batch, on_progress=lambda done, total: told.append((done, total))) == SIZE
    assert told == pages
    assert queue.retry(batch, on_progress=lambda done, total: told.append((done, total))) == (0, 0)
    assert told == pages


def test_a_long_cancel_shows_its_progress(
    run: Run, batch: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On stderr, from the first second on; a short one says only what it did."""
    ledger.worker.see_worker("w", {})
    assert run("retry", batch).err == "nothing to retry: no edit of batch b is failed\n"
    monkeypatch.setattr("retouch.cli.counting.AFTER_S", 0.0)
    lines = run("cancel", batch).err.splitlines()
    [job] = ledger.jobs.of_batch("b")
    assert lines[0] == f"cancelling {SIZE} edits of batch b (job {job.id})"
    assert lines[1] == f"cancelling edits of batch b: {CHANGED_AT_ONCE} of {SIZE}"
    assert lines[-2] == f"cancelling edits of batch b: {SIZE} of {SIZE}"
    assert f"{SIZE} edits of batch b are cancelled" in lines[-1]


@pytest.mark.parametrize(
    ("command", "state"),
    [
        (("cancel", "b"), EditState.QUEUED),
        (("cancel", "b", "--held"), EditState.HELD),
        (("retry", "b", "--cancelled"), EditState.CANCELLED),
        (("retry", "b", "--anew"), EditState.FAILED),
    ],
)
def test_ctrl_c_says_what_was_done_and_how_to_go_on(
    run: Run, batch: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], state: EditState
) -> None:
    """With the options that it was called with; what is done stays."""
    if state is not EditState.QUEUED:
        claims = ledger.worker.claim("w", lease_ms=60_000, places=PAGE).claims
        ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), state) for claim in claims])
    move, pages = ledger.producer._connection.run, list[str]()

    def interrupted(name: str, *args: str | int | float) -> object:
        if name == "advance_job" and is_running(str(args[0])):
            if pages:
                raise KeyboardInterrupt
            pages.append(name)
        return move(name, *args)

    def is_running(job: str) -> bool:
        found = ledger.jobs.job(job)
        return found is not None and found.state is JobState.RUNNING

    monkeypatch.setattr(ledger.producer._connection, "run", interrupted)
    ended = run(*command)
    assert ended.code == 130
    again = f"For the rest: retouch {' '.join(command)}"
    assert f"interrupted after {CHANGED_AT_ONCE} of {SIZE} edits; what is done stays. {again}" in ended.err
    assert [job.state for job in ledger.jobs.of_batch("b")] == [JobState.STOPPED]
    assert EditQueue(ledger).status("b").counts[state] == SIZE - CHANGED_AT_ONCE
