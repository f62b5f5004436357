"""Other text in the ledger's Lua, for planted bugs."""

from __future__ import annotations

from typing import Any

from retouch.ledger.scripts import Scripts


def rewrite(script: str, right: str, wrong: str) -> None:
    """Put ``wrong`` in the place of ``right`` in one move; raises AssertionError where it does not stand."""
    original = Scripts.__init__

    def init(self: Scripts, *args: Any) -> None:
        original(self, *args)
        text = self._texts[script]
        assert right in text, f"{script}.lua no longer holds {right!r}"
        self._texts[script] = text.replace(right, wrong)

    Scripts.__init__ = init  # type: ignore[method-assign, assignment]
