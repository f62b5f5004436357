"""The images of one result, saved as files for a caller that is not asynchronous."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath, sep
from pathlib import Path, PurePosixPath

from retouch import blocking
from retouch.errors import InputError, ServiceError, StoreError
from retouch.media.downloads import Buckets, download
from retouch.media.stores import kept_store
from retouch.output import Output
from retouch.plural import count

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp"})


def save(custom_id: str, outputs: Sequence[Output], path: str | PathLike[str]) -> list[Path]:
    """Save the images of an edit, checked by their SHA-256; returns the files.

    ``path`` is a folder, or, with one image, the name of a file. Raises InputError and ServiceError.
    """
    files = _files(custom_id, outputs, path)

    async def all_of_them() -> None:
        buckets = Buckets(kept_store)
        await blocking.together(download(buckets, output, file) for output, file in zip(outputs, files, strict=True))

    try:
        blocking.run(all_of_them())
    except StoreError as error:
        raise ServiceError(f"the images of {custom_id} could not be downloaded: {error}") from error
    return files


def _files(custom_id: str, outputs: Sequence[Output], path: str | PathLike[str]) -> list[Path]:
    place = Path(path)
    if place.is_dir() or fspath(path).endswith(sep) or place.suffix.lower() not in PICTURES:
        return [place / f"{custom_id}.{PurePosixPath(output.uri).name}" for output in outputs]
    if len(outputs) != 1:
        images = count(len(outputs), "image")
        raise InputError(f"{custom_id} has {images}, and {place} is the name of one file; give a folder instead")
    return [place]
