"""Which options of ``celery worker`` a worker takes."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import click
import pytest
from celery import Celery
from celery.bin.worker import worker

from workers import options


@pytest.fixture
def context(request: pytest.FixtureRequest) -> click.Context:
    """The command ``celery worker`` with these arguments."""
    obj = SimpleNamespace(app=Celery())
    return worker.make_context("worker", list(request.param), obj=obj, auto_envvar_prefix="CELERY_WORKER")


@pytest.mark.parametrize(
    ("context", "option"),
    [
        (["-c", "8"], "--concurrency"),
        (["-P", "solo"], "--pool"),
        (["-B"], "--beat"),
        (["-Q", "mine"], "--queues"),
        (["-X", "queue.2"], "--exclude-queues"),
        (["-E"], "--task-events"),
        (["-O", "fair"], "--optimization"),
        (["--autoscale", "4,1"], "--autoscale"),
        (["--purge"], "--purge"),
        (["--max-tasks-per-child", "1"], "--max-tasks-per-child"),
        (["--time-limit", "1"], "--time-limit"),
        (["--prefetch-multiplier", "4"], "--prefetch-multiplier"),
        (["-f", "worker.log"], "--logfile"),
    ],
    indirect=["context"],
)
def test_an_option_that_would_break_a_worker_is_refused(
    context: click.Context, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence names it and says what to do instead."""
    with context, pytest.raises(SystemExit) as ended:
        options.refuse_others()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"retouch: a worker takes neither {option} nor CELERY_WORKER_")
    assert "start more workers" in said
    assert said.count("\n") == 1


def test_a_variable_of_celery_is_refused_as_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Celery reads each of its options from the environment too, where another application may have put it."""
    monkeypatch.setenv("CELERY_WORKER_CONCURRENCY", "8")
    obj = SimpleNamespace(app=Celery())
    context = worker.make_context("worker", [], obj=obj, auto_envvar_prefix="CELERY_WORKER")
    with context, pytest.raises(SystemExit):
        options.refuse_others()
    assert "nor CELERY_WORKER_CONCURRENCY:" in capsys.readouterr().err


@pytest.mark.parametrize(
    "context", [[], ["-n", "one@%h", "-l", "DEBUG", "--pidfile", "worker.pid", "--uid", "0"]], indirect=True
)
def test_name_level_and_what_a_supervisor_gives_are_free(context: click.Context) -> None:
    """They change nothing of how a worker works."""
    with context:
        options.refuse_others()


@pytest.mark.parametrize(
    ("context", "level"),
    [([], logging.INFO), (["-l", "WARNING"], logging.WARNING), (["-l", "debug"], logging.DEBUG)],
    indirect=["context"],
)
def test_the_level_is_info_unless_one_is_given(context: click.Context, level: int) -> None:
    """Celery's own default, WARNING, is not a choice of the operator."""
    with context:
        assert options.log_level(context.params["loglevel"]) == level


def test_a_worker_that_no_command_started_logs_at_info() -> None:
    """Such as one in a program of somebody's own."""
    options.refuse_others()
    assert options.log_level(logging.WARNING) == logging.INFO
