"""``python -m workers.gateway.page``: the page alone, for whoever starts it (``retouch page``), until Ctrl-C."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

from config.gateway import load_page
from retouch.errors import InputError, RetouchError
from workers.gateway.server import serve
from workers.gateway.visits import OwnVisits
from workers.serving import address_of, announce, listen

cli = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@cli.command()
def run(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 0,
    die_with_parent: Annotated[
        bool, typer.Option("--die-with-parent", help="End when the process that started this one ends.")
    ] = False,
) -> None:
    """Serve the page on this machine alone.

    Prints a link to it, which signs in one browser; when it is used, the next one.
    """
    try:
        settings = load_page()
        with listen("127.0.0.1", port) as sock:
            url = address_of(sock)
            visits = OwnVisits(lambda link: announce(link_to(url, link)))
            listening = serve(
                sock,
                settings,
                own_visits=visits,
                on_listening=lambda _url: announce(link_to(url, visits.link())),
                die_with_parent=die_with_parent,
            )
            asyncio.run(listening)
    except RetouchError as error:
        sys.stderr.write(f"page: {error}\n")
        raise SystemExit(2 if isinstance(error, InputError) else 6) from None


def link_to(url: str, link: str) -> str:
    """The address that signs a browser in. What follows ``#`` is sent to no server, and kept in no log."""
    return f"{url}/#link={link}"


if __name__ == "__main__":
    cli(prog_name="python -m workers.gateway.page")
