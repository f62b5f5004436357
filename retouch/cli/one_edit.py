"""``retouch retry``, ``cancel`` and ``redo`` of one edit: what is done to that one alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from retouch.cli.doing import do, tell
from retouch.cli.options import complete_batch
from retouch.cli.terminal import say
from retouch.errors import InputError
from retouch.ledger import Action
from retouch.queue import EditQueue
from retouch.states import EditState

DONE = {"retry": "tried again", "anew": "submitted again", "cancel": "cancelled"}
BatchOrEdit = Annotated[
    str,
    typer.Argument(
        metavar="BATCH",
        show_default=False,
        help="The batch's id; or one of its edits, as BATCH/CUSTOM_ID.",
        autocompletion=complete_batch,
    ),
]


def change_one(
    queue: EditQueue, edit: str, action: Action, states: Sequence[EditState], again: str, *, as_json: bool
) -> None:
    """Do something to one edit (``batch/custom_id``), and tell what became of it; InputError: there is no such edit.

    ``again``: the command that does it.
    """
    batch, custom_id = one_of(edit)
    job = queue.count_job(batch, action, states, custom_ids=[custom_id], at_once=True)
    if job.counted:
        job = do(queue, job, f"changing {edit}", again, as_json=as_json)
    tell(job, as_json=as_json)
    if not job.changed:
        state = queue.edit(batch, custom_id).state.value
        say(f"nothing is {DONE[action]}: {edit} is {state}, and not {' or '.join(one.value for one in states)}")
        say(f"why: retouch explain {edit}")
    elif job.asked:
        say(f"{edit} was taken by the API before: it is asked for the result first")
    else:
        say(f"{edit} is {DONE[action]}")


def one_of(text: str) -> tuple[str, str]:
    """``batch/custom_id`` in its parts; the latter is empty where a batch is meant. Raises InputError."""
    batch, slash, custom_id = text.partition("/")
    if slash and not custom_id:
        raise InputError(f"{text[:80]!r} names no edit: write BATCH/CUSTOM_ID, such as cats/cat-1, or BATCH alone")
    return batch, custom_id
