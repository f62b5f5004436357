"""Beginning a step: by one call alone, and not while its kind of request pauses."""

from __future__ import annotations

import json

import pytest

from retouch.causes import AmbiguityPolicy, Fared
from retouch.ledger import Claim, Policy, Retried, Seen, Settlement, Step, Strike
from retouch.states import EditState
from tests.ledger_bench import IDEMPOTENT, LEASE_MS, POLLED, SUBMITTING, Bench

HOUR_MS = 3_600_000


def test_a_submit_is_begun_by_one_call_alone(bench: Bench) -> None:
    """A message that is delivered twice sends nothing twice."""
    bench.fill(1)
    claims = bench.edits()
    assert bench.intend(claims) == [1]
    assert bench.intend(claims) == [None]
    assert bench.ledger.reader.batch("b").duplicates == 0  # type: ignore[union-attr]


def test_a_poll_is_begun_by_one_call_alone(bench: Bench) -> None:
    """Two messages of one claim ask the API once."""
    bench.at_the_api(1)
    claims = bench.edits()
    assert None not in bench.begin_polls(claims)
    assert bench.begin_polls(claims) == [None]


def test_the_same_beginning_of_a_poll_may_be_repeated(bench: Bench) -> None:
    """Its answer was lost, and the client makes the call again."""
    bench.at_the_api(1)
    [claim] = bench.edits()
    assert bench.begin_polls([claim], nonce="one call") == bench.begin_polls([claim], nonce="one call") != [None]


@pytest.mark.parametrize("step", [Step.FINISH, Step.ANNOUNCE])
def test_an_end_and_a_delivery_are_begun_by_one_call_alone(bench: Bench, step: Step) -> None:
    """Two messages write one manifest, and deliver one event; the same call repeated gets its answer again."""
    bench.show()
    bench.fill(1)
    bench.run_to_completion()
    claim = next(c for c in bench.claim().claims if c.step is step)
    begin = bench.ledger.worker.begin
    assert begin([claim], LEASE_MS, nonce="one call") == begin([claim], LEASE_MS, nonce="one call") == [claim]
    assert begin([claim], LEASE_MS, nonce="delivered again") == []
    bench.later(LEASE_MS)
    [again] = [c for c in bench.claim().claims if c.step is step]
    assert begin([claim], LEASE_MS, nonce="late") == []
    assert begin([again], LEASE_MS, nonce="next") == [again]


@pytest.mark.parametrize("step", [Step.SUBMIT, Step.POLL])
def test_a_message_that_comes_after_the_settlement_begins_nothing(bench: Bench, step: Step) -> None:
    """The claim has ended, although its fence is still the newest."""
    bench.fill(1) if step is Step.SUBMIT else bench.at_the_api(1)
    claims = bench.edits()
    begin = bench.begin if step is Step.SUBMIT else bench.begin_polls
    state = EditState.SUBMITTING if step is Step.SUBMIT else EditState.WAITING
    assert None not in begin(claims)
    bench.ledger.worker.settle([Settlement(c, (state,), state, delay_ms=1000) for c in claims])
    assert begin(claims) == [None]


def test_a_submit_claimed_before_a_pause_is_held_back(bench: Bench) -> None:
    """It goes back to the queue, keeps its number, and frees its place."""
    bench.fill(2)
    claims = bench.edits()
    bench.throttle(5000)
    assert bench.intend(claims) == [None, None]
    assert bench.counts() == {"queued": 2}
    assert bench.ledger.reader.provider().places_used == 0
    bench.clock.now += 5000
    [probe] = bench.edits()
    assert bench.intend([probe]) == [1]


def test_an_unanswered_submit_claimed_before_a_pause_is_held_back(bench: Bench) -> None:
    """It keeps its intent and is due when the pause may be over; nothing is marked yet."""
    bench.fill(1)
    bench.intend(bench.edits())
    bench.later(LEASE_MS)
    claims = bench.edits()
    bench.throttle(60_000)
    assert bench.intend(claims) == [None]
    assert bench.due_in("b/c0") == 60_000
    assert bench.ledger.reader.batch("b").duplicates == 0  # type: ignore[union-attr]
    bench.later(60_000)
    assert bench.intend(bench.edits()) == [2]


def test_a_poll_claimed_before_a_pause_is_held_back(bench: Bench) -> None:
    """It is due when the pause may be over; one whose links are known already goes on."""
    bench.at_the_api(2)
    claims = bench.edits()
    bench.client.hdel(bench.keys.edit("b/c1"), "provider_id")
    bench.throttle(60_000, "status")
    held, goes_on = bench.begin_polls(claims)
    assert held is None
    assert goes_on is not None
    assert bench.due_in("b/c0") == 60_000


def test_a_probe_may_be_begun_after_the_next_one_was_claimed(bench: Bench) -> None:
    """Messages may take longer than probes are apart: if only the newest could go, none ever would."""
    bench.fill(3)
    bench.throttle(1000)
    bench.clock.now += 1000
    first = bench.edits()
    bench.clock.now += 2000
    second = bench.edits()
    assert bench.intend([*first, *second]) == [1, 1]
    assert [len(first), len(second)] == [1, 1]


@pytest.mark.parametrize("kind", ["submit", "status"])
def test_a_probe_is_held_back_when_the_api_asks_to_wait_again(bench: Bench, kind: str) -> None:
    """It was claimed before: no request goes inside a Retry-After."""
    bench.fill(2) if kind == "submit" else bench.at_the_api(2)
    bench.throttle(1000, kind)
    bench.clock.now += 1000
    [probe] = bench.edits()
    bench.throttle(5000, kind)
    assert (bench.begin if kind == "submit" else bench.begin_polls)([probe]) == [None]
    bench.clock.now += 5000
    assert len(bench.edits()) == 1


def test_a_pause_holds_back_no_other_kind(bench: Bench) -> None:
    """Polls go on while submits pause, and the other way round, also when they were claimed before."""
    bench.at_the_api(1, of=2)
    poll, submit = sorted(bench.edits(), key=lambda c: c.step)
    bench.throttle(60_000, "submit")
    assert None not in bench.begin_polls([poll])
    bench.ledger.worker.resume("submit:throttled")
    bench.throttle(60_000, "status")
    assert bench.intend([submit]) == [1]


def unanswered(bench: Bench, ms: int, policy: Policy = IDEMPOTENT) -> Claim:
    """The claim on an edit that was sent so long ago and not answered."""
    bench.fill(1)
    claims = bench.edits()
    bench.intend(claims, policy)
    seen = (Seen("submit", bench.clock.now, Fared.SILENT, "503"),)
    bench.ledger.worker.settle(
        [Settlement(c, SUBMITTING, EditState.SUBMITTING, delay_ms=ms, seen=seen) for c in claims]
    )
    bench.clock.now += ms
    bench.claim(submits=0, polls=0)
    [claim] = bench.edits(policy=policy.ambiguous)
    return claim


def test_a_key_is_used_again_with_the_link_it_had(bench: Bench) -> None:
    """Under one number the body is the same: the worker is told so, and gets the link of before."""
    bench.fill(1)
    first = bench.edits()
    [begun] = bench.begin(first, IDEMPOTENT)
    assert begun is not None
    assert (begun.number, begun.again, begun.link) == (1, False, "")
    bench.ledger.worker.keep_link(first[0], "https://images.example/1")
    bench.later(LEASE_MS)
    [again] = bench.begin(bench.edits(), IDEMPOTENT)
    assert again is not None
    assert (again.number, again.again, again.link) == (1, True, "https://images.example/1")


@pytest.mark.parametrize(("age_ms", "number", "duplicates"), [(12 * HOUR_MS, 1, 0), (12 * HOUR_MS + 1, 2, 1)])
def test_a_key_is_used_for_twelve_hours(bench: Bench, age_ms: int, number: int, duplicates: int) -> None:
    """Afterwards the API may have forgotten it: the edit is sent anew, and marked."""
    assert bench.intend([unanswered(bench, age_ms)], IDEMPOTENT) == [number]
    assert bench.ledger.reader.batch("b").duplicates == duplicates  # type: ignore[union-attr]


def test_an_old_key_falls_back_to_the_policy_that_is_given(bench: Bench) -> None:
    """Where that says hold, a person decides."""
    policy = Policy(AmbiguityPolicy.IDEMPOTENT, AmbiguityPolicy.HOLD)
    assert bench.intend([unanswered(bench, 12 * HOUR_MS + 1, policy)], policy) == [None]
    assert bench.counts() == {"held": 1}


def test_twelve_hours_are_counted_from_the_first_send(bench: Bench) -> None:
    """A key that is sent again and again is no younger for it."""
    assert bench.intend([unanswered(bench, 11 * HOUR_MS)], IDEMPOTENT) == [1]
    bench.clock.now += 2 * HOUR_MS
    bench.claim(submits=0, polls=0)
    bench.later(LEASE_MS)
    assert bench.intend(bench.edits(policy=AmbiguityPolicy.IDEMPOTENT), IDEMPOTENT) == [2]


def test_after_poison_and_a_retry_the_key_is_the_same(bench: Bench) -> None:
    """Three workers ended over it, and none knows whether it was taken: the same number asks the API itself."""
    bench.fill(1)
    for _ in range(3):
        assert bench.intend(bench.edits(policy=AmbiguityPolicy.IDEMPOTENT), IDEMPOTENT) == [1]
        bench.later(LEASE_MS)
    assert bench.edits() == []
    assert bench.counts() == {"failed": 1}
    assert bench.ledger.producer.retry("b") == Retried(asked=0, sent=1)
    assert bench.intend(bench.edits(policy=AmbiguityPolicy.IDEMPOTENT), IDEMPOTENT) == [1]
    assert bench.ledger.reader.batch("b").duplicates == 0  # type: ignore[union-attr]


def test_an_error_that_the_api_answered_is_sent_again_so_often(bench: Bench) -> None:
    """Three times by default, not once as after silence; then the edit fails with what the API said."""
    bench.fill(1)
    numbers = []
    for errors in range(1, 6):
        claims = bench.edits()
        numbers += bench.intend(claims)
        put = {"errors": str(errors), "said": "1", "note": "500: out of memory"}
        bench.ledger.worker.settle([Settlement(c, SUBMITTING, EditState.SUBMITTING, put=put) for c in claims])
        bench.later(1)
    assert numbers == [1, 2, 3, 4, None]
    [result] = bench.ledger.reader.results("b")
    assert result["error"]["code"] == "ambiguous"
    assert "500: out of memory" in json.dumps(result["error"])


def test_a_settlement_that_is_repeated_counts_nothing_twice(bench: Bench) -> None:
    """Its answer was lost, and the client makes the call again: one strike, one silence, no second settlement."""
    bench.fill(2)
    refused, unanswered = bench.edits()
    bench.intend([refused, unanswered])
    strike, seen = Strike("submit", 1000), (Seen("submit", bench.clock.now, Fared.SILENT, "503"),)
    for _ in range(9):
        bench.ledger.worker.settle(
            [
                Settlement(refused, SUBMITTING, EditState.QUEUED, delay_ms=1000, untaken=True, strike=strike),
                Settlement(unanswered, SUBMITTING, EditState.SUBMITTING, delay_ms=1000, seen=seen),
            ]
        )
    assert bench.client.hmget(bench.keys.edit(refused.member), "strikes", "submits") == ["1", "0"]
    assert bench.ledger.reader.provider().troubles == 1
    assert bench.pauses() == {}


def test_a_settlement_of_a_result_repeated_teaches_nothing_twice(bench: Bench) -> None:
    """The edit has ended by the first; the second changes nothing."""
    bench.at_the_api(1)
    claims = bench.edits()
    bench.begin_polls(claims)
    completed = [Settlement(c, POLLED, EditState.COMPLETED, good={"status": bench.clock.now}) for c in claims]
    assert [bench.ledger.worker.settle(completed) for _ in range(2)] == [[1], [0]]
    assert bench.counts() == {"completed": 1}
    assert len(bench.ledger.reader.events()) == 1


def test_a_claim_whose_lease_has_ended_begins_nothing_while_nobody_has_the_edit(bench: Bench) -> None:
    """It was begun, its lease ended, and no place was free for another claim: the first one is over all the same."""
    bench.fill(1)
    claims = bench.edits()
    assert bench.intend(claims) == [1]
    bench.later(LEASE_MS + 1)
    assert bench.edits(submits=0) == []
    assert bench.begin(claims) == [None]
