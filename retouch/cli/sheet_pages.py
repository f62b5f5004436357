"""Draws the pages of ``retouch sheet``; the only command that loads Pillow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from PIL import Image

from retouch.cli.files import replacing
from retouch.cli.grids import GridPage, arranged
from retouch.cli.pictures import Pictures
from retouch.cli.terminal import say
from retouch.edit_result import Result
from retouch.errors import InputError
from retouch.media import sheets
from retouch.media.downloads import ImageSource
from retouch.net.addresses import PrivateHosts
from retouch.output import Output
from retouch.plural import count

PICTURES_A_PAGE = 60

Shot = tuple[Result, Output | None]  # an image of a result, or that it has none


class Pages:
    """Draws pages one after another: a page of small pictures is all that is in memory.

    ``images``: makes what pictures in S3 are read from, within the loop that reads them.
    """

    def __init__(self, batch: str, output: str, private_hosts: PrivateHosts, images: Callable[[], ImageSource]) -> None:
        self._batch = batch
        self._images = images
        self._output = Path(output or f"{batch}.png")
        self._replaces = bool(output)  # what was named may be replaced; a name of ours may be that of another picture
        self._private_hosts = private_hosts
        if self._output.suffix.lower() not in Image.registered_extensions():
            raise InputError(f"-o {output}: name a picture, such as sheet.png or sheet.jpg")
        self._check(self._output)

    def pairs(self, results: Iterable[Result]) -> None:
        """Save before and after of each image."""
        shots = (shot for result in results for shot in _shots(result))
        with asyncio.Runner() as runner:
            pictures = Pictures(self._images(), self._private_hosts)
            page = 1
            while some := list(islice(shots, PICTURES_A_PAGE)):
                drawn = runner.run(self._pairs_page(pictures, some, page))
                self._save(drawn, page)
                page += 1
        if page == 1:
            say(f"no edit of batch {self._batch} has ended so; nothing was drawn")

    def grids(self, results: Iterable[Result], names: str) -> None:
        """Save a grid of each picture's variations."""
        with asyncio.Runner() as runner:
            pictures = Pictures(self._images(), self._private_hosts)
            for page, grid in enumerate(arranged(results, names), 1):
                if grid.more:
                    say(f"note: {count(grid.more, 'edit')} with the same values as others are left out")
                self._save(runner.run(self._grid_page(pictures, grid)), page)

    async def _pairs_page(self, pictures: Pictures, shots: list[Shot], page: int) -> Image.Image:
        pairs = await asyncio.gather(*(_pair(pictures, *shot) for shot in shots))
        first = (page - 1) * PICTURES_A_PAGE + 1
        span = f"pictures {first} to {first + len(shots) - 1}"
        return await asyncio.to_thread(sheets.draw, pairs, f"{self._batch}: before and after", span)

    async def _grid_page(self, pictures: Pictures, grid: GridPage) -> Image.Image:
        one = next(iter(grid.results.values()))
        before, *after = await asyncio.gather(
            pictures.before(one),
            *(pictures.after(result, next(iter(result.outputs), None)) for result in grid.results.values()),
        )
        places = dict(zip(grid.results, after, strict=True))
        drawing = sheets.Grid(before, grid.rows, grid.columns, places)
        return await asyncio.to_thread(sheets.draw_grid, drawing, self._batch, str(one.init_image or ""))

    def _save(self, sheet: Image.Image, page: int) -> None:
        path = self._output if page == 1 else self._output.with_stem(f"{self._output.stem}-{page}")
        self._check(path)
        with replacing(path) as part:
            sheet.save(part, Image.registered_extensions()[path.suffix.lower()])

    def _check(self, path: Path) -> None:
        if path.exists() and not self._replaces:
            raise InputError(f"{path} is there already; to replace it: -o {self._output}, or name another file")


def _shots(result: Result) -> Iterator[Shot]:
    outputs: list[Output | None] = [*result.outputs] or [None]
    yield from ((result, output) for output in outputs)


async def _pair(pictures: Pictures, result: Result, output: Output | None) -> sheets.Pair:
    before, after = await asyncio.gather(pictures.before(result), pictures.after(result, output))
    strength = result.parameters.get("strength")
    words = f"{result.custom_id}: {result.parameters.get('prompt', '')}"
    return sheets.Pair(before, after, words, strength if isinstance(strength, int | float) else None)
