"""``retouch metrics``: the installation in numbers, as Prometheus reads them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from retouch.cli.files import replacing
from retouch.cli.options import RedisUrl, open_queue
from retouch.environment import DEFAULT_REDIS_URL
from retouch.errors import InputError
from retouch.extras import install


def metrics(
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            show_default=False,
            help="Write it to FILE, which is replaced when it is whole, and not to stdout (-).",
        ),
    ] = None,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Print the installation in numbers, as Prometheus reads them: edits, requests, pauses, events, workers.

    Needs prometheus-client (the extra `metrics`). For the textfile collector of node_exporter the name of FILE ends
    in .prom. A gateway serves the same at /metrics.

    Examples:
        retouch metrics
        retouch metrics -o retouch.prom
    """
    try:
        from retouch.metrics import exposition  # noqa: PLC0415 - the extra `metrics` is optional
    except ImportError:
        raise InputError(f"that needs prometheus-client: {install('prometheus-client')}") from None
    text, _ = exposition(open_queue(redis_url).figures())
    if output is None or output == Path("-"):
        sys.stdout.write(text.decode())
        return
    with replacing(output, told=False) as part:  # a timer calls it, and mails what it hears
        part.write_bytes(text)
