"""A person removes a batch: page by page, all that belongs to it, and nothing else."""

from __future__ import annotations

import pytest

from retouch.errors import InputError
from retouch.ledger import PAGE, Entry, Finish, Step
from retouch.queue import EditQueue
from tests.ledger_bench import Bench, entries


def end(bench: Bench, size: int, batch: str = "b") -> None:
    """A batch of so many edits that have ended."""
    for first in range(0, size, PAGE):
        page = [e._replace(custom_id=f"c{first + i}") for i, e in enumerate(entries(min(PAGE, size - first)))]
        bench.write(batch, page)
    bench.ledger.producer.cancel(batch)
    for claim in bench.claim(submits=0).claims:
        if claim.step is Step.FINISH:
            assert bench.ledger.worker.settle_batch(claim, Finish.WRITTEN)
    view = bench.ledger.reader.batch(batch)
    assert view is not None
    assert view.finished


def of_batch(bench: Bench, batch: str) -> list[str]:
    """The keys that belong to a batch."""
    names = [key.removeprefix(bench.keys.prefix) for key in bench.client.scan_iter(count=1000)]
    return [name for name in names if name.partition(":")[2].partition("/")[0] == batch]


@pytest.mark.parametrize("size", [1, PAGE - 1, PAGE, PAGE + 1])
def test_a_batch_goes_with_all_that_belongs_to_it(bench: Bench, size: int) -> None:
    """A page at a time, and the others stay; what is told is how many are left."""
    end(bench, size)
    bench.fill(2, batch="other")
    told: list[tuple[int, int]] = []
    EditQueue(bench.ledger).remove("b", lambda done, total: told.append((done, total)))
    assert told == [(min(done, size), size) for done in range(PAGE, size + PAGE, PAGE)]
    assert of_batch(bench, "b") == []
    assert [view.batch for view in bench.ledger.reader.batches()] == ["other"]
    assert len(of_batch(bench, "other")) == 2 + len(["batch", "order", "strip", "edits"])
    bench.claim(submits=0)
    assert bench.client.zcard(bench.keys.chores) == bench.client.zcard(bench.keys.due) == 0


def test_its_name_is_free_afterwards(bench: Bench) -> None:
    """The same edits are new work under it."""
    end(bench, 3)
    EditQueue(bench.ledger).remove("b")
    bench.fill(3)
    bench.claim(submits=0)  # does no chores to the new one
    view = bench.ledger.reader.batch("b")
    assert view is not None
    assert view.total == 3
    assert len([claim for claim in bench.edits() if claim.step is Step.SUBMIT]) == 3


@pytest.mark.parametrize("size", [3, PAGE + 3])
def test_what_is_enqueued_meanwhile_stays_and_what_is_gone_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A producer writes to the batch before the next page of it goes."""
    end(bench, size)
    remove = bench.ledger.producer.remove
    calls = iter(range(9))

    def interrupted(batch: str) -> int | None:
        if next(calls) == size // PAGE:
            bench.write(
                batch, [Entry("new", "d", "{}", 1, None)], cancelled=bench.ledger.producer.open_batch("b").cancelled
            )
        return remove(batch)

    monkeypatch.setattr(bench.ledger.producer, "remove", interrupted)
    far = f"after {PAGE} of its {PAGE + 3} edits were removed" if size > PAGE else "and is not removed"
    with pytest.raises(InputError, match=far):
        EditQueue(bench.ledger).remove("b")
    assert bench.counts() == {"cancelled": 3, "queued": 1}


def test_a_batch_that_has_not_ended_is_refused(bench: Bench) -> None:
    """Nothing of it changes; nor of one that was opened again, whose files are not as they say."""
    bench.fill(2)
    before = bench.client.hgetall(bench.keys.batch("b"))
    with pytest.raises(InputError, match="has not ended"):
        EditQueue(bench.ledger).remove("b")
    assert bench.client.hgetall(bench.keys.batch("b")) == before
    end(bench, 2, "again")
    bench.client.hset(bench.keys.batch("again"), "stale", "1")
    assert bench.ledger.producer.remove("again") is None
    assert len(list(bench.ledger.reader.results("again"))) == 2


def test_what_the_caller_leaves_the_workers_remove(bench: Bench) -> None:
    """A command that is cut off after its first page is finished without it, long before the retention is over."""
    end(bench, 3 * PAGE)
    assert bench.ledger.producer.remove("b") == 2 * PAGE
    for _ in range(4):
        bench.claim(submits=0)
    assert of_batch(bench, "b") == []


def test_events_that_are_not_delivered_stay(bench: Bench) -> None:
    """Those of the batch among them: a sink that is away gets them all."""
    bench.show()
    end(bench, 2)
    EditQueue(bench.ledger).remove("b")
    bench.claim(submits=0, deliveries=0)
    assert [event.subject for event in bench.ledger.reader.events()] == ["b/c0", "b/c1", "b"]


def test_a_batch_that_is_gone_is_removed_already(bench: Bench) -> None:
    """A call whose answer was lost may be made again."""
    end(bench, 1)
    assert bench.ledger.producer.remove("b") == 0
    assert bench.ledger.producer.remove("b") == 0
