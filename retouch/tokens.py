"""Counting CLIP tokens, as Stable Diffusion 1.5 does: 77 places, of which the start and end marks use two."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

try:
    from instant_clip_tokenizer import Tokenizer
except ImportError:  # no wheel for this Python or machine (3.13 and later, Linux on ARM): see count()
    Tokenizer = None

MAX_TOKENS = 75

# CLIP splits a text like this before it looks words up; each piece is at least one token.
_PIECES = re.compile(r"'(?:s|t|re|ve|m|ll|d)|[^\W\d_]+|\d|(?:_|[^\s\w])+", re.IGNORECASE)


@cache
def _tokenizer() -> Any:
    return Tokenizer()  # 50 ms: made once, and only where a prompt needs it


@lru_cache(maxsize=4096)
def count(text: str) -> int:
    """Count the CLIP tokens of ``text``, without the start and end marks (10 to 30 us).

    Where the tokenizer cannot be installed, this is a lower bound, a count of words: a prompt that is refused is surely
    too long, but one that is accepted may be too long as well. The cache helps because batches often repeat prompts.
    """
    if Tokenizer is None:
        return at_least(text)
    return len(_tokenizer().encode(text))


def at_least(text: str) -> int:
    """A lower bound of the tokens in ``text``: its words, digits and runs of punctuation."""
    return len(_PIECES.findall(text))


def fits(text: str) -> bool:
    """Tell whether ``text`` has at most 75 tokens; short ASCII texts need no count, as no token is empty."""
    return (len(text) <= MAX_TOKENS and text.isascii()) or count(text) <= MAX_TOKENS
