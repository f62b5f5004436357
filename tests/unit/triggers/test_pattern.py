"""Which keys match a pattern, and what its names stand for."""

from __future__ import annotations

import time

import pytest

from retouch.errors import InputError
from retouch.triggers.pattern import KeyPattern


@pytest.mark.parametrize(
    ("pattern", "key", "found"),
    [
        (
            "incoming/{date}/{name}.{ext}",
            "incoming/2026-11-26/a.b ü+.png",
            {"date": "2026-11-26", "name": "a.b ü+", "ext": "png"},
        ),
        ("incoming/{date}/{name}.{ext}", "incoming/2026-11-26/x/a.png", None),
        ("incoming/{date}/{name}.{ext}", "incoming/a.png", None),
        ("incoming/{date}/{name}.{ext}", "incoming/2026-11-26/.png", None),
        ("incoming/{date}/{name}.{ext}", "incoming/2026-11-26/png.", None),
        ("incoming/{date}/{name}.{ext}", "old/incoming/2026-11-26/a.png", None),
        ("{name}", "a.png", {"name": "a.png"}),
        ("{name}.png", ".png", None),
        ("{name}.png", "a.png.png", {"name": "a.png"}),
        ("cat.png", "cat.png", {}),
        ("cat.png", "cat.jpg", None),
        ("in/{path*}/{name}.png", "in/a/b/c.png", {"path": "a/b", "name": "c"}),
        ("in/{path*}/{name}.png", "in/c.png", None),
        ("{path*}/{name}", "a/b", {"path": "a", "name": "b"}),
        ("{a}-{b}-{c}", "1-2-3-4", {"a": "1-2", "b": "3", "c": "4"}),
        ("{a}-{b}", "a--", {"a": "a", "b": "-"}),
        ("{a}-{b}", "-a", None),
        ("{a}--{b}", "x---y", {"a": "x-", "b": "y"}),
        ("v{a}.{b}x", "v1.2x", {"a": "1", "b": "2"}),
        ("v{a}v", "v", None),
    ],
)
def test_a_key_matches_or_not(pattern: str, key: str, found: dict[str, str] | None) -> None:
    """A name holds no slash and is never empty, with a star it is folders; a text that comes twice counts last."""
    assert KeyPattern(pattern).match(key) == found


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("", "is no pattern"),
        ("/a/{b}", "is no pattern"),
        ("a//{b}", "is no pattern"),
        ("a/{b}/", "is no pattern"),
        ("{a}{b}", "two names side by side"),
        ("{a", "a single {"),
        ("{A}", "the name {A}; a name has small letters"),
        ("{}", "the name {}"),
        ("{a}/{a}", "the name {a} twice"),
        ("{a*}/{a}", "the name {a} twice"),
        ("{a*}/x/{b*}", "two names with a *"),
        ("x{a*}/y", "stands alone between two slashes"),
    ],
)
def test_a_pattern_that_cannot_be_is_refused(pattern: str, said: str) -> None:
    """With what is wrong in it."""
    with pytest.raises(InputError) as caught:
        KeyPattern(pattern)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "prefix", "may"),
    [
        ("incoming/{name}", "edits/", False),
        ("incoming/{name}", "", True),
        ("incoming/{name}", "incoming/", True),
        ("incoming/{name}", "incoming/x/", True),
        ("incoming/{name}", "inc", True),
        ("incoming/{name}", "income/", False),
        ("{name}", "edits/", True),
    ],
)
def test_what_lies_below_a_prefix_may_match(pattern: str, prefix: str, may: bool) -> None:
    """Unless the two begin differently."""
    assert KeyPattern(pattern).may_match_below(prefix) is may


def test_no_key_takes_long() -> None:
    """Whoever may write to the bucket chooses it: a thousand signs that nearly match take no time."""
    began = time.process_time()
    assert KeyPattern("{a}-{b}-{c}-{d}-{e}-{f}.png").match("-" * 1000) is None
    assert time.process_time() - began < 1
