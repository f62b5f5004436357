"""The options of ``celery worker`` that may be given; any other would change what ``config/celery.py`` has set."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

import click
from click.core import ParameterSource

# A worker's name, what it logs, how a supervisor starts it, and three that it sets itself.
FREE = {
    *("hostname", "loglevel", "pidfile", "uid", "gid", "umask", "executable", "detach"),
    *("without_gossip", "without_mingle", "without_heartbeat"),
}


def refuse_others() -> None:
    """End the process with exit code 2 and one sentence if an option is given that may not be."""
    for parameter in _given():
        if parameter.name not in FREE:
            option = next(name for name in parameter.opts if name.startswith("--"))
            variable = f"CELERY_WORKER_{(parameter.name or '').upper()}"
            sys.stderr.write(
                f"retouch: a worker takes neither {option} nor {variable}: only its name (-n), its log level (-l)"
                " and what a supervisor needs may be chosen; to do more at a time, start more workers"
                " (docs/operations.md)\n"
            )
            sys.exit(2)


def log_level(given: int) -> int:
    """The level to log at: INFO where none was given, since Celery's default would hide what happens to edits."""
    return given if any(parameter.name == "loglevel" for parameter in _given()) else logging.INFO


def _given() -> Iterator[click.Parameter]:
    """The options that are on the command line or in the environment; none if no command has started this worker."""
    context = click.get_current_context(silent=True)
    for parameter in context.command.params if context else ():
        source = context and context.get_parameter_source(parameter.name or "")
        if source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT):
            yield parameter
