"""``retouch recipe``: what a recipe makes of an object, before a listener does it; and of all that lies in a bucket."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from retouch.cli.options import Bucket, Json, Prefix, RedisUrl
from retouch.cli.recipe_scan import folder_of, scan
from retouch.cli.terminal import ExitCode, emit, printable, say
from retouch.environment import DEFAULT_REDIS_URL
from retouch.errors import InputError, StoreRefusedError
from retouch.image_address import clean
from retouch.intake.admission import Intake, InvalidEditError
from retouch.media.stores import kept_store
from retouch.net.addresses import PrivateHosts
from retouch.records.recipes import RecipeCheckRecord
from retouch.triggers.notifications import NewObject
from retouch.triggers.recipe import Made, Recipe, refuse_own_results
from retouch.triggers.recipe_file import read_recipe
from retouch.triggers.taking import look_at


class Action(StrEnum):
    """What is done with a recipe."""

    CHECK = "check"
    SCAN = "scan"


_Action = Annotated[
    Action,
    typer.Argument(
        metavar="ACTION",
        show_default=False,
        help="check: say what the recipe makes of an object; scan: take what lies in the bucket.",
    ),
]


def recipe(
    action: _Action,
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False, help="The recipe's file (TOML).")],
    uri: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS",
            show_default=False,
            help="With check: s3://bucket/key, as if it were new. With scan: s3://bucket/folder/, if not all that the"
            " recipe takes.",
        ),
    ] = "",
    read: Annotated[
        bool,
        typer.Option(
            "--read", help="With check: ask S3 for the beginning of the object: whether it is a picture, of which size."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With scan: only count the objects that the recipe takes.")
    ] = False,
    json_: Json = False,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
    bucket: Bucket = "",
    prefix: Prefix = "",
) -> None:
    """Say what a recipe makes of an object in S3, or take all that lies in its bucket, as if it were new.

    check says which edit, in which batch; without --read no service is asked. It also says whether results (below
    --bucket and --prefix) could make edits of themselves. Exit code 0: it makes an edit; 2: it makes none, or the
    recipe is wrong; 6: with --read, S3 cannot be reached, or refuses.

    scan finds what nobody has told of. What is in its batch already is not added again, however it came there. Exit
    code 0: all is in its batches, but for what the recipe leaves out; 2: some makes no edit although it should, or the
    recipe is wrong; 6: S3 or Redis cannot be reached, or refuses. The same command again goes on.

    Examples:
        retouch recipe check daily.toml s3://photos/incoming/2026-11-26/cat.png
        retouch recipe scan daily.toml --dry-run
        retouch recipe scan daily.toml s3://photos/incoming/2026-11-26/
    """
    _check_use(action, uri, read, dry_run)
    own = read_recipe(file)
    if action is Action.SCAN:
        if not bucket:
            raise InputError("RETOUCH_BUCKET is missing: results must not make edits of themselves; give --bucket")
        refuse_own_results(own, bucket, prefix)
        scan(own, folder_of(own, uri), None if dry_run else redis_url, json_)
        return
    found = _object(uri)
    if bucket:
        refuse_own_results(own, bucket, prefix)
    else:
        say("note: RETOUCH_BUCKET is not set, so it is not known whether results could make edits of themselves")
    reason, made = _made(own, found, read)
    if json_:
        emit(_record(own, found, reason, made))
    elif made is None or reason:
        say(f"{found.uri} makes no edit: {reason}")
    else:
        _tell(made)
    if reason:
        raise typer.Exit(ExitCode.INPUT)


def _check_use(action: Action, uri: str, read: bool, dry_run: bool) -> None:
    if action is Action.CHECK and not uri:
        raise InputError("which object? Write: retouch recipe check FILE s3://bucket/key")
    if read and action is not Action.CHECK:
        raise InputError("--read is for: retouch recipe check FILE s3://bucket/key")
    if dry_run and action is not Action.SCAN:
        raise InputError("--dry-run is for: retouch recipe scan FILE (check writes nothing)")


def _object(uri: str) -> NewObject:
    try:
        bucket, _, key = clean(uri).removeprefix("s3://").partition("/")
        if not uri.startswith("s3://"):
            raise ValueError("is not s3://bucket/key")  # noqa: TRY301 - as of others that are none
    except ValueError as error:
        raise InputError(f"{uri[:200]!r} {error}") from None
    return NewObject(bucket, key, "", "", None, datetime.now(UTC))


def _made(own: Recipe, found: NewObject, read: bool) -> tuple[str, Made | None]:
    """Why it makes no edit (empty: it makes one), and the edit."""
    if reason := own.why_not(found) or own.trouble_with(found):
        return reason, None
    try:
        made = own.make(found, datetime.now(UTC))
        if read:
            seen = look_at([found.uri], kept_store)[found.uri]
            if isinstance(seen, StoreRefusedError):
                raise seen
            if isinstance(seen, str):
                return f"{seen} ({own.unusable})", None
            made = made.sized(seen)
        Intake(own.shared, PrivateHosts()).admit(made.fields)
    except InvalidEditError as error:
        return str(error), made
    except InputError as error:
        return str(error), None
    return "", made


def _fields(made: Made) -> dict[str, Any]:
    fields = {**made.recipe.shared, **made.fields}
    del fields["custom_id"]
    return fields


def _record(own: Recipe, found: NewObject, reason: str, made: Made | None) -> RecipeCheckRecord:
    until = made.open_until if made else None
    return {
        "uri": found.uri,
        "recipe": own.name,
        "taken": not reason,
        "reason": reason or None,
        "batch": made.batch if made else None,
        "open_until": until.isoformat(timespec="seconds").replace("+00:00", "Z") if until else None,
        "edit": _fields(made) if made else None,
    }


def _tell(made: Made) -> None:
    until = f", open for more until {made.open_until.isoformat(timespec='seconds')}" if made.open_until else ""
    size = made.recipe.size
    sides = {"size": "from the picture (--read tells)"} if size and "width" not in made.fields else {}
    lines = [f"batch: {made.batch}{until}", *(f"{name}: {value}" for name, value in {**_fields(made), **sides}.items())]
    typer.echo(printable(f"{made.uri} makes an edit:\n  " + "\n  ".join(lines)))
