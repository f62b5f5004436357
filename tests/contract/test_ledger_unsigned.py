"""Edits whose link cannot be signed: put off, with nothing written of a submit, behind those that need none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from retouch.ledger import Entry, Step
from tests.ledger_bench import IDEMPOTENT, LEASE_MS, Bench

WHY = "AWS credentials cannot be renewed: no answer for 2 s"
S3, URL = {"init_image": "s3://bucket/a.png"}, {"init_image": "https://e.com/a.png"}


def fill(bench: Bench, *edits: dict[str, Any], defaults: dict[str, Any] | None = None, batch: str = "b") -> None:
    """Enqueue edits c0, c1, … with these parameters, as a producer writes them."""
    texts = [json.dumps(edit, separators=(",", ":")) for edit in edits]
    entries = [Entry(f"c{n}", "d", text, 1, None) for n, text in enumerate(texts)]
    bench.ledger.producer.enqueue(batch, entries, defaults)
    bench.ledger.producer.seal(batch)


def begun(bench: Bench, *, unsigned: str = WHY) -> list[str]:
    """Claim all that is due, and begin it: the names of those that are to be sent."""
    claims = bench.edits()
    told = bench.ledger.worker.begin_submit(claims, IDEMPOTENT, LEASE_MS, nonce="n", unsigned=unsigned)
    return [claim.member for claim, one in zip(claims, told, strict=True) if one]


def raw(bench: Bench, name: str = "b/c0") -> dict[Any, Any]:
    """What the ledger keeps of an edit's progress."""
    return dict(bench.client.hgetall(bench.keys.edit(name)))


def test_only_what_needs_a_link_is_put_off(bench: Bench) -> None:
    """It is queued, with the reason, and with no intent, no number and no place; the rest of its chunk is sent."""
    fill(bench, S3, URL, S3)
    assert begun(bench) == ["b/c1"]
    kept = {"state": "queued", "digest": "d", "at": "0", "fence": "1", "unsigned": "1", "note": WHY}
    assert {name: value for name, value in raw(bench).items() if name != "h0"} == kept  # its journal is another test's
    assert bench.ledger.reader.provider().places_used == 1
    assert bench.counts() == {"queued": 2, "submitting": 1}


@pytest.mark.parametrize(
    ("edits", "defaults", "sent"),
    [
        ([{}], S3, []),
        ([{}], URL, ["b/c0"]),
        ([URL], S3, ["b/c0"]),
        ([S3], URL, []),
        ([URL | {"prompt": 'an "init_image":"s3://" in words'}], None, ["b/c0"]),
        ([{"init_image": "https://e.com/s3://a"}], None, ["b/c0"]),
    ],
    ids=["from the batch", "a URL from the batch", "a URL of its own", "in S3 of its own", "in words", "in a URL"],
)
def test_where_an_image_is_told_from_the_parameters(
    bench: Bench, edits: list[dict[str, Any]], defaults: dict[str, Any] | None, sent: list[str]
) -> None:
    """Its own, or its batch's."""
    fill(bench, *edits, defaults=defaults)
    assert begun(bench) == sent


def test_it_comes_again_later_each_time_and_is_sent_when_links_can_be_signed(bench: Bench) -> None:
    """After 1, 2, 4, 8 and then 10 s; it is no strike, and nothing of it is left when the API has it."""
    fill(bench, S3)
    waits = []
    for _ in range(6):
        assert begun(bench) == []
        waits.append(int(bench.client.zscore(bench.keys.due, "b/c0") or 0) - bench.clock.now)
        bench.later(waits[-1] - 1)
        assert bench.edits() == []
        bench.clock.now += 1
    assert waits == [1000, 2000, 4000, 8000, 10_000, 10_000]
    [claim] = bench.edits()
    assert bench.intend([claim]) == [1]
    bench.accept([claim])
    assert {"unsigned", "note", "strikes", "tries"} & raw(bench).keys() == set()


def test_what_was_put_off_goes_to_the_back(bench: Bench) -> None:
    """A thousand that wait for links do not stand before the edits that need none."""
    fill(bench, *[S3] * 40)
    fill(bench, *[URL] * 10, batch="web")
    assert len(begun(bench)) == 10
    bench.later(1000)
    fill(bench, *[URL] * 10, batch="late")
    names = [claim.member.split("/")[0] for claim in bench.edits(submits=20)]
    assert names.count("late") == 10


def test_what_may_have_been_sent_keeps_its_intent(bench: Bench) -> None:
    """Under its key it needs the same link, which is kept, or a new one: then it waits, and is no new purchase."""
    fill(bench, S3)
    [claim] = bench.edits()
    assert bench.intend([claim], IDEMPOTENT) == [1]
    bench.later(LEASE_MS + 1)
    [claim] = bench.edits(policy=IDEMPOTENT.ambiguous)
    assert bench.ledger.worker.begin_submit([claim], IDEMPOTENT, LEASE_MS, nonce="m", unsigned=WHY) == [None]
    assert {name: raw(bench)[name] for name in ("state", "submits", "note")} == {
        "state": "submitting",
        "submits": "1",
        "note": WHY,
    }
    assert "intent" in raw(bench)
    assert "duplicate" not in raw(bench)
    bench.later(1000)
    [claim] = bench.edits(policy=IDEMPOTENT.ambiguous)
    assert claim.step is Step.SUBMIT
    bench.client.hset(bench.keys.edit("b/c0"), "link", "https://signed")
    [told] = bench.ledger.worker.begin_submit([claim], IDEMPOTENT, LEASE_MS, nonce="o", unsigned=WHY)
    assert told
    assert (told.again, told.link, told.number) == (True, "https://signed", 1)
