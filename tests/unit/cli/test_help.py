"""The help of every command: whole, at 80 columns and in a pipe, and every option explained."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
import typer
from jsonschema import Draft202012Validator

from retouch import Edit, ServiceError
from retouch.cli.app import app
from retouch.cli.options import complete_batch
from tests.harness.processes import run as run_process
from tests.harness.waiting import LIMIT_S
from tests.unit.cli.conftest import Run

GROUP = typer.main.get_command(app)
COMMANDS = sorted(GROUP.commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize(
    "command", [[], *([name] for name in COMMANDS)], ids=lambda words: " ".join(words) or "retouch"
)
def test_no_help_is_cut(run: Run, command: list[str], flag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the list of commands nor in its own page, which ends no line in an ellipsis."""
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run(*command, flag)
    assert code == 0
    assert "Usage:" in out
    assert max(map(len, out.splitlines())) <= 80
    help_ = out.partition("\n\n")[2]  # behind the usage
    assert [line for line in help_.splitlines() if re.search(r"(\.\.\.|…)$", line.rstrip())] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_is_explained(command: str) -> None:
    """A sentence for the command, and a help for each argument and option that is shown."""
    found = GROUP.commands[command]  # type: ignore[attr-defined]
    assert re.match(r"[A-Z].*\.", found.help, re.DOTALL)
    assert [each.name for each in found.params if not getattr(each, "hidden", False) and not each.help] == []


def test_the_help_of_a_command_ends_with_its_examples(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each on a line of its own, to be copied."""
    monkeypatch.setenv("COLUMNS", "80")
    assert run("pause", "-h").out.endswith("\n\nExamples:\n  retouch pause oil\n  retouch pause\n")


def test_the_list_of_commands_has_a_whole_sentence_of_each(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it begins its own page."""
    monkeypatch.setenv("COLUMNS", "80")
    listed = " ".join(run("-h").out.partition("Commands:")[2].split())
    for command in COMMANDS:
        first = GROUP.commands[command].help.partition("\n\n")[0]  # type: ignore[attr-defined]
        assert f"{command} {' '.join(first.split()).rstrip('.')}" in listed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("batches --state x", "'--state': 'x' is not one of 'open', 'finishing', 'completed', 'paused'"),
        ("results b --format x", "'--format': 'x' is not one of 'jsonl', 'csv', 'parquet'"),
        ("batches --limit x", "'--limit': write a whole number"),
        ("batches --limit 0", "'--limit': write 1 or more"),
        ("watch b --timeout x", "'--timeout': write a number"),
        ("watch b --timeout nan", "'--timeout': write 0 or more"),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_plain_words(run: Run, words: str, said: str) -> None:
    """Not in those of the library that reads it."""
    ended = run(*words.split())
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.endswith(f"Error: Invalid value for {said}\n") or f"{said}." in ended.err


def test_no_option_has_an_error_of_the_library(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the type of its value is; one that names a file may write it."""
    monkeypatch.chdir(tmp_path)
    for name in COMMANDS:
        command = GROUP.commands[name]  # type: ignore[attr-defined]
        for option in (one.opts[0] for one in command.params if one.param_type_name == "option" and not one.is_flag):
            said = run(name, option, "?!").err
            assert not re.search(r"Value error|Input should|validat", said), said


RETOUCH = [sys.executable, "-c", "import sys; sys.argv[0] = 'retouch'; from retouch.cli import main; main()"]


def test_the_shell_completes_commands() -> None:
    """With what ``retouch --install-completion`` installs."""
    asked = {"_RETOUCH_COMPLETE": "complete_bash", "COMP_WORDS": "retouch st", "COMP_CWORD": "1"}
    assert run_process(RETOUCH, env=os.environ | asked).out.split() == ["status"]


def test_the_script_of_completion_is_shown() -> None:
    """For whoever installs it by hand."""
    # The shell is named here; else it is looked for among the parent processes.
    named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    shown = run_process([*RETOUCH, "--show-completion", "bash"], env=os.environ | named)
    assert (shown.code, "_RETOUCH_COMPLETE=complete_bash" in shown.out) == (0, True)


def test_every_field_of_an_edit_is_listed(run: Run) -> None:
    """With its range, what holds where it is not set, and what it means."""
    out = run("fields").out
    headings = [line.split()[0] for line in out.splitlines() if not line.startswith(" ")]
    assert sorted(headings) == sorted(Edit.model_fields)
    assert "strength (number, 0 to 1; default: the API's, 0.8)\n    How far" in out
    assert "custom_id (text; required)\n    The edit's name" in out
    assert "model_id (text; default: sd1.5)" in out
    assert "negative_prompt (text; default: none)" in out
    assert "seed (whole number, from -1 on; default: the API's, -1)" in out
    assert "scheduler (text; default: the API's, not documented)" in out


def test_the_fields_are_a_json_schema_too(run: Run) -> None:
    """Which knows a good line from a bad one."""
    schema = Draft202012Validator(run("fields", "--json").json)
    good = {"custom_id": "a", "prompt": "a cat", "init_image": "https://example.com/cat.png", "strength": 0.5}
    assert schema.is_valid(good)
    assert not schema.is_valid(good | {"strength": 2})
    assert not schema.is_valid(good | {"strenght": 0.5})


TAKES_A_BATCH = [
    name
    for name in COMMANDS
    if any((one.name, one.param_type_name) == ("batch", "argument") for one in GROUP.commands[name].params)  # type: ignore[attr-defined]
]


@pytest.mark.parametrize("command", TAKES_A_BATCH)
def test_the_shell_completes_the_names_of_batches(
    run: Run, manifest: Callable[..., str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """The newest first, by how they begin."""
    monkeypatch.setattr("retouch.cli.options.COMPLETION_S", 60)
    for batch in ("cats", "cars", "dogs"):
        run("enqueue", manifest({}), "--batch", batch)
    found = GROUP.commands[command]  # type: ignore[attr-defined]
    [argument] = (one for one in found.params if one.name == "batch")
    context = typer.Context(found, resilient_parsing=True)
    assert [item.value for item in argument.shell_complete(context, "ca")] == ["cars", "cats"]


def test_without_redis_no_batch_is_completed_and_nothing_is_said() -> None:
    """A tab key gives no error."""
    asked = {"_RETOUCH_COMPLETE": "complete_bash", "COMP_WORDS": "retouch watch c", "COMP_CWORD": "2"}
    ended = run_process(RETOUCH, env=os.environ | asked | {"RETOUCH_REDIS_URL": "redis://127.0.0.1:1/0"})
    assert (ended.out.strip(), ended.err) == ("", "")


def test_a_redis_that_does_not_answer_is_not_waited_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person has pressed a key, and waits."""
    over, given_up = Event(), Event()

    def hangs(_url: str) -> None:
        over.wait(LIMIT_S)
        given_up.set()
        raise ServiceError("it never answered")

    monkeypatch.setattr("retouch.cli.options.open_queue", hangs)
    monkeypatch.setattr("retouch.cli.options.COMPLETION_S", 0.01)
    context = typer.Context(GROUP.commands["watch"], resilient_parsing=True)  # type: ignore[attr-defined]
    assert complete_batch(context, "") == []
    assert not given_up.is_set()
    over.set()


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_command_that_lacks_what_it_needs_says_so(run: Run, command: str) -> None:
    """Whatever version of typer is installed."""
    needed = [each for each in GROUP.commands[command].params if each.required]  # type: ignore[attr-defined]
    if needed:
        ended = run(command)
        assert ended.code == 2
        assert re.search("BATCH|SOURCE|CUSTOM_ID|ACTION", ended.err.partition("Error: ")[2])
    assert "\\[" not in run(command, "--help").out
