"""CLIP tokens, as Stable Diffusion 1.5 makes them: 77 places, of which the start and end marks use two.

By hand, from CLIP's own vocabulary: the one small library for it has no wheels for Python 3.13 and Linux on Arm, and
the large one brings a client of a model hub with it. It is the published algorithm (byte pair encoding, Sennrich et
al., https://arxiv.org/abs/1508.07909), and the tests compare it with the small library.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib import resources
from itertools import groupby, pairwise
from unicodedata import normalize

MAX_TOKENS = 75
MAX_CHARACTERS = 4096  # more than 75 tokens hold; a longer text is not to be counted: time grows with the square

# What CLIP looks words up in: runs of letters, single digits, and runs of the rest. Python takes four control
# characters for blanks that Unicode does not.
_PIECES = re.compile(r"'(?:s|t|re|ve|m|ll|d)|[^\W\d_]+|\d|(?:[_\x1c-\x1f]|[^\s\w])+", re.IGNORECASE)
_WORD_END = "</w>"
_MARKS = {"<|startoftext|>": 49_406, "<|endoftext|>": 49_407}  # a prompt that has them has the marks themselves
_MARK = re.compile("(" + "|".join(map(re.escape, _MARKS)) + ")")


def fits(text: str) -> bool:
    """Tell whether ``text`` has at most 75 tokens; short ASCII texts need no count, as no token is empty."""
    return (len(text) <= MAX_TOKENS and text.isascii()) or count(text) <= MAX_TOKENS


def count(text: str) -> int:
    """Count the CLIP tokens of ``text``, without the start and end marks (some 15 us)."""
    return sum(1 for _ in _tokens(text))


def ids(text: str) -> list[int]:
    """Return the numbers of the tokens of ``text`` in CLIP's vocabulary, without the start and end marks."""
    known = _ids()
    return [known[symbol] for symbol in _tokens(text)]


def _tokens(text: str) -> Iterator[str]:
    for part in _MARK.split(text):
        if part in _MARKS:
            yield part
        else:
            for piece in _pieces(_folded(part)):
                yield from _symbols_of(piece)


def _folded(text: str) -> str:
    """Composed (macOS writes e and an accent for é), and each character in lower case by itself."""
    return normalize("NFC", text).replace("\N{GREEK CAPITAL LETTER SIGMA}", "\N{GREEK SMALL LETTER SIGMA}").lower()


def _pieces(text: str) -> Iterator[str]:
    for piece in _PIECES.findall(text):
        if piece.isascii() or piece.isalpha() or not piece[0].isalnum():
            yield piece
        else:  # numbers that are no digits (½, Ⅷ) stand among the letters, and each is a piece
            for are_letters, run in groupby(piece, str.isalpha):
                one = "".join(run)
                yield from [one] if are_letters else one


@lru_cache(maxsize=16_384)  # words come again and again
def _symbols_of(piece: str) -> tuple[str, ...]:
    symbols, ranks = [_symbols()[byte] for byte in piece.encode("utf-8", "surrogatepass")], _ranks()
    symbols[-1] += _WORD_END
    while len(symbols) > 1:
        pairs = [f"{left} {right}" for left, right in pairwise(symbols)]
        first = min(pairs, key=lambda pair: ranks.get(pair, len(ranks)))
        if first not in ranks:
            break
        symbols = _merged(symbols, first)
    return tuple(symbols)


def _merged(symbols: list[str], pair: str) -> list[str]:
    """The symbols with each such pair made one, from the left."""
    merged: list[str] = []
    left, _, right = pair.partition(" ")
    for symbol in symbols:
        if symbol == right and merged and merged[-1] == left:
            merged[-1] = left + right
        else:
            merged.append(symbol)
    return merged


@cache
def _ranks() -> dict[str, int]:
    """Which pair is merged before which: 48,894 of them (30 ms and 8 MB, only where a prompt needs it)."""
    packed = (resources.files("retouch") / "clip" / "merges.txt.gz").read_bytes()
    return {pair: rank for rank, pair in enumerate(gzip.decompress(packed).decode().splitlines())}


@cache
def _symbols() -> list[str]:
    """The character that stands for each byte in the vocabulary: itself where it can be seen, else one from 256 on."""
    seen = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in seen else next(others)) for byte in range(0x100)]


@cache
def _ids() -> dict[str, int]:
    """The number of each symbol: the bytes, the same at the end of a word, and what pairs make, in that order."""
    bytes_seen_first = sorted(_symbols(), key=lambda symbol: (ord(symbol) >= 0x100, ord(symbol)))
    merged = [pair.replace(" ", "") for pair in _ranks()]
    symbols = [*bytes_seen_first, *(symbol + _WORD_END for symbol in bytes_seen_first), *merged]
    return {symbol: number for number, symbol in enumerate(symbols)} | _MARKS
