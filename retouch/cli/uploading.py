"""The progress of uploads: a bar on a terminal, and plain lines otherwise."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from retouch.cli.progress import LINE_EVERY_S
from retouch.cli.terminal import say
from retouch.intake.uploads import Inputs, Picture, upload_pending
from retouch.plural import count, were
from retouch.queue import EditQueue


def upload_with_progress(inputs: Inputs, queue: EditQueue, bucket: str, batch: str) -> None:
    """Upload what is pending, show how far it is, and say how much was sent; raises as ``upload_pending``."""
    done = Counter[bool]()  # by whether it was sent
    with ExitStack() as stack:
        steps: list[Callable[[Picture], None]] = []

        def start(number: int) -> None:
            if sys.stderr.isatty():
                from retouch.cli.transfer_bar import TransferBar  # noqa: PLC0415 - rich takes a tenth of a second to load

                bar = TransferBar("uploading", number, sum(one.size for one in inputs.pending.values()))
                stack.callback(bar.close)
                steps.append(lambda picture: bar.step(picture.size))
            else:
                steps.append(Lines(number).step)

        def step(picture: Picture, sent: bool) -> None:
            done[sent] += 1
            steps[0](picture)

        open_store = partial(queue._picture_store, bucket, batch)  # noqa: SLF001 - no matter of a producer's
        upload_pending(inputs, open_store, start, step)
    sent = f"{count(done[True], 'picture')} uploaded"
    if done:
        say(sent + (f", {done[False]:,} {were(done[False])} in the bucket already" if done[False] else ""))


class Lines:
    """A line every five seconds; short uploads print none."""

    def __init__(self, pictures: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._pictures = pictures
        self._clock = clock
        self._done = 0
        self._next = clock() + LINE_EVERY_S

    def step(self, _picture: Picture) -> None:
        """One more is done."""
        self._done += 1
        if self._clock() >= self._next:
            self._next = self._clock() + LINE_EVERY_S
            say(f"uploading: {self._done:,} of {count(self._pictures, 'picture')} done")
