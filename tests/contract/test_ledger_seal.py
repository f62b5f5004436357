"""When a batch may end: not while a producer writes to it, and not before its first edits."""

from __future__ import annotations

import pytest

from retouch.ledger import Step
from tests.contract.servers import on_a_server
from tests.ledger_bench import Bench, entries


@on_a_server
@pytest.mark.parametrize("again", [False, True], ids=["new", "opened again"])
def test_a_batch_that_is_being_written_does_not_end(bench: Bench, again: bool) -> None:
    """However long its producer is silent after its first page, all of whose edits have ended; its seal ends it."""
    bench.write("b", entries(1))
    if again:
        bench.ledger.producer.seal("b")
        bench.write("b", entries(1))
    bench.run_to_completion()
    bench.later(3_600_000)
    assert bench.claim().claims == []
    bench.write("b", entries(1))
    assert bench.ledger.producer.seal("b")
    assert [c.step for c in bench.claim().claims] == [Step.FINISH]


def test_a_batch_that_is_sealed_early_ends_with_its_last_edit(bench: Bench) -> None:
    """A second seal changes nothing, and there is nothing to seal where there is no batch."""
    bench.fill(1)
    assert not bench.ledger.producer.seal("b")
    assert not bench.ledger.producer.seal("none")
    assert [c.step for c in bench.claim().claims] == [Step.SUBMIT]
    assert bench.ledger.reader.batch("none") is None


def test_a_batch_that_an_older_version_filled_ends_when_its_time_has_passed(bench: Bench) -> None:
    """It has no seal, but a time until which its producer held it."""
    bench.fill(1)
    bench.client.hset(bench.keys.batch("b"), "fill_until", bench.clock.now + 30_000)
    bench.run_to_completion()
    assert bench.claim().claims == []
    bench.later(30_001)
    assert [c.step for c in bench.claim().claims] == [Step.FINISH]


def test_a_cancelled_batch_ends_though_nobody_sealed_it(bench: Bench) -> None:
    """Whoever is still writing to it is refused."""
    bench.write("b", entries(2))
    bench.ledger.producer.cancel("b")
    assert [c.step for c in bench.claim().claims] == [Step.FINISH]


def test_a_batch_of_two_producers_ends_when_both_are_done(bench: Bench) -> None:
    """The quick one seals, and the slow one, which says that it lives, keeps it open."""
    bench.write("b", entries(1), producer="slow")
    bench.write("b", entries(2), producer="quick")
    for _ in range(20):
        bench.later(2000)
        bench.write("b", [], producer="slow")
    assert not bench.ledger.producer.seal("b", "quick")
    bench.run_to_completion()
    assert bench.claim().claims == []
    assert bench.ledger.producer.seal("b", "slow")
    assert [c.step for c in bench.claim().claims] == [Step.FINISH]


def test_a_producer_that_died_holds_no_batch_that_another_one_seals(bench: Bench) -> None:
    """It was not heard of for half a minute; the other one enqueues the same again, and is done."""
    bench.write("b", entries(1), producer="dead")
    bench.later(30_001)
    bench.write("b", entries(1), producer="again")
    assert bench.ledger.producer.seal("b", "again")
    bench.run_to_completion()
    assert [c.step for c in bench.claim().claims] == [Step.FINISH]


def test_a_producer_that_died_just_now_holds_no_batch_for_long(bench: Bench) -> None:
    """The same is enqueued again at once: half a minute after the dead one was last heard of, the batch ends."""
    bench.write("b", entries(1), producer="dead")
    bench.run_to_completion()
    assert bench.claim().claims == []
    bench.write("b", entries(1), producer="again")
    assert not bench.ledger.producer.seal("b", "again")
    assert bench.claim().claims == []
    bench.later(30_001)
    assert [c.step for _ in range(2) for c in bench.claim().claims] == [Step.FINISH]


def test_a_producer_that_writes_on_after_another_is_done_seals_by_itself(bench: Bench) -> None:
    """If it dies then, what it wrote is half of something: the batch waits for a person."""
    bench.write("b", entries(1), producer="slow")
    bench.write("b", entries(1), producer="quick")
    bench.ledger.producer.seal("b", "quick")
    bench.write("b", entries(2), producer="slow")
    bench.run_to_completion()
    bench.later(90_000)
    assert bench.claim().claims == []
    assert bench.ledger.producer.seal("b")
    assert [c.step for c in bench.claim().claims] == [Step.FINISH]


def test_a_sign_of_life_that_comes_late_opens_nothing(bench: Bench) -> None:
    """It was sent before the seal, and is executed after it; where there is no batch, it makes none."""
    bench.write("b", entries(1), producer="p")
    bench.ledger.producer.seal("b", "p")
    for batch in ("b", "none"):
        bench.write(batch, [], producer="p")
    assert bench.ledger.reader.batch("b").unsealed is None  # type: ignore[union-attr]
    assert bench.ledger.reader.batch("none") is None


def test_a_producer_that_writes_nothing_changes_nothing(bench: Bench) -> None:
    """It opens a batch that is sealed, or cancelled, and fails before its first edit."""
    bench.fill(1)
    bench.ledger.producer.cancel("b")
    before = bench.client.hgetall(bench.keys.batch("b"))
    bench.ledger.producer.open_batch("b")
    assert bench.client.hgetall(bench.keys.batch("b")) == before


def test_there_is_no_batch_before_its_first_edits(bench: Bench) -> None:
    """A producer that opens it, and then has nothing to write, leaves nothing behind."""
    bench.ledger.producer.open_batch("b")
    bench.ledger.producer.seal("b")
    assert bench.ledger.reader.batch("b") is None
    assert bench.claim().claims == []


def test_a_batch_that_is_kept_open_ends_when_its_time_has_come(bench: Bench) -> None:
    """Its edits have ended long before, and whoever filled it has sealed it; of two times the later one counts."""
    bench.fill(1)
    until = bench.clock.now + 60_000
    assert bench.ledger.producer.keep_open("b", until)
    assert bench.ledger.producer.keep_open("b", until - 30_000)
    bench.run_to_completion()
    view = bench.ledger.reader.batch("b")
    assert view is not None
    assert view.open_until is not None
    assert round(view.open_until.timestamp() * 1000) == until
    bench.later(59_000)
    assert bench.claim().claims == []
    bench.later(1001)
    assert [c.step for c in bench.claim().claims] == [Step.FINISH]


def test_a_person_ends_a_batch_that_is_kept_open(bench: Bench) -> None:
    """Once: it is as any other then. A producer that is done does not."""
    bench.fill(1)
    bench.ledger.producer.keep_open("b", bench.clock.now + 60_000)
    bench.run_to_completion()
    assert not bench.ledger.producer.seal("b", "done")
    assert bench.claim().claims == []
    assert bench.ledger.producer.seal("b")
    assert [c.step for c in bench.claim().claims] == [Step.FINISH]
    assert not bench.ledger.producer.seal("b")


def test_only_a_batch_that_is_there_is_kept_open(bench: Bench) -> None:
    """Nothing is made of a name."""
    assert not bench.ledger.producer.keep_open("none", bench.clock.now + 60_000)
    assert bench.ledger.reader.batch("none") is None
