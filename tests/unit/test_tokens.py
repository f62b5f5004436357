"""Prompts are counted in the tokens that the model sees."""

from __future__ import annotations

import random
from unicodedata import normalize

import pytest

from retouch import tokens

ODD = """
a photo of the astronaut riding a horse, highly detailed 8k (masterpiece:1.2) don't it's I'LL we're
[cat|dog] <lora:x:0.8> &amp; _under_score_ 1234 --- !!! ... naïve Größe straße İstanbul ıı ſ ﬁ ǅ e\u0301
東京 一二三 привет кот γάτα חתול قطة แมว 고양이 ½ ² Ⅷ ٣ ९ 😀 👨‍👩‍👧 ಠ_ಠ ’s “quoted” \u200b \x00 \u00ad
"""  # noqa: RUF001 - such letters are what it is about
WORDS = [*ODD.split(), "\x1d", "\t", "\n", "\u00a0", "\u3000", "\x85", ""]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("A person riding a motorcycle", 5),
        ("a photograph of an astronaut riding a horse", 8),
        ("½ cup", 2),
        ("\x1da", 2),
        ("\ud800", 3),
    ],
)
def test_counts_are_those_of_clip(text: str, expected: int) -> None:
    """The reference tokenizer's own figures; half of a surrogate pair, which no model takes, is no error here."""
    assert tokens.count(text) == expected


def odd_prompts() -> list[str]:
    """Ten thousand: of words, words run together, characters of many scripts, and of few."""
    draw = random.Random(1)
    ranges = [(0x20, 0x7E), (0, 0x24F), (0x370, 0x2FFF), (0x3000, 0x9FFF), (0x1F300, 0x1F64F), (0x20000, 0x2A6D0)]

    def prompt() -> str:
        kind = draw.randrange(4)
        if kind == 0:
            return " ".join(draw.choices(WORDS, k=draw.randint(1, 40)))
        if kind == 1:
            return "".join(draw.choices(WORDS, k=draw.randint(1, 20)))
        some = ranges[:-1] if kind == 2 else ranges
        return "".join(chr(draw.randint(*draw.choice(some))) for _ in range(draw.randint(1, 60)))

    return [prompt() for _ in range(10_000)]


def test_ten_thousand_odd_prompts_have_the_counts_of_another_tokenizer() -> None:
    """Where that can be installed."""
    other = pytest.importorskip("instant_clip_tokenizer").Tokenizer()  # it does not compose, and knows the final sigma
    prompts = [normalize("NFC", text).replace("Σ", "\N{GREEK SMALL LETTER SIGMA}") for text in odd_prompts()]
    assert [text for text in prompts if tokens.ids(text) != other.encode(text)] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cafe\u0301", [15304]),
        ("A\u0308rger u\u0308ber O\u0308l", [10896, 81, 1502, 6522, 1516, 7255, 331]),
        ("\u1112\u1161\u11ab\u1100\u116e\u11a8\u110b\u1165", [15197, 250, 31871, 255, 31625, 368]),
        ("e\u0301\u0323", [157, 118, 373, 136, 479]),
        ("ΣΑΣ", [139, 225, 138, 109, 139, 481]),  # a sigma is small where a word ends, but not to CLIP
        ("a <|endoftext|> b", [320, 49407, 321]),
        ("<|startoftext|>x", [49406, 343]),
        ("<|EndOfText|>", [27, 347, 40786, 4160, 91, 285]),
    ],
)
def test_prompts_are_composed_and_folded_as_clip_does(text: str, expected: list[int]) -> None:
    """What transformers' CLIPTokenizer makes of them; macOS writes accents apart."""
    assert tokens.ids(text) == expected
    assert tokens.count(text) == len(expected)


def test_the_numbers_of_the_tokens_are_those_of_clip() -> None:
    """The last of the vocabulary that a text can have is 49,405; 49,406 and 49,407 are the marks."""
    assert tokens.ids("a photo of a cat") == [320, 1125, 539, 320, 2368]
    assert tokens.ids("!") == [256]
    assert tokens.ids("") == []


def test_a_prompt_of_more_than_75_tokens_does_not_fit() -> None:
    """Also one of few words."""
    assert tokens.fits("word " * 75)
    assert not tokens.fits("word " * 76)
    assert not tokens.fits("antidisestablishmentarianism " * 20)
