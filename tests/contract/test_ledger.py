"""The ledger's moves, one suite over fakeredis and a real Valkey."""

from __future__ import annotations

from datetime import datetime

import pytest

from retouch.causes import BatchPause, Outcome
from retouch.errors import BatchDefaultsError
from retouch.ledger import Claim, Delivery, Entry, Finish, Retried, Settled, Settlement, Step, Verdict
from retouch.states import BatchState, EditState
from tests.ledger_bench import LEASE_MS, POLLED, SINK, SUBMITTING, Bench, entries


def test_enqueue_is_idempotent_and_refuses_a_changed_edit(bench: Bench) -> None:
    """The same edit again adds nothing; another one under its name is refused."""
    bench.fill(2)
    changed = Entry("c1", "other", "{}", 1, None)
    assert bench.write("b", [entries(1)[0], changed]) == [Verdict.ALREADY, Verdict.CONFLICT]
    assert bench.ledger.producer.conflicts("b", [("c0", "digest0"), ("c1", "other"), ("new", "x")]) == ["c1"]
    assert bench.counts() == {"queued": 2}


def test_first_defaults_of_a_batch_stay(bench: Bench) -> None:
    """A later producer's defaults change nothing for the edits that rely on the first."""
    assert bench.ledger.producer.open_batch("b").defaults is None
    bench.fill(1)
    assert bench.ledger.producer.open_batch("b").defaults == {"model_id": "sd1.5"}
    with pytest.raises(BatchDefaultsError):
        bench.ledger.producer.enqueue("b", entries(2), {"model_id": "other"})
    assert bench.counts() == {"queued": 1}


def test_claim_respects_places_by_samples(bench: Bench) -> None:
    """An edit of two samples takes two places, and places come back when the API is done with it."""
    bench.fill(3, samples=2)
    first = bench.edits(places=4)
    assert len(first) == 2
    assert bench.ledger.reader.provider().places_used == 4
    assert bench.edits(places=4) == []
    bench.intend(first)
    bench.end(first)
    assert len(bench.edits(places=4)) == 1


def test_what_is_being_copied_leaves_its_place_to_another(bench: Bench) -> None:
    """The API is done with it, however long its images take."""
    bench.at_the_api(1, of=2)
    [claim] = bench.edits(places=1)
    assert bench.ledger.worker.settle([Settlement(claim, POLLED, EditState.COPYING, keep=True)])
    assert [c.member for c in bench.edits(places=1)] == ["b/c1"]


def test_an_edit_larger_than_all_places_is_let_through_alone(bench: Bench) -> None:
    """Four samples with one place must not wait for ever."""
    bench.fill(2, samples=4)
    assert len(bench.edits(places=1)) == 1


def test_fair_order_between_batches(bench: Bench) -> None:
    """Ten edits enqueued behind a thousand start at once."""
    bench.fill(1000, batch="big")
    bench.intend(bench.edits(submits=5))
    bench.fill(10, batch="small")
    batches = [c.member.split("/")[0] for c in bench.edits(submits=20)]
    assert batches.count("small") == 10


def test_a_dead_workers_unsent_claim_goes_back_to_the_queue(bench: Bench) -> None:
    """Claimed and never sent: after the lease it is claimed afresh, and nothing was spent."""
    bench.fill(1)
    (old,) = bench.edits()
    bench.later(LEASE_MS + 1)
    (new,) = bench.edits()
    assert (new.member, new.step) == (old.member, Step.SUBMIT)
    assert new.fence > old.fence
    assert bench.intend([old]) == [None]
    assert bench.intend([new]) == [1]


def test_a_stale_fence_changes_nothing(bench: Bench) -> None:
    """A worker that wakes up after its lease can neither settle nor renew."""
    bench.fill(1)
    (old,) = bench.edits()
    bench.intend([old])
    bench.later(LEASE_MS + 1)
    (new,) = bench.edits()
    assert bench.ledger.worker.settle([Settlement(old, SUBMITTING, EditState.WAITING)]) == [Settled.LOST]
    assert bench.ledger.worker.renew([old], LEASE_MS) == [old.member]
    assert bench.ledger.worker.renew([new], LEASE_MS) == []
    assert bench.counts() == {"submitting": 1}


def test_renewal_keeps_a_claim(bench: Bench) -> None:
    """A renewed claim is not handed out again."""
    bench.fill(1)
    claims = bench.edits()
    bench.intend(claims)
    bench.later(LEASE_MS - 1)
    assert bench.ledger.worker.renew(claims, LEASE_MS) == []
    bench.later(LEASE_MS - 1)
    assert bench.edits() == []


def test_after_an_outage_every_claim_gets_one_more_lease(bench: Bench) -> None:
    """Nobody could renew or settle meanwhile: who comes back first must not take what another has an answer for."""
    bench.fill(1)
    (claim,) = bench.edits()
    bench.intend([claim])
    bench.clock.now += 10 * LEASE_MS
    assert bench.edits() == []
    bench.later(LEASE_MS - 1)
    assert bench.edits() == []
    bench.accept([claim])
    bench.later(1000)
    assert [c.step for c in bench.edits()] == [Step.POLL]


def test_an_outage_that_is_shorter_than_a_lease_ends_no_claim(bench: Bench) -> None:
    """Of the lease a part was over when it began, and nobody could renew."""
    bench.fill(1)
    (claim,) = bench.edits()
    bench.intend([claim])
    bench.later(LEASE_MS // 3)
    bench.clock.now += LEASE_MS * 3 // 4
    assert bench.edits() == []
    bench.accept([claim])
    assert bench.counts() == {"waiting": 1}


def test_after_an_outage_the_dead_are_still_made_good(bench: Bench) -> None:
    """The grace ends: whoever did not come back loses its claims."""
    bench.fill(1)
    bench.intend(bench.edits())
    bench.clock.now += 10 * LEASE_MS
    assert bench.edits() == []
    bench.later(LEASE_MS)
    assert len(bench.edits()) == 1


def test_giving_back_makes_a_claim_due_at_once(bench: Bench) -> None:
    """A worker that ends gives its claims back without a lease to wait for."""
    bench.fill(1)
    claims = bench.edits()
    bench.ledger.worker.give_back(claims)
    assert [c.member for c in bench.edits()] == ["b/c0"]


def test_untaken_submit_keeps_its_number_and_its_turn(bench: Bench) -> None:
    """Held back before it was sent: back to the front after the delay, no attempt used."""
    bench.fill(2)
    (claim,) = bench.edits(submits=1)
    bench.intend([claim])
    bench.ledger.worker.settle([Settlement(claim, SUBMITTING, EditState.QUEUED, delay_ms=500, untaken=True)])
    assert bench.ledger.reader.provider().places_used == 0
    bench.later(501)
    (again,) = bench.edits(submits=1)
    assert again.member == claim.member
    assert bench.intend([again]) == [1]
    assert bench.client.hmget(bench.keys.edit(again.member), "duplicate", "unanswered") == [None, None]


def test_poll_comes_due_at_its_appointment(bench: Bench) -> None:
    """Not before, and with what the poll needs to know."""
    claims = bench.at_the_api(1, delay_ms=1000)
    assert bench.edits() == []
    bench.later(1000)
    (poll,) = bench.edits()
    assert poll.step is Step.POLL
    (progress,) = bench.begin_polls([poll])
    assert progress is not None
    assert (progress.provider_id, progress.deadline) == ("p", bench.clock.now - 1000 + 9000)
    assert bench.begin_polls([claims[0]]) == [None]


def test_end_writes_result_event_and_batch_appointment_together(bench: Bench) -> None:
    """The last edit's end makes the batch due; its own end comes after the manifest, with one event."""
    bench.show()
    bench.fill(1)
    claims = bench.edits()
    bench.intend(claims)
    bench.end(claims)
    finish, delivery = sorted(bench.claim().claims, key=lambda c: c.step != Step.FINISH)
    assert (finish.step, finish.member, delivery.step) == (Step.FINISH, "b", Step.ANNOUNCE)
    assert bench.ledger.reader.batch("b").state is BatchState.FINISHING  # type: ignore[union-attr]
    assert [e.type for e in bench.ledger.reader.events()] == ["retouch.edit.completed"]
    assert bench.ledger.worker.settle_batch(finish, Finish.WRITTEN)
    assert not bench.ledger.worker.settle_batch(Claim("b", finish.fence - 1, Step.FINISH), Finish.WRITTEN)
    assert bench.ledger.reader.batch("b").finished  # type: ignore[union-attr]
    last = bench.ledger.reader.events()[-1]
    assert (last.type, last.data["counts"]) == ("retouch.batch.completed", {"completed": 1})


def test_a_batch_s_end_that_is_told_twice_happens_once(bench: Bench) -> None:
    """The move is repeated when its answer was lost: there is one event all the same."""
    bench.fill(1)
    bench.run_to_completion()
    [finish] = bench.claim().claims
    for _ in range(2):
        bench.ledger.worker.settle_batch(finish, Finish.WRITTEN)
    assert [e.type for e in bench.ledger.reader.events()].count("retouch.batch.completed") == 1


def test_retry_reopens_a_completed_batch(bench: Bench) -> None:
    """Its stale _SUCCESS comes due for removal, and its edits for another go under a new number."""
    bench.fill(1)
    claims = bench.edits()
    bench.intend(claims)
    bench.end(claims, EditState.FAILED)
    (finish,) = bench.claim().claims
    bench.ledger.worker.settle_batch(finish, Finish.WRITTEN)
    assert bench.ledger.producer.retry("b") == Retried(asked=0, sent=1)
    assert bench.ledger.reader.batch("b").state is BatchState.OPEN  # type: ignore[union-attr]
    assert list(bench.ledger.reader.results("b")) == []
    harvest = bench.claim()
    assert {c.step for c in harvest.claims} == {Step.FINISH, Step.SUBMIT}
    stale = next(c for c in harvest.claims if c.step is Step.FINISH)
    assert bench.ledger.worker.settle_batch(stale, Finish.REMOVED)
    assert bench.ledger.reader.batch("b").state is BatchState.OPEN  # type: ignore[union-attr]
    assert bench.intend([c for c in harvest.claims if c.step is Step.SUBMIT]) == [2]


def test_cancel_spares_what_is_at_the_api(bench: Bench) -> None:
    """What is paid for is finished; what comes back unsent ends as cancelled."""
    bench.fill(4)
    waiting, refused = bench.edits(submits=2)
    bench.intend([waiting, refused])
    bench.accept([waiting])
    (unsent,) = bench.edits(submits=1)
    assert bench.ledger.producer.cancel("b") == 2
    assert bench.intend([unsent]) == [None]
    bench.ledger.worker.settle([Settlement(refused, SUBMITTING, EditState.QUEUED, untaken=True)])
    assert bench.counts() == {"waiting": 1, "cancelled": 3}
    assert bench.ledger.reader.provider().places_used == 1


def test_a_refused_account_lets_one_probe_through_at_a_time(bench: Bench) -> None:
    """One edit at a time finds out, at growing intervals, whether the API is willing; its good answer lets all go."""
    bench.fill(9)
    refused = bench.edits(submits=5)
    bench.intend(refused)
    bench.refuse(refused)
    assert bench.edits() == []
    bench.clock.now += 250
    (probe,) = bench.edits()
    assert bench.edits() == []
    bench.intend([probe])
    bench.later(10)
    bench.accept([probe])
    assert bench.pauses() == {}
    assert len(bench.edits()) == 3


def test_an_older_success_does_not_end_a_newer_pause(bench: Bench) -> None:
    """An answer to a request sent before the refusal proves nothing."""
    bench.throttle(1000)
    bench.ledger.worker.observe(good={"submit": bench.clock.now - 1})
    assert list(bench.pauses()) == ["submit:throttled"]
    bench.ledger.worker.observe(good={"submit": bench.clock.now + 1000})
    assert bench.pauses() == {}


def test_pause_without_probe_waits_for_resume(bench: Bench) -> None:
    """While a person pauses submits, none is let through at all."""
    bench.fill(1)
    assert bench.ledger.worker.pause("submit:person", "lunch")
    assert not bench.ledger.worker.pause("submit:person", "lunch")
    bench.later(100 * LEASE_MS)
    assert bench.edits() == []
    assert bench.ledger.worker.resume("submit:person") == 1
    assert bench.ledger.worker.resume("submit:person") == 0
    assert len(bench.edits()) == 1


def test_delivery_is_retried_on_its_own_clock(bench: Bench) -> None:
    """A delivery that failed comes back with its count; a delivered one is gone."""
    bench.show()
    bench.fill(1)
    bench.run_to_completion()
    (delivery,) = [c for c in bench.claim().claims if c.step is Step.ANNOUNCE]
    bench.ledger.worker.settle_deliveries([Delivery(delivery, Outcome.AGAIN, "503", 5000)])
    assert bench.tries(delivery) == 1
    assert [c for c in bench.claim().claims if c.step is Step.ANNOUNCE] == []
    bench.later(5000)
    (again,) = [c for c in bench.claim().claims if c.step is Step.ANNOUNCE]
    [pending] = bench.ledger.reader.pending([again])
    assert (pending.event and pending.event.subject, pending.tries) == ("b/c0", 1)
    bench.ledger.worker.settle_deliveries([Delivery(again, Outcome.DELIVERED)])
    assert bench.client.zcard(bench.keys.outbox(SINK)) == 0


def test_results_keep_the_order_of_the_batch(bench: Bench) -> None:
    """Across pages, in the order of enqueuing."""
    bench.ledger.producer.open_batch("b")
    for first in range(0, 1200, 400):
        bench.write("b", [Entry(f"c{n}", "d", "{}", 1, n) for n in range(first, first + 400)])
    bench.ledger.producer.cancel("b")
    results = list(bench.ledger.reader.results("b"))
    assert [r["seed"] for r in results] == list(range(1200))
    ended = datetime.fromisoformat(results[0]["completed_at"])
    assert ended.timestamp() * 1000 == pytest.approx(bench.clock.now, abs=1)


def test_a_script_that_the_server_forgot_is_loaded_again(bench: Bench) -> None:
    """A restart or a failover empties the script cache."""
    bench.fill(1)
    bench.client.script_flush()
    assert len(bench.edits()) == 1


def test_every_key_carries_the_one_hash_tag(bench: Bench) -> None:
    """So that a cluster keeps them in one slot."""
    bench.show()
    bench.fill(2)
    bench.run_to_completion()
    bench.fill(7, batch="other")
    claims = bench.edits(submits=5)
    bench.intend(claims)
    bench.refuse(claims[:3])
    bench.ledger.worker.pause("submit:person", "x")
    bench.ledger.producer.pause("other", BatchPause.PERSON, "x")
    bench.claim()
    stray = [key for key in map(str, bench.client.keys("*")) if not key.startswith("{retouch}:")]
    assert stray == []
