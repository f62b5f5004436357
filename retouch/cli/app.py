"""The commands, and the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

import typer

from retouch.cli.batches import batches
from retouch.cli.change import cancel, pause, resume, retry, seal
from retouch.cli.commands import Command, Commands
from retouch.cli.doctor import doctor
from retouch.cli.download import download
from retouch.cli.enqueue import enqueue
from retouch.cli.events import events
from retouch.cli.explain import explain
from retouch.cli.fields import fields
from retouch.cli.jobs import jobs
from retouch.cli.keys import keys
from retouch.cli.manifest import manifest
from retouch.cli.metrics import metrics
from retouch.cli.money import budget, money, price
from retouch.cli.page import page
from retouch.cli.picks import picks
from retouch.cli.recipe import recipe
from retouch.cli.redo import redo
from retouch.cli.remove import remove
from retouch.cli.results import results
from retouch.cli.sheet import sheet
from retouch.cli.sinks import sinks
from retouch.cli.status import status
from retouch.cli.terminal import LOST_OUTPUT, ExitCode, say
from retouch.cli.version import options
from retouch.cli.watch import watch
from retouch.errors import CancelledError, InputError, RetouchError

app = typer.Typer(
    name="retouch",
    cls=Commands,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help; rich is loaded for the progress bar only
)
app.callback()(options)
COMMANDS: tuple[Callable[..., None], ...] = (
    *(enqueue, manifest, fields, watch, status, explain, batches, results, picks, download, sheet, redo),
    *(retry, cancel, jobs, seal, pause, resume, price, money, budget, remove),
    *(events, sinks, page, keys, recipe, metrics, doctor),
)
for command in COMMANDS:
    app.command(cls=Command)(command)


def main() -> NoReturn:
    """Run the command line, and end the process with its exit code."""
    try:
        run()
    except SystemExit as end:
        _end_process(int(end.code or 0))


def _end_process(code: int) -> NoReturn:
    """End it without taking Python down, as ``sys.exit`` does.

    obstore's threads cannot be closed or waited for. One that still returns from telling a result, when the interpreter
    is taken down, aborts the process (SIGABRT, and nothing on stderr).
    """
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        pass
    except OSError as error:
        say(LOST_OUTPUT.format(error.strerror))
        code = code or ExitCode.BUG
    os._exit(code)


def run() -> NoReturn:
    """Run a command and raise SystemExit; an error is one sentence, with ``RETOUCH_DEBUG=1`` also a traceback."""
    try:
        app()
    except InputError as error:
        _end(str(error), ExitCode.INPUT)
    except CancelledError as error:
        _end(str(error), ExitCode.CANCELLED)
    except RetouchError as error:
        _end(str(error), ExitCode.SERVICE)
    except Exception as error:
        _end(
            f"unexpected {type(error).__name__}, a bug in Retouch (RETOUCH_DEBUG=1 shows where): {error}", ExitCode.BUG
        )
    sys.exit(ExitCode.OK)


def _end(sentence: str, code: ExitCode) -> NoReturn:
    say(f"retouch: {sentence}")
    if os.environ.get("RETOUCH_DEBUG") == "1":
        traceback.print_exc()
    sys.exit(code)
