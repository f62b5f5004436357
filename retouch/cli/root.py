"""What stands before every command: ``retouch --version``, ``retouch --namespace NAME COMMAND``."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import click
import typer

from retouch.errors import InputError
from retouch.ledger.keys import DEFAULT_NAMESPACE, check_namespace


def _print(wanted: bool) -> None:
    if wanted:
        typer.echo(f"retouch {version('retouch')}")
        raise typer.Exit


def options(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print, is_eager=True, help="Print the installed version and exit.")
    ] = False,
    namespace: Annotated[
        str,
        typer.Option(
            envvar="RETOUCH_NAMESPACE", metavar="NAME", help="The installation in Redis, if several share it."
        ),
    ] = DEFAULT_NAMESPACE,
) -> None:
    """Run image edits by the thousand through an img2img API, and find every finished image in S3."""
    try:
        context.obj = check_namespace(namespace)
    except InputError as error:
        raise InputError(f"RETOUCH_NAMESPACE: {error}") from None


def chosen_namespace() -> str:
    """The namespace that the command in progress was given."""
    return str(click.get_current_context().find_root().obj)
