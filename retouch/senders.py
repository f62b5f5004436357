"""Who sends edits: what a batch keeps of its producers, so that people know whom to ask."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Iterable, Sequence
from functools import cache

from retouch.errors import InputError
from retouch.plural import count

LONGEST = 64  # characters
KEY = "key:"  # before the name of a gateway's key, which nobody else may have
RECIPE = "recipe:"  # before that of a recipe, whose edits no person sends
_PARTS = re.compile("[:@]")


def check_sender(text: str, what: str = "RETOUCH_SENDER") -> str:
    """Return a name that a producer gives itself, or none; raises an InputError that begins with ``what``."""
    if len(text) > LONGEST or not text.isprintable() or text != text.strip():
        raise InputError(f"{what} must be at most {LONGEST} printable characters, such as nightly-catalogue")
    if text.startswith(KEY):
        raise InputError(f"{what} may not begin with {KEY}: so the senders are named who have a key of a gateway")
    return text


def shown(text: str) -> str:
    """A name as it can be kept, whatever it is."""
    return "".join(letter if letter.isprintable() else "?" for letter in text.strip())[:LONGEST]


@cache
def this_user() -> str:
    """``user@host``, as far as the system knows them."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        user = str(os.getuid())
    return shown(f"{user.replace(':', '?')}@{socket.gethostname()}")


def is_of(senders: Iterable[str], by: str) -> bool:
    """Whether one of them is meant: by its whole name, or a part of it (a key's name, a user, a host)."""
    wanted = by.casefold()
    return any(wanted in (one.casefold(), *_PARTS.split(one.casefold())) for one in senders)


def senders_text(senders: Sequence[str]) -> str:
    """The first one, and how many others."""
    first, *others = senders
    return f"{first} and {count(len(others), 'other')}" if others else first
