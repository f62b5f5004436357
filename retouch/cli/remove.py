"""``retouch remove``: a batch that has ended goes from Redis, and if asked for its objects go from S3."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, NamedTuple

import typer

from retouch.advice.batch import why_open
from retouch.cli.confirm import confirm_loss
from retouch.cli.counting import counting
from retouch.cli.loop import run_loop
from retouch.cli.options import BatchArgument, Bucket, Prefix, RedisUrl, open_queue, picture_place
from retouch.cli.terminal import say
from retouch.edit import check_batch_id
from retouch.environment import DEFAULT_REDIS_URL
from retouch.errors import InputError
from retouch.ledger import BatchView
from retouch.media.stores import open_store
from retouch.plural import count
from retouch.queue import EditQueue
from retouch.results.removing import check_place, remove_objects
from retouch.signals import exit_code
from retouch.states import EditState

UNITS = ("kB", "MB", "GB", "TB")


class Size(NamedTuple):
    """How many objects, and how many bytes they have."""

    objects: int
    bytes: int


def remove(
    batch: BatchArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    images: Annotated[
        bool, typer.Option("--images", help="Its images, manifest.jsonl and _SUCCESS in S3 as well.")
    ] = False,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
    bucket: Bucket = "",
    prefix: Prefix = "",
) -> None:
    """Remove a batch that has ended from Redis, and with --images from S3; its name is free afterwards.

    Uploaded pictures (_inputs/) stay: batches share them. So do events that are not delivered yet.

    Examples:
        retouch remove oil --yes
    """
    check_batch_id(batch)
    bucket, prefix = picture_place(redis_url, bucket, prefix)
    if images and not bucket:
        raise InputError("--images: in which bucket? Set RETOUCH_BUCKET (and RETOUCH_PREFIX)")
    queue = open_queue(redis_url)
    view = queue.find(batch) if images else queue.status(batch)
    if view and not view.finished:
        raise InputError(f"batch {batch} has not ended, so it is not removed: {_what_first(view, queue.workers())}")
    folder = f"{prefix}{batch}/"
    here = images and not queue.remote  # a gateway removes objects itself
    if view:
        say(_size_in_redis(queue, view, f"s3://{bucket}/{folder}" if here else ""))
    if here:
        stored = run_loop(_measure(bucket, folder))
        say(f"s3://{bucket}/{folder} has {count(stored.objects, 'object')}, {_size_text(stored.bytes)}")
        if not view and not stored.objects:
            raise InputError(f"there is no batch {batch!r} in Redis, and nothing in s3://{bucket}/{folder}")
    confirm_loss(
        f"remove batch {batch}{' and its objects in S3' if images else ' from Redis'}", yes, "nothing was removed"
    )
    try:
        if here:  # first, so that the batch is there still if this is cut off
            run_loop(_delete(bucket, prefix, batch, stored.objects))
        if view or queue.remote:
            with counting(f"removing batch {batch}") as on_progress:
                queue.remove(batch, on_progress, images=images and queue.remote)
    except KeyboardInterrupt as interrupt:
        more = " --images" if images else ""
        say(f"interrupted; a part is removed. For the rest: retouch remove {batch}{more}")
        raise typer.Exit(exit_code(interrupt)) from None
    say(f"batch {batch} is removed" + ("" if images else "; its objects in S3 stay (they go with --images)"))


def _what_first(view: BatchView, workers: Collection[str]) -> str:
    first = why_open(view, workers)
    if view.counts.get(EditState.QUEUED):
        return f"{first}; to end it: retouch cancel {view.batch}"
    return f"{first}; to see when it ends: retouch watch {view.batch}"


def _size_in_redis(queue: EditQueue, view: BatchView, folder: str) -> str:
    """The batch's size; raises InputError if one of its images is not below ``folder``, where that is given."""
    images = size = 0
    with counting(f"reading the results of {view.batch}") as on_progress:
        for place, result in enumerate(queue.results(view.batch), 1):
            for output in result.outputs:
                check_place(output, folder)
                images, size = images + 1, size + output.bytes
            on_progress(place, view.total)
    return f"batch {view.batch} has {count(view.total, 'edit')} and {count(images, 'image')}, {_size_text(size)}"


async def _measure(bucket: str, folder: str) -> Size:
    objects = size = 0
    async for page in open_store(bucket).pages(folder):
        objects, size = objects + len(page), size + sum(found.size for found in page)
    return Size(objects, size)


async def _delete(bucket: str, prefix: str, batch: str, total: int) -> None:
    with counting(f"removing objects of {batch}") as on_progress:
        await remove_objects(open_store(bucket), prefix, batch, lambda done: on_progress(done, max(done, total)))


def _size_text(size: int) -> str:
    if size < 1000:
        return count(size, "byte")
    power = min(len(UNITS), (len(str(size)) - 1) // 3)
    return f"{size / 1000**power:,.1f} {UNITS[power - 1]}"
