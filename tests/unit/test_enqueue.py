"""Enqueueing from Python over a fake Redis: what is taken, what is rejected, and what is written then."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import fakeredis
import pytest

from retouch import Edit, EditQueue, EditState, InputError, InvalidEditError, RejectedEditsError
from retouch.intake.admission import KEPT, SHOWN
from retouch.ledger import PAGE, Ledger
from tests.harness.waiting import LIMIT_S
from tests.unit.producing import edit, finish_all, parameters


def test_more_than_a_page_is_enqueued_in_order(queue: EditQueue, ledger: Ledger) -> None:
    """Pages do not show."""
    ids = [f"e{n}" for n in range(2 * PAGE + 1)]
    receipt = queue.enqueue((edit(i) for i in ids), batch="b")
    assert (receipt.accepted, receipt.already, receipt.rejected) == (len(ids), 0, [])
    assert queue.status("b").counts == {EditState.QUEUED: len(ids)}
    finish_all(ledger)
    assert [result["custom_id"] for result in queue.results("b")] == ids


def test_a_generator_is_read_only_as_far_as_it_is_written(queue: EditQueue, ledger: Ledger) -> None:
    """A million edits must not be held in memory."""
    behind = []

    def edits() -> Iterator[Edit]:
        for n in range(10 * PAGE):
            if n % PAGE == 0:
                behind.append(n - (view.total if (view := ledger.reader.batch("b")) else 0))
            yield edit(f"e{n}")

    queue.enqueue(edits(), batch="b")
    assert max(behind) <= 2 * PAGE


def test_the_same_again_adds_nothing(queue: EditQueue) -> None:
    """Enqueuing is idempotent."""
    queue.enqueue([edit("a"), edit("b")], batch="b")
    receipt = queue.enqueue([edit("a"), edit("b"), edit("c")], batch="b")
    assert (receipt.accepted, receipt.already) == (1, 2)


def test_a_batch_is_kept_open_until_a_time(queue: EditQueue, ledger: Ledger) -> None:
    """Its edits have ended, and it does not, before a person seals it; of two calls the later time counts."""
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    queue.enqueue([edit("a")], batch="b", open_until=until)
    queue.enqueue([edit("b")], batch="b", open_until=until - timedelta(minutes=30))
    finish_all(ledger)
    view = queue.status("b")
    assert (view.open_until, view.unsealed, view.finished) == (until, None, False)
    assert queue.seal("b")
    finish_all(ledger)
    assert queue.status("b").finished
    assert queue.status("b").open_until is None


def test_a_time_without_a_zone_is_refused(queue: EditQueue) -> None:
    """It would mean another moment on each machine."""
    with pytest.raises(InputError, match="open_until has no time zone"):
        queue.enqueue([edit("a")], batch="b", open_until=datetime(2026, 1, 1))  # noqa: DTZ001 - it is the mistake
    assert queue.batches() == []


def places(error: pytest.ExceptionInfo[RejectedEditsError]) -> list[tuple[int, str | None]]:
    return [(rejection.line, rejection.custom_id) for rejection in error.value.rejected]


BAD: dict[str, Any] = {"custom_id": "b", "prompt": "x", "init_image": "http://10.0.0.1/x"}


def test_a_list_with_a_bad_edit_writes_nothing(queue: EditQueue) -> None:
    """Every bad edit is told, with its place, its name and each fault."""
    with pytest.raises(RejectedEditsError, match="2 edits were rejected, and nothing was enqueued") as error:
        queue.enqueue([edit("a"), BAD, {"custom_id": 5, "init_image": "https://example.com/a.png"}], batch="b")
    assert places(error) == [(2, "b"), (3, None)]
    assert "edit 2 (b): init_image '10.0.0.1' is not a public address" in str(error.value)
    assert "edit 3: prompt is missing; custom_id 5 should be a valid string" in str(error.value)
    assert "on_invalid='skip'" in str(error.value)
    assert queue.batches() == []


def test_with_skip_the_good_edits_of_a_list_are_enqueued(queue: EditQueue) -> None:
    """The receipt lists the others."""
    receipt = queue.enqueue([edit("a"), BAD, edit("c")], batch="b", on_invalid="skip")
    assert (receipt.accepted, [(r.line, r.custom_id) for r in receipt.rejected]) == (2, [(2, "b")])
    assert queue.status("b").unsealed is None


@pytest.mark.parametrize("second", [edit("a"), edit("a", seed=1)], ids=["equal", "other"])
def test_a_name_that_is_used_twice_is_rejected_with_both_places(queue: EditQueue, second: Edit) -> None:
    """It is a mistake, also if both edits are equal; as in a manifest."""
    with pytest.raises(RejectedEditsError, match=r"edit 3 \(a\): custom_id 'a' is already used on edit 1") as error:
        queue.enqueue([edit("a"), edit("b"), second], batch="b")
    assert places(error) == [(3, "a")]
    assert queue.batches() == []


def test_a_name_that_the_batch_has_with_other_parameters_is_rejected_before_anything_is_written(
    queue: EditQueue,
) -> None:
    """Neither silently dropped nor overwritten; the same edit is there already."""
    queue.enqueue([edit("a"), edit("b")], batch="b")
    with pytest.raises(RejectedEditsError, match="exists in the batch with other parameters") as error:
        queue.enqueue([edit("new"), edit("a"), edit("b", seed=1)], batch="b")
    assert places(error) == [(3, "b")]
    assert queue.status("b").total == 2
    receipt = queue.enqueue([edit("new"), edit("a"), edit("b", seed=1)], batch="b", on_invalid="skip")
    assert (receipt.accepted, receipt.already, len(receipt.rejected)) == (1, 1, 1)


def test_a_generator_stops_at_its_first_page_with_a_bad_edit(queue: EditQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written before stays, the batch is open, the page's other bad edits are told, and no more is read."""
    for module in ("retouch.queue", "retouch.intake.enqueueing"):  # a page ends by its size, however slow we are
        monkeypatch.setattr(f"{module}.SEND_EVERY_S", LIMIT_S)
    read = []

    def edits() -> Iterator[Any]:
        for n in range(4 * PAGE):
            read.append(n)
            yield BAD | {"custom_id": f"e{n}"} if n in (PAGE + 6, PAGE + 9, 2 * PAGE) else edit(f"e{n}")

    with pytest.raises(RejectedEditsError, match=f"{PAGE} edits were enqueued") as error:
        queue.enqueue(edits(), batch="b")
    assert places(error) == [(PAGE + 7, f"e{PAGE + 6}"), (PAGE + 10, f"e{PAGE + 9}")]
    assert len(read) == 2 * PAGE
    assert (queue.status("b").total, queue.status("b").unsealed is None) == (PAGE, False)
    assert "The batch stays open" in str(error.value)
    receipt = queue.enqueue((edit(f"e{n}") for n in range(2 * PAGE)), batch="b")
    assert (receipt.accepted, receipt.already) == (PAGE, PAGE)


def test_a_generator_with_a_bad_edit_on_its_first_page_writes_nothing(queue: EditQueue) -> None:
    """There is no batch to end then, and none is spoken of."""
    edits: list[Any] = [edit("a"), BAD, edit("c")]
    with pytest.raises(RejectedEditsError, match="nothing was enqueued") as error:
        queue.enqueue(iter(edits), batch="b")
    assert "stays open" not in str(error.value)
    assert queue.batches() == []


def test_a_generator_whose_name_exists_with_other_parameters_is_rejected(queue: EditQueue) -> None:
    """Also if that is known at its end only."""
    queue.enqueue([edit("a")], batch="b")
    with pytest.raises(RejectedEditsError, match="other parameters") as error:
        queue.enqueue(iter([edit("new"), edit("a", seed=1)]), batch="b")
    assert places(error) == [(2, "a")]


def test_with_skip_the_good_edits_of_a_generator_are_enqueued(queue: EditQueue) -> None:
    """Whatever stands between them."""
    edits: Iterator[Any] = (BAD if n % 7 == 0 else edit(f"e{n}") for n in range(PAGE + 7))
    receipt = queue.enqueue(edits, batch="b", on_invalid="skip")
    assert (receipt.accepted, len(receipt.rejected)) == (434, 73)
    assert queue.status("b").unsealed is None


def test_of_very_many_rejected_edits_the_first_are_kept_and_all_are_counted(queue: EditQueue) -> None:
    """The message stays short."""
    faults = [
        {name: value} for value in (-5, None) for name in ("strength", "samples", "width", "refiner", "extra", "x")
    ]
    edits: list[Any] = [BAD | {"custom_id": f"e{n}"} | faults[n % len(faults)] for n in range(KEPT + 8)]
    with pytest.raises(RejectedEditsError) as error:
        queue.enqueue(edits, batch="b")
    assert (error.value.count, len(error.value.rejected)) == (KEPT + 8, KEPT)
    assert len(str(error.value).splitlines()) == SHOWN + 3
    assert re.search(r"\n  and \d+ more\n", str(error.value))


def test_a_mistake_that_many_edits_have_is_told_once(queue: EditQueue) -> None:
    """As on the command line: how many have it, and the first as an example; few that differ are told apart."""
    bad: list[Any] = [edit("good"), *(BAD | {"custom_id": f"e{n}"} for n in range(40))]
    bad += [BAD | {"custom_id": name, "init_image": "https://example.com/a.png", "steps": 7} for name in ("x", "y")]
    with pytest.raises(RejectedEditsError) as error:
        queue.enqueue(bad, batch="b")
    lines = str(error.value).splitlines()
    assert lines[1].startswith("  edit 2 (e0) and 39 others: init_image '10.0.0.1' is not a public address")
    assert lines[2].startswith("  edit 42 (x) and 1 other: unknown field 'steps'")
    assert len(lines) == 4


async def _none() -> Any:
    yield edit("a")


class Column:
    """As pandas and polars have it."""

    def to_frame(self) -> None: ...

    def __iter__(self) -> Iterator[str]:
        return iter(["a"])


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        (edit("a"), "one Edit; put it into a list"),
        ({"custom_id": "a"}, "one mapping; put it into a list"),
        ("cats.jsonl", "a str"),
        (None, "a NoneType"),
        (7, "an int"),
        (Column(), "one column"),
        (_none(), "an async_generator"),
        ([edit("a"), "b"], "edit 2 is a str"),
        ([edit("a"), None], "edit 2 is a NoneType"),
    ],
)
def test_what_is_no_edits_is_one_type_error(queue: EditQueue, edits: Any, said: str) -> None:
    """Before anything is written."""
    with pytest.raises(TypeError, match=said):
        queue.enqueue(edits, batch="b")
    assert queue.batches() == []


@pytest.mark.parametrize(
    ("wrong", "kind", "said"),
    [
        ({"batch": None}, TypeError, "batch is NoneType"),
        ({"batch": "a b"}, InputError, "not a valid id"),
        ({"weight": "2"}, InputError, "weight must be a number from 0.001 to 1000, not '2'"),
        ({"weight": None}, InputError, "weight must be a number"),
        ({"on_invalid": "ignore"}, InputError, "on_invalid is 'ignore'"),
        ({"defaults": "strength"}, TypeError, "defaults is of type str"),
        ({"defaults": {"strenght": 1}}, InputError, "did you mean 'strength'"),
    ],
)
def test_a_wrong_argument_is_one_clear_error(
    queue: EditQueue, wrong: dict[str, Any], kind: type[Exception], said: str
) -> None:
    """It names the argument, and nothing was read or written."""
    with pytest.raises(kind, match=said):
        queue.enqueue(iter(()), **({"batch": "b"} | wrong))
    assert queue.batches() == []


def test_defaults_fill_in_and_the_edit_wins(queue: EditQueue, ledger: Ledger) -> None:
    """Also over a default that the edit sets to nothing."""
    edits = [edit("a"), edit("b", strength=0.9), edit("c", strength=None)]
    queue.enqueue(edits, batch="b", defaults={"strength": 0.5, "samples": 2})
    assert parameters(ledger, "b", "a")["strength"] == 0.5
    assert parameters(ledger, "b", "b")["strength"] == 0.9
    assert "strength" not in parameters(ledger, "b", "c")


def test_a_batch_keeps_its_first_defaults_and_every_edit_its_own_parameters(queue: EditQueue, ledger: Ledger) -> None:
    """What a second producer brings is what its edits get."""
    queue.enqueue([edit("a")], batch="b", defaults={"strength": 0.5, "seed": 1})
    queue.enqueue([edit("c")], batch="b", defaults={"strength": 0.6})
    assert parameters(ledger, "b", "c") == edit("c", strength=0.6).fields


def test_defaults_are_stored_once() -> None:
    """A prompt that a batch shares does not stand in each of its edits."""
    client = fakeredis.FakeRedis(decode_responses=True)
    EditQueue(Ledger(client)).enqueue([edit("a")], batch="b", defaults={"negative_prompt": "blurry"})
    stored = client.hget("{retouch}:edits:b", "a")
    assert json.loads(stored or "").keys() == {"prompt", "init_image"}


@pytest.mark.parametrize("defaults", [{"custom_id": "x"}, {"samples": 9}, {"foo": 1}])
def test_bad_defaults_are_refused_before_anything_is_written(queue: EditQueue, defaults: dict[str, object]) -> None:
    """They would make every edit wrong."""
    with pytest.raises(InvalidEditError):
        queue.enqueue([edit("a")], batch="b", defaults=defaults)
    with pytest.raises(InputError, match="no batch"):
        queue.status("b")
