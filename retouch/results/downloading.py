"""A batch's images from S3 into a folder: several at a time, each checked, those that are there left alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from retouch import blocking
from retouch.edit_result import Result
from retouch.errors import InputError, LostObjectError, ServiceError, StoreError
from retouch.media.downloads import ImageSource, digest, download
from retouch.output import Output
from retouch.plural import count
from retouch.results.ended import Ended, OnProgress
from retouch.results.file_names import FileNames
from retouch.states import EditState

AT_ONCE = 16  # pictures on their way at a time: some 2 MiB of memory each


class Picture(NamedTuple):
    """An image in S3, and the file that it becomes."""

    output: Output
    path: Path


class Downloading:
    """A download of what has ended, in these states, and how far it is. ``images``: where they are read from.

    ``ids``: of these edits alone; None: of all.

    ``replaced`` counts those of the ``saved`` that took the place of another file. Raises InputError if a picture has
    no place of its own in the folder: before anything is written.
    """

    def __init__(
        self,
        ended: Ended,
        images: ImageSource,
        states: Collection[EditState],
        names: FileNames,
        folder: Path,
        ids: Collection[str] | None = None,
    ) -> None:
        self._ended = ended
        self._images = images
        self._states = states
        self._names = names
        self._folder = folder
        self._ids = ids
        self.saved = self.replaced = self.kept = self.lost = 0
        self.total = self._check_names()

    @property
    def done(self) -> int:
        """All that are dealt with."""
        return self.saved + self.kept + self.lost

    def run(self, on_progress: OnProgress, on_lost: Callable[[str], None]) -> None:
        """Save all; ``on_lost`` is called with a sentence for each that is gone from S3, or differs.

        Raises ServiceError if S3 cannot be used, which says how many are there, and InputError if a file cannot be
        written.
        """
        try:
            blocking.run(self._all(on_progress, on_lost))
        except StoreError as error:
            there = count(self.saved + self.kept, "picture")
            raise ServiceError(f"{error}; {there} are there, the same again downloads the rest") from error

    def pictures(self) -> Iterator[Picture]:
        """All of them, in the batch's order, with the files that they become."""
        for result in self._chosen():
            for place, output in enumerate(result.outputs):
                yield Picture(output, self._folder / self._names.name(result, place, output))

    def _chosen(self) -> Iterator[Result]:
        for result in self._ended.results():
            if result.state in self._states and (self._ids is None or result.custom_id in self._ids):
                yield result

    def _check_names(self) -> int:
        edited = {PurePosixPath(result.uploaded_as).stem for result in self._ended.results() if result.uploaded_as}
        pictures = 0
        for result in self._chosen():
            for place, output in enumerate(result.outputs):
                self._names.claim(name := self._names.name(result, place, output), result)
                self._protect(self._folder / name, result, output, edited)
                pictures += 1
        return pictures

    def _protect(self, path: Path, result: Result, output: Output, edited: Collection[str]) -> None:
        """Raise InputError if a picture that was edited (by its SHA-256), or is done again, may be in this place."""
        try:
            there = digest(path) if path.is_file() and (edited or result.redo_of) else output.sha256
        except OSError:  # the download says it
            return
        if there in edited and there != output.sha256:
            raise InputError(
                f"{path} is a picture that was edited; choose another folder, or others {self._names.option}"
            )
        if result.redo_of and there != output.sha256:
            raise InputError(
                f"{path} is there, and may be the picture that is done again; choose another folder, or others"
                f" {self._names.option}, such as '{{batch}}.{{custom_id}}.{{n}}.{{ext}}'"
            )

    async def _all(self, on_progress: OnProgress, on_lost: Callable[[str], None]) -> None:
        pictures = self.pictures()

        async def take_some() -> None:
            for output, path in pictures:  # shared: each takes the next one
                there = path.is_file()
                try:
                    if await download(self._images, output, path):
                        self.saved += 1
                        self.replaced += there
                    else:
                        self.kept += 1
                except LostObjectError as error:
                    self.lost += 1
                    on_lost(str(error))
                on_progress(self.done, self.total)

        await blocking.together(take_some() for _ in range(AT_ONCE))
