"""Jobs: what is done to many edits is counted first, bound to what was counted, and done page by page, each once."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from retouch.errors import InputError, LedgerRefusedError
from retouch.ledger import PAGE, Action, Entry, Finish, Job, JobState, Settlement, Step, Which
from retouch.ledger import jobs as ledger_jobs
from retouch.ledger.constants import (
    CHANGED_AT_ONCE,
    JOB_OFFERED_MS,
    JOB_TAKEN_MS,
    JOBS_LISTED,
    JOBS_OF_BATCH,
    JOBS_OFFERED,
)
from retouch.ledger.jobs import LEFT_MS
from retouch.ledger.views import instant
from retouch.price import Price
from retouch.states import EditState
from tests.contract.servers import on_a_server
from tests.ledger_bench import HOLD, LEASE_MS, POLLED, SUBMITTING, Bench, entries

SIZE = 2 * CHANGED_AT_ONCE + 1
MEMORY, TIMEOUT = '{"code":"failure","message":"out of memory"}', '{"code":"deadline","message":"no result"}'


def fail(bench: Bench, count: int, error: str = MEMORY) -> None:
    """So many of the edits that wait in the queue fail before they are sent."""
    claims = bench.edits(submits=count, places=1000)
    settled = [Settlement(claim, SUBMITTING, EditState.FAILED, error=error) for claim in claims]
    assert all(bench.ledger.worker.settle(settled))


def counted(bench: Bench, action: Action = "retry", *, groups: tuple[int, ...] = (), **which: tuple[str, ...]) -> Job:
    """A job that can be started."""
    states = which.get("states")
    asked = Which.of(action, states, groups, which.get("custom_ids", ()))
    job = bench.ledger.jobs.count("b", action, asked, by="key ada")
    assert job is not None
    assert job.state is JobState.COUNTED
    return job


def finish(bench: Bench, job: Job) -> Job:
    """Do all its pages."""
    while bench.ledger.jobs.advance(job.id).state is JobState.RUNNING:
        pass
    found = bench.ledger.jobs.job(job.id)
    assert found is not None
    return found


def test_a_job_says_its_exact_number_first_and_changes_nothing(bench: Bench) -> None:
    """What the API is asked about costs nothing, what is submitted again has its price, by images."""
    bench.ledger.producer.set_price(Price(Decimal("0.01"), "USD"))
    bench.fill(3, samples=2)
    claims = bench.edits(submits=1)
    bench.intend(claims)
    bench.accept(claims, delay_ms=0)
    polls = [claim for claim in bench.edits(submits=0) if claim.step is Step.POLL]
    bench.begin_polls(polls)
    bench.ledger.worker.settle([Settlement(one, POLLED, EditState.FAILED, error=TIMEOUT) for one in polls])
    fail(bench, 2)
    job = counted(bench)
    assert (job.counted, job.to_ask, job.to_send, job.by) == (3, 1, 2, "key ada")
    assert job.cost is not None
    assert (job.cost.amount, job.cost.at_most, job.cost.currency) == (Decimal("0.04"), Decimal("0.06"), "USD")
    assert counted(bench, "anew").to_send == 3
    assert bench.counts() == {"failed": 3}
    assert bench.ledger.jobs.of_batch("b") == bench.ledger.jobs.open() == []


def test_a_job_does_what_was_counted_page_by_page(bench: Bench) -> None:
    """A page is bounded; the batch knows its jobs, and who has started each."""
    bench.fill(SIZE)
    fail(bench, SIZE)
    job = counted(bench)
    assert bench.ledger.jobs.start(job.id) is JobState.RUNNING
    assert [one.id for one in bench.ledger.jobs.open()] == [job.id]
    steps = [bench.ledger.jobs.advance(job.id) for _ in range(3)]
    assert [step.done for step in steps] == [CHANGED_AT_ONCE, 2 * CHANGED_AT_ONCE, SIZE]
    assert steps[-1].state is JobState.DONE
    assert bench.counts() == {"queued": SIZE}
    [ended] = bench.ledger.jobs.of_batch("b")
    assert (ended.state, ended.changed, ended.skipped, ended.done) == (JobState.DONE, SIZE, 0, SIZE)
    assert ended.ended is not None
    assert bench.ledger.jobs.open() == []
    assert Job.from_json(ended.to_json()) == ended


def test_the_same_start_twice_is_the_same_job(bench: Bench) -> None:
    """Also when it has ended: nothing is sent again."""
    bench.fill(2)
    fail(bench, 2)
    job = counted(bench)
    assert bench.ledger.jobs.start(job.id) is JobState.RUNNING
    assert bench.ledger.jobs.start(job.id) is JobState.RUNNING
    assert finish(bench, job).changed == 2
    fail(bench, 2)
    assert bench.ledger.jobs.start(job.id) is JobState.DONE
    assert bench.ledger.jobs.advance(job.id).state is JobState.DONE
    assert bench.counts() == {"failed": 2}
    assert len(bench.ledger.jobs.of_batch("b")) == 1


@pytest.mark.parametrize("when", ["in the same ms", "later"])
def test_what_changed_since_the_count_is_skipped_and_told(bench: Bench, when: str) -> None:
    """Also an edit that somebody else had tried again, and that has failed once more."""
    bench.fill(5)
    fail(bench, 3)
    job = counted(bench)
    bench.clock.now += when == "later"
    assert bench.ledger.producer.retry("b").sent == 3
    fail(bench, 3)  # one of these was never counted
    bench.ledger.jobs.start(job.id)
    ended = finish(bench, job)
    assert (ended.counted, ended.changed, ended.skipped) == (3, 0, 3)
    assert bench.counts()["failed"] == 3


def test_what_fails_after_the_count_is_not_of_the_job(bench: Bench) -> None:
    """It is neither changed nor skipped."""
    bench.fill(4)
    fail(bench, 1)
    job = counted(bench)
    fail(bench, 2)
    bench.ledger.jobs.start(job.id)
    ended = finish(bench, job)
    assert (ended.counted, ended.changed, ended.skipped) == (1, 1, 0)
    assert bench.counts() == {"failed": 2, "queued": 2}


def test_two_who_drive_one_job_do_each_page_once(bench: Bench) -> None:
    """In turns, as two gateways may."""
    bench.fill(SIZE)
    fail(bench, SIZE)
    job = counted(bench)
    bench.ledger.jobs.start(job.id)
    done = [bench.ledger.jobs.advance(job.id).done for _ in range(5)]
    assert done == [CHANGED_AT_ONCE, 2 * CHANGED_AT_ONCE, SIZE, SIZE, SIZE]
    assert bench.counts() == {"queued": SIZE}


def test_another_takes_a_job_over_whose_driver_has_died(bench: Bench) -> None:
    """Not while it is at work."""
    bench.fill(SIZE)
    fail(bench, SIZE)
    job = counted(bench)
    bench.ledger.jobs.start(job.id)
    assert bench.ledger.jobs.due() == [job.id]
    bench.ledger.jobs.advance(job.id)
    assert bench.ledger.jobs.due() == []
    bench.clock.now += JOB_TAKEN_MS
    assert bench.ledger.jobs.due() == [job.id]
    assert finish(bench, job).changed == SIZE


def test_a_clock_that_is_set_back_holds_up_no_job(bench: Bench) -> None:
    """Its driver died in a time that is to come again."""
    bench.fill(SIZE)
    fail(bench, SIZE)
    job = counted(bench)
    bench.ledger.jobs.start(job.id, mine=True)
    bench.clock.now -= JOB_TAKEN_MS  # as somebody's who looked a little before
    assert bench.ledger.jobs.due() == []
    bench.clock.now -= 60_000
    assert bench.ledger.jobs.due() == [job.id]
    bench.ledger.jobs.advance(job.id)
    assert bench.ledger.jobs.due() == []


def test_jobs_of_all_batches_are_listed(bench: Bench) -> None:
    """The newest first; all that work, and as many others as are wanted; of those that are kept still."""
    jobs = bench.ledger.jobs
    for batch in ("a-night", "b", "a-day"):
        bench.ledger.producer.enqueue(batch, entries(2))
    running, *done = (jobs.count(one, "cancel", Which.of("cancel", None)) for one in ("a-night", "b", "a-day"))
    assert running is not None
    jobs.start(running.id)
    for job in filter(None, done):
        bench.clock.now += 1000
        jobs.run(job.id)

    def listed(**which: Any) -> list[str]:
        return [one.batch for one in jobs.recent(**which)]

    assert listed() == ["a-day", "b", "a-night"]
    assert listed(newest=2) == ["a-day", "a-night"]
    assert listed(newest=1) == ["a-night"]
    assert listed(prefix="a-") == ["a-day", "a-night"]
    bench.client.delete(bench.keys.started_jobs)  # as after an upgrade
    assert listed() == ["a-night"]


def test_a_list_of_all_jobs_is_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that was started first is forgotten first, and what is gone is passed over, page by page."""
    monkeypatch.setattr(ledger_jobs, "LISTED_AT_ONCE", 2)
    bench.fill(1)
    started = [counted(bench, "cancel") for _ in range(JOBS_OF_BATCH + 3)]
    for job in started:
        bench.clock.now += 1
        bench.ledger.jobs.run(job.id)
    bench.client.zadd(bench.keys.started_jobs, {f"old{n}": n for n in range(JOBS_LISTED)})
    bench.clock.now += 1
    another = counted(bench, "cancel")
    bench.ledger.jobs.run(another.id)
    assert bench.client.zcard(bench.keys.started_jobs) == JOBS_LISTED
    assert [one.id for one in bench.ledger.jobs.recent(3)] == [another.id, started[-1].id, started[-2].id]


def test_a_job_that_nobody_goes_on_with_says_since_when(bench: Bench) -> None:
    """Not while it is at work, and not at once after that: those who look for it need a moment."""
    bench.fill(SIZE)
    fail(bench, SIZE)
    job = counted(bench)
    bench.ledger.jobs.start(job.id, mine=True)
    bench.ledger.jobs.advance(job.id)
    left = bench.clock.now + JOB_TAKEN_MS
    bench.clock.now = left + LEFT_MS
    assert [one.left_since for one in bench.ledger.jobs.open()] == [None]
    bench.clock.now += 1
    [found] = bench.ledger.jobs.of_batch("b")
    assert found.left_since == instant(left)
    assert Job.from_json(found.to_json()) == found
    assert finish(bench, job).left_since is None


def test_a_stopped_job_leaves_the_rest(bench: Bench) -> None:
    """And what it has done stays."""
    bench.fill(SIZE)
    fail(bench, SIZE)
    job = counted(bench)
    bench.ledger.jobs.start(job.id)
    bench.ledger.jobs.advance(job.id)
    assert bench.ledger.jobs.stop(job.id) is JobState.STOPPED
    assert bench.ledger.jobs.advance(job.id).state is JobState.STOPPED
    assert bench.counts() == {"failed": SIZE - CHANGED_AT_ONCE, "queued": CHANGED_AT_ONCE}
    assert bench.ledger.jobs.start(job.id) is JobState.STOPPED


def test_what_is_done_is_not_stopped_any_more(bench: Bench) -> None:
    """Nor is what nobody has started, or what there is not."""
    bench.fill(2)
    fail(bench, 2)
    job = counted(bench)
    assert bench.ledger.jobs.stop(job.id) is JobState.COUNTED
    bench.ledger.jobs.start(job.id)
    done = finish(bench, job)
    assert bench.ledger.jobs.stop(job.id) is JobState.DONE
    assert bench.ledger.jobs.job(job.id) == done
    assert bench.ledger.jobs.stop("none") is None


def test_a_job_of_a_group_takes_those_alone(bench: Bench) -> None:
    """Or of several groups, or of edits by their names."""
    bench.fill(6)
    fail(bench, 1)
    fail(bench, 2, TIMEOUT)
    fail(bench, 1, '{"code":"failure","message":"no such model"}')
    assert counted(bench, groups=(2,)).counted == 2
    assert counted(bench, groups=(1, 3)).counted == 2
    one = counted(bench, custom_ids=("c1", "c5"))
    assert one.counted == 1  # c5 is queued
    bench.ledger.jobs.start(one.id)
    assert finish(bench, one).changed == 1
    with pytest.raises(InputError, match="there is no edit 'c9' in batch 'b'"):
        counted(bench, custom_ids=("c9",))


def test_a_cancel_leaves_alone_what_is_at_the_api(bench: Bench) -> None:
    """It says how many those are; what is claimed and not sent yet is cancelled."""
    bench.at_the_api(1, of=5)
    sent = bench.edits(submits=1, polls=0)
    bench.intend(sent)
    claimed = bench.edits(submits=1, polls=0)
    assert len(claimed) == 1
    job = counted(bench, "cancel")
    assert (job.counted, job.at_work) == (3, 2)
    assert (job.to_send, job.cost) == (0, None)
    bench.later(30_000)  # what was claimed, and what was sent, comes back to the queue
    bench.ledger.jobs.start(job.id)
    assert finish(bench, job).done == 3
    assert bench.counts()["cancelled"] >= 3


def test_what_ends_since_its_batch_is_cancelled_is_of_the_job(bench: Bench) -> None:
    """A worker that has it in hand ends it, before its page is done; what came to its end otherwise is skipped."""
    bench.fill(4)
    job = counted(bench, "cancel")
    claims = bench.edits(submits=2)
    fail(bench, 1)
    bench.ledger.jobs.start(job.id)
    bench.intend(claims)
    assert bench.counts() == {"failed": 1, "queued": 1, "cancelled": 2}
    ended = finish(bench, job)
    assert (ended.counted, ended.changed, ended.skipped) == (4, 3, 1)
    assert bench.counts() == {"failed": 1, "cancelled": 3}


def test_a_cancel_of_some_edits_ends_no_batch(bench: Bench) -> None:
    """Others may still be added, and those that come back are queued again."""
    bench.fill(3)
    job = counted(bench, "cancel", custom_ids=("c1",))
    bench.ledger.jobs.start(job.id)
    assert finish(bench, job).changed == 1
    view = bench.ledger.reader.batch("b")
    assert view is not None
    assert not view.cancelled
    assert bench.counts() == {"queued": 2, "cancelled": 1}


def test_a_job_of_a_removed_batch_is_done_to_no_other_of_its_name(bench: Bench) -> None:
    """It is gone, and so is all that was kept of it."""
    bench.fill(2)
    fail(bench, 2)
    old, running = counted(bench), counted(bench)
    bench.ledger.jobs.start(running.id)
    [claim] = [one for one in bench.claim().claims if one.step is Step.FINISH]
    bench.ledger.worker.settle_batch(claim, Finish.WRITTEN)
    assert bench.ledger.producer.remove("b") == 0
    assert bench.ledger.jobs.job(running.id) is None
    assert [key for key in bench.client.keys("*") if running.id in str(key)] == []
    bench.clock.now += 1
    bench.fill(2)
    fail(bench, 2)
    assert bench.ledger.jobs.start(old.id) is None
    assert bench.ledger.jobs.advance(running.id).state is None
    assert bench.ledger.jobs.open() == []
    assert bench.counts() == {"failed": 2}


def test_a_job_that_nobody_starts_goes(bench: Bench) -> None:
    """It is kept for a quarter of an hour; one that was started for days."""
    bench.fill(2)
    fail(bench, 2)
    job, started = counted(bench), counted(bench)
    for key in (bench.keys.job(job.id), f"{bench.keys.job(job.id)}:chosen"):
        assert 0 < bench.client.pttl(key) <= JOB_OFFERED_MS
    bench.ledger.jobs.start(started.id)
    for key in (bench.keys.job(started.id), f"{bench.keys.job(started.id)}:chosen"):
        assert bench.client.pttl(key) == -1
    finish(bench, started)
    assert bench.client.pttl(bench.keys.job(started.id)) > JOB_OFFERED_MS
    assert not bench.client.exists(f"{bench.keys.job(started.id)}:chosen")


def test_counting_again_and_again_takes_no_more_room(bench: Bench) -> None:
    """Each has a byte for each edit: whoever counts on and on would fill Redis. What was started stays."""
    bench.fill(2)
    fail(bench, 2)
    started = counted(bench)
    bench.ledger.jobs.start(started.id)
    made = [counted(bench, "anew").id for _ in range(JOBS_OFFERED + 2)]
    left = [job for job in made if bench.client.exists(f"{bench.keys.job(job)}:chosen")]
    assert left == made[2:]
    assert bench.ledger.jobs.start(made[0]) is None
    assert bench.ledger.jobs.start(made[-1]) is JobState.RUNNING
    assert finish(bench, started).changed == 2


def test_many_jobs_push_none_out_that_is_at_work(bench: Bench) -> None:
    """A large one takes minutes, in which somebody may decide about many edits one by one."""
    bench.fill(2)
    fail(bench, 2)
    large = counted(bench)
    bench.ledger.jobs.start(large.id)
    for _ in range(JOBS_OF_BATCH + 1):
        bench.ledger.jobs.start(counted(bench, "cancel", states=("held",)).id)
    assert [job.id for job in bench.ledger.jobs.of_batch("b")][-1] == large.id
    assert finish(bench, large).changed == 2


def test_of_few_jobs_too_none_is_left_out_that_is_at_work(bench: Bench) -> None:
    """Or nobody who looks could stop it."""
    bench.fill(2)
    fail(bench, 2)
    large = counted(bench)
    bench.ledger.jobs.start(large.id)
    later = [counted(bench, "cancel", states=("held",)).id for _ in range(3)]
    for job in later:
        bench.ledger.jobs.start(job)
    assert [job.id for job in bench.ledger.jobs.of_batch("b", 2)] == [*later[:0:-1], large.id]
    finish(bench, large)
    assert [job.id for job in bench.ledger.jobs.of_batch("b", 2)] == later[:0:-1]


@on_a_server  # the fake has room for all
@pytest.mark.parametrize("action", ["retry", "cancel"])
def test_a_page_is_done_whole_or_not_at_all_by_a_redis_that_is_full(bench: Bench, action: Action) -> None:
    """With room again the job goes on."""
    bench.fill(SIZE)
    if action == "retry":
        fail(bench, SIZE)
    job = counted(bench, action)
    bench.ledger.jobs.start(job.id)
    bench.client.config_set("maxmemory", "1")
    with suppress(LedgerRefusedError):
        bench.ledger.jobs.advance(job.id)
    bench.client.config_set("maxmemory", "0")
    so_far, to = bench.ledger.jobs.job(job.id), "queued" if action == "retry" else "cancelled"
    assert so_far is not None
    assert so_far.done == so_far.changed == bench.counts().get(to, 0)
    assert finish(bench, job).changed == SIZE
    assert bench.counts() == {to: SIZE}


def test_a_large_batch_is_searched_by_pages_too(bench: Bench) -> None:
    """The few that are chosen may stand far from each other."""
    for first in range(0, 1500, 500):
        bench.write("b", entries(1500)[first : first + 500])
    bench.ledger.producer.seal("b")
    far = ("c3", "c700", "c1499")
    job = counted(bench, "cancel", custom_ids=far)
    assert job.counted == 3
    bench.ledger.jobs.start(job.id)
    assert finish(bench, job).changed == 3
    states = [bench.client.hget(bench.keys.edit(f"b/{one}"), "state") for one in far]
    assert states == ["cancelled"] * 3


@pytest.mark.parametrize(
    ("action", "more", "said"),
    [
        ("cancel", {"states": ["waiting"]}, "an edit that is waiting cannot be cancelled"),
        ("retry", {"states": ["completed"]}, "an edit that is completed cannot be tried again"),
        ("retry", {"states": ["held"], "groups": [1]}, "groups are of failed edits"),
        ("retry", {"states": ["odd"]}, "not states of an edit"),
        ("burn", {}, "action must be retry, anew or cancel"),
        ("retry", {"custom_ids": [str(n) for n in range(10_001)]}, "at most 10,000"),
    ],
)
def test_what_cannot_be_done_is_said(action: Action, more: dict[str, list[object]], said: str) -> None:
    """In one sentence."""
    with pytest.raises(InputError, match=said):
        Which.of(action, **{"states": None, **more})  # type: ignore[arg-type]


def test_what_another_job_has_cancelled_since_is_not_tried_again(bench: Bench) -> None:
    """Though a cancelled edit is among those that the job would take: this one was held when it was counted."""
    bench.fill(2)
    bench.intend(bench.edits())
    bench.later(LEASE_MS + 1)
    bench.intend(bench.edits(), HOLD)
    assert bench.counts() == {"held": 2}
    again, away = counted(bench, states=("held", "cancelled")), counted(bench, "cancel", states=("held",))
    bench.ledger.jobs.start(away.id)
    assert finish(bench, away).changed == 2
    bench.ledger.jobs.start(again.id)
    ended = finish(bench, again)
    assert (ended.counted, ended.changed, ended.skipped) == (2, 0, 2)
    assert bench.counts() == {"cancelled": 2}
    assert counted(bench, states=("cancelled",)).counted == 2


def test_a_batch_whose_removal_has_begun_is_tried_again_by_no_job(bench: Bench) -> None:
    """Or a part of it would come back, and be paid for; new edits make it a batch again."""
    for first in (0, PAGE):
        bench.write("b", entries(PAGE + 2)[first : first + PAGE])
    bench.ledger.producer.seal("b")
    fail(bench, PAGE)
    fail(bench, 2)
    [claim] = [one for one in bench.claim().claims if one.step is Step.FINISH]
    bench.ledger.worker.settle_batch(claim, Finish.WRITTEN)
    job, late = counted(bench), counted(bench)
    bench.ledger.jobs.start(job.id)
    assert bench.ledger.producer.remove("b") == 2
    assert bench.ledger.jobs.advance(job.id).state is None
    assert bench.ledger.jobs.start(late.id) is None
    assert bench.ledger.jobs.count("b", "retry", Which.of("retry", None)) is None
    assert bench.ledger.producer.retry("b") == (0, 0)
    assert bench.ledger.jobs.open() == []
    bench.write("b", [Entry("new", "d", "{}", 1, None)])
    assert bench.ledger.producer.retry("b").sent == 2


def test_the_history_of_an_edit_says_who_tried_it_again(bench: Bench) -> None:
    """Whether the API is asked for its result, or it is sent anew."""
    bench.at_the_api(1, of=2)
    bench.begin_polls(claims := bench.edits(submits=0))
    assert all(bench.ledger.worker.settle([Settlement(claims[0], POLLED, EditState.FAILED, error=TIMEOUT)]))
    fail(bench, 1)
    job = counted(bench)
    assert bench.ledger.jobs.start(job.id) is JobState.RUNNING
    finish(bench, job)
    steps = [(bench.ledger.reader.history("b", f"c{n}") or [])[-1] for n in range(2)]
    assert {(step.what, step.by) for step in steps} == {("retried", "key ada"), ("asked", "key ada")}
