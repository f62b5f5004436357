"""``retouch fields``: which fields an edit may have."""

from __future__ import annotations

import shutil
import textwrap

import typer

from retouch.cli.options import Json
from retouch.cli.terminal import emit
from retouch.edit import Edit
from retouch.edit_fields import notes


def fields(json_: Json = False) -> None:
    """List the fields that an edit may have: in a manifest, in --set and in Python.

    With --json, the JSON Schema of a line of a manifest.

    Examples:
        retouch fields
    """
    if json_:
        emit(Edit.model_json_schema())
        return
    width = shutil.get_terminal_size().columns
    for note in notes(Edit.model_fields):
        typer.echo(note.heading)
        typer.echo(textwrap.fill(note.description, width, initial_indent="    ", subsequent_indent="    "))
