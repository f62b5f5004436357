"""The judge itself: it finds nothing in a clean history, and each thing that can be wrong in a spoilt one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from retouch.ledger import EditRow, FailureGroup
from retouch.states import EditState
from tests.chaos.evidence import Delivery, Evidence, Glance, Stored, Unkept
from tests.chaos.judge import judge, manifest, violations
from tests.harness.growing import Record

IMAGE = b"an image"
ENDED = 'retouch_edits_ended_total{code="",outcome="completed"}'
SPENT, DOUBTFUL = 'retouch_money_spent_total{currency="USD"}', 'retouch_money_doubtful{currency="USD"}'
TAKEN, THROTTLED, UNANSWERED = (
    f'retouch_api_requests_total{{code="{code}",step="submit"}}' for code in ("200", "429", "none")
)
SHA = hashlib.sha256(IMAGE).hexdigest()


METRICS = {
    "retouch_submits_taken_total": 1.0,
    "retouch_submits_unanswered_total": 0.0,
    SPENT: 0.01,
    DOUBTFUL: 0.0,
    'retouch_edits{state="submitting"}': 0.0,
    'retouch_events_waiting{sink="w"}': 0.0,
    ENDED: 1.0,
    'retouch_edits_ended_total{code="refused",outcome="failed"}': 0.0,
    TAKEN: 1.0,
    THROTTLED: 1.0,
    UNANSWERED: 0.0,
}


def clean() -> Evidence:
    """One batch of one edit that went well."""
    line: Record = {
        "custom_id": "c0",
        "state": "completed",
        "provider_id": "p0",
        "outputs": [{"uri": "s3://bucket/run/b/c0/0.png", "sha256": SHA}],
        "possible_duplicate": False,
        "error": None,
    }
    submit: Record = {"kind": "submit", "idempotency_key": "b/c0/1", "new": True, "time": 12.0, "agent": "retouch/w1"}
    submit |= {"arrived": 12.0, "status": 200, "id": "p0"}
    asked = submit | {"new": False, "time": 8.0, "arrived": 8.0, "status": 429, "retry_after": "2"}
    result = {"kind": "result", "id": "p0", "sha256": SHA, "api_key": False, "path": "/results/p0"}
    objects = {
        "run/b/c0/0.png": Stored(SHA, whole_image=True),
        "run/b/manifest.jsonl": Stored("", whole_image=False, body=json.dumps(line).encode()),
    }
    events = [
        Delivery("e1", "e1", "retouch.edit.completed", "b/c0", line, taken=True),
        Delivery("e2", "e2", "retouch.batch.completed", "b", {}, taken=True),
    ]
    trace: list[Record] = [
        {"t": 1.0, "worker": "w1", "do": "claim", "member": "b/c0", "fence": 1, "step": "submit"},
        {"t": 1.1, "sent": 1.05, "worker": "w1", "do": "begin", "member": "b/c0", "fence": 1, "step": "submit"},
        {
            "t": 2.1,
            "sent": 2.0,
            "worker": "w1",
            "do": "settle",
            "member": "b/c0",
            "fence": 1,
            "step": "submit",
            "ok": True,
        },
    ]
    return Evidence(
        "resubmit",
        {"b": {"c0": 1}},
        [submit, result, asked],
        objects,
        events,
        trace,
        late_post_s=1.0,
        late_request_s=0.25,
        blameless=True,
        cancelled={"b": 13.0},
        unkept=Unkept(10.0, 20.0, places=1),
        glances={"b": Glance([EditRow(0, "c0", EditState.COMPLETED, 0)], [])},
        metrics=dict(METRICS),
    )


def rewritten(evidence: Evidence, **changed: object) -> None:
    """Change the manifest's only line."""
    [line] = manifest(evidence, "b")["c0"]
    body = json.dumps(line | changed).encode()
    evidence.objects["run/b/manifest.jsonl"] = Stored("", whole_image=False, body=body)


def another_claim(evidence: Evidence, at: float) -> None:
    """Somebody else was given the edit at that time."""
    entry = {"t": at, "worker": "w2", "do": "claim", "member": "b/c0", "fence": 2, "step": "submit"}
    evidence.trace.append(entry)


def begun_twice(evidence: Evidence) -> None:
    """A second message of the claim was taken for work."""
    evidence.trace.insert(2, evidence.trace[1] | {"worker": "w2"})


def taken(evidence: Evidence, times: int, **changed: object) -> None:
    """The API took the edit so often, and the manifest says that it may be a duplicate."""
    rewritten(evidence, possible_duplicate=True)
    evidence.requests[:1] = [evidence.requests[0] | changed] * times


def late_post(evidence: Evidence) -> None:
    """Somebody else was given the edit long before its POST."""
    evidence.trace.pop()
    another_claim(evidence, 9.0)


SPOILT: dict[str, tuple[int, Callable[[Evidence], object]]] = {
    "the batch never ends": (1, lambda e: e.deliveries.pop()),
    "the edit is missing in the manifest": (1, lambda e: e.objects.pop("run/b/manifest.jsonl")),
    "manifest and event disagree": (1, lambda e: rewritten(e, state="failed", outputs=[])),
    "taken twice, unmarked": (2, lambda e: e.requests.append(e.requests[0] | {"idempotency_key": "b/c0/2"})),
    "taken three times, marked": (2, lambda e: taken(e, 3)),
    "taken six times, each answered with an error": (2, lambda e: taken(e, 6, status=500)),
    "completed and never taken": (2, lambda e: e.requests.pop(0)),
    "an image is missing": (3, lambda e: e.objects.pop("run/b/c0/0.png")),
    "an image is cut": (3, lambda e: e.objects.update({"run/b/c0/0.png": Stored(SHA, whole_image=False)})),
    "an image is another one": (3, lambda e: e.requests[1].update(sha256="0" * 64)),
    "fewer images than samples": (3, lambda e: e.enqueued["b"].update(c0=2)),
    "two ids for one end": (4, lambda e: e.deliveries.append(replace(e.deliveries[0], event_id="e3", header_id="e3"))),
    "an event that nobody took": (4, lambda e: e.deliveries.insert(0, replace(e.deliveries.pop(0), taken=False))),
    "an event before its state": (4, lambda e: e.deliveries.insert(0, replace(e.deliveries[0], early="its image"))),
    "a settlement under an old fence": (5, lambda e: another_claim(e, 1.5)),
    "a beginning under an old fence": (5, lambda e: another_claim(e, 1.01)),
    "a late POST": (5, late_post),
    "a claim begun by two calls": (5, begun_twice),
    "the key at the results' host": (6, lambda e: e.requests[1].update(api_key=True)),
    "a secret in a log": (6, lambda e: e.leaks.append("abcd… stands in a log")),
    "an edit fails of an outage": (11, lambda e: rewritten(e, state="failed", error={"code": "refused"})),
    "a request inside a Retry-After": (13, lambda e: e.requests[0].update(arrived=9.0)),
    "a submit of a cancelled batch": (2, lambda e: e.cancelled.update(b=10.0)),
    "an edit is shown in another state": (14, lambda e: e.glances["b"].rows.clear()),
    "a failure that there is not": (
        14,
        lambda e: e.glances["b"].failures.append(FailureGroup(1, "refused", "no", 1, "c0")),
    ),
    "a submit taken and not counted": (15, lambda e: e.metrics.update(retouch_submits_taken_total=0.0)),
    "a submit counted as taken that was not": (15, lambda e: e.metrics.update(retouch_submits_taken_total=2.0)),
    "money that is due and not counted": (15, lambda e: e.metrics.update({SPENT: 0.0})),
    "money counted twice": (15, lambda e: e.metrics.update({SPENT: 0.02})),
    "an end that is not counted": (15, lambda e: e.metrics.update({ENDED: 0.0})),
    "an end counted twice": (15, lambda e: e.metrics.update({ENDED: 2.0})),
    "a request counted twice": (15, lambda e: e.metrics.update({TAKEN: 2.0})),
    "a request counted by another answer": (15, lambda e: e.metrics.update({TAKEN: 0.0, THROTTLED: 2.0})),
    "a request that was told and is not counted": (15, lambda e: e.metrics.update({THROTTLED: 0.0})),
    "more paid for than can be kept": (9, lambda e: e.requests.extend([e.requests[0]] * 2)),
}


def test_a_clean_history_has_no_violations_and_counts_what_it_saw() -> None:
    """Every invariant holds, and none was vacuous."""
    findings = judge(clean())
    assert [f.violations for f in findings] == [[]] * 12
    assert all(any(f.counted.values()) for f in findings)


def test_what_was_sent_in_time_may_be_told_late() -> None:
    """A worker that is stopped between its call and the trace of it had the lease when it called."""
    evidence = clean()
    begin = evidence.trace[1]
    evidence.trace = [evidence.trace[0], begin | {"t": 20.0}]
    another_claim(evidence, 15.0)
    assert [text for text in violations(evidence) if text.startswith("5 ")] == []


@pytest.mark.parametrize("what", SPOILT)
def test_what_is_wrong_is_found(what: str) -> None:
    """Each kind of violation is found, and laid to its own invariant."""
    number, spoil = SPOILT[what]
    evidence = clean()
    spoil(evidence)
    assert any(found.startswith(f"{number} ") for found in violations(evidence))


def test_a_marked_duplicate_is_no_violation_but_with_hold_it_is() -> None:
    """``resubmit`` may send twice if it says so; ``hold`` may not."""
    evidence = clean()
    rewritten(evidence, possible_duplicate=True)
    evidence.requests.append(evidence.requests[0] | {"idempotency_key": "b/c0/2"})
    evidence.metrics |= {"retouch_submits_taken_total": 2.0, TAKEN: 2.0, SPENT: 0.02}
    assert violations(evidence) == []
    evidence.policy = "hold"
    assert violations(evidence) != []


def test_errors_that_the_api_answered_may_be_sent_again_thrice() -> None:
    """What the API took and answered with an error is sent again up to three times, and once more after silence."""
    evidence = clean()
    taken(evidence, 5, status=500)
    assert [found for found in violations(evidence) if found.startswith("2 ")] == []


def test_what_is_on_the_wire_may_come_inside_a_retry_after() -> None:
    """A request that was past its last look a moment after the answer is none of whom the API asked to wait."""
    evidence = clean()
    evidence.requests[0]["arrived"] = 8.2
    assert violations(evidence) == []
    evidence.requests[0]["arrived"] = 9.97
    assert violations(evidence) == []


def test_a_call_that_was_killed_need_not_be_counted() -> None:
    """Its worker had begun, and told nothing; the submit is counted as one that was not answered."""
    evidence = clean()
    evidence.trace.pop()
    evidence.metrics |= {TAKEN: 0.0, "retouch_submits_taken_total": 0.0, "retouch_submits_unanswered_total": 1.0}
    evidence.metrics |= {SPENT: 0.0, DOUBTFUL: 0.01}
    assert [found for found in violations(evidence) if found.startswith("15 ")] == []
    evidence.metrics["retouch_submits_unanswered_total"] = 0.0
    assert [found for found in violations(evidence) if found.startswith("15 ")] != []


def test_an_end_that_a_retry_takes_back_was_told_all_the_same() -> None:
    """It is counted, as what has ended since is."""
    evidence = clean()
    evidence.metrics[ENDED] = 2.0
    assert [found for found in violations(evidence) if found.startswith("15 ")] != []
    evidence.undone.append(replace(evidence.deliveries[0], event_id="e0", header_id="e0"))
    assert violations(evidence) == []


def test_a_poll_that_was_answered_is_counted_but_not_a_look_whether_the_api_is_there() -> None:
    """That is about no edit."""
    evidence = clean()
    poll: Record = {"kind": "status", "path": "/status/p0", "id": "p0", "status": 200, "time": 12.5, "arrived": 12.5}
    evidence.requests += [poll, poll | {"path": "/status/nobody", "id": None, "status": 404}]
    assert [found for found in violations(evidence) if found.startswith("15 ")] != []
    evidence.metrics['retouch_api_requests_total{code="200",step="status"}'] = 1.0
    assert violations(evidence) == []
