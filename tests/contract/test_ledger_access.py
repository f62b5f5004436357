"""Keys of the gateway in the ledger: changed by one at a time, counted against their rate, and gone when revoked."""

from __future__ import annotations

import json

from tests.ledger_bench import Bench

ONE = json.dumps({"secrets": [{"sha256": "a" * 64}]})
TWO = json.dumps({"secrets": [{"sha256": "b" * 64}]})


def test_a_key_is_made_once(bench: Bench) -> None:
    """A second one of that name is refused; the same again, after a lost answer, is not."""
    access = bench.ledger.access
    assert access.change("k", None, ONE)
    assert access.change("k", None, ONE)
    assert not access.change("k", None, TWO)
    assert access.key("k") == ONE
    assert access.all() == {"k": ONE}


def test_of_two_changes_at_once_one_is_refused(bench: Bench) -> None:
    """Whoever has seen the key before the other's change reads it again."""
    access = bench.ledger.access
    access.change("k", None, ONE)
    assert access.change("k", ONE, TWO)
    assert not access.change("k", ONE, None)
    assert access.key("k") == TWO


def test_a_revoked_key_leaves_nothing(bench: Bench) -> None:
    """Neither its uses nor its rate; another key's stay."""
    access = bench.ledger.access
    for name in ("k", "other"):
        access.change(name, None, ONE)
        access.use(name, "a" * 64, requests=10, seconds=60)
    assert access.change("k", ONE, None)
    assert access.change("k", ONE, None)
    assert access.key("k") is None
    assert access.uses([("k", "a" * 64), ("other", "a" * 64)]) == [None, str(bench.clock.now)]
    assert bench.client.hkeys(bench.keys.key_rates) == ["other"]


def test_a_rate_admits_so_many_at_once_and_then_one_by_one(bench: Bench) -> None:
    """What is left, and when it is free again, is told with each."""
    bench.ledger.access.change("k", None, ONE)

    def use() -> tuple[bool, int, int, int]:
        return bench.ledger.access.use("k", "a" * 64, requests=3, seconds=60)

    assert [use() for _ in range(4)] == [
        (True, 2, 20_000, 0),
        (True, 1, 40_000, 0),
        (True, 0, 60_000, 0),
        (False, 0, 60_000, 20_000),
    ]
    bench.clock.now += 19_999
    assert not use()[0]
    bench.clock.now += 1
    assert use() == (True, 0, 60_000, 0)
    assert not use()[0]
    bench.clock.now += 3_600_000
    assert use() == (True, 2, 20_000, 0)


def test_a_use_is_noted_once_a_minute(bench: Bench) -> None:
    """More would be a write for each request, for nobody to read."""
    access, began = bench.ledger.access, bench.clock.now
    access.change("k", None, ONE)
    noted = []
    for later in (0, 59_999, 60_000, 60_001):
        bench.clock.now = began + later
        access.use("k", "a" * 64, requests=10, seconds=1)
        noted += access.uses([("k", "a" * 64)])
    assert noted == [str(began), str(began), str(began + 60_000), str(began + 60_000)]


def test_what_opens_the_page_is_taken_once_and_goes_by_itself(bench: Bench) -> None:
    """It stays as long as it was said."""
    access = bench.ledger.access
    access.keep_visit("a" * 64, "{}", 60_000)
    assert 0 < bench.client.pttl(bench.keys.visit("a" * 64)) <= 60_000
    assert access.visit("a" * 64) == "{}"
    assert [access.take_visit("a" * 64), access.take_visit("a" * 64)] == ["{}", None]
    assert access.visit("a" * 64) is None
