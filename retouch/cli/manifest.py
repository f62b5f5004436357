"""``retouch manifest``: write what ``retouch enqueue`` would enqueue as a manifest."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from retouch.cli.files import replacing
from retouch.cli.picture_options import (
    Column,
    IdTemplate,
    KeepColumns,
    Match,
    NegativePrompt,
    Prompt,
    Recursive,
    SizeOption,
    Sources,
    Vary,
    asked_for,
    parse_fields,
    stores,
)
from retouch.cli.receipt import noun, tell_rejected
from retouch.cli.terminal import ExitCode, emit, say
from retouch.edit import Edit, explain
from retouch.image_address import ImageKind
from retouch.intake.admission import custom_id_of
from retouch.intake.manifest import Columns
from retouch.intake.mistakes import Rejection
from retouch.intake.opening import Opened, opened_source
from retouch.plural import count


def manifest(
    sources: Sources,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FIELD=VALUE", show_default=False, help="Set a field for all that do not set it."
        ),
    ] = None,
    prompt: Prompt = None,
    negative_prompt: NegativePrompt = None,
    id_: IdTemplate = "",
    match: Match = None,
    recursive: Recursive = False,
    vary: Vary = None,
    size: SizeOption = "",
    column: Column = None,
    keep_columns: KeepColumns = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", show_default=False, help="Write it to FILE, not to stdout (-)."),
    ] = None,
) -> None:
    """Write a folder's pictures, or another manifest with variations and sizes, as a manifest (JSONL).

    Paths are relative to where you are, so enqueue the file from there: with -o FILE they are relative to FILE.

    Examples:
        retouch manifest photos/ --prompt "a charcoal {stem}" -o charcoal.jsonl
        retouch enqueue charcoal.jsonl --set strength=0.6 --dry-run
    """
    output = None if output == Path("-") else output
    fields = parse_fields(set_, prompt, negative_prompt)
    asked = asked_for(fields, vary, size, id_, match, recursive, Columns.parse(column or [], keep=keep_columns))
    with opened_source(sources, asked, stores()) as opened:
        rejected, names = list[Rejection](), dict[int, str]()
        records = list(_records(opened, output.parent if output else Path(), rejected, names))
        for note in opened.source.notes:
            say(f"note: {note}")
    if rejected:
        tell_rejected(rejected, names)
        say(f"nothing was written: {count(len(rejected), f'bad {noun(names)}')}")
        raise typer.Exit(ExitCode.INPUT)
    _write(records, output)


def _records(opened: Opened, home: Path, rejected: list[Rejection], names: dict[int, str]) -> Iterator[dict[str, Any]]:
    """The edits with what was set for all; paths are relative to ``home``."""
    seen: dict[str, str] = {}
    for line in opened.source:
        custom_id = custom_id_of(line.fields)
        try:
            errors = [line.problem] if line.problem else []
            edit = None if errors else Edit.model_validate({**opened.defaults, **line.fields})
        except ValidationError as error:
            edit, errors = None, explain(error)
        place = f"by {line.name}" if line.name else f"on line {line.number}"
        if edit and (first := seen.setdefault(edit.custom_id, place)) != place:
            errors.append(f"custom_id {edit.custom_id!r} is already used {first}")
        if errors:
            rejected.append(Rejection(line.number, custom_id, errors))
            names |= {line.number: line.name} if line.name else {}
        elif edit:
            yield _record(edit, opened.folder, home)


def _record(edit: Edit, folder: Path, home: Path) -> dict[str, Any]:
    record = edit.model_dump(exclude_unset=True, exclude_none=True)
    if edit.image_kind is ImageKind.PATH and not Path(edit.init_image).is_absolute():
        record["init_image"] = os.path.relpath(folder / edit.init_image, home)
    return {"custom_id": record.pop("custom_id"), **record}


def _write(records: list[dict[str, Any]], output: Path | None) -> None:
    if output is None:
        for record in records:
            emit(record)
        return
    with replacing(output) as part:
        part.write_text("".join(json.dumps(record) + "\n" for record in records))
