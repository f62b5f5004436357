"""The states of edits, and how many edits are in each."""

from __future__ import annotations

from typing import Literal

Ending = Literal["completed", "failed", "cancelled"]
State = Literal["queued", "submitting", "waiting", "copying", "held", "completed", "failed", "cancelled"]
Counts = dict[State, int]
