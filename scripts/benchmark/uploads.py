"""What uploading local pictures costs, beside a bare obstore loop: ``python -m scripts.benchmark.uploads``.

Both send the same pictures to the embedded S3, the same number at a time, in turns; the best of each is compared.
Retouch also reads, checks and names the pictures, and asks for each whether it is there already.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import obstore
from obstore.store import S3Store

from retouch.intake.uploads import AT_ONCE, Inputs, upload_pending
from scripts.benchmark import machine
from workers.stack.s3 import S3

_BAR = 1.5  # times the bare loop


def main() -> int:
    """Measure and print; returns 1 if Retouch takes more than 1.5 times as long."""
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
    bare_s, ours_s, again_s = (min(column) for column in zip(*times, strict=True))
    print(f"{options.pictures} pictures of {options.bytes} bytes, {AT_ONCE} at a time, best of {options.rounds}")
    print(
        f"bare obstore loop {bare_s:.2f} s, retouch {ours_s:.2f} s ({ours_s / bare_s:.2f} times), again {again_s:.2f} s"
    )
    return 0 if ours_s <= _BAR * bare_s else 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.benchmark.uploads", description=__doc__)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--bytes", type=int, default=1_000_000, help="of each picture")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def _round(s3: S3, folder: Path, place: int, options: argparse.Namespace) -> tuple[float, float, float]:
    """Seconds of the bare loop, of Retouch, and of Retouch again; every round has pictures of its own."""
    paths = [folder / f"{place}-{n}.png" for n in range(options.pictures)]
    for n, path in enumerate(paths):
        path.write_bytes(_picture(options.bytes, seed=place * options.pictures + n))
    runs: list[Callable[[], None]] = [lambda: _bare(s3, paths), lambda: _ours(s3, paths), lambda: _ours(s3, paths)]
    if place % 2:  # whoever is first warms the files up
        runs = [runs[1], runs[2], runs[0]]
    spent = [_timed(one) for one in runs]
    for path in paths:
        path.unlink()
    return (spent[2], spent[0], spent[1]) if place % 2 else (spent[0], spent[1], spent[2])


def _timed(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _bare(s3: S3, paths: list[Path]) -> None:
    store = S3Store(
        s3.bucket,
        endpoint=s3.url,
        access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
        secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        region="us-east-1",
        client_options={"allow_http": True},
    )
    left = iter(paths)

    async def carry() -> None:
        for path in left:
            await obstore.put_async(store, f"bare/{path.name}", path.read_bytes(), use_multipart=False)

    async def loop() -> None:
        await asyncio.gather(*(carry() for _ in range(AT_ONCE)))

    asyncio.run(loop())


def _ours(s3: S3, paths: list[Path]) -> None:
    with Inputs(s3.bucket) as inputs:
        for path in paths:
            inputs.need(inputs.uri(str(path)))
        upload_pending(inputs, s3.bucket, lambda _number: None)


def _picture(size: int, seed: int) -> bytes:
    """A PNG of so many bytes whose pixels cannot be compressed; it is whole for whoever walks over it."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)

    header = (512).to_bytes(4) * 2 + b"\x08\x02\0\0\0"
    pixels = random.Random(seed).randbytes(max(1, size - 57))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


if __name__ == "__main__":
    sys.exit(main())
