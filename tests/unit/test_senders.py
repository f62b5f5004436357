"""The names of those who send edits."""

from __future__ import annotations

import getpass
import socket

import pytest

from retouch import EditQueue, InputError
from retouch.ledger import Ledger
from retouch.senders import LONGEST, check_sender, is_of, senders_text, shown, this_user
from tests.unit.producing import edit


@pytest.mark.parametrize("text", ["", "nightly", "a b", "ü" * LONGEST, "recipe:cats"])
def test_a_name_may_be_of_any_letters(text: str) -> None:
    """As long as it fits on a line."""
    assert check_sender(text) == text


@pytest.mark.parametrize("text", ["a" * (LONGEST + 1), "a\nb", "\x1b[31m", " a", "key:nightly"])
def test_a_name_that_cannot_be_shown_or_is_a_keys_is_refused(text: str) -> None:
    """By the name of the variable, or of the argument."""
    with pytest.raises(InputError, match=r"^RETOUCH_SENDER m"):
        check_sender(text)
    with pytest.raises(InputError, match=r"^sender m"):
        EditQueue.from_url("redis://localhost", sender=text)


def test_whatever_a_system_calls_its_users_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the user has no name, and where it would pass for a key."""
    names = iter(["key:x", "a\x1bb"])
    monkeypatch.setattr(getpass, "getuser", lambda: next(names))
    monkeypatch.setattr(socket, "gethostname", lambda: "h" * 80)
    for wanted in ("key?x@hh", "a?b@hh"):
        this_user.cache_clear()
        assert this_user().startswith(wanted)
        assert len(check_sender(this_user())) == LONGEST

    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    this_user.cache_clear()
    assert this_user().partition("@")[0].isdecimal()
    this_user.cache_clear()
    assert shown("recipe:\n") == "recipe:"


@pytest.mark.parametrize("by", ["key:nightly", "nightly", "NIGHTLY", "ann", "build7", "ann@build7"])
def test_a_sender_is_meant_by_a_part_of_the_name(by: str) -> None:
    """Whole parts alone: the batches of nightly-2 are not those of nightly."""
    assert is_of(["key:nightly", "ann@build7"], by)
    assert not is_of(["key:nightly-2", "anna@build70"], by)


def test_senders_are_said_in_few_words() -> None:
    """The first, and how many others."""
    assert [senders_text("abc"[:n]) for n in (1, 2, 3)] == ["a", "a and 1 other", "a and 2 others"]


def test_a_sender_is_said_in_a_call_by_a_queue_or_by_the_system(ledger: Ledger) -> None:
    """In this order."""
    named = EditQueue(ledger, sender="nightly")
    named.enqueue([edit("a")], batch="b", sender="tuesday")
    named.enqueue([edit("b")], batch="b")
    EditQueue(ledger).enqueue([edit("c")], batch="b")
    assert named.status("b").senders == ("tuesday", "nightly", this_user())
    with pytest.raises(InputError, match="sender may not begin with key:"):
        named.enqueue([edit("d")], batch="b", sender="key:nightly")
