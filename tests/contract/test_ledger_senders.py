"""Who sent a batch: kept with its edits, once for the batch."""

from __future__ import annotations

from retouch.ledger.constants import SENDERS_KEPT
from tests.ledger_bench import Bench, entries


def senders(bench: Bench, batch: str = "b") -> tuple[str, ...]:
    view = bench.ledger.reader.batch(batch)
    assert view is not None
    return view.senders


def enqueued(bench: Bench, custom_id: str) -> tuple[str, str | None]:
    steps = bench.ledger.reader.history("b", custom_id)
    assert steps is not None
    return steps[0].text, steps[0].by


def test_those_are_named_whose_edits_are_there(bench: Bench) -> None:
    """The first one first, each once; who sends what was there already has sent nothing."""
    bench.write("b", entries(2), sender="key:nightly")
    bench.write("b", entries(2), sender="eve@mallory")
    assert enqueued(bench, "c0") == ("enqueued by key:nightly", "key:nightly")
    bench.write("b", entries(3), sender="ann@build7")
    bench.write("b", entries(4), sender="key:nightly")
    assert senders(bench) == ("key:nightly", "ann@build7")
    assert enqueued(bench, "c0") == ("enqueued", None)  # of several nobody knows which


def test_many_senders_take_little_room(bench: Bench) -> None:
    """Those that come late are not named."""
    for n in range(SENDERS_KEPT + 5):
        bench.write("b", entries(n + 1), sender=f"{n}@host")
    assert senders(bench) == tuple(f"{n}@host" for n in range(SENDERS_KEPT))


def test_a_batch_of_before_has_a_first_sender_who_is_not_known(bench: Bench) -> None:
    """Who adds to it has not sent all of it."""
    bench.write("b", entries(1))
    bench.client.hdel(bench.keys.batch("b"), "senders")  # as an older program leaves it
    assert (senders(bench), enqueued(bench, "c0")) == ((), ("enqueued", None))
    bench.write("b", entries(2), sender="ann@build7")
    assert (senders(bench), enqueued(bench, "c0")) == (("ann@build7",), ("enqueued", None))


def test_a_producer_that_says_only_that_it_lives_is_no_sender(bench: Bench) -> None:
    """Nor one whose edits are refused."""
    bench.write("b", entries(1), sender="key:nightly")
    bench.write("b", [], sender="eve@mallory")
    bench.write("b", [entries(1)[0]._replace(digest="other")], sender="eve@mallory")
    assert senders(bench) == ("key:nightly",)
