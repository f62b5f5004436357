"""``retouch keys``: who may call the gateway, and for what."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from retouch.access_keys import DEFAULT_LINES, DEFAULT_OPEN, DEFAULT_RATE, AccessKey, AccessKeys, Scope
from retouch.cli.options import Json, RedisUrl, open_queue
from retouch.cli.terminal import emit, printable, say
from retouch.environment import DEFAULT_REDIS_URL
from retouch.errors import InputError
from retouch.records.keys import AccessKeysRecord

MIB = 1024 * 1024


class Action(StrEnum):
    """What is done with keys."""

    LIST = "list"
    CREATE = "create"
    ROTATE = "rotate"
    RETIRE = "retire"
    REVOKE = "revoke"


@dataclass(frozen=True)
class Limits:
    """What a new key may do."""

    scopes: list[Scope]
    prefix: str
    inputs: list[str]
    rate: str
    max_lines: int
    max_body: int | None  # bytes
    max_open: int


def keys(
    action: Annotated[
        Action,
        typer.Argument(
            metavar="[ACTION]",
            show_default=False,
            help="list (the default); create; rotate: a second secret; retire: end the one of before; revoke: remove.",
        ),
    ] = Action.LIST,
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", show_default=False, help="The key's name; of all actions but list.")
    ] = "",
    scope: Annotated[
        str,
        typer.Option(
            metavar="SCOPE,…",
            show_default=False,
            help="Of create: submit, read, watch (read without prompts), operate, metrics.",
        ),
    ] = "",
    prefix: Annotated[
        str,
        typer.Option(metavar="TEXT", show_default=False, help="Of create: only batches whose ids begin so."),
    ] = "",
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            metavar="s3://BUCKET/PREFIX",
            show_default=False,
            help="Of create: pictures in S3 that its edits may name, beside its own uploads; several times.",
        ),
    ] = None,
    rate: Annotated[
        str,
        typer.Option(
            metavar="N/s|m|h|d", show_default=False, help=f"Of create: requests that it may send; {DEFAULT_RATE}."
        ),
    ] = "",
    max_lines: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", show_default=False, help=f"Of create: edits in one request; {DEFAULT_LINES:,}."
        ),
    ] = None,
    max_body: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1_000_000,
            metavar="MIB",
            show_default=False,
            help="Of create: size of one request; by default as large as the gateway takes.",
        ),
    ] = None,
    max_open: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            show_default=False,
            help=f"Of create: requests at a time in one gateway, streams and waits among them; {DEFAULT_OPEN}.",
        ),
    ] = None,
    json_: Json = False,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """List, make and end the keys of the gateway.

    A key is printed once, on stdout. Redis keeps its SHA-256 alone, so that nobody can read it again.

    Examples:
        retouch keys create team-a --scope submit,read --prefix team-a-
        retouch keys create wall --scope watch
        retouch keys rotate team-a
        retouch keys
    """
    given: dict[str, object] = {
        "--scope": scope,
        "--prefix": prefix,
        "--inputs": inputs,
        "--rate": rate,
        "--max-lines": max_lines,
    }
    given |= {"--max-body": max_body, "--max-open": max_open}
    if action is not Action.CREATE and (odd := [option for option, value in given.items() if value]):
        raise InputError(f"{odd[0]} is for: retouch keys create NAME")
    if json_ and action is not Action.LIST:
        raise InputError("--json is for: retouch keys list")
    if bool(name) is (action is Action.LIST):
        raise InputError("list takes no NAME" if name else f"{action} needs the NAME of a key")
    if action is Action.CREATE:
        limits = Limits(
            _scopes(scope),
            prefix,
            inputs or [],
            rate or DEFAULT_RATE,
            max_lines or DEFAULT_LINES,
            max_body * MIB if max_body else None,
            max_open or DEFAULT_OPEN,
        )
    queue = open_queue(redis_url)
    found = AccessKeys(queue._ledger, queue.address)  # noqa: SLF001 - keys are no matter of a producer's
    if action is Action.CREATE:
        _create(found, name, limits)
    elif action is Action.LIST:
        _list(found, json_)
    else:
        CHANGES[action](found, name)


def _create(keys: AccessKeys, name: str, limits: Limits) -> None:
    token = keys.create(
        name,
        limits.scopes,
        prefix=limits.prefix,
        inputs=limits.inputs,
        rate=limits.rate,
        max_lines=limits.max_lines,
        max_body=limits.max_body,
        max_open=limits.max_open,
    )
    say(f"key {name} is made; this is shown once:")
    _show(token)


def _list(keys: AccessKeys, as_json: bool) -> None:
    found = keys.all()
    if as_json:
        record: AccessKeysRecord = {"keys": [key.to_json() for key in found]}
        emit(record)
        return
    width = max((len(key.name) for key in found), default=0)
    for key in found:
        typer.echo(printable(_line(key, width)))
    if not found:
        say("no keys yet: retouch keys create NAME --scope submit,read")


def _rotate(keys: AccessKeys, name: str) -> None:
    token = keys.rotate(name)
    say(f"key {name} has a new secret; the one of before stays good until: retouch keys retire {name}")
    _show(token)


def _retire(keys: AccessKeys, name: str) -> None:
    keys.retire(name)
    say(f"of key {name} only the newest secret is good now")


def _revoke(keys: AccessKeys, name: str) -> None:
    keys.revoke(name)
    say(f"key {name} is revoked: it opens nothing any more")


CHANGES: dict[Action, Callable[[AccessKeys, str], None]] = {
    Action.ROTATE: _rotate,
    Action.RETIRE: _retire,
    Action.REVOKE: _revoke,
}


def _show(token: str) -> None:
    sys.stdout.write(f"{token}\n")
    sys.stdout.flush()


def _scopes(text: str) -> list[Scope]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = ",".join(Scope)
    if not names:
        raise InputError(f"--scope is missing: what the key is for, of {known}")
    if unknown := [name for name in names if name not in list(Scope)]:
        raise InputError(f"--scope: {unknown[0][:80]!r} is none of {known}")
    return [Scope(name) for name in names]


def _line(key: AccessKey, width: int) -> str:
    scopes = ",".join(scope for scope in Scope if scope in key.scopes)
    bound = f"batches {key.prefix}…" if key.prefix else "all batches"
    used = max((one.used for one in key.secrets if one.used), default=None)
    last = f"last used {used.isoformat(timespec='minutes')}" if used else "never used"
    two = f", {len(key.secrets)} secrets" if len(key.secrets) > 1 else ""
    return f"{key.name:<{width}}  {scopes:<19}  {bound}, {key.rate}, {last}{two}"
