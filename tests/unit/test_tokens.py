"""Prompts are counted in the tokens that the model sees."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch import tokens

needs_tokenizer = pytest.mark.skipif(
    find_spec("instant_clip_tokenizer") is None, reason="no wheel of the tokenizer for this Python"
)


@needs_tokenizer
@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 0), ("A person riding a motorcycle", 5), ("a photograph of an astronaut riding a horse", 8)],
)
def test_counts_are_those_of_clip(text: str, expected: int) -> None:
    """The reference tokenizer's own figures."""
    assert tokens.count(text) == expected


@needs_tokenizer
@given(st.text(alphabet=st.characters(max_codepoint=0x17F), max_size=400))
def test_the_lower_bound_is_one(text: str) -> None:
    """Where the tokenizer is missing, no prompt is refused that it would let through."""
    assert tokens.at_least(text) <= tokens.count(text)


def test_without_the_tokenizer_only_the_sure_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """76 words are too many on any machine."""
    monkeypatch.setattr(tokens, "Tokenizer", None)
    tokens.count.cache_clear()
    assert tokens.fits("word " * 75)
    assert not tokens.fits("word " * 76)
    tokens.count.cache_clear()
