"""``retouch jobs``: what is done to many edits is listed, and stopped."""

from __future__ import annotations

import pytest

from retouch.errors import InputError
from retouch.ledger import Entry, Ledger
from retouch.queue import EditQueue
from tests.unit.cli.conftest import Run
from tests.unit.cli.test_schemas import check


@pytest.fixture
def queue(ledger: Ledger) -> EditQueue:
    """A queue with a batch of three edits that wait."""
    ledger.producer.enqueue("b", [Entry(f"e{n}", "d", "{}", 1, None) for n in range(3)])
    ledger.producer.seal("b")
    return EditQueue(ledger)


def test_jobs_are_listed_and_stopped(run: Run, queue: EditQueue) -> None:
    """With what they do, how far they are, who began them and when they ended; of one batch, or of all."""
    assert run("jobs").out == "no job in the last 7 days\n"
    assert run("jobs", "b").out == "no job of batch b in the last 7 days\n"
    job = queue.start_job(queue.count_job("b", "cancel", by="key ada").id)
    assert job.started is not None
    told = "  running  b: 0 of 3 edits cancelled (by key ada)\n"
    assert run("jobs").out == f"{job.id}  {job.started.isoformat(timespec='seconds')}{told}"
    check("jobs", run("jobs", "--json").json)
    stopped = run("jobs", "--stop", job.id)
    assert stopped.err == f"job {job.id} is stopped after 0 of 3 edits; what is done stays\n"
    ended = run("jobs").out
    assert run("jobs", "b").out == ended
    assert ended.endswith("  stopped  b: 0 of 3 edits cancelled (by key ada)\n")


def test_a_job_that_nobody_goes_on_with_is_told_of(run: Run, queue: EditQueue, ledger: Ledger) -> None:
    """By all commands that one asks, with what ends it."""
    job = queue.start_job(queue.count_job("b", "cancel").id)
    assert "nobody" not in run("jobs").out + run("status").out + run("status", "b").out
    keys, client = ledger.connection.keys, ledger.connection._client
    client.zadd(keys.jobs, {job.id: ledger.connection.now() - 60_000})  # a minute ago
    for command in (("jobs",), ("jobs", "b"), ("status",), ("status", "b")):
        told = run(*command).out
        assert f"nobody has gone on with job {job.id} of batch b since 20" in told, command
        assert (
            f"(celery -A workers worker), or read its log (jobs.held_up). To give it up: retouch jobs --stop {job.id}"
            in told
        )
    assert run("jobs", "--json").json["jobs"][0]["left_since"]
    run("jobs", "--stop", job.id)
    assert "nobody" not in run("jobs", "b").out + run("status").out


def test_what_other_commands_do_is_a_job_too(run: Run, queue: EditQueue) -> None:
    """So that whoever looks sees it, and can stop it."""
    run("cancel", "b")
    [job] = run("jobs", "b", "--json").json["jobs"]
    assert (job["action"], job["state"], job["changed"]) == ("cancel", "done", 3)
    assert queue.run_job(job["job"]) is False
    assert run("jobs", "--stop", job["job"]).err.startswith(f"job {job['job']} is not at work: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--stop", "0123456789abcdef"), "there is no job '0123456789abcdef'"),
        (("b", "--stop", "x"), "--stop names the job"),
        (("none",), "there is no batch 'none'"),
    ],
)
def test_a_job_that_is_not_there_is_said(
    run: Run,
    queue: EditQueue,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    """In one sentence."""
    ended = run("jobs", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_a_job_that_nobody_counted_cannot_be_started(queue: EditQueue) -> None:
    """Nor one whose batch is gone."""
    with pytest.raises(InputError, match="there is no job 'x' that can be started"):
        queue.start_job("x")
