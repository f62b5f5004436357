"""Gateways that die in the middle of a request: nothing of it was paid for, and the same request makes it whole.

And in the middle of a job: another one goes on, and each edit is changed once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest
import requests

from retouch.access_keys import AccessKeys, Scope
from retouch.errors import LedgerAwayError
from retouch.ledger import PAGE, Action, Claim, Job, JobState, Ledger, Settlement, Which
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.harness.processes import Process
from tests.harness.waiting import LIMIT_S, until
from tests.ledger_bench import SUBMITTING, entries
from workers.stack.valkey import Valkey

pytestmark = pytest.mark.slow

EDITS = 30_000
OF_A_JOB = 5_000
LINE = '{{"custom_id": "c{0}", "prompt": "a cat", "init_image": "https://example.com/{0}.png"}}\n'
BODY = "".join(map(LINE.format, range(EDITS))).encode()

Start = Callable[[], tuple[Process, str]]


@pytest.fixture
def ledger(redis_url: str) -> Iterator[Ledger]:
    """A real ledger."""
    found = Ledger.from_url(redis_url, timeout_s=LIMIT_S)
    yield found
    found.connection.close()


@pytest.fixture
def start(redis_url: str) -> Iterator[Start]:
    """Start gateways; each is given with its URL."""
    env = os.environ | {"RETOUCH_REDIS_URL": redis_url, "RETOUCH_BUCKET": "bucket"}
    with ExitStack() as ends:

        def make() -> tuple[Process, str]:
            process = ends.enter_context(Process([sys.executable, "-m", "workers.gateway", "--port", "0"], env=env))
            return process, json.loads(process.out.line("url"))["url"]

        yield make


def test_a_gateway_that_is_killed_while_it_writes_leaves_nothing_that_is_paid_for(start: Start, ledger: Ledger) -> None:
    """The same request, at another gateway, is the same batch, whole, and only then worked on."""
    queue = EditQueue(ledger)
    headers = {
        "Authorization": f"Bearer {AccessKeys(ledger, 'here').create('caller', [Scope.SUBMIT])}",
        "Content-Type": "application/jsonl",
    }
    first, url = start()
    errors: list[requests.RequestException] = []

    def send() -> None:
        try:
            requests.post(f"{url}/v1/batches/b", data=BODY, headers=headers, timeout=120)
        except requests.RequestException as error:
            errors.append(error)

    sender = threading.Thread(target=send)
    sender.start()
    until(lambda: queue.find("b"), "the first page is written")
    first.signal(signal.SIGKILL)
    first.end()
    sender.join(60)
    assert errors
    view = queue.status("b")
    assert PAGE <= view.total < EDITS
    assert [pause.cause for pause in view.paused] == ["arriving"]
    assert ledger.worker.claim("w", lease_ms=60_000, places=100).claims == []

    _, url = start()
    answer = requests.post(f"{url}/v1/batches/b", data=BODY, headers=headers, timeout=120)
    assert answer.status_code == 201
    assert answer.json()["accepted"] + answer.json()["already"] == EDITS
    assert [found.batch for found in queue.batches()] == ["b"]
    view = queue.status("b")
    assert (view.total, view.paused) == (EDITS, ())
    assert len(ledger.worker.claim("w", lease_ms=60_000, places=100).claims) > 0


def fill(ledger: Ledger) -> None:
    """A batch of edits that have failed."""
    for first in range(0, OF_A_JOB, PAGE):
        ledger.producer.enqueue("b", entries(OF_A_JOB)[first : first + PAGE])
    ledger.producer.seal("b")
    while claims := claimed(ledger):
        failed = [Settlement(one, SUBMITTING, EditState.FAILED, error='{"code":"failure"}') for one in claims]
        ledger.worker.settle(failed)


def claimed(ledger: Ledger) -> list[Claim]:
    """A page of what is in the queue."""
    claims = ledger.worker.claim("w", lease_ms=60_000, places=OF_A_JOB, submits=PAGE).claims
    return [one for one in claims if one.step == "submit"]


def begun(ledger: Ledger, url: str, action: Action, state: EditState) -> str:
    """A job that the gateway at this address is in the middle of; its id."""
    counted = ledger.jobs.count("b", action, Which.of(action, [state]))
    assert counted is not None
    assert counted.counted == OF_A_JOB
    token = AccessKeys(ledger, "here").create(f"key-{counted.id}", [Scope.OPERATE])
    headers = {"Authorization": f"Bearer {token}"}
    requests.post(f"{url}/v1/jobs/{counted.id}/start", headers=headers, timeout=30).raise_for_status()
    until(lambda: far(ledger, counted.id).done, "its first page is done")
    return counted.id


def far(ledger: Ledger, job: str) -> Job:
    """How far a job is."""
    found = ledger.jobs.job(job)
    assert found is not None
    return found


def done_once(ledger: Ledger, job: str, to: EditState) -> None:
    """Wait for its end: each edit was changed, none was found changed already, and all that is told of it is exact."""

    def ended() -> bool:
        with suppress(LedgerAwayError):
            return far(ledger, job).state is not JobState.RUNNING
        return False

    until(ended, f"the job ends that makes all {to}")
    found = far(ledger, job)
    assert (found.state, found.counted, found.changed, found.skipped) == (JobState.DONE, OF_A_JOB, OF_A_JOB, 0)
    view = ledger.reader.batch("b")
    assert view is not None
    assert view.counts == {to: OF_A_JOB}


def test_a_job_outlives_all_who_do_it(start: Start, ledger: Ledger, valkey: Valkey) -> None:
    """They are killed, or stopped and go on later, and Redis dies: the next does the rest, and each edit is done once.

    Only if Redis loses all, the job is lost with the batch, and what comes later is done as ever.
    """
    fill(ledger)
    (first, url), (second, others) = start(), start()
    job = begun(ledger, url, "retry", EditState.FAILED)
    first.signal(signal.SIGKILL)
    done_once(ledger, job, EditState.QUEUED)

    job = begun(ledger, others, "cancel", EditState.QUEUED)
    second.signal(signal.SIGSTOP)
    so_far = far(ledger, job).done
    assert so_far < OF_A_JOB
    _, url = start()
    until(lambda: far(ledger, job).done > so_far, "another one goes on")
    second.signal(signal.SIGCONT)
    done_once(ledger, job, EditState.CANCELLED)
    told, page = [], ledger.reader.events()
    while page:
        told += [event.subject for event in page if event.type.endswith("cancelled")]
        page = ledger.reader.events(page[-1].stream_id)
    assert len(told) == len(set(told)) == OF_A_JOB

    job = begun(ledger, url, "retry", EditState.CANCELLED)
    valkey.kill()
    valkey.start()
    assert far(ledger, job).done < OF_A_JOB
    done_once(ledger, job, EditState.QUEUED)

    lost = begun(ledger, url, "cancel", EditState.QUEUED)
    ledger.connection._client.flushall()
    assert ledger.jobs.job(lost) is None
    fill(ledger)
    done_once(ledger, begun(ledger, url, "retry", EditState.FAILED), EditState.QUEUED)
    again = [claim.member for _ in range(0, OF_A_JOB, PAGE) for claim in claimed(ledger)]
    assert len(again) == len(set(again)) == OF_A_JOB
    assert claimed(ledger) == []
