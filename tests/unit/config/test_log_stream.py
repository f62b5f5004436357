"""The log's own thread: order, patience with a reader that stalls, and its loss told."""

from __future__ import annotations

import io
import json
import os
from contextlib import suppress

from config.log_stream import MOST_WAITING, LogStream


def test_lines_come_out_whole_and_in_order() -> None:
    """Many writes, few of them to the target."""
    target = io.StringIO()
    stream = LogStream(target)
    lines = [f"line {number}\n" for number in range(1000)]
    for line in lines:
        stream.write(line)
    assert stream.drain()
    assert target.getvalue() == "".join(lines)


def test_a_reader_that_stalls_holds_nobody_up_and_is_told_what_it_missed() -> None:
    """A full pipe takes nothing: lines wait, then are dropped and counted; what is read later is whole."""
    read, write = os.pipe()
    with os.fdopen(write, "w") as target, os.fdopen(read) as source:
        stream = LogStream(target)
        line = f"{'x' * 199}\n"
        for _ in range(MOST_WAITING * 3):
            stream.write(line)
        assert not stream.drain(0.1)
        whole = lost = 0
        while whole + lost < MOST_WAITING * 3:  # on a slow machine some are written before the pipe is full
            if (read_line := source.readline()) == line:
                whole += 1
                continue
            told = json.loads(read_line)
            assert told["event"] == "log.lines_dropped"
            lost += told["lines"]
        assert whole + lost == MOST_WAITING * 3
        assert lost > 0
        assert stream.drain()


def test_a_reader_that_is_gone_is_no_trouble() -> None:
    """Its lines go nowhere, and the next ones are taken all the same."""
    read, write = os.pipe()
    os.close(read)
    target = os.fdopen(write, "w")
    stream = LogStream(target)
    for _ in range(2):
        stream.write("nobody reads this\n")
        assert stream.drain()
    with suppress(BrokenPipeError):
        target.close()
