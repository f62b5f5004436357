"""From a message to claims on the loop."""

from __future__ import annotations

from collections.abc import Sequence

from retouch.ledger import Claim
from retouch.states import Step
from workers.runtime import Work, current

Message = Sequence[tuple[str, int]]  # (member, fence) pairs


def hand_over(step: Step, message: Message, work: Work) -> None:
    """Hand a message's claims to the process's loop."""
    current().accept([Claim(member, fence, step) for member, fence in message], work)
