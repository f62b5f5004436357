"""``python -m workers.gateway``: Retouch over HTTP, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import ipaddress
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from config.gateway import load
from retouch.errors import InputError, RetouchError
from retouch.triggers.recipe_file import read_recipes
from workers.gateway.server import Tls, serve
from workers.serving import listen

PORT = 8080
cli = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@cli.command()
def run(
    host: Annotated[str, typer.Option(help="Address to listen on; by default this machine alone is served.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = PORT,
    tls_cert: Annotated[
        Path | None, typer.Option(help="Certificate (PEM, with those that vouch for it), for https.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
    recipe: Annotated[
        list[Path] | None,
        typer.Option(
            envvar="RETOUCH_RECIPES",
            help="File of a recipe, or a folder of them (docs/triggers.md), for stores that post notifications of new"
            " objects. Of several the first that takes an object counts.",
        ),
    ] = None,
    die_with_parent: Annotated[
        bool, typer.Option("--die-with-parent", help="End when the process that started this one ends.")
    ] = False,
) -> None:
    """Serve Retouch's HTTP API.

    Settings come from the environment, as a worker's do. Prints one line of JSON, {"url": …}, once it is listening.
    Callers need a key, which retouch keys create makes.
    """
    try:
        settings = load()
        tls = _tls(tls_cert, tls_key)
        recipes = read_recipes(recipe or (), settings.bucket, settings.prefix)
        if tls is None and not _is_loopback(host):
            sys.stderr.write(
                f"gateway: note: it is reached from other machines ({host}) without TLS, so that keys can be read on"
                " the way: put a proxy with TLS before it, or give --tls-cert and --tls-key\n"
            )
        with listen(host, port) as sock:
            uvloop.run(serve(sock, settings, tls, recipes=recipes, die_with_parent=die_with_parent))
    except RetouchError as error:
        sys.stderr.write(f"gateway: {error}\n")
        raise SystemExit(2 if isinstance(error, InputError) else 6) from None


def _tls(certificate: Path | None, key: Path | None) -> Tls | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise InputError("--tls-cert and --tls-key belong together: give both, or neither")
    return Tls(certificate, key)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


if __name__ == "__main__":
    cli(prog_name="python -m workers.gateway")
