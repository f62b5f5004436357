"""``retouch retry``, ``cancel``, ``seal``, ``pause`` and ``resume``: a person's decisions about batches and edits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Annotated

import typer

from retouch.advice.batch import limit_hint, reasons_outside, why_open
from retouch.advice.pauses import batch_pause_line, pause_line
from retouch.advice.workers import workers_hint
from retouch.cli.doing import do, tell
from retouch.cli.failures import Groups, failure_lines, group_option, in_groups, parse_groups, reason_lines
from retouch.cli.one_edit import BatchOrEdit, change_one, one_of
from retouch.cli.options import BatchArgument, Json, MaxFailures, RedisUrl, complete_batch, open_queue
from retouch.cli.terminal import say
from retouch.environment import DEFAULT_REDIS_URL
from retouch.errors import InputError
from retouch.ledger import BatchView, Job
from retouch.plural import are, count, were
from retouch.price import Price
from retouch.queue import EditQueue
from retouch.states import EditState

OPTIONS = {EditState.FAILED: "", EditState.HELD: " --held", EditState.CANCELLED: " --cancelled"}


def retry(
    batch: BatchOrEdit,
    held: Annotated[
        bool, typer.Option("--held", help="Submit the held edits again; they may be paid for twice.")
    ] = False,
    cancelled: Annotated[
        bool, typer.Option("--cancelled", help="Put the cancelled edits back into the queue.")
    ] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Submit all of them again, without asking the API for results it may have.")
    ] = False,
    group: Groups = "",
    json_: Json = False,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Try a batch's failed (or held, or cancelled) edits again.

    Where the API took an edit and may still have its result, it is asked first, which costs nothing; what it does not
    have is submitted again. First it says how many edits that are, and why those failed. It is a job: Ctrl-C stops it.

    Examples:
        retouch retry oil
        retouch retry oil --held
        retouch retry oil/lighthouse
    """
    groups = parse_groups(group)
    state = _to_retry(held, cancelled, groups)
    if one_of(batch)[1]:
        if groups:
            raise InputError("--group is of a batch's edits: with one edit leave it out")
        again = f"retouch retry {batch}{OPTIONS[state]}{' --anew' if anew else ''}"
        change_one(open_queue(redis_url), batch, "anew" if anew else "retry", [state], again, as_json=json_)
        return
    queue = open_queue(redis_url)
    job = queue.count_job(batch, "anew" if anew else "retry", [state], groups=groups, at_once=True)
    if not job.counted:
        tell(job, as_json=json_)
        _tell_nothing_to_retry(queue, batch, state, groups)
        return
    _say_retry(queue, job, state)
    these = f"retouch retry {batch}{OPTIONS[state]}{group_option(groups)}"
    again = f"{these}{' --anew' if anew else ''}"
    ended = do(queue, job, f"retrying edits of batch {batch}", again, as_json=json_)
    tell(ended, as_json=json_)
    edits = partial(count, noun=f"{state.value} edit")
    if sent := ended.changed - ended.asked:
        say(f"{edits(sent)} of batch {batch} {are(sent)} back in the queue, to be submitted again")
    if ended.asked:
        say(
            f"{edits(ended.asked)} {were(ended.asked)} taken by the API before: it is asked for the results first"
            f" (to submit again all the same: {these} --anew)"
        )
    _say_what_holds_up(queue, batch)


def _say_what_holds_up(queue: EditQueue, batch: str) -> None:
    """What keeps queued edits from being submitted: pauses of the batch, then what is so for all batches."""
    for why in queue.status(batch).paused:
        say(batch_pause_line(batch, why))
    for reason in reasons_outside(queue.workers(), [pause for pause in queue.pauses() if pause.kind == "submit"]):
        say(reason.begins)


def _say_retry(queue: EditQueue, job: Job, state: EditState) -> None:
    """What is tried again, at which price, and why it failed: the same may fail again."""
    cost = ""
    if job.cost and job.cost.at_most:
        most = " at most" if job.to_ask else ""
        cost = f", for {Price(job.cost.at_most, job.cost.currency)}{most}"
    say(f"retrying {count(job.counted, f'{state.value} edit')} of batch {job.batch}{cost} (job {job.id})")
    if state is EditState.FAILED:
        for line in reason_lines(job.batch, queue.failures(job.batch), job.groups):
            say(line)


def _to_retry(held: bool, cancelled: bool, groups: Sequence[int]) -> EditState:
    if held and cancelled:
        raise InputError("--held and --cancelled cannot be used together; choose one")
    if groups and (held or cancelled):
        raise InputError("--group is of failed edits: leave out --held and --cancelled")
    return EditState.HELD if held else EditState.CANCELLED if cancelled else EditState.FAILED


def _tell_nothing_to_retry(queue: EditQueue, batch: str, state: EditState, groups: Sequence[int]) -> None:
    say(f"nothing to retry: no edit of batch {batch} is {state.value}{in_groups(groups)}")
    if groups:
        for line in failure_lines(batch, queue.failures(batch)):
            say(line)
        return
    for other, option in OPTIONS.items():
        if number := queue.status(batch).counts.get(other):
            say(f"{count(number, 'edit')} {are(number)} {other.value}: retouch retry {batch}{option}")


def cancel(
    batch: BatchOrEdit,
    held: Annotated[bool, typer.Option("--held", help="Cancel only the held edits, not the queued ones.")] = False,
    json_: Json = False,
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
) -> None:
    """Cancel a batch's queued and held edits; edits that the API works on are paid for, so they are finished and kept.

    A held edit was sent and not answered: the API may have accepted it. It is a job: Ctrl-C stops it.

    Examples:
        retouch cancel oil
        retouch cancel oil/lighthouse
    """
    states = [EditState.HELD] if held else [EditState.QUEUED, EditState.HELD]
    if one_of(batch)[1]:
        again = f"retouch cancel {batch}{' --held' if held else ''}"
        change_one(open_queue(redis_url), batch, "cancel", states, again, as_json=json_)
        return
    queue = open_queue(redis_url)
    job = queue.count_job(batch, "cancel", states, at_once=True)
    if not job.counted:
        tell(job, as_json=json_)
        say(_nothing_to_cancel(queue.status(batch), states, queue.workers()))
        return
    say(f"cancelling {count(job.counted, 'edit')} of batch {batch} (job {job.id})")
    again = f"retouch cancel {batch}{' --held' if held else ''}"
    ended = do(queue, job, f"cancelling edits of batch {batch}", again, as_json=json_)
    tell(ended, as_json=json_)
    view, workers = queue.status(batch), queue.workers()
    cancelled = f"{count(ended.changed, 'edit')} of batch {batch} {are(ended.changed)} cancelled"
    say(f"{cancelled}; those that the API works on are finished and kept")
    if not view.finished and (hint := workers_hint(workers)):
        say(hint)


def _nothing_to_cancel(view: BatchView, states: Sequence[EditState], workers: Collection[str]) -> str:
    nothing = f"nothing to cancel: no edit of batch {view.batch} is {' or '.join(state.value for state in states)}"
    if view.finished:
        return f"{nothing}. It has ended ({view.shown_counts}); to remove it: retouch remove {view.batch}"
    if view.counts.get(EditState.QUEUED):  # only the held ones were asked for
        return f"{nothing}. To cancel the queued ones: retouch cancel {view.batch}"
    return f"{nothing}. It has not ended ({view.shown_counts}): {why_open(view, workers)}"


def seal(batch: BatchArgument, redis_url: RedisUrl = DEFAULT_REDIS_URL) -> None:
    """Let a batch end as it is, since its producer is gone: when its edits have ended, its files are written.

    Examples:
        retouch seal oil
    """
    sealed = open_queue(redis_url).seal(batch)
    say(
        f"batch {batch} is sealed: it ends when its edits have ended" if sealed else f"batch {batch} was sealed already"
    )


PausedBatch = Annotated[
    str,
    typer.Argument(
        metavar="[BATCH]",
        show_default=False,
        help="One batch; without it, all submits.",
        autocompletion=complete_batch,
    ),
]


def pause(batch: PausedBatch = "", redis_url: RedisUrl = DEFAULT_REDIS_URL) -> None:
    """Submit no more edits of a batch (or of any) until it is resumed; edits at the API are finished and kept.

    Examples:
        retouch pause oil
        retouch pause
    """
    queue = open_queue(redis_url)
    what = f"batch {batch}" if batch else "the queue"
    was = "" if queue.pause(batch or None) else " (it was already)"
    say(f"{what} is paused{was}; edits at the API are finished. To go on: retouch resume{f' {batch}' if batch else ''}")


def resume(batch: PausedBatch = "", max_failures: MaxFailures = "", redis_url: RedisUrl = DEFAULT_REDIS_URL) -> None:
    """Resume a batch, unless its budget is used up; without BATCH the submits that a person, or refusals, have paused.

    A batch that was paused for its failures goes on however many fail, or with another --max-failures. What the API
    asked for with Retry-After, and outages, end by themselves.

    Examples:
        retouch resume oil
        retouch resume oil --max-failures 5%
        retouch resume
    """
    queue = open_queue(redis_url)
    before = queue.status(batch).max_failures if batch else None
    resumed = queue.resume(batch or None, max_failures=max_failures or None)
    what = f"batch {batch}" if batch else "the queue"
    if not batch:
        say(f"{what} is resumed" if resumed else f"{what} was not paused")
        for other in queue.pauses():
            say(pause_line(other))
        return
    view = queue.status(batch)
    for left in view.paused:  # that of its budget
        say(batch_pause_line(batch, left))
    if resumed or not view.paused:
        say(f"{what} is resumed" if resumed else f"{what} was not paused")
    if limit := limit_hint(view):
        say(limit)
    elif before:
        say(f"max_failures was {before}, and holds no more: it goes on however many of its edits fail")
