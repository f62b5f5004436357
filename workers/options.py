"""The options of ``celery … worker`` that may be given; any other would change what ``config/celery.py`` has set."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from typing import NoReturn

import click
from click.core import ParameterSource

# A worker's name, what it logs, how a supervisor starts it, and three that it sets itself.
FREE = {
    *("hostname", "loglevel", "pidfile", "uid", "gid", "umask", "executable", "detach"),
    *("without_gossip", "without_mingle", "without_heartbeat"),
}


# The variables that Celery reads apart from its settings, and the options before ``worker`` whose values it puts there.
_OF_CELERY = {
    "CELERY_BROKER_URL": "-b (--broker, BROKER_URL)",
    "CELERY_BROKER_READ_URL": "broker_read_url",
    "CELERY_BROKER_WRITE_URL": "broker_write_url",
    "CELERY_RESULT_BACKEND": "--result-backend (RESULT_BACKEND)",
    "CELERY_LOADER": "--loader (LOADER)",
    "CELERY_CONFIG_MODULE": "--config (CONFIG_MODULE)",
}


def refuse_celerys() -> None:
    """End the process likewise for an option of ``celery`` itself, before Celery uses what it names."""
    for variable, option in _OF_CELERY.items():
        if os.environ.get(variable):
            _refuse(f"{option} nor {variable}")


def refuse_others() -> None:
    """End the process with exit code 2 and one sentence if a worker is given what it may not be."""
    for parameter in _given():
        if parameter.name not in FREE:
            option = next(name for name in parameter.opts if name.startswith("--"))
            _refuse(f"{option} nor CELERY_WORKER_{(parameter.name or '').upper()}")
    context = click.get_current_context(silent=True)
    if context and context.args:
        _refuse(f"{context.args[0].partition('=')[0]} nor any other setting of Celery as an argument")


def _refuse(given: str) -> NoReturn:
    sys.stderr.write(
        f"retouch: a worker takes neither {given}: only its name (-n), its log level (-l)"
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
