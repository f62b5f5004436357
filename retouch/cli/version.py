"""``retouch --version``."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer


def _print(wanted: bool) -> None:
    if wanted:
        typer.echo(f"retouch {version('retouch')}")
        raise typer.Exit


def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print, is_eager=True, help="Print the installed version and exit.")
    ] = False,
) -> None:
    """Run image edits by the thousand through an img2img API, and put every finished image in S3."""
