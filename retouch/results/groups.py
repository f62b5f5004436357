"""Which results are of one group of a batch's failures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from retouch.edit_result import Result
from retouch.errors import InputError
from retouch.ledger import OTHER_GROUP, FailureGroup
from retouch.states import EditState
from retouch.wording import group_of


def check_group(group: int) -> int:
    """Return the number of a group; raises InputError unless it is one."""
    if not isinstance(group, int) or isinstance(group, bool) or not 1 <= group <= OTHER_GROUP:
        raise InputError(f"group must be a number from 1 to {OTHER_GROUP}, not {group!r:.40}")
    return group


def in_group(batch: str, groups: Sequence[FailureGroup], group: int) -> Callable[[Result], bool]:
    """Tell of results of a batch, whose groups these are, which are of one; raises InputError if it is none of them."""
    names = {f"{one.code} {one.words}": one.group for one in groups}
    if check_group(group) not in names.values():
        known = ", ".join(str(number) for number in sorted(names.values())) or "none, since no edit is failed"
        raise InputError(f"batch {batch} has no group {group} of failed edits; there is {known}")

    def is_of_it(result: Result) -> bool:
        return result.state is EditState.FAILED and names.get(group_of(result["error"]), OTHER_GROUP) == group

    return is_of_it
