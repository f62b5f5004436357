"""How commands are listed and how they end, for all commands alike."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from retouch.cli.terminal import ExitCode, say
from retouch.signals import exit_code


class Command(TyperCommand):
    """A command whose help is not cut where all are listed."""

    def get_short_help_str(self, limit: int = 0) -> str:  # noqa: ARG002 - typer would cut it there
        """The first sentence of its help, whole."""
        first = (self.help or "").partition("\n\n")[0]
        return " ".join(first.split()).rstrip(".")


class Commands(TyperGroup):
    """Ends with our exit codes, not typer's, at Ctrl-C, at SIGTERM and when the reader of a pipe has gone."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt as interrupt:
            say("interrupted")
            raise typer.Exit(exit_code(interrupt)) from None
        except BrokenPipeError:
            # The rest of the buffer would raise again when Python closes stdout.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(ExitCode.OK) from None
        return result
