"""Which results are of some groups of a batch's failures."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from retouch.edit_result import Result
from retouch.errors import InputError
from retouch.ledger import OTHER_GROUP, FailureGroup, check_group
from retouch.states import EditState
from retouch.wording import group_of


def in_group(batch: str, groups: Sequence[FailureGroup], *wanted: int) -> Callable[[Result], bool]:
    """Tell of results of a batch, whose groups these are, which are of those wanted.

    Raises InputError if there is none of these numbers.
    """
    there = sorted(one.group for one in groups)
    if missing := [group for group in wanted if check_group(group) not in there]:
        known = ", ".join(map(str, there)) or "none, since no edit is failed"
        raise InputError(f"batch {batch} has no group {missing[0]} of failed edits; there is {known}")
    return of_groups(groups, wanted)


def of_groups(groups: Sequence[FailureGroup], wanted: Collection[int]) -> Callable[[Result], bool]:
    """Tell of results of a batch, whose groups these are, which are of those wanted, be there any or not."""
    names = {f"{one.code} {one.words}": one.group for one in groups}

    def is_of_them(result: Result) -> bool:
        return result.state is EditState.FAILED and names.get(group_of(result["error"]), OTHER_GROUP) in wanted

    return is_of_them
