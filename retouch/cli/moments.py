"""Times as people write them: how long ago, a time of the day, or all of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

from retouch.errors import InputError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_AGO = re.compile(r"(?P<number>\d{1,9})(?P<unit>[smhd])")
_CLOCK = re.compile(r"\d{1,2}:\d\d")
BEGIN = datetime.fromtimestamp(0, UTC)


def moment(text: str, option: str = "--since", now: datetime | None = None) -> datetime:
    """A time that is over: ``2h``; ``18:00``, the last time that it was so late here; or ``2026-11-26T22:00:00Z``.

    Raises InputError, which names the ``option``.
    """
    now = now or datetime.now().astimezone()
    if match := _AGO.fullmatch(text):
        try:
            return now - timedelta(**{_UNITS[match["unit"]]: int(match["number"])})
        except OverflowError:
            return BEGIN
    try:
        found = _last(text, now) if _CLOCK.fullmatch(text) else datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{option} {text[:80]!r} is no time; write how long ago (90s, 30m, 2h, 3d), a time of the day (18:00), or"
            " such as 2026-11-26T22:00:00Z"
        ) from None
    if found.tzinfo is None:
        raise InputError(f"{option} {text}: in which time zone? Write a Z behind it for UTC, or such as +01:00")
    if found > now:
        raise InputError(f"{option} {text} is still to come")
    return max(found, BEGIN)


def _last(text: str, now: datetime) -> datetime:
    hours, _, minutes = text.partition(":")
    today = datetime.combine(now.date(), time(int(hours), int(minutes)), now.tzinfo)
    return today if today <= now else today - timedelta(days=1)
