"""Numbers with their nouns, as messages write them."""

from __future__ import annotations


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 edit``, ``2,000 edits``; ``plural`` where it is not made with an s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def are(number: int) -> str:
    """``is`` for one, ``are`` for another number."""
    return "is" if number == 1 else "are"


def were(number: int) -> str:
    """``was`` for one, ``were`` for another number."""
    return "was" if number == 1 else "were"
