"""Other text in the ledger's Lua, for planted bugs."""

from __future__ import annotations

from retouch.ledger import scripts
from retouch.ledger.keys import DEFAULT_NAMESPACE


def rewrite(script: str, right: str, wrong: str) -> None:
    """Put ``wrong`` in the place of ``right`` in one move; raises AssertionError where it does not stand."""
    original = scripts.text
    assert right in original(script, DEFAULT_NAMESPACE), f"{script}.lua no longer holds {right!r}"

    def text(name: str, namespace: str) -> str:
        found = original(name, namespace)
        return found.replace(right, wrong) if name == script else found

    scripts.text = text  # type: ignore[assignment]
