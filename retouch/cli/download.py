"""``retouch download``: the pictures of a batch, in a folder."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, NamedTuple

import typer

from retouch.cli.counting import OnProgress, counting
from retouch.cli.ended import Ended, ended_edits, parse_states
from retouch.cli.file_names import DEFAULT_NAMES, FileNames
from retouch.cli.loop import run_loop
from retouch.cli.options import BatchArgument, Bucket, Prefix, RedisUrl, open_queue
from retouch.cli.stores import open_store
from retouch.cli.terminal import ExitCode, say
from retouch.edit_result import Result
from retouch.environment import DEFAULT_REDIS_URL
from retouch.errors import InputError, LostObjectError, ServiceError, StoreError
from retouch.media.downloads import Buckets, digest
from retouch.media.downloads import download as save
from retouch.output import Output
from retouch.plural import count, were
from retouch.signals import exit_code
from retouch.states import EditState

AT_ONCE = 16  # pictures on their way at a time: some 2 MiB of memory each


class Picture(NamedTuple):
    """An image in S3, and the file that it becomes."""

    output: Output
    path: Path


class Tally:
    """How many pictures are saved (also those in place of another file), were there already, and are lost."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.saved = self.replaced = self.kept = self.lost = 0

    @property
    def done(self) -> int:
        """All that are dealt with."""
        return self.saved + self.kept + self.lost


def download(
    batch: BatchArgument,
    directory: Annotated[
        str, typer.Argument(metavar="[DIR]", show_default=False, help="The folder; by default ./BATCH.")
    ] = "",
    only: Annotated[
        str,
        typer.Option(metavar="STATE,…", show_default=False, help="Only of edits that ended so, such as completed."),
    ] = "",
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
    """
    states, template, folder = parse_states(only), FileNames(names, batch), Path(directory or batch)
    with ended_edits(open_queue(redis_url), batch, bucket, prefix) as ended:
        tally = Tally(_check_names(ended, states, template, folder))
        again = "the same command again downloads the rest"
        try:
            with counting(f"downloading {batch}") as on_progress:
                run_loop(_save_all(_pictures(ended, states, template, folder), tally, on_progress))
        except StoreError as error:
            raise ServiceError(f"{error}; {count(tally.saved + tally.kept, 'picture')} are there, {again}") from error
        except KeyboardInterrupt as interrupt:
            say(f"interrupted with {tally.done} of {count(tally.total, 'picture')}; {again}")
            raise typer.Exit(exit_code(interrupt)) from None
        _tell(tally, folder, ended.left)
    raise typer.Exit(ExitCode.FAILURES if tally.lost else ExitCode.OK)


def _check_names(ended: Ended, states: frozenset[EditState], names: FileNames, folder: Path) -> int:
    """Find out before anything is written whether each picture has a place of its own; returns how many there are."""
    pictures = 0
    for result in ended.results():
        if result.state in states:
            for place, output in enumerate(result.outputs):
                names.claim(name := names.name(result, place, output), result)
                _keep_edited(folder / name, result, output)
                pictures += 1
    return pictures


def _keep_edited(path: Path, result: Result, output: Output) -> None:
    """Raise InputError if the picture that was edited is in this place, and would be replaced."""
    edited = PurePosixPath(result.uploaded_as or "").stem
    try:
        if edited and path.is_file() and path.stat().st_size != output.bytes and digest(path) == edited:
            raise InputError(f"{path} is the picture that was edited; choose another folder, or other --names")
    except OSError:  # the download says it
        return


def _pictures(ended: Ended, states: frozenset[EditState], names: FileNames, folder: Path) -> Iterator[Picture]:
    for result in ended.results():
        if result.state in states:
            for place, output in enumerate(result.outputs):
                yield Picture(output, folder / names.name(result, place, output))


async def _save_all(pictures: Iterator[Picture], tally: Tally, on_progress: OnProgress) -> None:
    buckets = Buckets(open_store)

    async def take_some() -> None:
        for output, path in pictures:  # shared: each takes the next one
            there = path.is_file()
            try:
                if await save(buckets, output, path):
                    tally.saved += 1
                    tally.replaced += there
                else:
                    tally.kept += 1
            except LostObjectError as error:
                tally.lost += 1
                say(str(error))
            on_progress(tally.done, tally.total)

    await asyncio.gather(*(take_some() for _ in range(AT_ONCE)))


def _tell(tally: Tally, folder: Path, left: int) -> None:
    replaced = f" ({tally.replaced} in place of another file)" if tally.replaced else ""
    kept = f", {tally.kept} {were(tally.kept)} there already" if tally.kept else ""
    lost = f", {tally.lost} could not be had" if tally.lost else ""
    say(f"{count(tally.saved, 'picture')} saved in {folder}{replaced}{kept}{lost}")
    if left:
        say(f"{count(left, 'edit')} not ended yet; the same command again downloads what comes")
