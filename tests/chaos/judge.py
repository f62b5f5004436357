"""The history checker: joins the evidence, and says of each invariant what it counted and what broke it.

The ledger is not asked: what it says of itself proves nothing. But its metrics are held against all that.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from retouch.wording import group_of
from tests.chaos.evidence import Evidence
from tests.harness.growing import Record

SILENCES, ERRORS = 1, 3  # how often an edit is sent again after silence, and after an error that the API answered
MICROS_AN_IMAGE = 10_000  # what the runs' images cost, in micro-units of a currency
CANCEL_S = 1.0  # after a cancel nothing is on its way any more
SOON_S = 0.05  # before the end of a Retry-After: clocks and roundings
ENDS = {f"retouch.edit.{state}": state for state in ("completed", "failed", "cancelled")}
BATCH_END = "retouch.batch.completed"
ONCE = (*ENDS, BATCH_END)


@dataclass(frozen=True)
class Finding:
    """One invariant: ``counted`` says what was looked at, ``violations`` what broke it."""

    name: str
    counted: dict[str, int]
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = ", ".join(f"{n:,} {what}" for what, n in self.counted.items())
        broken = f"  BROKEN {len(self.violations)} times, as: {'; '.join(self.violations[:3])}"
        return f"{self.name}: {counts}{broken if self.violations else ''}"


def judge(evidence: Evidence) -> list[Finding]:
    """Check every invariant."""
    return [check(evidence) for check in CHECKS]


def violations(evidence: Evidence) -> list[str]:
    """All that is broken, each with its invariant."""
    return [f"{finding.name}: {v}" for finding in judge(evidence) for v in finding.violations]


def manifest(evidence: Evidence, batch: str) -> dict[str, list[Record]]:
    """The lines of a batch's manifest by custom id."""
    lines: dict[str, list[Record]] = defaultdict(list)
    for key, stored in evidence.objects.items():
        if key.endswith(f"/{batch}/manifest.jsonl"):
            for line in stored.body.splitlines():
                record = json.loads(line)
                lines[record["custom_id"]].append(record)
    return lines


def ended(evidence: Evidence) -> Iterator[tuple[str, Record]]:
    """Every line of every manifest, with the edit's name."""
    for batch in evidence.enqueued:
        for custom_id, records in manifest(evidence, batch).items():
            for record in records:
                yield f"{batch}/{custom_id}", record


def every_edit_ends_once(evidence: Evidence) -> Finding:
    """In exactly one state, in the manifest and in the events alike, and so does its batch."""
    wrong: list[str] = []
    states: Counter[str] = Counter()
    told: dict[str, set[str]] = defaultdict(set)
    for delivery in evidence.deliveries:
        if delivery.type in ENDS:
            told[delivery.subject].add(ENDS[delivery.type])
    finished = {d.subject for d in evidence.deliveries if d.type == BATCH_END}
    for batch, edits in evidence.enqueued.items():
        lines = manifest(evidence, batch)
        if batch not in finished:
            wrong.append(f"batch {batch} never ended")
        for custom_id in edits:
            name, found = f"{batch}/{custom_id}", lines.get(custom_id, [])
            if len(found) != 1 or told[name] != {found[0]["state"]}:
                wrong.append(
                    f"{name} stands {[r['state'] for r in found]} in the manifest, {sorted(told[name])} in events"
                )
            states.update(r["state"] for r in found)
    return Finding("1 every edit ends once", {"batches": len(evidence.enqueued), **states}, wrong)


def nothing_is_paid_twice_untold(evidence: Evidence) -> Finding:
    """One accepted submit an edit; more only if it is marked, and none with hold or an idempotent API.

    More are one after silence, and three after errors that the API itself answered to what it took.
    """
    takes = [r for r in evidence.requests if r["kind"] == "submit" and r["new"]]
    taken = Counter(map(_edit_of, takes))
    errors = Counter(_edit_of(r) for r in takes if (r["status"] or 0) >= 500)
    marked = {name for name, record in ended(evidence) if record["possible_duplicate"]}

    def most(name: str) -> int:
        return 1 + SILENCES + min(ERRORS, errors[name]) if evidence.policy == "resubmit" else 1

    wrong = [f"{name} was taken {n} times, unmarked" for name, n in taken.items() if n > 1 and name not in marked]
    wrong += [f"{name} was taken {n} times" for name, n in taken.items() if n > most(name)]
    never = [name for name, r in ended(evidence) if r["state"] == "completed" and not taken[name]]
    wrong += [f"{name} is completed and was never taken" for name in never]
    counted = {"submits taken": taken.total(), "taken twice and marked": sum(n > 1 for n in taken.values())}
    return Finding("2 nothing is paid for twice unmarked", {**counted, "marked": len(marked)}, wrong)


def images_are_whole(evidence: Evidence) -> Finding:
    """A completed edit's images are in S3, decodable, and byte for byte what the API served."""
    served: dict[str, set[str]] = defaultdict(set)
    for request in evidence.requests:
        if request["kind"] == "result" and request.get("sha256"):
            served[request["id"]].add(request["sha256"])
    wrong, images = [], 0
    for name, record in ended(evidence):
        if record["state"] != "completed":
            continue
        batch, _, custom_id = name.partition("/")
        if len(record["outputs"]) != evidence.enqueued[batch].get(custom_id):
            wrong.append(f"{name} has {len(record['outputs'])} images")
        for output in record["outputs"]:
            images += 1
            stored = evidence.objects.get(output["uri"].split("/", 3)[3])
            if stored is None:
                wrong.append(f"{output['uri']} is not there")
            elif not stored.whole_image or stored.sha256 != output["sha256"]:
                wrong.append(f"{output['uri']} is not the image that the manifest says")
            elif stored.sha256 not in served[record["provider_id"]]:
                wrong.append(f"{output['uri']} is not what the API served")
    return Finding("3 images are whole", {"images compared": images}, wrong)


def one_event_an_end(evidence: Evidence) -> Finding:
    """One event id an end, delivered at least once, never before what it says is true."""
    ids: dict[str, set[str]] = defaultdict(set)
    taken: set[str] = set()
    wrong = []
    for delivery in evidence.deliveries:
        end = f"{delivery.subject} {delivery.type}"
        ids[end].add(delivery.event_id)
        if delivery.header_id != delivery.event_id:
            wrong.append(f"{end} came as {delivery.header_id} and {delivery.event_id}")
        if delivery.taken:
            taken.add(end)
        if delivery.early:
            wrong.append(f"{end} came before {delivery.early}")
    wrong += [
        f"{end} has {len(several)} ids"
        for end, several in ids.items()
        if len(several) > 1 and end.rpartition(" ")[2] in ONCE  # requests may pause many times
    ]
    wrong += [
        f"{name} ended and nobody was told"
        for name, r in ended(evidence)
        if f"{name} retouch.edit.{r['state']}" not in taken
    ]
    again = len(evidence.deliveries) - sum(map(len, ids.values()))
    return Finding("4 one event for each end", {"events": sum(map(len, ids.values())), "delivered again": again}, wrong)


def losers_write_nothing(evidence: Evidence) -> Finding:
    """A claim is begun once; once a newer one was given out, nothing goes through under it: no settlement, no POST."""
    newest: dict[str, tuple[int, float]] = {}
    wrong = [
        f"{name} under {fence} was begun by {n} calls"
        for (name, fence), n in Counter((e["member"], e["fence"]) for e in evidence.trace if e["do"] == "begin").items()
        if n > 1
    ]
    posts: list[Record] = []
    refused = 0
    for entry in sorted(evidence.trace, key=lambda e: e["t"]):
        member, fence = entry.get("member", ""), entry.get("fence", 0)
        told_at: float = entry["t"]
        if entry["do"] == "claim" and fence > newest.get(member, (0, 0.0))[0]:
            newest[member] = fence, told_at
        elif entry["do"] in ("settle", "begin"):
            later, given_at = newest.get(member, (0, 0.0))
            # A worker that is stopped while the answer is on its way tells of it much later.
            lost = fence < later and given_at < entry["sent"]
            refused += entry["do"] == "settle" and not entry["ok"]
            if lost and entry.get("ok", True):
                wrong.append(
                    f"{entry['worker']} could {entry['do']} {member} under {fence}, after {later} was given out"
                )
    if evidence.late_post_s is not None:
        posts, late = _late_posts(evidence, evidence.late_post_s)
        wrong += late
    counted = {"steps traced": len(evidence.trace), "settlements refused": refused, "POSTs placed in time": len(posts)}
    return Finding("5 a worker without its lease cannot write", counted, wrong)


def _late_posts(evidence: Evidence, late_s: float) -> tuple[list[Record], list[str]]:
    """POSTs that were sent long after somebody else had the claim under which they were begun."""
    begins = [e for e in evidence.trace if e["do"] == "begin" and e["step"] == "submit"]
    claims: dict[str, list[Record]] = defaultdict(list)
    for entry in evidence.trace:
        if entry["do"] == "claim":
            claims[entry["member"]].append(entry)
    posts = [r for r in evidence.requests if r["kind"] == "submit" and r["idempotency_key"]]
    wrong = []
    for post in posts:
        at, worker = post["time"] - evidence.wall_minus_monotonic, str(post["agent"]).removeprefix("retouch/")
        name = _edit_of(post)
        own = [b for b in begins if b["member"] == name and b["worker"] == worker and b["t"] < at]
        if own and any(c["fence"] > own[-1]["fence"] and c["t"] < at - late_s for c in claims[name]):
            wrong.append(f"{worker} posted {name} after its claim was another's")
    return posts, wrong


def the_key_stays_home(evidence: Evidence) -> Finding:
    """The API key was sent to the API alone, and stands in no log, no object and no event."""
    wrong = [f"the key came with {r['path']}" for r in evidence.requests if r["kind"] == "result" and r["api_key"]]
    checked = sum(r["kind"] == "result" for r in evidence.requests) + len(evidence.deliveries) + len(evidence.objects)
    return Finding("6 the key goes to the API only", {"requests, events and objects": checked}, wrong + evidence.leaks)


def nobody_fails_for_others(evidence: Evidence) -> Finding:
    """Where nothing that was answered is about an edit, none fails."""
    ends = [(name, record) for name, record in ended(evidence) if evidence.blameless]
    wrong = [f"{name} failed: {record['error']}" for name, record in ends if record["state"] == "failed"]
    return Finding("11 one bad answer condemns nobody", {"edits without blame": len(ends)}, wrong)


def no_request_inside_a_retry_after(evidence: Evidence) -> Finding:
    """Once an edit was asked to wait, no request of its kind arrives in that time.

    Asked again while others were taken it waits alone, so that only the first time of each edit is looked at.
    """
    waits, wrong = 0, []
    for kind in ("submit", "status") if evidence.late_request_s is not None else ():
        requests = [r for r in evidence.requests if r["kind"] == kind]
        asked = {_edit_of(r) if kind == "submit" else r["id"]: r for r in reversed(requests) if r.get("retry_after")}
        for name, first in asked.items():
            begins = first["time"] + (evidence.late_request_s or 0.0)
            ends = first["time"] + float(first["retry_after"]) - SOON_S
            inside = [r["arrived"] - first["time"] for r in requests if begins < r["arrived"] < ends]
            waits += 1
            wrong += [
                f"a {kind} came {s:.2f} s after {name} was asked to wait {first['retry_after']} s" for s in inside
            ]
    return Finding("13 a Retry-After is kept", {"Retry-Afters": waits}, wrong)


def cancelled_means_cancelled(evidence: Evidence) -> Finding:
    """Nothing of a batch is submitted once a person has cancelled it."""
    posts = [r for r in evidence.requests if r["kind"] == "submit" and _batch_of(r) in evidence.cancelled]
    late = [r for r in posts if r["arrived"] > evidence.cancelled[_batch_of(r)] + CANCEL_S]
    wrong = [f"{_edit_of(r)} was submitted after its batch was cancelled" for r in late]
    return Finding("2 what is cancelled is not submitted", {"batches cancelled": len(evidence.cancelled)}, wrong)


def nothing_is_paid_for_in_vain(evidence: Evidence) -> Finding:
    """While nothing can be stored, at most twice as many edits are taken as there are places."""
    time = evidence.unkept
    if time is None:
        return Finding("9 nothing is paid for that cannot be kept", {})
    takes = [r for r in evidence.requests if r["kind"] == "submit" and r["new"]]
    n = sum(time.began_at < r["arrived"] < time.ended_at for r in takes)
    wrong = [f"{n} were taken in {time.ended_at - time.began_at:.0f} s, with {time.places} places"]
    wrong = wrong if n > 2 * time.places else []
    return Finding("9 nothing is paid for that cannot be kept", {"submits taken without a store": n}, wrong)


def a_batch_at_a_glance_is_as_it_ended(evidence: Evidence) -> Finding:
    """The strips, written move by move, say of each edit what its manifest says; so do the counts of its failures."""
    wrong: list[str] = []
    for batch, glance in evidence.glances.items():
        lines = {custom_id: found[0] for custom_id, found in manifest(evidence, batch).items()}
        shown = {row.custom_id: row.state for row in glance.rows}
        wrong += [
            f"{batch}/{name} is shown {shown.get(name)}" for name in lines if shown.get(name) != lines[name]["state"]
        ]
        failures = Counter(group_of(line["error"]) for line in lines.values() if line["state"] == "failed")
        counted = {f"{group.code} {group.words}": group.count for group in glance.failures}
        if counted != failures:
            wrong.append(f"failures of {batch} are counted as {counted}, and are {dict(failures)}")
    groups = sum(len(glance.failures) for glance in evidence.glances.values())
    return Finding("14 a batch is shown as it ended", {"batches": len(evidence.glances), "groups": groups}, wrong)


def the_metrics_are_the_providers_book(evidence: Evidence) -> Finding:
    """Submits taken are what the provider took, up to the unanswered; ends what was told; requests are never more.

    A request that was answered and not counted is one whose worker died, or lost its claim, before it could tell.
    """
    metrics = evidence.metrics
    taken, unanswered = metrics["retouch_submits_taken_total"], metrics["retouch_submits_unanswered_total"]
    open_ones = metrics['retouch_edits{state="submitting"}']
    took = sum(r["kind"] == "submit" and bool(r["new"]) for r in evidence.requests)
    wrong = []
    if not taken <= took <= taken + unanswered + open_ones:
        wrong.append(f"{taken:g} submits are counted as taken, {unanswered:g} as unanswered, and {took} were taken")
    wrong += _money_off(evidence)
    told = Counter(kind for kind, _ in {(d.type, d.event_id) for d in [*evidence.deliveries, *evidence.undone]})
    late = sum(n for sample, n in metrics.items() if sample.startswith("retouch_events_waiting{"))
    for kind, state in ENDS.items():
        ends = sum(_labelled(metrics, "retouch_edits_ended_total", outcome=state).values())
        if not told[kind] <= ends <= told[kind] + late:
            wrong.append(f"{ends:g} edits are counted as {state}, and {told[kind]} were told")
    counted = 0.0
    for step in ("submit", "status"):
        by_code = _labelled(metrics, "retouch_api_requests_total", step=step)
        wrong += _miscounted(evidence, step, by_code)
        counted += sum(by_code.values())
    return Finding("15 the metrics are the provider's own book", {"requests counted": round(counted)}, wrong)


def _money_off(evidence: Evidence) -> list[str]:
    """What was spent is what the provider took, up to what is doubtful, or under way."""
    spent, *maybe = (
        round(1e6 * sum(n for sample, n in evidence.metrics.items() if sample.startswith(f"retouch_money_{what}")))
        for what in ("spent_total", "committed", "doubtful")
    )
    takes = [_edit_of(r).split("/") for r in evidence.requests if r["kind"] == "submit" and r["new"]]
    cost = MICROS_AN_IMAGE * sum(evidence.enqueued[batch][custom_id] for batch, custom_id in takes)
    off = not spent <= cost <= spent + sum(maybe)
    return [f"{spent} micro-units are counted as spent, {sum(maybe)} as doubtful, and {cost} are due"] * off


def _miscounted(evidence: Evidence, step: str, by_code: dict[str, float]) -> list[str]:
    """``by_code``: the requests that are counted, by the status of their answer.

    One that was not answered may not have come: the provider may have died with it.
    """
    given = {r["id"] for r in evidence.requests if r["kind"] == "submit"}
    book = [r for r in evidence.requests if r["kind"] == step]
    book = [r for r in book if step == "submit" or str(r["path"]).rpartition("/")[2] in given]  # others are of no edit
    statuses = Counter(str(r["status"]) for r in book)
    seen = {code: n for code, n in by_code.items() if code != "unreached"}
    wrong = [
        f"{n:g} times {step} {code} is counted, and the provider has it {statuses[code]} times"
        for code, n in seen.items()
        if code != "none" and n > statuses[code]
    ]
    all_seen, answered = sum(seen.values()), sum(r["status"] is not None for r in book)
    if answered > all_seen + (lost := _untold(evidence, "poll" if step == "status" else step)):
        wrong.append(f"{all_seen:g} requests ({step}) are counted, {lost} may be untold, and {answered} were answered")
    return wrong


def _untold(evidence: Evidence, step: str) -> int:
    """Claims that a worker has begun on, and not settled: it died, or had lost them."""
    of = {
        do: {(e["member"], e["fence"]) for e in evidence.trace if e["do"] == do and _told(e, step)}
        for do in ("begin", "settle")
    }
    return len(of["begin"] - of["settle"])


def _told(entry: Record, step: str) -> bool:
    return bool(entry["step"] == step and entry.get("ok", True))


def _labelled(metrics: dict[str, float], name: str, **label: str) -> dict[str, float]:
    """The samples of a metric with this label, by their code."""
    [(key, value)] = label.items()
    of = {s: n for s, n in metrics.items() if s.startswith(f"{name}{{") and f'{key}="{value}"' in s}
    return {re.findall(r'code="(\w*)"', sample)[0]: n for sample, n in of.items()}


CHECKS: tuple[Callable[[Evidence], Finding], ...] = (
    every_edit_ends_once,
    nothing_is_paid_twice_untold,
    images_are_whole,
    one_event_an_end,
    losers_write_nothing,
    the_key_stays_home,
    nothing_is_paid_for_in_vain,
    nobody_fails_for_others,
    no_request_inside_a_retry_after,
    cancelled_means_cancelled,
    a_batch_at_a_glance_is_as_it_ended,
    the_metrics_are_the_providers_book,
)


def _edit_of(request: Record) -> str:
    return str(request["idempotency_key"]).rpartition("/")[0]


def _batch_of(submit: Record) -> str:
    return _edit_of(submit).partition("/")[0]
