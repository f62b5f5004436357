"""The parts of docs/cli.md: from the commands as typer knows them, which is what ``--help`` shows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import griffe
import typer

from retouch.cli.app import app
from retouch.cli.terminal import ExitCode
from scripts.reference_pages.markdown import table
from workers.stack.child import ROOT

GROUP: Any = typer.main.get_command(app)
COMMANDS: dict[str, Any] = GROUP.commands
_CODE = re.compile(  # options, variables, files, names in braces, patterns, FIELD=VALUES
    r"(?<![\w`])(--[a-z-]+( \w+=[A-Z]+)?|-o FILE|RETOUCH_[A-Z_]+|_SUCCESS|manifest\.jsonl|_inputs/"
    r"|'?\{[^' ]+\}'?|'\*\.jpg'|\w+=[@\w.,]*\w)"
)
SHARED = "#environment-variables"


def index() -> str:
    """A line for each command."""
    rows = (
        (f"[`retouch {name}`](#retouch-{name})", _text(each.get_short_help_str())) for name, each in COMMANDS.items()
    )
    return table(("command", "does"), rows)


def commands() -> str:
    """A section for each command."""
    return "\n\n".join(part for name, each in COMMANDS.items() for part in _section(name, each))


def exit_codes() -> str:
    """Each exit code with its docstring."""
    package: Any = griffe.load("retouch.cli.terminal", search_paths=[ROOT])
    found = package["ExitCode"].members
    rows = ((f"`{code.value}`", found[code.name].docstring.value) for code in ExitCode)
    return table(("exit code", "meaning"), rows)


def variables() -> str:
    """Each variable that stands for an option, and the commands that have it."""
    options: dict[str, list[Any]] = defaultdict(list)
    users: dict[str, list[str]] = defaultdict(list)
    for name, command in COMMANDS.items():
        for option in command.params:
            if option.envvar:
                options[option.envvar].append(option)
                users[option.envvar].append(name)
    rows = (
        (f"`{name}`", _spelt(options[name][0]), _who(users[name]), _text(options[name][0].help)) for name in options
    )
    return table(("variable", "option", "commands", "meaning"), rows)


def _who(names: list[str]) -> str:
    others = [name for name in COMMANDS if name not in names]
    return f"all but {', '.join(others)}" if len(others) < len(names) else ", ".join(names)


def _section(name: str, command: Any) -> Iterator[str]:
    shown = [one for one in command.params if not getattr(one, "hidden", False) and one.name != "help"]
    arguments = [one for one in shown if one.param_type_name == "argument"]
    options = [one for one in shown if one.param_type_name == "option"]
    yield f"## retouch {name}"
    yield "```text\n" + " ".join(["retouch", name, *(one.metavar for one in arguments), "[OPTIONS]"]) + "\n```"
    yield _text(command.help)
    yield "```sh\n" + "\n".join(command.examples) + "\n```"
    own = [one for one in options if not one.envvar]
    if arguments or own:
        rows = [
            *((f"`{one.metavar}`", _text(one.help)) for one in arguments),
            *((_spelt(one), _meaning(one)) for one in own),
        ]
        yield table(("argument or option", "meaning"), rows)
    if shared := [_spelt(one) for one in options if one.envvar]:
        yield f"Also {', '.join(shared)}: see [environment variables]({SHARED})."


def _spelt(option: Any) -> str:
    names = ", ".join(sorted(option.opts, key=len))
    return f"`{names}`" if option.is_flag else f"`{names} {option.metavar}`"


def _meaning(option: Any) -> str:
    default = f" By default `{option.default}`." if option.show_default and not option.is_flag else ""
    return _text(option.help) + default


def _text(help_: str) -> str:
    """The same, with what may be typed set as code."""
    return _CODE.sub(r"`\g<0>`", help_)
