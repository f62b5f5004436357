"""Options and arguments that several commands share, with their environment variables."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from threading import Thread
from typing import Annotated, Any

import typer

from retouch.bucket_names import check_prefix
from retouch.cli.terminal import say
from retouch.environment import DEFAULT_REDIS_URL, parse_bucket, parse_namespace, plain_http, secret, sender_of
from retouch.errors import InputError, RetouchError
from retouch.failure_limit import FailureLimit
from retouch.gateway import PICTURES
from retouch.intake.admission import InvalidEditError
from retouch.intake.values import checked_value
from retouch.net.gateway_address import is_gateway
from retouch.queue import EditQueue

FIRST_CONTACT_S = 2.0  # without Redis, a command says so within seconds
COMPLETION_S = 0.3  # a person has pressed the tab key, and waits
COMPLETED = 200  # batches


def of_file(ctx: typer.Context, param: typer.CallbackParam, value: str) -> str:
    """The value of an option whose variable is a secret: it may stand in a file, which is read only if it is used."""
    source = ctx.get_parameter_source(str(param.name))
    if source and source.name == "COMMANDLINE":
        return value
    try:
        return secret(str(param.envvar)) or _otherwise(param, value)
    except InputError:
        if ctx.resilient_parsing:  # for a shell that completes a word, and can show no error
            return value
        raise


def _otherwise(param: typer.CallbackParam, value: str) -> str:
    """The gateway, where no Redis is named and a gateway is; else the default."""
    return (param.envvar == "RETOUCH_REDIS_URL" and os.environ.get("RETOUCH_URL")) or value


RedisUrl = Annotated[
    str,
    typer.Option(
        envvar="RETOUCH_REDIS_URL",
        callback=of_file,
        metavar="URL",
        show_default=False,  # a variable's value may hold a password
        help=f"The Redis or Valkey of the ledger; by default the gateway at RETOUCH_URL, or {DEFAULT_REDIS_URL}.",
    ),
]
PrivateHostList = Annotated[
    str,
    typer.Option(
        "--private-hosts",
        envvar="RETOUCH_PRIVATE_HOSTS",
        metavar="HOST[:PORT],…",
        show_default=False,
        help="Hosts that URLs may name although they are not public.",
    ),
]


def _named(context: typer.Context, parameter: typer.CallbackParam) -> str:
    """Where a value was given: the option, or its variable."""
    source = context.get_parameter_source(parameter.name or "")
    return str(parameter.envvar) if source and source.name == "ENVIRONMENT" else parameter.opts[0]


def _bucket(context: typer.Context, parameter: typer.CallbackParam, value: str) -> str:
    return parse_bucket(value, _named(context, parameter))


def _prefix(context: typer.Context, parameter: typer.CallbackParam, value: str) -> str:
    return check_prefix(value, _named(context, parameter))


Bucket = Annotated[
    str,
    typer.Option(
        envvar="RETOUCH_BUCKET",
        metavar="NAME",
        show_default=False,
        callback=_bucket,
        help="The S3 bucket for results and uploads.",
    ),
]
Prefix = Annotated[
    str,
    typer.Option(
        envvar="RETOUCH_PREFIX",
        metavar="TEXT",
        show_default=False,
        callback=_prefix,
        help="The beginning of every key in S3.",
    ),
]


def complete_batch(ctx: typer.Context, incomplete: str) -> list[str]:
    """The newest batches whose names begin so, for a shell; none where Redis does not answer at once."""
    found: list[str] = []

    def look() -> None:
        with suppress(RetouchError):
            given = ctx.params.get("redis_url") or secret("RETOUCH_REDIS_URL") or os.environ.get("RETOUCH_URL")
            queue = open_queue(given or DEFAULT_REDIS_URL)
            found.extend(view.batch for view in queue.batches(COMPLETED))

    thread = Thread(target=look, daemon=True)
    thread.start()
    thread.join(COMPLETION_S)
    return [batch for batch in found if batch.startswith(incomplete)]


BatchArgument = Annotated[
    str,
    typer.Argument(metavar="BATCH", show_default=False, help="The batch's id.", autocompletion=complete_batch),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


def _number(seconds: float | None) -> float | None:
    if seconds is not None and math.isnan(seconds):  # which typer may take for 0 or more
        raise typer.BadParameter("write 0 or more")
    return seconds


Timeout = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="SECONDS",
        show_default=False,
        callback=_number,
        help="Stop waiting after so many seconds, with exit code 5.",
    ),
]


def _limit(value: str) -> str:
    return str(FailureLimit.parse(value)) if value else ""


MaxFailures = Annotated[
    str,
    typer.Option(
        "--max-failures",
        metavar="N|N%",
        show_default=False,
        callback=_limit,
        help="Pause the batch when more of its edits have failed, with exit code 3 if the command waits.",
    ),
]


BatchBudget = Annotated[
    str,
    typer.Option(
        "--budget",
        metavar="AMOUNT",
        show_default=False,
        help="What the batch may cost in all, such as 20: it is paused at the first edit that does not fit.",
    ),
]


def check_wait(wait: bool, timeout: float | None) -> None:
    """Raise InputError for a --timeout of nothing."""
    if timeout is not None and not wait:
        raise InputError("--timeout bounds --wait: add that, or leave --timeout out")


def open_queue(redis_url: str, *, waits_s: float | None = None, private_hosts: str = "") -> EditQueue:
    """Connect; raises ServiceError within seconds if Redis (or the gateway) does not answer, InputError for a bad URL.

    ``waits_s``: for a command that waits; so long it waits for Redis as well, and then raises TimeoutError.
    ``private_hosts``: as ``EditQueue.from_url`` takes them, for a command that enqueues.
    """
    queue = first_contact(redis_url)

    def tell(reason: str | None) -> None:
        waits = f"{queue.place} cannot be used: {reason}; waiting until it answers"
        say(waits if reason else f"{queue.service} answers")

    queue.check(waits_s, tell if waits_s is not None else None)
    return _queue(redis_url, 3.0, private_hosts)


def first_contact(redis_url: str) -> EditQueue:
    """A queue that gives up within seconds."""
    return _queue(redis_url, FIRST_CONTACT_S)


def _queue(url: str, timeout_s: float, private_hosts: str = "") -> EditQueue:
    return EditQueue.from_url(
        url,
        token=secret("RETOUCH_TOKEN") if is_gateway(url) else "",
        plain_http=plain_http(),
        namespace=_namespace(),
        sender=sender_of(),
        private_hosts=private_hosts,
        timeout_s=timeout_s,
    )


def picture_place(url: str, bucket: str, prefix: str) -> tuple[str, str]:
    """The bucket and the prefix of local pictures, as far as they are known here: a gateway names its own."""
    return (PICTURES, "") if is_gateway(url) else (bucket, prefix)


def _namespace() -> str:
    return parse_namespace(os.environ.get("RETOUCH_NAMESPACE", ""))


def parse_set(pairs: list[str]) -> dict[str, Any]:
    """Read ``--set FIELD=VALUE``; VALUE is read as JSON if the field accepts that, else as text. Raises InputError."""
    defaults: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise InputError(f"--set {pair[:80]}: there is no =; write FIELD=VALUE")
        if name in defaults:
            raise InputError(f"--set {name} is given twice")
        try:
            defaults[name] = checked_value(name, text)
        except InvalidEditError as error:
            raise InputError(f"--set {pair[:80]}: {error}") from None
    return defaults
