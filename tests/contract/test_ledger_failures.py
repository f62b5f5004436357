"""A batch that is paused because more of its edits failed than its ``max_failures`` allows."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import hypothesis.strategies as st
import pytest
import redis
from hypothesis import given, settings

from retouch.errors import BatchLimitError
from retouch.failure_limit import FailureLimit
from retouch.ledger import PAGE, Claim, Entry, Ledger, Settlement, Step
from retouch.states import EditState
from tests.harness.redis_client import connect
from tests.harness.waiting import LIMIT_S
from tests.ledger_bench import LEASE_MS, POLLED, SUBMITTING, Bench

PAUSED, RESUMED = "retouch.paused", "retouch.resumed"


def write(bench: Bench, count: int, limit: str = "", *, first: int = 0, seal: bool = True) -> None:
    """Enqueue so many edits, the first of them cFIRST, and seal the batch."""
    for start in range(first, first + count, PAGE):
        page = [Entry(f"c{n}", "d", "{}", 1, None) for n in range(start, min(start + PAGE, first + count))]
        bench.write("b", page, max_failures=limit)
    if seal:
        bench.ledger.producer.seal("b")


def claimed(bench: Bench, count: int) -> list[Claim]:
    """Claims of so many edits."""
    claims = bench.edits(submits=count, places=10**6)
    assert len(claims) == count
    return claims


def fail(bench: Bench, count: int = 1) -> None:
    """So many queued edits are sent, and fail."""
    bench.end(claimed(bench, count), EditState.FAILED)


def complete(bench: Bench, count: int) -> None:
    """So many queued edits are sent, and complete."""
    bench.end(claimed(bench, count))


def pauses(bench: Bench) -> dict[str, str]:
    """The batch's pauses: the cause, and the reason."""
    view = bench.ledger.reader.batch("b")
    assert view is not None
    return {pause.cause: pause.reason for pause in view.paused}


def limit(bench: Bench) -> str | None:
    """What binds the batch."""
    view = bench.ledger.reader.batch("b")
    assert view is not None
    return view.max_failures


def told(bench: Bench) -> list[tuple[str, str]]:
    """The events of pauses: their types, and the causes."""
    return [(e.type, e.data["cause"]) for e in bench.ledger.reader.events() if e.type in (PAUSED, RESUMED)]


@pytest.mark.parametrize(("given", "most"), [("0", 0), ("3", 3), ("0%", 0), ("1%", 2), ("1.5%", 3), ("99.4%", 198)])
def test_one_failure_too_many_pauses_the_batch(bench: Bench, given: str, most: int) -> None:
    """In the move that counts it: as many as are allowed do not, and the next claim has none of its edits."""
    write(bench, 200, given)
    if most:
        fail(bench, most)
    assert pauses(bench) == {}
    fail(bench)
    assert pauses(bench) == {"failures": f"{most + 1} of 200 edits failed, and max_failures is {given}"}
    assert told(bench) == [(PAUSED, "failures")]
    assert bench.edits() == []


def test_without_a_limit_all_may_fail(bench: Bench) -> None:
    """As ever."""
    write(bench, 5)
    fail(bench, 4)
    assert (pauses(bench), limit(bench)) == ({}, None)


def test_what_is_at_the_api_goes_on(bench: Bench) -> None:
    """It is paid for: it is polled, and completes, while the queued ones wait."""
    write(bench, 4, "0")
    at_the_api, failing = claimed(bench, 2)
    assert all(bench.begin([at_the_api, failing]))
    bench.accept([at_the_api], delay_ms=0)
    bench.end([failing], EditState.FAILED)
    assert list(pauses(bench)) == ["failures"]
    [poll] = bench.edits()
    assert poll.step is Step.POLL
    bench.begin_polls([poll])
    assert bench.ledger.worker.settle([Settlement(poll, POLLED, EditState.COMPLETED)])
    assert bench.counts() == {"queued": 2, "failed": 1, "completed": 1}


def test_what_was_claimed_before_the_pause_is_not_sent(bench: Bench) -> None:
    """Another worker's failure, between its claim and its request."""
    write(bench, 3, "0")
    failing, other = claimed(bench, 2)
    bench.end([failing], EditState.FAILED)
    assert bench.begin([other]) == [None]


def test_cancelled_edits_are_no_failures(bench: Bench) -> None:
    """And still count among those that the batch has."""
    write(bench, 4, "50%")
    fail(bench, 2)
    bench.ledger.producer.cancel("b")
    assert (pauses(bench), bench.counts()) == ({}, {"failed": 2, "cancelled": 2})


def test_the_last_edits_failure_pauses_nothing(bench: Bench) -> None:
    """Nothing is left that would not be sent: the batch ends, and how it ended is for whoever waits."""
    write(bench, 2, "1")
    fail(bench, 2)
    assert (pauses(bench), told(bench)) == ({}, [])
    assert [claim.step for claim in bench.claim().claims] == [Step.FINISH]


def test_an_edit_that_ends_its_workers_counts_too(bench: Bench) -> None:
    """Whatever it is that ends an edit as failed."""
    write(bench, 2, "0")
    claims = claimed(bench, 1)
    assert all(bench.begin(claims))
    bench.accept(claims, delay_ms=0)
    for _ in range(3):
        assert all(bench.begin_polls(bench.edits(submits=0)))
        bench.later(LEASE_MS)
    assert bench.edits() == []
    assert bench.counts()["failed"] == 1
    assert list(pauses(bench)) == ["failures"]


# --- while a producer fills it ------------------------------------------------------------------


def test_a_share_is_judged_once_a_hundred_have_ended(bench: Bench) -> None:
    """Of those that are there: before, a few say nothing of the whole batch."""
    write(bench, 300, "1%", seal=False)
    fail(bench, 4)
    complete(bench, 95)
    assert pauses(bench) == {}
    fail(bench)
    assert pauses(bench) == {"failures": "5 of 300 edits failed, and max_failures is 1%"}


def test_a_number_is_judged_at_once(bench: Bench) -> None:
    """However many are still to come."""
    write(bench, 5, "1", seal=False)
    fail(bench, 2)
    assert list(pauses(bench)) == ["failures"]


def test_a_share_is_judged_at_the_seal(bench: Bench) -> None:
    """Of all that were accepted: too many failures of before pause it then."""
    write(bench, 50, "1%", seal=False)
    fail(bench, 1)
    assert pauses(bench) == {}
    bench.ledger.producer.seal("b")
    assert pauses(bench) == {"failures": "1 of 50 edits failed, and max_failures is 1%"}


def test_a_pause_ends_at_the_seal_if_the_batch_has_grown(bench: Bench) -> None:
    """1% of all, not of the first few hundred: its parked edits come back in their order."""
    write(bench, 200, "1%", seal=False)
    complete(bench, 100)
    fail(bench, 3)
    assert list(pauses(bench)) == ["failures"]
    assert bench.edits() == []
    write(bench, 100, first=200)
    assert pauses(bench) == {}
    assert told(bench) == [(PAUSED, "failures"), (RESUMED, "failures")]
    bench.claim(submits=0, polls=0)
    assert len(bench.edits(submits=500, places=500)) == 197


def test_more_edits_do_not_end_a_pause_before_their_seal(bench: Bench) -> None:
    """While they are written, few have ended, and nothing can be told."""
    write(bench, 20, "10%")
    [late, *claims] = claimed(bench, 4)
    bench.end(claims, EditState.FAILED)
    write(bench, 1, first=20, seal=False)
    bench.end([late], EditState.FAILED)
    assert list(pauses(bench)) == ["failures"]


# --- what a person decides ----------------------------------------------------------------------


def test_a_resume_lifts_the_limit(bench: Bench) -> None:
    """The batch goes on however many fail; else the next one would pause it again."""
    write(bench, 9, "1")
    fail(bench, 2)
    assert bench.ledger.producer.resume("b")
    assert limit(bench) is None
    fail(bench, 5)
    assert pauses(bench) == {}


def test_a_resume_may_set_another_limit(bench: Bench) -> None:
    """One that is not exceeded yet; else it is refused, and nothing changes."""
    write(bench, 9, "1")
    fail(bench, 2)
    with pytest.raises(BatchLimitError) as error:
        bench.ledger.producer.resume("b", "20%")
    assert (error.value.found, list(pauses(bench)), limit(bench)) == ("2 of 9", ["failures"], "1")
    assert bench.ledger.producer.resume("b", "3")
    fail(bench, 1)
    assert (pauses(bench), limit(bench)) == ({}, "3")
    fail(bench, 1)
    assert list(pauses(bench)) == ["failures"]


def test_a_resume_from_another_pause_keeps_the_limit(bench: Bench) -> None:
    """Only the pause for failures is a decision about it."""
    write(bench, 9, "1")
    bench.ledger.connection.run("pause_batch", "b", "person", "lunch")
    assert bench.ledger.producer.resume("b")
    assert limit(bench) == "1"


def test_a_limit_may_be_set_while_nothing_is_paused(bench: Bench) -> None:
    """Of a batch that had none."""
    write(bench, 9)
    assert not bench.ledger.producer.resume("b", "1")
    fail(bench, 2)
    assert list(pauses(bench)) == ["failures"]


def test_a_batch_that_pauses_while_its_pages_come_back_stays_paused(bench: Bench) -> None:
    """A resume of many edits takes several moves: only the first of them lifts what there is."""
    write(bench, PAGE + 5, "1")
    fail(bench, 2)
    bench.claim()
    paused, back = bench.ledger.connection.run("resume_batch", "b", "3", "")
    assert (paused, back) == (1, PAGE)
    fail(bench, 2)
    assert bench.ledger.connection.run("resume_batch", "b", "", "1") == [0, 0]
    assert list(pauses(bench)) == ["failures"]


def test_a_retry_ends_the_pause(bench: Bench) -> None:
    """The failed are no failures any more, and the others go on with them; the limit holds on."""
    write(bench, 9, "1")
    fail(bench, 2)
    bench.claim()
    assert bench.ledger.producer.retry("b").sent == 2
    assert told(bench) == [(PAUSED, "failures"), (RESUMED, "failures")]
    bench.claim(submits=0, polls=0)
    fail(bench, 1)
    assert pauses(bench) == {}
    fail(bench, 1)
    assert list(pauses(bench)) == ["failures"]


def test_a_retry_that_leaves_too_many_failed_ends_no_pause(bench: Bench) -> None:
    """Nor does one of cancelled edits: they wait with the others."""
    write(bench, 9, "1")
    fail(bench, 2)
    bench.ledger.producer.cancel("b")
    bench.ledger.producer.retry("b", [EditState.CANCELLED])
    assert list(pauses(bench)) == ["failures"]
    assert bench.edits() == []


def test_the_end_of_one_pause_leaves_another(bench: Bench) -> None:
    """A person has paused it too."""
    write(bench, 9, "1")
    fail(bench, 2)
    bench.ledger.connection.run("pause_batch", "b", "person", "lunch")
    bench.ledger.producer.retry("b")
    assert pauses(bench) == {"person": "lunch"}
    assert bench.edits() == []


def test_a_cancelled_batch_is_not_paused(bench: Bench) -> None:
    """Nothing more of it is sent in any case."""
    write(bench, 9, "0", seal=False)
    [claim] = claimed(bench, 1)
    assert all(bench.begin([claim]))
    bench.ledger.producer.cancel("b")
    bench.end([claim], EditState.FAILED)
    assert told(bench) == []


# --- who says how many --------------------------------------------------------------------------


def test_another_limit_than_before_is_refused(bench: Bench) -> None:
    """By the move itself, before it writes; the same again, or none, is not."""
    write(bench, 2, "1")
    with pytest.raises(BatchLimitError):
        write(bench, 1, "2", first=2)
    assert bench.counts() == {"queued": 2}
    write(bench, 1, "1", first=2)
    write(bench, 1, first=3)
    assert (limit(bench), bench.ledger.producer.open_batch("b").max_failures) == ("1", "1")


@pytest.mark.parametrize("decided", ["", "5"])
def test_a_producer_that_comes_again_changes_no_decision(bench: Bench, decided: str) -> None:
    """A task's second try says the same as its first; what a person has decided since stays."""
    write(bench, 9, "1")
    fail(bench, 2)
    bench.ledger.producer.resume("b", decided)
    write(bench, 9, "1")
    assert bench.ledger.producer.limit_failures("b", "1") == "1"
    assert (pauses(bench), limit(bench)) == ({}, decided or None)


def test_who_waits_may_bind_a_batch_that_has_no_limit(bench: Bench) -> None:
    """What has failed already counts; another limit than the batch was given is told, and changes nothing."""
    write(bench, 9)
    fail(bench, 2)
    assert bench.ledger.producer.limit_failures("b", "1") == "1"
    assert pauses(bench) == {"failures": "2 of 9 edits failed, and max_failures is 1"}
    assert bench.ledger.producer.limit_failures("b", "50%") == "1"
    assert limit(bench) == "1"


def test_a_batch_that_is_not_there_is_not_made(bench: Bench) -> None:
    """It was removed meanwhile."""
    assert bench.ledger.producer.limit_failures("b", "1") == "1"
    assert bench.ledger.reader.batch("b") is None


def test_a_refused_limit_is_no_outage_of_redis(redis_url: str) -> None:
    """Over a connection as programs make it, which takes answers that it does not know for a server that refuses."""
    ledger = Ledger.from_url(redis_url, timeout_s=LIMIT_S)
    try:
        ledger.producer.enqueue("b", [Entry("c0", "d", "{}", 1, None)], max_failures="1")
        with pytest.raises(BatchLimitError):
            ledger.producer.enqueue("b", [Entry("c1", "d", "{}", 1, None)], max_failures="2")
    finally:
        ledger.connection.close()


# --- many workers -------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [True, False])
def test_two_failures_at_the_limit_pause_once(bench: Bench, together: bool) -> None:
    """In one move or in two; and a settlement that is sent twice counts once."""
    write(bench, 9, "2")
    claims = claimed(bench, 4)
    ends = [Settlement(claim, SUBMITTING, EditState.FAILED) for claim in claims]
    for chunk in [ends] if together else [ends[:2], ends[2:]]:
        bench.ledger.worker.settle(chunk)
        bench.ledger.worker.settle(chunk)
    assert told(bench) == [(PAUSED, "failures")]
    assert bench.counts()["failed"] == 4


def test_workers_that_settle_at_once_pause_once(redis_url: str) -> None:
    """On a real server: eight connections race with the failure that is one too many."""
    with connect(redis_url) as client:
        bench = Bench(client)
        write(bench, 40, "50%")
        claims = claimed(bench, 32)

        def end(some: Sequence[Claim]) -> None:
            for claim in some:
                bench.ledger.worker.settle([Settlement(claim, SUBMITTING, EditState.FAILED)])

        with ThreadPoolExecutor(8) as workers:
            list(workers.map(end, [claims[n::8] for n in range(8)]))
        assert told(bench) == [(PAUSED, "failures")]
        assert pauses(bench) == {"failures": "21 of 40 edits failed, and max_failures is 50%"}
        assert bench.edits() == []


@settings(max_examples=25)
@given(share=st.integers(0, 10_000), all_=st.integers(2, 60), failed=st.integers(1, 59))
def test_the_ledger_and_a_waiting_caller_judge_alike(server: redis.Redis, share: int, all_: int, failed: int) -> None:
    """Whatever the share and the number: a pause exactly where the end of the batch would be one."""
    server.flushall()
    bench, failed = Bench(server), min(failed, all_ - 1)
    allowed = FailureLimit(share / 100, percent=True)
    write(bench, all_, str(allowed))
    for _ in range(failed):
        if bench.ledger.reader.batch("b").paused:  # type: ignore[union-attr]
            break
        fail(bench)
    count = bench.counts()["failed"]
    assert bool(pauses(bench)) is not allowed.allows(count, all_)
    assert allowed.allows(count - 1, all_)


def test_a_share_of_a_batch_that_is_open_for_more_counts_once_enough_have_ended(bench: Bench) -> None:
    """Its first producer has sealed it, and others will add to it: one failure of three says little of all."""
    write(bench, 3, "1%", seal=False)
    bench.ledger.producer.keep_open("b", bench.clock.now + 60_000)
    bench.ledger.producer.seal("b", "one")
    fail(bench)
    assert pauses(bench) == {}
    bench.clock.now += 60_001
    fail(bench)
    assert pauses(bench) == {"failures": "2 of 3 edits failed, and max_failures is 1%"}
