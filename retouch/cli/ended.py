"""The edits of a batch that have ended, for commands: with progress, and as the options say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from retouch.cli.counting import counting
from retouch.queue import EditQueue
from retouch.results.ended import Ended, ended_edits, states_of
from retouch.states import EditState


@contextmanager
def ended_with_progress(queue: EditQueue, batch: str, bucket: str, prefix: str) -> Iterator[Ended]:
    """What has ended by now, as ``ended_edits``; how much is read is shown."""
    with ExitStack() as stack:
        with counting(f"reading the results of {batch}") as on_progress:
            ended = stack.enter_context(ended_edits(queue, batch, bucket, prefix, on_progress))
        yield ended


def parse_states(text: str) -> frozenset[EditState]:
    """Read ``completed,failed``; empty: all states of edits that have ended. Raises InputError."""
    return states_of((name.strip() for name in text.split(",") if name.strip()), "--only")
