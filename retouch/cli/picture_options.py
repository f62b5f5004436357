"""The options that say which edits a source becomes: of ``enqueue`` and ``manifest``, some also of ``redo``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any

import typer

from retouch.cli.options import parse_set
from retouch.errors import InputError
from retouch.extras import no_s3
from retouch.intake.manifest import Columns
from retouch.intake.opening import Asked
from retouch.intake.sizes import RangeStore, parse_size
from retouch.intake.variations import parse_variations
from retouch.price import Price

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE…|-",
        show_default=False,
        help="A manifest (JSONL or CSV; - is stdin), a folder of pictures, or several pictures.",
    ),
]
Prompt = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        show_default=False,
        help="As --set prompt=TEXT. For pictures, {stem}, {name}, {folder}, {caption} (the .txt beside the picture) and"
        " {n} (its place) are filled in.",
    ),
]
NegativePrompt = Annotated[
    str | None, typer.Option(metavar="TEXT", show_default=False, help="As --set negative_prompt=TEXT.")
]
IdTemplate = Annotated[
    str,
    typer.Option(
        "--id",
        metavar="TEXT",
        show_default=False,
        help="What ids are made of, such as '{name}' or '{folder}-{stem}'; by default of the path without extension.",
    ),
]
Match = Annotated[
    list[str] | None,
    typer.Option(metavar="GLOB", show_default=False, help="Of a folder only these pictures, such as '*.jpg'."),
]
Recursive = Annotated[bool, typer.Option("--recursive", help="Also the pictures in the folder's subfolders.")]
Vary = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FIELD=VALUES",
        show_default=False,
        help="Each edit once for every value: seed=1..20, strength=0.4,0.6 or prompt=@FILE (a line each).",
    ),
]
SizeOption = Annotated[
    str,
    typer.Option(
        "--size",
        metavar="fit:N|WxH",
        show_default=False,
        help="The size of results: fit:512 keeps each picture's aspect, with 512 pixels on the long side.",
    ),
]
PriceOption = Annotated[
    str,
    typer.Option(
        "--price", envvar="RETOUCH_PRICE", metavar="PRICE", show_default=False, help="Of one image, such as 0.0035 USD."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask, however many edits variations make.")]


Column = Annotated[
    list[str] | None,
    typer.Option(
        metavar="OURS=THEIRS", show_default=False, help="Read a column (or JSON key) of another name as this field."
    ),
]
KeepColumns = Annotated[
    bool, typer.Option("--keep-columns", help="Keep columns that are not ours with the edits, as metadata.")
]


def parse_fields(set_: Sequence[str] | None, prompt: str | None, negative_prompt: str | None) -> dict[str, Any]:
    """The fields that are set for all edits; raises InputError."""
    pairs = [*(set_ or [])]
    for name, text in (("prompt", prompt), ("negative_prompt", negative_prompt)):
        if text is not None and any(pair.startswith(f"{name}=") for pair in pairs):
            raise InputError(f"--set {name} and --{name.replace('_', '-')} are the same; give one of them")
    fields = parse_set(pairs)
    given = {"prompt": prompt, "negative_prompt": negative_prompt}
    return fields | {name: text for name, text in given.items() if text is not None}


def asked_for(
    fields: dict[str, Any],
    vary: Sequence[str] | None,
    size: str,
    id_: str,
    match: Sequence[str] | None,
    recursive: bool,
    columns: Columns,
) -> Asked:
    """Read the options; raises InputError."""
    wanted = parse_size(size) if size else None
    return Asked(fields, parse_variations(vary or []), wanted, id_, match or [], recursive, columns)


def parse_price(text: str) -> Price | None:
    """Read the option; raises InputError."""
    return Price.parse(text)


def stores() -> Callable[[str], RangeStore]:
    """What opens a bucket to read sizes from, each once; it raises InputError where S3 support is not installed."""

    @cache
    def store_of(bucket: str) -> RangeStore:
        try:
            from retouch.media.store import Store  # noqa: PLC0415 - the extra `s3` is optional, and slow to load
        except ImportError:
            raise InputError(f"--size fit: reads pictures in S3, and {no_s3()}") from None
        return Store(bucket)

    return store_of
