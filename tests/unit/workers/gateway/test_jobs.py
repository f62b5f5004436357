"""Jobs over HTTP: counted, started once, done by any gateway, stopped; and only the batches of the key."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from retouch.access_keys import Scope
from retouch.ledger import Entry, JobState, Ledger, Settlement, Which
from retouch.ledger.constants import CHANGED_AT_ONCE
from retouch.ledger.jobs import Advance
from retouch.states import EditState
from tests.harness.waiting import until
from tests.unit.workers.gateway.conftest import Client, problem
from workers.gateway.context import Gateway
from workers.jobs import JobRunner

SIZE = CHANGED_AT_ONCE + 20


@pytest.fixture
def failed(ledger: Ledger) -> str:
    """A batch of which all edits have failed."""
    return fail(ledger, "a-night", SIZE)


def fail(ledger: Ledger, batch: str, size: int) -> str:
    """Such a batch."""
    ledger.producer.enqueue(batch, [Entry(f"e{n}", "d", "{}", 1, None) for n in range(size)])
    ledger.producer.seal(batch)
    claims = ledger.worker.claim("w", lease_ms=60_000, places=size).claims
    ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), EditState.FAILED) for claim in claims])
    return batch


def states(ledger: Ledger, batch: str) -> dict[EditState, int]:
    """How many edits are in each state."""
    view = ledger.reader.batch(batch)
    assert view is not None
    return view.counts


def test_what_was_counted_is_done_when_it_is_started(client: Client, ledger: Ledger, failed: str) -> None:
    """By the gateway, with nobody who waits; a second start is the same job."""
    caller = client()
    counted = caller.post(f"/v1/batches/{failed}/jobs", json={"action": "retry"})
    assert counted.status_code == 201
    job = counted.json()
    assert (job["state"], job["counted"], job["to_send"], job["by"]) == ("counted", SIZE, SIZE, "key caller")
    assert states(ledger, failed) == {EditState.FAILED: SIZE}
    assert caller.get(f"/v1/batches/{failed}/jobs").json() == {"jobs": []}
    for _ in range(2):
        assert caller.post(f"/v1/jobs/{job['job']}/start").status_code == 200
    until(lambda: caller.get(f"/v1/jobs/{job['job']}").json()["state"] == "done", "the job is done")
    assert states(ledger, failed) == {EditState.QUEUED: SIZE}
    [ended] = caller.get(f"/v1/batches/{failed}/jobs").json()["jobs"]
    assert (ended["changed"], ended["skipped"]) == (SIZE, 0)
    assert caller.get("/v1/jobs").json() == {"jobs": [ended]}


def test_a_job_can_be_stopped(client: Client, ledger: Ledger, failed: str, gateway: Gateway) -> None:
    """What it has done stays; whoever looks at all jobs sees it."""
    gateway.runner.close()  # the test does the pages
    caller = client()
    job = caller.post(f"/v1/batches/{failed}/jobs", json={"action": "anew"}).json()["job"]
    caller.post(f"/v1/jobs/{job}/start")
    ledger.jobs.advance(job)
    [running] = caller.get("/v1/jobs").json()["jobs"]
    assert (running["state"], running["changed"]) == ("running", CHANGED_AT_ONCE)
    stopped = caller.post(f"/v1/jobs/{job}/stop").json()
    assert stopped["state"] == "stopped"
    assert caller.get("/v1/jobs").json() == {"jobs": [stopped]}
    assert states(ledger, failed)[EditState.QUEUED] == CHANGED_AT_ONCE


def test_a_key_sees_jobs_of_its_batches_alone(client: Client, failed: str) -> None:
    """As if there were no others; to read is not to decide."""
    owner, stranger = client(name="owner"), client(name="stranger", prefix="b-")
    reader = client(Scope.READ, name="reader")
    job = owner.post(f"/v1/batches/{failed}/jobs", json={"action": "retry"}).json()["job"]
    for method, path in (("GET", ""), ("POST", "/start"), ("POST", "/stop")):
        assert problem(stranger.request(method, f"/v1/jobs/{job}{path}"))["status"] == 404
    assert stranger.post(f"/v1/batches/{failed}/jobs", json={"action": "retry"}).status_code == 404
    assert reader.get(f"/v1/jobs/{job}").status_code == 200
    for path in (f"/v1/jobs/{job}/start", f"/v1/jobs/{job}/stop"):
        assert problem(reader.post(path))["status"] == 403
    assert reader.post(f"/v1/batches/{failed}/jobs", json={"action": "retry"}).status_code == 403
    owner.post(f"/v1/jobs/{job}/start")
    assert stranger.get("/v1/jobs").json() == {"jobs": []}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"action": "burn"}, "action"),
        ({"action": "retry", "states": ["queued"]}, "an edit that is queued cannot be tried again"),
        ({"action": "retry", "custom_ids": ["none"]}, "there is no edit 'none'"),
        ({"action": "retry", "all": True}, "there is none of that name"),
        ({"action": "retry", "at_once": 1}, "at_once"),
        ({"action": "retry", "groups": ["1"]}, "groups"),
    ],
)
def test_what_cannot_be_done_is_refused(client: Client, failed: str, body: dict[str, Any], said: str) -> None:
    """With the reason."""
    assert said in problem(client().post(f"/v1/batches/{failed}/jobs", json=body))["detail"]


def test_another_gateway_goes_on_with_the_job_of_one_that_has_died(ledger: Ledger, failed: str) -> None:
    """Nothing but Redis knows of the job."""
    job = ledger.jobs.count(failed, "retry", Which.of("retry", None))
    assert job is not None
    ledger.jobs.start(job.id)  # and then that one is gone
    runner = JobRunner(ledger)
    with capture_logs():
        runner.wake()
        until(lambda: (found := ledger.jobs.job(job.id)) is not None and found.state is JobState.DONE, "it is done")
    runner.close()
    assert states(ledger, failed) == {EditState.QUEUED: SIZE}


def test_a_job_that_cannot_be_done_holds_up_no_other(ledger: Ledger, failed: str) -> None:
    """Whatever is wrong with it; each is told once."""
    bad, mad, good = (ledger.jobs.count(failed, "retry", Which.of("retry", None)) for _ in range(3))
    assert bad is not None
    assert mad is not None
    assert good is not None
    for job in (bad, mad, good):
        ledger.jobs.start(job.id)
    ledger.connection._client.hdel(ledger.connection.keys.job(bad.id), "states")
    runner, advance = JobRunner(ledger), ledger.jobs.advance

    def advanced(id: str) -> Advance:
        if id == mad.id:
            raise ValueError("a state of a newer version")
        return advance(id)

    with capture_logs() as logged, pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger.jobs, "advance", advanced)
        runner.wake()
        until(lambda: (found := ledger.jobs.job(good.id)) is not None and found.state is JobState.DONE, "it is done")
        until(lambda: len({one["job"] for one in logged}) == 2, "the others are told")
        runner.wake()
        runner.close()
    assert {one["job"] for one in logged} == {bad.id, mad.id}
    assert len(logged) == 2
