"""What pictures cost to S3 and back, beside a bare obstore loop: ``python -m scripts.benchmark.transfers``.

Both move the same pictures to and from the embedded S3, the same number at a time, in turns; the best of each is
compared. Retouch also checks and names the pictures that it sends, and asks for each whether it is there already; those
that it fetches it checks by their SHA-256, and gives them their names when they are whole.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import random
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import NamedTuple

import obstore
from obstore.store import S3Store

from retouch import blocking
from retouch.intake.uploads import AT_ONCE, Inputs, upload_pending
from retouch.media.downloads import Buckets, download
from retouch.media.stores import kept_store
from retouch.output import Output
from retouch.results.downloading import AT_ONCE as DOWNLOADED_AT_ONCE
from scripts.benchmark import machine
from workers.stack.s3 import S3

_BAR = 1.5  # times the bare loop


class Times(NamedTuple):
    """Seconds of the bare loop, of Retouch, and of Retouch again, which finds all there."""

    bare_s: float
    ours_s: float
    again_s: float


def main() -> int:
    """Measure and print; returns 1 if Retouch takes more than 1.5 times as long, one way or the other."""
    options = _parse()
    print("\n".join(f"{name}: {value}" for name, value in machine.describe().items()))
    with tempfile.TemporaryDirectory() as name:
        s3 = S3(Path(name) / "s3")
        s3.start()
        try:
            os.environ.update(s3.environment)
            times = [_round(s3, Path(name), place, options) for place in range(options.rounds)]
        finally:
            s3.stop()
    print(f"{options.pictures} pictures of {options.bytes} bytes, {AT_ONCE} at a time, best of {options.rounds}")
    good = [_told(way, [one[way] for one in times]) for way in ("up", "down")]
    return 0 if all(good) else 1


def _told(way: str, times: list[Times]) -> bool:
    bare_s, ours_s, again_s = (min(column) for column in zip(*times, strict=True))
    ratio = float(ours_s / bare_s)
    print(f"{way}: bare obstore loop {bare_s:.2f} s, retouch {ours_s:.2f} s ({ratio:.2f} times), again {again_s:.2f} s")
    return ratio <= _BAR


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.benchmark.transfers", description=__doc__)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--bytes", type=int, default=1_000_000, help="of each picture")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def _round(s3: S3, folder: Path, place: int, options: argparse.Namespace) -> dict[str, Times]:
    """Every round has pictures of its own."""
    paths = [folder / f"{place}-{n}.png" for n in range(options.pictures)]
    for n, path in enumerate(paths):
        path.write_bytes(_picture(options.bytes, seed=place * options.pictures + n))
    up = _in_turns(place, lambda: _bare_up(s3, paths), lambda: _ours_up(s3, paths))
    outputs = [_output(s3, path) for path in paths]
    for path in paths:
        path.unlink()
    bare, ours = folder / "bare", folder / "ours"
    down = _in_turns(place, lambda: _bare_down(s3, outputs, bare), lambda: _ours_down(outputs, ours))
    for made in (bare, ours):
        shutil.rmtree(made)
    return {"up": up, "down": down}


def _in_turns(place: int, bare: Callable[[], None], ours: Callable[[], None]) -> Times:
    """Whoever is first warms the files up."""
    if place % 2:
        spent = [_timed(one) for one in (ours, ours, bare)]
        return Times(spent[2], spent[0], spent[1])
    return Times(*(_timed(one) for one in (bare, ours, ours)))


def _timed(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _store(s3: S3) -> S3Store:
    return S3Store(
        s3.bucket,
        endpoint=s3.url,
        access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
        secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        region="us-east-1",
        client_options={"allow_http": True},
    )


def _side_by_side(carry: Callable[[], Coroutine[None, None, None]]) -> None:
    async def loop() -> None:
        await asyncio.gather(*(carry() for _ in range(AT_ONCE)))

    asyncio.run(loop())


def _bare_up(s3: S3, paths: list[Path]) -> None:
    store, left = _store(s3), iter(paths)

    async def carry() -> None:
        for path in left:
            await obstore.put_async(store, f"bare/{path.name}", path.read_bytes(), use_multipart=False)

    _side_by_side(carry)


def _bare_down(s3: S3, outputs: list[Output], folder: Path) -> None:
    store, left = _store(s3), iter(outputs)
    folder.mkdir()

    async def carry() -> None:
        for output in left:
            key = output.uri.removeprefix(f"s3://{s3.bucket}/")
            found = await obstore.get_async(store, key)
            (folder / Path(key).name).write_bytes(await found.bytes_async())

    _side_by_side(carry)


def _output(s3: S3, path: Path) -> Output:
    data = path.read_bytes()
    uri = f"s3://{s3.bucket}/bare/{path.name}"
    return Output(uri, hashlib.sha256(data).hexdigest(), len(data), 512, 512, "image/png")


def _ours_down(outputs: list[Output], folder: Path) -> None:
    buckets, left = Buckets(kept_store), iter(outputs)

    async def carry() -> None:
        for output in left:
            await download(buckets, output, folder / Path(output.uri).name)

    blocking.run(blocking.together(carry() for _ in range(DOWNLOADED_AT_ONCE)))


def _ours_up(s3: S3, paths: list[Path]) -> None:
    with Inputs(s3.bucket) as inputs:
        for path in paths:
            inputs.need(inputs.uri(str(path)))
        upload_pending(inputs, lambda: kept_store(s3.bucket), lambda _number: None)


def _picture(size: int, seed: int) -> bytes:
    """A PNG of so many bytes whose pixels cannot be compressed; it is whole for whoever walks over it."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)

    header = (512).to_bytes(4) * 2 + b"\x08\x02\0\0\0"
    pixels = random.Random(seed).randbytes(max(1, size - 57))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


if __name__ == "__main__":
    sys.exit(main())
