"""Which results are of one group of failures."""

from __future__ import annotations

from typing import Any

import pytest

from retouch.edit_result import Result
from retouch.errors import InputError
from retouch.ledger import OTHER_GROUP, FailureGroup, check_group
from retouch.results.groups import in_group

GROUPS = [
    FailureGroup(1, "refused", "no image …", 2, "a"),
    FailureGroup(OTHER_GROUP, "", "further reasons", 1, "b"),
]


def result(code: str, message: str, state: str = "failed") -> Result:
    """One of these words."""
    return Result({"custom_id": "a", "state": state, "error": {"code": code, "message": message}})


@pytest.mark.parametrize(
    ("found", "group"),
    [
        (result("refused", "No image 12"), 1),
        (result("failure", "no image 12"), OTHER_GROUP),
        (result("refused", "no image at all"), OTHER_GROUP),
    ],
)
def test_a_result_is_of_the_group_of_its_code_and_its_words(found: Result, group: int) -> None:
    """What is of none that is told apart is of the last one."""
    chosen = [number for number in (1, OTHER_GROUP) if in_group("b", GROUPS, number)(found)]
    assert chosen == [group]


def test_what_has_not_failed_is_of_none() -> None:
    """Though a cancelled edit has an error too."""
    assert not in_group("b", GROUPS, OTHER_GROUP)(result("unanswered", "cancelled", "cancelled"))
    assert not in_group("b", GROUPS, OTHER_GROUP)(Result({"custom_id": "a", "state": "completed", "error": None}))


def test_several_groups_are_asked_for_at_once() -> None:
    """A result of any of them is taken; one that there is not is named."""
    assert in_group("b", GROUPS, 1, OTHER_GROUP)(result("failure", "anything"))
    with pytest.raises(InputError, match="has no group 7 of"):
        in_group("b", GROUPS, 1, 7)


@pytest.mark.parametrize("group", [0, 256, -1, True, "1", 1.5])
def test_what_is_no_group_is_refused(group: Any) -> None:
    """By what a number may be."""
    with pytest.raises(InputError, match="group must be a number from 1 to 255"):
        check_group(group)


def test_a_group_that_there_is_not_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(InputError, match="batch b has no group 7 of failed edits; there is 1, 255"):
        in_group("b", GROUPS, 7)
    with pytest.raises(InputError, match="there is none, since no edit is failed"):
        in_group("b", [], 1)
