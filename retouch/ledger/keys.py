"""Every Redis key of the ledger, under one hash tag, so that a script touches one slot of a cluster.

==================================  ======  =================================================================
key                                 type    holds
==================================  ======  =================================================================
``{retouch}:ready``                 zset    edits not yet sent; score: virtual time (fair order)
``{retouch}:due``                   zset    edits and batches by the time (ms) of what must happen next:
                                            a poll, a retry, a lease running out, a batch's end
``{retouch}:outbox``                zset    ``sink/event-id`` by the time (ms) of the next delivery; a clock of
                                            its own, so that a dead webhook never stands before the edits
``{retouch}:state``                 hash    ``virtual`` time, ``places`` in use at the API, ``sinks``,
                                            ``deployment`` (a random name), ``claimed_at``, ``grace_until``,
                                            ``trial`` (see ``rescues``); the API's state: see ``pacing.lua``
``{retouch}:pauses``                hash    cause → JSON ``{reason, since, until, every}``: why submits stop
``{retouch}:events``                stream  ``type subject time data``, written with the state they announce
``{retouch}:batches``               zset    batch ids by the time (ms) they were made
``{retouch}:workers``               zset    live workers by the time (ms) they were last seen
``{retouch}:batch:B``               hash    ``state created weight virtual fill_until pending fence defaults
                                            duplicates cancelled stale expires note n:STATE…``
``{retouch}:order:B``               list    the batch's custom ids as they were enqueued
``{retouch}:edits:B``               hash    custom id → parameters (JSON), less the batch's defaults
``{retouch}:results:B``             hash    custom id → result (JSON) of the edits that ended
``{retouch}:edit:B/C``              hash    one edit's progress, see below
``{retouch}:delivery:SINK/EVENT``   hash    ``fence tries first``
``{retouch}:kinds``                 zset    kinds of work by the time (ms) a result of theirs was last seen
``{retouch}:learned:KIND``          hash    how long results of a kind take (see ``retouch.polling.histogram``)
==================================  ======  =================================================================

An edit's hash holds short values only, so that Redis keeps it as one packed list: ``state digest samples seed
fence holder begun rescues places intent resent unanswered submits duplicate provider_id submitted_at deadline polls
tries strikes note urls kind seen``.

``holder``  the worker that has claimed it; absent when nobody has.
``begun``   work on the claim was begun: if it is still there when the lease has run out, the edit is rescued.
``rescues`` how often in a row; the second time it waits for ``trial``, the one edit that is tried again alone.
``intent``  a POST is, or may be, under way: written before it is sent, removed by whatever settles it.
``unanswered``  how many submits were sent and never answered; kept to the end, so that a retry is marked.
``seen``    the age (ms since the API took it) at which it was last seen unfinished.
``places``  how many images of it count as being at the API.
"""

from __future__ import annotations

TAG = "{retouch}"
READY = f"{TAG}:ready"
DUE = f"{TAG}:due"
OUTBOX = f"{TAG}:outbox"
STATE = f"{TAG}:state"
PAUSES = f"{TAG}:pauses"
EVENTS = f"{TAG}:events"
BATCHES = f"{TAG}:batches"
WORKERS = f"{TAG}:workers"
KINDS = f"{TAG}:kinds"


def batch(batch_id: str) -> str:
    """The batch's own hash."""
    return f"{TAG}:batch:{batch_id}"


def order(batch_id: str) -> str:
    """The batch's custom ids, in order."""
    return f"{TAG}:order:{batch_id}"


def edits(batch_id: str) -> str:
    """The batch's parameters by custom id."""
    return f"{TAG}:edits:{batch_id}"


def results(batch_id: str) -> str:
    """The batch's results by custom id."""
    return f"{TAG}:results:{batch_id}"


def edit(edit_id: str) -> str:
    """One edit's progress; ``edit_id`` is ``batch/custom_id``."""
    return f"{TAG}:edit:{edit_id}"


def delivery(member: str) -> str:
    """One event's delivery to one sink; ``member`` is ``sink/event-id``."""
    return f"{TAG}:delivery:{member}"


def learned(kind: str) -> str:
    """What is known of a kind of work."""
    return f"{TAG}:learned:{kind}"


def lua_names() -> str:
    """The same names as Lua locals, put before every script: this file stays the only place that knows them."""
    fixed = {"READY": READY, "DUE": DUE, "OUTBOX": OUTBOX, "STATE": STATE, "PAUSES": PAUSES, "EVENTS": EVENTS}
    fixed |= {"BATCHES": BATCHES, "WORKERS": WORKERS, "KINDS": KINDS}
    prefixes = {"batch": batch, "order": order, "edits": edits, "results": results, "edit": edit}
    prefixes |= {"delivery": delivery, "learned": learned}
    lines = [f"local {name} = '{key}'" for name, key in fixed.items()]
    lines += [f"local function {name}_key(x) return '{make('')}' .. x end" for name, make in prefixes.items()]
    return "\n".join(lines) + "\n"
