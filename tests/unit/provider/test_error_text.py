"""The words of an error reply."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.provider.error_text import words
from retouch.wording import alike

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["error", "detail", "msg", "loc", "x"]), inner),
)


@given(JSON)
def test_any_error_body_gives_words(reply: Any) -> None:
    """Whatever JSON an error brings, words come of it and never an exception."""
    assert isinstance(words(reply), str)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("no model 'sd1.5'", "No  model 'sdxl'"),
        ('image "https://a/b.png" is too large', 'image "c.jpg" is too large'),
        ("job 4711 was refused", "job 12 was refused"),
        (
            "edit 123e4567-e89b-12d3-a456-426614174000 is blocked",
            "edit 00000000-0000-4000-8000-000000000000 is blocked",
        ),
        ("cannot load https://x.test/a?b=c now", "cannot load https://y.test/ now"),
        ("`a` of `b`", "`c` of `d`"),
        ("request id req_8f2a1 failed", "request id req_77b3 failed"),
        ("https://a.test/1 answers 404", "https://b.test/2 answers 404"),
    ],
)
def test_refusals_for_one_reason_read_alike(one: str, other: str) -> None:
    """Without what differs from edit to edit: quoted text, links, ids and numbers."""
    assert alike(one) == alike(other)


def test_refusals_for_two_reasons_do_not() -> None:
    """The words stay, and what is kept is short."""
    assert alike("no such model") != alike("no such sampler")
    for one in ("https://a.test/1 answers {}", "HTTP {}: no", "it answered with {}", "status code {}"):
        assert alike(one.format(404)) != alike(one.format(403))
    assert len(alike("word " * 1000)) <= 200


@given(st.text(), st.integers(0, 10**12))
def test_a_number_more_or_less_makes_no_difference(text: str, number: int) -> None:
    """Whatever else a message has."""
    assert alike(f"{text} {number} left") == alike(f"{text} {number + 1} left")
