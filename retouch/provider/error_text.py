"""The text of an error reply, from the fields that APIs and gateways use for it."""

from __future__ import annotations

import json
import re
from typing import Any

from retouch.wording import alike

_WORD_FIELDS = ("error", "message", "detail", "failure_reason_code")

_PATH = re.compile(r"/\S*")

# An open tag is read only to the next "<", so that the time is proportional to the page's length.
_TAGS = re.compile(r"<(script|style)\b.*?(?:</\1>|\Z)|<[^<>]*>", re.DOTALL | re.IGNORECASE)

_TITLE = re.compile(r"<title[^<>]*>([^<]+)<", re.IGNORECASE)


def words(reply: Any, depth: int = 5) -> str:
    """Return the text of an error reply, from the fields that APIs use for it; empty if there is none."""
    if isinstance(reply, str):
        return reply
    if isinstance(reply, list) and depth:
        return "; ".join(filter(None, (words(part, depth - 1) for part in reply[:10])))
    if not isinstance(reply, dict) or not depth:
        return ""
    if isinstance(reply.get("msg"), str):  # FastAPI: {"loc": ["body", "strength"], "msg": …, "type": …}
        place = reply.get("loc")
        named = ".".join(str(part) for part in place) if isinstance(place, list) else ""
        return f"{named}: {reply['msg']}" if named else str(reply["msg"])
    return next(filter(None, (words(reply.get(name), depth - 1) for name in _WORD_FIELDS)), "")


def compact(reply: Any) -> str:
    """Show an error reply of an unknown shape as JSON; that is better than only a status."""
    return json.dumps(reply, ensure_ascii=False) if isinstance(reply, dict) and reply else ""


def plain(text: str) -> str:
    """Shorten an HTML page to its title, or to its text; other text is not changed."""
    if "<" not in text:
        return text
    title = _TITLE.search(text)
    return title[1] if title else _TAGS.sub(" ", text)[:200]


def says_the_same(text: str, other: str) -> bool:
    """Tell whether two messages are alike but for the paths that they name."""
    return alike(_PATH.sub("…", text)) == alike(_PATH.sub("…", other))
