"""``retouch results``: what became of a batch's edits, as JSON lines, CSV or Parquet."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer

from retouch.cli.ended import ended_with_progress, parse_states
from retouch.cli.failures import Groups, parse_groups
from retouch.cli.files import replacing
from retouch.cli.flat import Columns
from retouch.cli.options import BatchArgument, Bucket, Prefix, RedisUrl, open_queue
from retouch.cli.tables import PLAIN, SPREADSHEETS, Dialect, Format, write_csv, write_jsonl, write_parquet
from retouch.edit_result import Result
from retouch.environment import DEFAULT_REDIS_URL
from retouch.errors import InputError
from retouch.results.ended import ended_once
from retouch.results.groups import in_group
from retouch.rows import flat


def results(
    batch: BatchArgument,
    blank: Annotated[
        bool, typer.Option("--blank", help="Only those with an image that is black or of one colour, or may be.")
    ] = False,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
    only: Annotated[
        str, typer.Option(metavar="STATE,…", show_default=False, help="Only those that ended so, such as failed.")
    ] = "",
    group: Groups = "",
    format_: Annotated[
        Format | None,
        typer.Option(
            "--format",
            metavar="|".join(Format),
            show_default=False,
            help="How they are written; by default as FILE ends (.csv, .parquet), or jsonl.",
        ),
    ] = None,
    fields: Annotated[
        str,
        typer.Option(
            metavar="NAME,…",
            show_default=False,
            help="Only these fields, such as custom_id,outputs.0.uri,metadata.sku; by default all.",
        ),
    ] = "",
    delimiter: Annotated[
        str,
        typer.Option(
            metavar=",|;|tab",
            show_default=False,
            help="CSV for a spreadsheet, with this between cells: begins with a BOM (Excel needs it), with ';' numbers "
            "have a decimal comma.",
        ),
    ] = "",
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", show_default=False, help="The file; by default stdout (-).")
    ] = "",
    bucket: Bucket = "",
    prefix: Prefix = "",
) -> None:
    """Print the results of all edits that have ended, in the batch's order: as JSONL, or as a table.

    A batch that has left Redis is read from its manifest.jsonl in S3 (RETOUCH_BUCKET, RETOUCH_PREFIX).

    Examples:
        retouch results oil --only failed
        retouch results oil --format csv -o oil.csv
        retouch results oil --format csv --fields custom_id -o ids.txt
    """
    output = "" if output == "-" else output
    format_ = format_ or _format_of(output)
    groups = parse_groups(group)
    states, names, dialect = parse_states(only), _names(fields), _dialect(delimiter, format_)
    if format_ is Format.PARQUET and not output:
        raise InputError("Parquet is no text, so it is not printed: name a file with -o FILE")

    queue = open_queue(redis_url)
    in_it = in_group(batch, queue.failures(batch), *groups) if groups else (lambda _one: True)

    def chosen(results: Iterable[Result]) -> Iterator[Result]:
        return (one for one in results if one.state in states and (one.blank or not blank) and in_it(one))

    if format_ is Format.JSONL and not names:
        with _opened(output) as out:
            write_jsonl(chosen(ended_once(queue, batch, bucket, prefix)), (), out)
        return
    with ended_with_progress(queue, batch, bucket, prefix) as ended:
        columns = Columns()
        for result in chosen(ended.results()):
            columns.see(flat(result))
        columns.check(names)
        names = names or columns.default()
        found = chosen(ended.results())
        if format_ is Format.PARQUET:
            with replacing(Path(output)) as part:
                write_parquet(found, {name: columns.types(name) for name in names}, part)
            return
        with _opened(output) as out:
            if format_ is Format.CSV:
                write_csv(found, names, out, dialect)
            else:
                write_jsonl(found, names, out)


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if twice := [name for place, name in enumerate(names) if name in names[:place]]:
        raise InputError(f"--fields: {twice[0][:80]} is given twice")
    return names


def _format_of(output: str) -> Format:
    end = Path(output).suffix.lower().removeprefix(".")
    return Format(end) if end in list(Format) else Format.JSONL


def _dialect(delimiter: str, format_: Format) -> Dialect:
    if not delimiter:
        return PLAIN
    if format_ is not Format.CSV:
        raise InputError("--delimiter is for tables of text: add --format csv")
    if delimiter not in SPREADSHEETS:
        raise InputError(f"--delimiter {delimiter[:80]!r}: write one of ',' ';' tab (in quotes, because of the shell)")
    return SPREADSHEETS[delimiter]


@contextmanager
def _opened(output: str) -> Iterator[IO[str]]:
    """Stdout, or a file that appears when all is written."""
    if not output:
        yield sys.stdout
        return
    with replacing(Path(output)) as part, part.open("w", encoding="utf-8", newline="") as out:
        yield out
