"""A batch at a glance: its strip of states, the groups of its failures, and what is read of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from string import ascii_lowercase

import pytest

from retouch.causes import FailureCode
from retouch.ledger import PAGE, Claim, EditRow, FailureGroup, Settlement
from retouch.ledger.constants import OTHER_GROUP
from retouch.states import EditState
from retouch.wording import group_of
from tests.contract.test_ledger_poison import crash_with
from tests.contract.test_ledger_remove import end, of_batch
from tests.ledger_bench import SUBMITTING, Bench, entries

SMALL, EMPTY = "image {} is too small", "the prompt is empty"


def fail(bench: Bench, claims: Iterable[Claim], words: str) -> None:
    """The API refuses them for good; ``{}`` in the words is what differs."""
    bench.intend(claims := list(claims))
    refused = [
        Settlement(claim, SUBMITTING, EditState.FAILED, error=json.dumps({"code": "refused", "message": said}))
        for claim in claims
        for said in [words.format(claim.member)]
    ]
    assert all(bench.ledger.worker.settle(refused))


def by_place(claims: Sequence[Claim]) -> list[Claim]:
    """In the batch's order."""
    return sorted(claims, key=lambda claim: int(claim.member.partition("/c")[2]))


def some_failed(bench: Bench) -> None:
    """Six edits: c0 to c2 fail for one reason, c3 for another, c4 completes, and c5 is queued."""
    bench.fill(6)
    claims = by_place(bench.edits(submits=5))
    fail(bench, claims[:3], SMALL)
    fail(bench, claims[3:4], EMPTY)
    bench.intend(claims[4:])
    bench.end(claims[4:])


def as_of_an_older_program(bench: Bench, batch: str = "b") -> None:
    """It had no strips, and gave edits no places."""
    keys = bench.keys
    bench.client.delete(keys.strip(batch), keys.groupstrip(batch), keys.groups(batch))
    for custom_id in bench.client.lrange(keys.order(batch), 0, -1):
        assert bench.client.hdel(keys.edit(f"{batch}/{custom_id!s}"), "at") == 1


def counted(bench: Bench, batch: str = "b") -> Counter[str]:
    """The groups as their names and counts."""
    found = bench.ledger.strips.failures(batch)
    return Counter({f"{group.code} {group.words}": group.count for group in found})


def recounted(bench: Bench, batch: str = "b") -> Counter[str]:
    """The same, from the results."""
    results = bench.ledger.reader.results(batch)
    return Counter(group_of(one["error"]) for one in results if one["state"] == EditState.FAILED)


def test_each_edit_has_its_letter_in_the_order_in_which_it_came(bench: Bench) -> None:
    """Also those of a second page, and of one that repeats the first: it moves nobody."""
    bench.write("b", entries(2))
    [claim] = bench.edits(submits=1)
    bench.write("b", entries(4))
    assert bench.ledger.strips.states("b") == b"sqqq"
    bench.intend([claim])
    bench.accept([claim])
    assert bench.ledger.strips.states("b") == b"wqqq"
    assert bench.ledger.producer.cancel("b") == 3
    assert bench.ledger.strips.states("b") == b"wxxx"


def test_failures_are_grouped_by_their_words(bench: Bench) -> None:
    """The most frequent first, each with its exact count, and with one of them."""
    some_failed(bench)
    assert bench.ledger.strips.states("b") == b"ffffCq"
    assert bench.ledger.strips.groups("b") == bytes([1, 1, 1, 2, 0, 0])
    assert bench.ledger.strips.failures("b") == [
        FailureGroup(1, "refused", "image b/… is too small", 3, "c0", SMALL.format("b/c0")),
        FailureGroup(2, "refused", "the prompt is empty", 1, "c3", EMPTY),
    ]


def test_a_retry_of_a_group_takes_those_alone_and_takes_them_back(bench: Bench) -> None:
    """A group keeps its number when all of it is retried, and fails once more."""
    some_failed(bench)
    assert bench.ledger.producer.retry("b", group=1).sent == 3
    assert bench.ledger.strips.states("b") == b"qqqfCq"
    assert counted(bench) == recounted(bench) == {"refused the prompt is empty": 1}
    assert bench.ledger.producer.retry("b", group=1).sent == 0
    fail(bench, [claim for claim in bench.edits() if claim.member == "b/c1"], SMALL)
    assert bench.ledger.strips.groups("b") == bytes([0, 1, 0, 2, 0, 0])
    assert counted(bench) == recounted(bench)


def test_a_retry_of_all_empties_all_groups(bench: Bench) -> None:
    """No group is told of of which none is failed."""
    some_failed(bench)
    bench.ledger.producer.retry("b")
    assert bench.ledger.strips.failures("b") == []
    assert not any(bench.ledger.strips.groups("b"))


def test_an_edit_whose_workers_died_is_in_a_group_too(bench: Bench) -> None:
    """A move fails it: by the same name that its result gives."""
    bench.at_the_api(1)
    for _ in range(3):
        crash_with(bench, bench.edits())
    assert bench.edits() == []
    [group] = bench.ledger.strips.failures("b")
    assert (group.code, group.count) == (FailureCode.POISON, 1)
    assert counted(bench) == recounted(bench)


@pytest.mark.parametrize("said", ["", "request 7 of u-12 failed", 'model "sd \'1.5" is away', "für Köln: 503"])
def test_an_ambiguous_edit_is_in_one_group_whatever_the_api_said(bench: Bench, said: str) -> None:
    """What differs is quoted; two such edits would else be of two groups."""
    bench.fill(1)
    for again in range(3):
        claims = bench.edits()
        if not any(bench.intend(claims)):
            break
        put = {"note": said, "said": "1", "errors": "9", "tries": str(again)} if said else {"note": "no answer"}
        back = [Settlement(claim, SUBMITTING, EditState.SUBMITTING, put=put) for claim in claims]
        assert all(bench.ledger.worker.settle(back))
        bench.later(1000)
    [group] = bench.ledger.strips.failures("b")
    assert group.code == FailureCode.AMBIGUOUS
    assert counted(bench) == recounted(bench)
    assert not said or group.words.startswith("the api answered each submit with an error, at last …; ")


def test_there_are_at_most_254_groups_and_the_others(bench: Bench) -> None:
    """Whatever fails for further reasons is counted together, and comes back by a retry of that group."""
    bench.fill(OTHER_GROUP + 2)
    claims = by_place(bench.edits(submits=PAGE, places=PAGE))
    for place, claim in enumerate(claims):
        fail(bench, [claim], f"said {ascii_lowercase[place // 26]} {ascii_lowercase[place % 26]}")
    groups = bench.ledger.strips.failures("b")
    assert len(groups) == OTHER_GROUP
    assert groups[0] == FailureGroup(
        OTHER_GROUP, "", "further reasons, beyond the 254 that are told apart", 3, f"c{OTHER_GROUP - 1}", "said j u"
    )
    assert list(bench.ledger.strips.groups("b")) == [*range(1, OTHER_GROUP), *[OTHER_GROUP] * 3]
    assert bench.ledger.producer.retry("b", group=OTHER_GROUP).sent == 3
    assert len(bench.ledger.strips.failures("b")) == OTHER_GROUP - 1


def test_rows_are_those_of_the_places_asked_for(bench: Bench) -> None:
    """In that order; a place that the batch has not is left out."""
    some_failed(bench)
    assert bench.ledger.strips.rows("b", [5, 0, 3, 6, 10**12]) == [
        EditRow(5, "c5", EditState.QUEUED, 0),
        EditRow(0, "c0", EditState.FAILED, 1),
        EditRow(3, "c3", EditState.FAILED, 2),
    ]
    assert [row.custom_id for row in bench.ledger.strips.rows("b", range(4, 20))] == ["c4", "c5"]
    assert bench.ledger.strips.rows("none", range(3)) == []
    assert bench.ledger.strips.failures("none") == []
    assert bench.ledger.strips.states("none") == bench.ledger.strips.groups("none") == b""


def test_an_edit_knows_its_place(bench: Bench) -> None:
    """Also one that an older program enqueued."""
    bench.fill(3)

    def places() -> list[int | None]:
        views = [bench.ledger.reader.edit("b", f"c{n}") for n in range(3)]
        return [view.place for view in views if view]

    assert places() == [0, 1, 2]
    as_of_an_older_program(bench)
    assert places() == [0, 1, 2]


def test_an_older_programs_batch_is_read_from_its_edits(bench: Bench) -> None:
    """All reads say the same of it, and a group can be retried."""
    some_failed(bench)
    strips = bench.ledger.strips
    before = strips.states("b"), strips.groups("b"), strips.failures("b"), strips.rows("b", range(6))
    as_of_an_older_program(bench)
    assert (strips.states("b"), strips.groups("b"), strips.failures("b"), strips.rows("b", range(6))) == before
    assert bench.ledger.producer.retry("b", group=2).sent == 1
    assert strips.states("b") == b"fffqCq"
    assert counted(bench) == recounted(bench) == {"refused image b/… is too small": 3}


def test_an_older_programs_batch_takes_new_edits(bench: Bench) -> None:
    """They have places behind the others; what fails from then on is counted together, however it is known."""
    some_failed(bench)
    as_of_an_older_program(bench)
    bench.write("b", entries(9))
    fail(bench, [claim for claim in bench.edits() if claim.member in ("b/c5", "b/c7")], SMALL)
    assert bench.ledger.strips.states("b") == b"ffffCfsfs"
    assert counted(bench) == recounted(bench) == {"refused image b/… is too small": 5, "refused the prompt is empty": 1}
    small = bench.ledger.strips.failures("b")[0].group
    assert [place for place, group in enumerate(bench.ledger.strips.groups("b")) if group == small] == [0, 1, 2, 5, 7]
    assert bench.ledger.producer.retry("b", group=small).sent == 5
    assert bench.ledger.strips.states("b") == b"qqqfCqsqs"


def test_a_removed_batch_leaves_no_strips(bench: Bench) -> None:
    """Nor groups of failures."""
    bench.fill(2)
    fail(bench, bench.edits(submits=1), EMPTY)
    end(bench, 0)
    assert bench.ledger.producer.remove("b") == 0
    assert of_batch(bench, "b") == []


def test_a_batch_that_is_removed_page_by_page_is_told_of_rightly(bench: Bench) -> None:
    """What is left keeps its places and its groups, and so does what comes in the middle of that."""
    bench.fill(1)
    fail(bench, bench.edits(), EMPTY)
    for first in range(1, PAGE + 3, PAGE):
        bench.write("b", [e._replace(custom_id=f"c{first + i}") for i, e in enumerate(entries(min(PAGE, PAGE + 2)))])
    claims = by_place(bench.edits(submits=3 * PAGE, places=3 * PAGE))
    fail(bench, [*claims[:2], *claims[-3:]], SMALL)
    end(bench, 0)
    assert counted(bench) == recounted(bench)
    assert sum(counted(bench).values()) == 6
    size = len(bench.ledger.strips.states("b"))
    assert bench.ledger.producer.remove("b") == size - PAGE
    assert len(bench.ledger.strips.states("b")) == size - PAGE
    assert counted(bench) == recounted(bench)
    assert sum(counted(bench).values()) == 3
    opened = bench.ledger.producer.open_batch("b")
    bench.write("b", [entries(1)[0]._replace(custom_id="new")], cancelled=opened.cancelled)
    assert bench.ledger.strips.states("b")[-1:] == b"q"
    assert bench.ledger.strips.groups("b")[-1:] == b"\0"
    assert bench.ledger.strips.rows("b", [size - PAGE]) == [EditRow(size - PAGE, "new", EditState.QUEUED, 0)]
