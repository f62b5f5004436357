"""Which options of ``celery worker`` a worker takes."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace

import click
import pytest
from celery import Celery
from celery.bin.worker import worker

from tests.harness.processes import run
from workers import options
from workers.stack.child import clean_environment


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
    "context", [["worker.concurrency=3", "worker.pool=prefork"], ["-n", "a", "task.acks_late=1"]], indirect=True
)
def test_a_setting_of_celery_as_an_argument_is_refused(
    context: click.Context, capsys: pytest.CaptureFixture[str]
) -> None:
    """Celery takes every one of its settings so."""
    with context, pytest.raises(SystemExit) as ended:
        options.refuse_others()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"retouch: a worker takes neither {context.args[0].split('=')[0]} nor any other setting")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "variables", "refused"),
    [
        (["--config", "nowhere"], {}, "--config (CONFIG_MODULE) nor CELERY_CONFIG_MODULE"),
        ([], {"BROKER_URL": "redis://:planted@x/0"}, "-b (--broker, BROKER_URL) nor CELERY_BROKER_URL"),
    ],
)
def test_an_option_of_celery_itself_is_refused(arguments: list[str], variables: dict[str, str], refused: str) -> None:
    """One sentence, before Celery imports what it names; nothing of a URL is in it."""
    command = [sys.executable, "-m", "celery", "-A", "workers", *arguments, "worker"]
    needed = {"RETOUCH_API_KEY": "key", "RETOUCH_BUCKET": "bucket", "RETOUCH_REDIS_URL": "redis://127.0.0.1:1/0"}
    ended = run(command, env=clean_environment(**needed, **variables))
    assert ended.code == 2
    [said] = (ended.out + ended.err).strip().splitlines()
    assert said.startswith(f"retouch: a worker takes neither {refused}:")
    assert "planted" not in said


@pytest.mark.parametrize("name", ["BROKER_URL", "BROKER_READ_URL", "RESULT_BACKEND", "LOADER", "CONFIG_MODULE"])
def test_a_variable_of_celery_itself_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Celery reads it apart from its settings, or puts an option there; an empty one is not set."""
    monkeypatch.setenv(f"CELERY_{name}", "")
    options.refuse_celerys()
    monkeypatch.setenv(f"CELERY_{name}", "planted")
    with pytest.raises(SystemExit) as ended:
        options.refuse_celerys()
    said = capsys.readouterr().err
    assert (ended.value.code, f"nor CELERY_{name}:" in said, "planted" in said) == (2, True, False)


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
