"""``retouch page``: the page, in a browser."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NoReturn

import typer

import retouch
from retouch.cli.options import RedisUrl, open_queue
from retouch.cli.terminal import say
from retouch.environment import DEFAULT_REDIS_URL
from retouch.errors import InputError
from retouch.extras import install
from retouch.gateway.remote import RemoteLedger
from retouch.net.gateway_address import is_gateway

SERVER = ("fastapi", "uvicorn", "structlog", "pydantic-settings")  # what the page stands on, beside what the CLI needs
_PROGRAM = Path("workers", "gateway", "page")


def page(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of this machine to serve the page at; 0 takes a free one.")
    ] = 0,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Print a link to the page, where batches are seen as they run; each link signs in one browser.

    With a gateway (RETOUCH_URL) that is its page. With Redis the page is served on this machine alone, until Ctrl-C.

    Examples:
        retouch page
    """
    queue = open_queue(redis_url)
    if is_gateway(redis_url):
        if port:
            raise InputError("--port is for a page that runs here; this one is the gateway's (RETOUCH_URL)")
        ledger = queue._way  # noqa: SLF001 - links are no matter of a producer's
        assert isinstance(ledger, RemoteLedger)
        typer.echo(ledger.page_link())
        return
    queue.close()
    _serve(port, redis_url)


def _serve(port: int, redis_url: str) -> NoReturn:
    folder = Path(retouch.__file__).parents[1]
    if not (folder / _PROGRAM).is_dir():
        raise InputError(
            "the page's own server is in a checkout of Retouch, and not in this installation: use retouch there, or"
            " name a gateway (RETOUCH_URL), which has the page at its address"
        )
    if missing := [library for library in SERVER if find_spec(library.replace("-", "_")) is None]:
        raise InputError(f"the page needs {', '.join(missing)}: {install(*missing)}")
    say("the page is served until Ctrl-C; the link signs in one browser, then the next one is printed:")
    # In place of this process, which has nothing more to do. -P: a folder config/ where one stands is not ours.
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "RETOUCH_REDIS_URL": redis_url, "PYTHONPATH": path}
    environment.pop("RETOUCH_REDIS_URL_FILE", None)  # it was read already
    command = [sys.executable, "-P", "-m", ".".join(_PROGRAM.parts), "--port", str(port)]
    sys.stdout.flush()
    os.execve(sys.executable, command, environment)  # noqa: S606 - no shell is wanted
