"""Every Redis key of the ledger, under one hash tag, so that a script uses one slot of a cluster.

``{ns}`` is the namespace in braces: ``{retouch}`` unless ``RETOUCH_NAMESPACE`` says otherwise.

=============================  ======  =================================================================
key                            type    holds
=============================  ======  =================================================================
``{ns}:schema``                string  the version of this layout; absent: 1, or nothing was ever written
``{ns}:ready``                 zset    edits not yet sent; score: virtual time (fair order)
``{ns}:due``                   zset    edits and batches by the time (ms) of what must happen next:
                                       a poll, a retry, the end of a lease, a batch's end
``{ns}:backlog``               zset    batches with queued edits by the time (ms) since when they have some
``{ns}:halted``                zset    the same of those that are paused, by the time since when they are
``{ns}:counts``                hash    sums over all batches, those that are removed too: ``since`` (ms: when the
                                       first worker was seen that keeps them), ``n:STATE`` (edits that are there),
                                       ``accepted``, ``ended:STATE`` or ``ended:STATE:CODE``, ``taken`` (submits),
                                       ``unanswered``, ``duplicates``, ``submit:CODE`` and ``status:CODE`` (requests
                                       to the API by the HTTP status of their answers; ``none``: not answered,
                                       ``unreached``: not sent), ``money:spent``, ``money:committed`` and
                                       ``money:doubtful`` (micro-units), ``took:KIND:N`` and ``took:KIND:ms``: how long
                                       answers took (see ``latencies.py``)
``{ns}:chores``                zset    batches by the time (ms) of what is done to them page by page, beside the
                                       claims: parked edits brought back, all removed when the retention is over
``{ns}:outbox:SINK``           zset    ``SINK/EVENT`` by the time (ms) of the next delivery; apart from ``due``,
                                       so that a dead webhook does not delay edits, or another sink's events
``{ns}:undelivered:SINK``      zset    ``SINK/EVENT`` by the time of the event: tried in vain, or given up (then not
                                       in the outbox any more)
``{ns}:outbox``                zset    the deliveries of older versions, taken over by a worker with a webhook
``{ns}:sinks``                 hash    SINK → JSON ``{seen, shown, types, gone, held, …}``: when a worker that has it
                                       was last seen, and how it fares (more: ``lua/include/deliveries.lua``)
``{ns}:notify``                hash    batch → JSON ``{url, shown, types, gone, held, …}``: its own sink, whose
                                       name is ``notify:BATCH``; goes with the batch
``{ns}:notifying``             zset    such sinks by the time (ms) at which their deliveries are looked at
``{ns}:state``                 hash    ``virtual`` (time of the fair order), ``places`` (images at the API),
                                       ``journal`` (of which edits a journal is kept: RETOUCH_JOURNAL),
                                       ``waited`` (the last pause of submits that has ended: since, until, name),
                                       ``allowed`` (how many there may be), ``limit`` (places learned),
                                       ``cut_at``, ``result_ms``, ``quick_ms``, ``slot``, ``slot:submit``,
                                       ``slot:poll`` (when the next request may go), ``fails:KIND`` (errors
                                       in a row), ``closed_at:KIND`` (end of the last outage), ``outage_ms``
                                       (all outages of statuses together), ``refusal``, ``refused_at`` (the
                                       last one, for people), ``answered_at``, ``asked_at`` (a status of no
                                       edit), ``claimed_at``, ``grace_until``, ``trial`` (see
                                       ``rescues``), ``sinks`` (those that events are delivered to, each
                                       with the types that it asks for: ``NAME;TYPE;…;,NAME``),
                                       ``deployment`` (a random name), ``named_from`` (the first event whose id
                                       has that name in it), ``price`` (of an image, micro-units), ``currency``,
                                       ``counted`` (amounts were counted in it), ``jobs`` (how many were made)
``{ns}:pauses``                hash    ``KIND:CAUSE`` → JSON ``{reason, since, touched, until, every, …}``: why
                                       requests of a kind pause; ``until`` is the next probe, ``every`` the ms
                                       between probes (more: ``lua/include/pauses.lua``)
``{ns}:waits``                 stream  ``kind until``: how long the API asked to wait (ms), for every worker to hear
                                       at once; the newest 100
``{ns}:worked``                hash    ``submit``, ``status``, ``store``, ``fetch:HOST`` (the newest 64) → when the
                                       latest request that was answered well was sent (ms); only rises
``{ns}:suspects:KIND``         set     edits refused (``submit``), or not kept (``store``), since one fared well
``{ns}:suspects:new``          hash    kind → edits refused for the first time since one fared well
``{ns}:events``                stream  ``type subject time data``, written with the state they announce;
                                       kept for 7 days at most (``EVENTS_KEPT_MS``)
``{ns}:batches``               zset    batch ids by the time (ms) they were created
``{ns}:workers``               zset    live workers by the time (ms) they were last seen
``{ns}:crew``                  hash    worker → JSON ``{id, host, version, steps, since, settings}``: its last
                                       heartbeat, what it has in hand, when it started (ms), other settings
``{ns}:samples``               list    how the API was used, a record a minute, the oldest first; the newest 1440 (see
                                       ``samples.py``)
``{ns}:sampling``              hash    the same of the minute that is under way: ``began looks places most allowed
                                       paused sums``; ``sums``: those at its begin
``{ns}:settings``              hash    worker → its settings that all workers must have alike (JSON)
``{ns}:batch:B``               hash    ``state created weight virtual unsealed pending fence defaults
                                       duplicates blank cancelled stale expires note holder begun n:STATE…
                                       paused run run_words run_since recovered sent_anew origin made
                                       redos max_failures given_failures waited budget given_budget spent
                                       committed doubtful currency more_images senders jobs
                                       offers removing``;
                                       ``paused``: JSON ``{cause: {reason, since}}``;
                                       ``max_failures``: ``10`` or ``1%``, or ``lifted`` by a resume;
                                       ``given_failures``: the same as its producers have said it;
                                       ``spent``, ``committed``, ``doubtful``: micro-units of ``currency``,
                                       together never more than ``budget``; ``more_images``: how many more
                                       images than edits it has;
                                       ``origin``: JSON ``{redo_of, content}`` of a batch that does
                                       another's edits again; ``made``: when it was made, a part of its
                                       idempotency keys; ``redos``: the highest number of a redo of it
                                       that was ever used; ``run``:
                                       edits refused in a row in the words ``run_words``; ``unsealed``: JSON,
                                       the producers that write to it and when each was last heard of (ms);
                                       gone when it is sealed; ``sealing``: one is done, others may have
                                       died; ``fill_until``: it does not end before (ms), though all
                                       have sealed it; ``stale``: a ``_SUCCESS`` of before may stand
                                       ``senders``: JSON, whose edits it has, the first one first, ten at most;
                                       an empty one: an older program, which did not say
                                       ``waited``: its last pause that has ended, since, until, ``batch:CAUSE``
                                       ``jobs``: the ids of the newest 50 that were started, and
                                       of older ones that are at work; ``offers``: of the newest 20
                                       that were counted and not started; ``removing``: a part of it is gone
``{ns}:parked:B``              zset    queued edits of a paused batch, with their scores of ``ready``
``{ns}:order:B``               list    the batch's custom ids as they were enqueued; removed from its end
``{ns}:strip:B``               string  a byte an edit, in that order: the letter of its state (``LETTERS``); 0: the edit
                                       is an older program's, which has no ``at``
``{ns}:groupstrip:B``          string  the same: the number of the group of each failed edit, 0 for others; it ends with
                                       the last one that failed
``{ns}:groups:B``              hash    ``CODE words`` of an error (``retouch/wording.py``) → number, 1 to 254; all that
                                       follow are counted as 255. Number → how many are failed so
``{ns}:picks:B``               string  the same: ``p`` of an edit that a person has picked, ``r`` of one that was
                                       rejected, 0 of others; absent before the first is
``{ns}:jobs``                  zset    jobs that are at work, by the time (ms) from when on another may do the next page
``{ns}:started_jobs``          zset    the newest 1,000 jobs that were started, by that time (ms); the hash of some
                                       is gone
``{ns}:job:ID``                hash    what a person has decided about many edits of a batch: ``state batch made action
                                       states groups by all number created started ended next`` (the place where it
                                       goes on), ``counted to_ask to_send images_to_ask images_to_send at_work``,
                                       ``changed asked skipped``; goes 15 minutes after it was counted, 7 days after
                                       its end, or with its batch
``{ns}:job:ID:chosen``         string  the edits that it is about, a byte each in the batch's order: 1 for those; until
                                       its end
``{ns}:edits:B``               hash    custom id → parameters (JSON), without the batch's defaults; in it
                                       ``about``: what its producer says about it, which is not sent
``{ns}:results:B``             hash    custom id → result (JSON) of the edits that ended
``{ns}:names:B``               hash    what the journals of its edits name (workers, words of the API, codes) →
                                       number; at most 500
``{ns}:edit:B/C``              hash    one edit's progress, see below
``{ns}:delivery:SINK/EVENT``   hash    ``fence tries holder begun``; after a try in vain ``since`` (of the first) and
                                       ``reason`` (of the last)
``{ns}:keys``                  hash    name of a key of the gateway → JSON ``{scopes, prefix, inputs, rate, max_lines,
                                       max_body, max_open, created, secrets: [{sha256, created}]}``: who may call
                                       it, for what
``{ns}:key_uses``              hash    ``NAME/ID`` → when that secret was last used (ms; to the minute)
``{ns}:key_rates``             hash    NAME → ms: when all requests that its rate allows are free again
``{ns}:visit:SHA``             string  JSON ``{key, secret}``: the browser that has, or the person who is handed, the
                                       secret of this hash sees the page with that key; for days, or an hour
``{ns}:confirming``            string  nothing: what the connection writes that asks whether all is on disk
``{ns}:money:YYYY-MM-DD``      hash    ``spent committed doubtful``: what the submits of that day (UTC) cost, all
                                       batches together, in micro-units; kept for 400 days
``{ns}:request:KEY/MS/ID``     hash    one with an ``Idempotency-Key``: ``fingerprint owner until answer``; for a day
``{ns}:kinds``                 zset    kinds of work by the time (ms) a result of theirs was last seen
``{ns}:learned:KIND``          hash    how long results of a kind take: bin → weight, and two sums of
                                       evidence (see ``polling/histogram.py``)
=============================  ======  =================================================================

An edit's hash holds short values only, so that Redis keeps it as one packed list: ``state digest samples seed
fence holder begun rescues places intent resent unanswered submits duplicate provider_id submitted_at deadline polls
tries strikes first_strike last_strike witness throttled overdue asked note urls kind seen incomplete sent_at alone
link again said errors probe unsigned used_seed at reserved paid decided``.

``holder``  the worker that has claimed it; absent if none has, or when the claim is settled.
``begun``   work on the claim has begun, by the call of this nonce: if it is still set when the lease has ended, the
            edit is rescued.
``rescues`` how often it was rescued in a row; the second time it waits for ``trial``, the one edit that is tried alone.
``intent``  the fence of a POST that is, or may be, in progress: written before it is sent, removed by its settlement;
            ``retried``: it was not answered before a person's retry.
``sent_at`` when it was first sent under its submit number; ``link``: with this link to its image; ``again``: it is
            being sent under that number once more.
``alone``   ms: an unanswered submit is not sent again before, unless another was taken since it was sent.
``resent``  it was sent again after an unanswered submit. ``errors``: how often the API answered one with an error;
            ``said``: the last one was answered so.
``strikes`` how often it was refused since it last fared well, first and last at ``first_strike``, ``last_strike``.
``witness`` when another was sent that fared well since the first of them; only a refusal of what was sent later counts
            as the edit's own fault.
``throttled``  when it was last asked to wait.
``used_seed``  the seed that the API says it used.
``unsigned``  how often in a row the link to its image could not be signed.
``overdue`` it was asked about after its deadline. ``asked``: a retry asks about it.
``probe``   the fence under which it may be sent although its kind of request pauses.
``unanswered``  how many submits were sent and not answered; kept to the end, so that a retry is marked.
``submits`` how many submits were begun, without those that the API did not accept.
``duplicate``  it may be paid for twice.
``deadline``  ms, on a clock that stands still while no status can be had.
``seen``    the age (ms since the API took it) at which it was last seen unfinished.
``incomplete``  ms: since then the API reports success without all links.
``places``  how many images of it count as being at the API.
``at``      its place in its batch's order, from 0; absent: an older program enqueued it.
``h0`` … ``h3``  its journal, in parts of 64 bytes (see ``lua/include/journal.lua``); absent: none is kept of it.
``decided`` how many jobs had been made when one last changed it: those made before are about what it was.
``reserved``  what its open submit costs (micro-units), the day of its POST, and ``?`` once that counts as doubtful.
``paid``    what its submits have cost, or may have, in micro-units.
"""

from __future__ import annotations

import re

from retouch.errors import InputError

SCHEMA = 2  # raised with each change that an older program would misread; docs/upgrading.md has the table
DEFAULT_NAMESPACE = "retouch"
_NAMESPACE = re.compile(r"[A-Za-z0-9._-]{1,64}")

_FIXED = (
    *("schema", "ready", "due", "chores", "old_outbox", "state", "pauses", "waits", "worked", "suspects"),
    *("events", "sinks", "notify", "notifying", "batches", "workers", "settings", "kinds"),
    *("backlog", "halted", "counts", "crew", "samples", "sampling", "jobs", "started_jobs"),
    *("access", "key_uses", "key_rates", "confirming"),
)
_FAMILIES = (
    "names",
    *("batch", "order", "edits", "results", "parked", "edit", "outbox", "undelivered", "delivery", "learned"),
    *("request", "strip", "groupstrip", "groups", "picks", "visit", "money", "job"),
)


class Keys:
    """The names of one installation's keys; raises InputError if ``namespace`` cannot be one."""

    def __init__(self, namespace: str = DEFAULT_NAMESPACE) -> None:
        self.namespace = check_namespace(namespace)
        self.tag = f"{{{namespace}}}"
        self.prefix = f"{self.tag}:"
        self.schema = f"{self.prefix}schema"
        self.ready = f"{self.prefix}ready"
        self.due = f"{self.prefix}due"
        self.chores = f"{self.prefix}chores"
        self.backlog = f"{self.prefix}backlog"
        self.halted = f"{self.prefix}halted"
        self.counts = f"{self.prefix}counts"
        self.crew = f"{self.prefix}crew"
        self.samples = f"{self.prefix}samples"
        self.sampling = f"{self.prefix}sampling"
        self.jobs = f"{self.prefix}jobs"
        self.started_jobs = f"{self.prefix}started_jobs"
        self.old_outbox = f"{self.prefix}outbox"
        self.state = f"{self.prefix}state"
        self.pauses = f"{self.prefix}pauses"
        self.waits = f"{self.prefix}waits"
        self.worked = f"{self.prefix}worked"
        self.suspects = f"{self.prefix}suspects:"
        self.accused = f"{self.suspects}new"
        self.events = f"{self.prefix}events"
        self.sinks = f"{self.prefix}sinks"
        self.notify = f"{self.prefix}notify"
        self.notifying = f"{self.prefix}notifying"
        self.batches = f"{self.prefix}batches"
        self.workers = f"{self.prefix}workers"
        self.settings = f"{self.prefix}settings"
        self.kinds = f"{self.prefix}kinds"
        self.access = f"{self.prefix}keys"
        self.key_uses = f"{self.prefix}key_uses"
        self.key_rates = f"{self.prefix}key_rates"
        self.confirming = f"{self.prefix}confirming"

    def batch(self, batch_id: str) -> str:
        """The batch's own hash."""
        return f"{self.prefix}batch:{batch_id}"

    def order(self, batch_id: str) -> str:
        """The batch's custom ids, in order."""
        return f"{self.prefix}order:{batch_id}"

    def strip(self, batch_id: str) -> str:
        """The states of the batch's edits, a letter each, in order."""
        return f"{self.prefix}strip:{batch_id}"

    def groupstrip(self, batch_id: str) -> str:
        """The groups of the batch's failed edits, a byte each, in order."""
        return f"{self.prefix}groupstrip:{batch_id}"

    def groups(self, batch_id: str) -> str:
        """The batch's groups of failures: their numbers, and how many there are of each."""
        return f"{self.prefix}groups:{batch_id}"

    def picks(self, batch_id: str) -> str:
        """Which of the batch's edits were picked, and which rejected, a byte each, in order."""
        return f"{self.prefix}picks:{batch_id}"

    def job(self, job_id: str) -> str:
        """What is done to many edits of a batch."""
        return f"{self.prefix}job:{job_id}"

    def edits(self, batch_id: str) -> str:
        """The batch's parameters by custom id."""
        return f"{self.prefix}edits:{batch_id}"

    def names(self, batch_id: str) -> str:
        """What the journals of the batch's edits name, by number."""
        return f"{self.prefix}names:{batch_id}"

    def results(self, batch_id: str) -> str:
        """The batch's results by custom id."""
        return f"{self.prefix}results:{batch_id}"

    def parked(self, batch_id: str) -> str:
        """The queued edits of a paused batch, by their virtual times."""
        return f"{self.prefix}parked:{batch_id}"

    def edit(self, edit_id: str) -> str:
        """One edit's progress; ``edit_id`` is ``batch/custom_id``."""
        return f"{self.prefix}edit:{edit_id}"

    def outbox(self, sink: str) -> str:
        """The deliveries to a sink that are to be made."""
        return f"{self.prefix}outbox:{sink}"

    def undelivered(self, sink: str) -> str:
        """The deliveries to a sink that were tried in vain, or given up."""
        return f"{self.prefix}undelivered:{sink}"

    def delivery(self, member: str) -> str:
        """One event's delivery to one sink; ``member`` is ``sink/event-id``."""
        return f"{self.prefix}delivery:{member}"

    def money(self, day: str) -> str:
        """What the submits of a day (``YYYY-MM-DD``, UTC) cost."""
        return f"{self.prefix}money:{day}"

    def request(self, request_id: str) -> str:
        """One request with a key of its caller's; ``request_id`` is ``key/its key``."""
        return f"{self.prefix}request:{request_id}"

    def visit(self, sha256: str) -> str:
        """What opens the page: a session, or a link that is good once."""
        return f"{self.prefix}visit:{sha256}"

    def learned(self, kind: str) -> str:
        """What is known of a kind of work."""
        return f"{self.prefix}learned:{kind}"

    def fixed(self) -> dict[str, str]:
        """The keys that are alone of their kind, by what the Lua moves call them (``DUE``)."""
        return {name.upper(): getattr(self, name) for name in _FIXED}

    def families(self) -> dict[str, str]:
        """What the other keys begin with, by what the Lua moves call them (``edit_key(id)``)."""
        return {f"{name}_key": getattr(self, name)("") for name in _FAMILIES}


def check_namespace(namespace: str) -> str:
    """Return the namespace; raises InputError unless it may stand in a key."""
    if not _NAMESPACE.fullmatch(namespace):
        raise InputError(f"the namespace {namespace[:80]!r} must be 1 to 64 of A-Z a-z 0-9 . _ -")
    return namespace
