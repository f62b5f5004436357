"""``retouch sheet``: before and after of a batch's edits in one picture, or a grid of two of their parameters."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from retouch.cli.ended import ended_with_progress, parse_states
from retouch.cli.options import (
    BatchArgument,
    Bucket,
    Prefix,
    PrivateHostList,
    RedisUrl,
    open_queue,
)
from retouch.environment import DEFAULT_REDIS_URL, parse_private_hosts
from retouch.errors import InputError
from retouch.extras import S3, install
from retouch.media.downloads import Buckets, ImageSource
from retouch.media.stores import open_store
from retouch.queue import EditQueue


def sheet(
    batch: BatchArgument,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            show_default=False,
            help="The picture, which is replaced if it is there; by default BATCH.png, which is not. Further pages are "
            "FILE-2 and so on.",
        ),
    ] = "",
    grid: Annotated[
        str,
        typer.Option(
            metavar="ROWS[,COLUMNS]",
            show_default=False,
            help="A grid of these parameters, such as seed,strength; a page for each picture that was edited.",
        ),
    ] = "",
    only: Annotated[
        str, typer.Option(metavar="STATE,…", show_default=False, help="Only of edits that ended so, such as completed.")
    ] = "",
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
    private_hosts: PrivateHostList = "",
    bucket: Bucket = "",
    prefix: Prefix = "",
) -> None:
    """Draw before and after of a batch's edits side by side, 60 a page, or a grid of variations.

    Needs Pillow and S3 support (the extra `sheet`); through a gateway Pillow alone. A picture that cannot be had is a
    note in its place.

    Examples:
        retouch sheet oil -o oil.png
    """
    try:
        from retouch.cli.sheet_pages import Pages  # noqa: PLC0415 - the extra `sheet` is optional, and slow to load
    except ImportError:
        raise InputError(f"drawing needs Pillow and S3 support: {install(*S3, 'pillow')}") from None
    states, hosts = parse_states(only), parse_private_hosts(private_hosts)
    queue = open_queue(redis_url)
    with ended_with_progress(queue, batch, bucket, prefix) as ended:
        pages = Pages(batch, output, hosts, partial(_images, queue, batch))
        results = (result for result in ended.results() if result.state in states)
        if grid:
            pages.grids(results, grid)
        else:
            pages.pairs(results)


def _images(queue: EditQueue, batch: str) -> ImageSource:
    """Where pictures are read from, on the loop that asks; stores that are kept belong to another one."""
    return queue._images(batch) if queue.remote else Buckets(open_store)  # noqa: SLF001 - no matter of a producer's
