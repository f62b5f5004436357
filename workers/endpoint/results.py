"""Finished images, in memory and bounded in bytes."""

from __future__ import annotations

from collections import OrderedDict


class Results:
    """The newest edits' images. What no longer fits is given up, oldest edit first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit  # bytes
        self._size = 0
        self._images: OrderedDict[str, list[bytes]] = OrderedDict()

    def put(self, job_id: str, images: list[bytes]) -> None:
        """Keep the images of an edit; the newest edit is kept even where it alone is above the limit."""
        self._images[job_id] = images
        self._size += sum(map(len, images))
        while self._size > self._limit and len(self._images) > 1:
            _, old = self._images.popitem(last=False)
            self._size -= sum(map(len, old))

    def get(self, job_id: str, number: int) -> bytes | None:
        """Return one image, or None where there is none (any more)."""
        images = self._images.get(job_id, [])
        return images[number] if 0 <= number < len(images) else None

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._size
