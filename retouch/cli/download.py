"""``retouch download``: the pictures of a batch, in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from retouch.cli.counting import counting
from retouch.cli.ended import ended_with_progress, parse_states
from retouch.cli.options import BatchArgument, Bucket, Prefix, RedisUrl, open_queue
from retouch.cli.terminal import ExitCode, say
from retouch.environment import DEFAULT_REDIS_URL
from retouch.plural import count, were
from retouch.results.downloading import Downloading
from retouch.results.file_names import DEFAULT_NAMES, FileNames
from retouch.signals import exit_code


def download(
    batch: BatchArgument,
    directory: Annotated[
        str, typer.Argument(metavar="[DIR]", show_default=False, help="The folder; by default ./BATCH.")
    ] = "",
    only: Annotated[
        str,
        typer.Option(metavar="STATE,…", show_default=False, help="Only of edits that ended so, such as completed."),
    ] = "",
    picked: Annotated[bool, typer.Option("--picked", help="Only what people have picked.")] = False,
    names: Annotated[
        str,
        typer.Option(
            metavar="TEMPLATE",
            help="How files are named, of {custom_id} {stem} (the file that was edited) {n} {ext} {batch} {sha256}; / "
            "makes folders.",
        ),
    ] = DEFAULT_NAMES,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
    bucket: Bucket = "",
    prefix: Prefix = "",
) -> None:
    """Download a batch's pictures to a folder, each checked by its SHA-256; files that are there are not loaded again.

    While the batch runs, those that are finished so far. Exit code 0: all are there; 3: some are gone from S3, or
    differ; 6: S3 or Redis cannot be reached. The same command again goes on where it was interrupted.

    Examples:
        retouch download oil
    """
    states, template, folder = parse_states(only), FileNames(names, batch, "--names"), Path(directory or batch)
    queue = open_queue(redis_url)
    ids = frozenset(queue.picks(batch)) if picked else None
    with ended_with_progress(queue, batch, bucket, prefix) as ended:
        images = queue._images(batch)  # noqa: SLF001 - no matter of a producer's
        downloading = Downloading(ended, images, states, template, folder, ids)
        try:
            with counting(f"downloading {batch}") as on_progress:
                downloading.run(on_progress, say)
        except KeyboardInterrupt as interrupt:
            done = f"{downloading.done} of {count(downloading.total, 'picture')}"
            say(f"interrupted with {done}; the same command again downloads the rest")
            raise typer.Exit(exit_code(interrupt)) from None
        _tell(downloading, folder, ended.left)
    raise typer.Exit(ExitCode.FAILURES if downloading.lost else ExitCode.OK)


def _tell(done: Downloading, folder: Path, left: int) -> None:
    replaced = f" ({done.replaced} in place of another file)" if done.replaced else ""
    kept = f", {done.kept} {were(done.kept)} there already" if done.kept else ""
    lost = f", {done.lost} could not be had" if done.lost else ""
    say(f"{count(done.saved, 'picture')} saved in {folder}{replaced}{kept}{lost}")
    if left:
        say(f"{count(left, 'edit')} not ended yet; the same command again downloads what comes")
