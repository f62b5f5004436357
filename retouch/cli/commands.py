"""How commands are listed and how they end, for all commands alike."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import textwrap
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from retouch.cli.terminal import LOST_OUTPUT, ExitCode, say
from retouch.environment import check_names
from retouch.signals import exit_code, interrupt_of, raise_on

# What the library that checks values calls them, and what people are told.
_WORDS = (
    (r"Value error, ", ""),
    (r"Input should be a valid integer.*", "write a whole number"),
    (r"Input should be a valid number.*", "write a number"),
    (r"Input should be greater than or equal to (.*)", r"write \1 or more"),
    (r"Input should be less than or equal to (.*)", r"write \1 or less"),
    (r"Input (should .*)", r"it \1"),
    # typer before it had pydantic read values
    (r".* is not a valid integer.*", "write a whole number"),
    (r".* is not a valid float.*", "write a number"),
    (r".* is not in the range x>=([^ ]+)\.$", r"write \1 or more"),
    (r".* is not in the range x<=([^ ]+)\.$", r"write \1 or less"),
    (r".* is not in the range ([^ ]+)<=x<=([^ ]+)\.$", r"write \1 to \2"),
)
NO_VARIABLE = " (env var: 'None')"
_FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Command(TyperCommand):
    """A command whose help is not cut where all are listed, and whose errors are in plain words.

    ``examples``: command lines, from the end of the docstring (``Examples:``); its help ends with them.
    """

    def __init__(self, *args: Any, help: str | None = None, **more: Any) -> None:
        text, _, examples = (help or "").partition("\n\nExamples:\n")
        super().__init__(*args, help=text, **more)
        self.examples = textwrap.dedent(examples).splitlines()

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the signature is typer's
        """Write the examples as they are: a line that is broken elsewhere cannot be copied."""
        if self.examples:
            with formatter.section("Examples"):
                formatter.write(textwrap.indent("\n".join(self.examples) + "\n", "  "))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; raises typer.BadParameter."""
        try:
            left = super().parse_args(ctx, args)
        except typer.BadParameter as error:
            error.message = _plain(error.message)
            error.param_hint = error.param_hint or _hint(ctx, error)
            raise
        parameters: list[Any] = self.get_params(ctx)
        missing = [each for each in parameters if each.required and ctx.params.get(each.name) is None]
        if missing and not ctx.resilient_parsing:  # typer before 0.19 may not tell
            raise typer.BadParameter("missing", ctx=ctx, param=missing[0])
        return left

    def get_help(self, ctx: Any) -> str:
        """The page that --help prints."""
        return str(super().get_help(ctx)).replace("\\[", "[")  # typer before 0.21 escapes them, as if rich printed it

    def invoke(self, ctx: Any) -> Any:
        """Run it, unless a variable that it may read is mistyped (InputError)."""
        if any(param.envvar for param in self.params):
            check_names()
        return super().invoke(ctx)

    def get_short_help_str(self, limit: int = 0) -> str:  # noqa: ARG002 - typer would cut it there
        """The first sentence of its help, whole."""
        first = (self.help or "").partition("\n\n")[0]
        return " ".join(first.split()).rstrip(".")


def _hint(ctx: Any, error: typer.BadParameter) -> str | None:
    """The parameter's name, without the variable that typer 0.16 names where there is none."""
    option: Any = error.param
    try:
        hint = str(option.get_error_hint(ctx))
    except (AttributeError, TypeError):  # there is none, or typer has its own since 0.26
        return None
    return hint.replace(NO_VARIABLE, "") if NO_VARIABLE in hint else None


def _plain(message: str) -> str:
    for theirs, ours in _WORDS:
        message = re.sub(f"^{theirs}", ours, message)
    return message


class Commands(TyperGroup):
    """Ends with our exit codes, not typer's, at Ctrl-C, at SIGTERM and when the reader of a pipe has gone."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command, which can put things in order when a signal comes."""
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            raise_on(*before)
            return self._run(ctx)
        except BaseException as error:
            interrupt = interrupt_of(error)
            if interrupt is None:
                raise
            say("interrupted")
            raise typer.Exit(exit_code(interrupt)) from None
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _run(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _drop_output()
            raise typer.Exit(ExitCode.OK) from None
        except OSError as error:
            if error.errno not in _FULL_DISK:
                raise
            _drop_output()
            say(LOST_OUTPUT.format(error.strerror))
            raise typer.Exit(ExitCode.BUG) from None
        return result


def _drop_output() -> None:
    """Send the rest of the buffer nowhere: it would raise again when stdout is closed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
