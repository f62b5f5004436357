"""A question on a terminal, before something large."""

from __future__ import annotations

import sys

import typer

from retouch.cli.terminal import say
from retouch.errors import InputError
from retouch.intake.estimate import Estimate

ASKED_ABOVE = 1000  # edits


def tell_plan(batch: str, estimate: Estimate, *, ask: bool) -> None:
    """Say how much it is; with ``ask``, above a thousand edits and on a terminal, ask. Raises InputError after a no."""
    say(f"batch {batch}: {estimate}")
    if not ask or estimate.edits <= ASKED_ABOVE or not _on_terminal():
        return
    if not typer.confirm(f"Enqueue {estimate.edits} edits?", err=True):
        raise InputError("nothing was enqueued (--yes does not ask)")


def confirm_loss(what: str, yes: bool, otherwise: str) -> None:
    """Ask before something is lost, unless ``yes``; raises InputError after a no, or where nobody can be asked.

    ``what``: what is done, such as "remove batch oil"; ``otherwise``: "nothing was removed".
    """
    if yes:
        return
    if not _at_terminal():
        raise InputError(f"{otherwise}; to {what} without a question, add --yes")
    sys.stderr.write(f"{what}? This cannot be undone [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):  # typer's own question makes Ctrl-C an exit code of 1
        raise InputError(otherwise)


def _at_terminal() -> bool:
    return sys.stdin.isatty()


def _on_terminal() -> bool:
    return bool(sys.stdin and sys.stdin.isatty() and sys.stderr.isatty())
