"""Options and arguments that several commands share; each option has its environment variable."""

from __future__ import annotations

from typing import Annotated

import typer

from retouch.errors import InputError
from retouch.net import PrivateHosts
from retouch.queue import EditQueue

DEFAULT_REDIS_URL = "redis://localhost:6379/0"
FIRST_CONTACT_S = 2.0  # a command that meets no Redis says so within seconds

RedisUrl = Annotated[
    str,
    typer.Option(
        envvar="RETOUCH_REDIS_URL",
        metavar="URL",
        show_default=False,  # a variable's value may hold a password
        help=f"The ledger's Redis or Valkey; {DEFAULT_REDIS_URL} if not given.",
    ),
]
PrivateHostList = Annotated[
    str,
    typer.Option(
        "--private-hosts",
        envvar="RETOUCH_PRIVATE_HOSTS",
        metavar="HOST[:PORT],…",
        show_default=False,
        help="Hosts that URLs may name though they are not public.",
    ),
]
Bucket = Annotated[
    str,
    typer.Option(envvar="RETOUCH_BUCKET", metavar="NAME", show_default=False, help="The S3 bucket for pictures."),
]
Prefix = Annotated[
    str,
    typer.Option(envvar="RETOUCH_PREFIX", metavar="TEXT", show_default=False, help="What every S3 key begins with."),
]
BatchArgument = Annotated[str, typer.Argument(metavar="BATCH", show_default=False, help="The batch's id.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Timeout = Annotated[
    float | None,
    typer.Option(min=0, metavar="SECONDS", show_default=False, help="Stop waiting after so long, with exit code 5."),
]


def open_queue(redis_url: str, private_hosts: PrivateHosts | None = None) -> EditQueue:
    """Connect; raises ServiceError within seconds if Redis does not answer, InputError if the URL is none."""
    EditQueue.from_url(redis_url, timeout_s=FIRST_CONTACT_S).check()
    queue = EditQueue.from_url(redis_url)
    return EditQueue(queue.ledger, private_hosts=private_hosts, address=queue.address)


def parse_private_hosts(text: str) -> PrivateHosts:
    """Read the option; raises InputError that names its variable."""
    try:
        return PrivateHosts.parse(text)
    except InputError as error:
        raise InputError(f"RETOUCH_PRIVATE_HOSTS: {error}") from None
