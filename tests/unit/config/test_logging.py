"""Logs: one event a line, and no secret in any of them, whoever logs it and however deep it lies."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from config.logging import Redactor, configure, drain

KEY = 'planted/"key"-0123'
PART = "key"  # of every spelling of it
PLANTED = (KEY, "whsec_planted")


@pytest.fixture(autouse=True)
def _leave_logging_as_it_was() -> Iterator[None]:
    """What was configured before a test comes back after it."""
    root = logging.getLogger()
    handlers, level, before, stderr = root.handlers[:], root.level, structlog.get_config(), sys.stderr
    yield
    sys.stderr = stderr
    structlog.configure(**before)
    root.handlers[:], root.level = handlers, level


def logged(capfd: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """The events that were written."""
    drain()
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


def redacted(value: object) -> str:
    """What becomes of a value in an event."""
    return str(Redactor(PLANTED)(None, "info", {"event": "x", "value": value}))


def test_our_own_events_are_one_line_of_json(capfd: pytest.CaptureFixture[str]) -> None:
    """An event carries its name, level, time and fields."""
    configure(PLANTED)
    structlog.get_logger().info("edit.completed", images=2, reason="a\nb")
    [event] = logged(capfd)
    assert (event["event"], event["level"], event["images"], event["reason"]) == ("edit.completed", "info", 2, "a\nb")
    assert str(event["timestamp"]).endswith("Z")


def test_other_libraries_records_take_the_same_form(capfd: pytest.CaptureFixture[str]) -> None:
    """What Celery and redis-py log is JSON as well, with its arguments in place and no secret."""
    configure(PLANTED)
    logging.getLogger("celery.worker").warning("cannot connect to %s with %s", "redis://:pw@host:6379/0", KEY)
    [event] = logged(capfd)
    assert event["level"] == "warning"
    assert event["event"] == "cannot connect to redis://host:6379/0 with ***"


def test_a_traceback_holds_no_secret(capfd: pytest.CaptureFixture[str]) -> None:
    """An exception's text, its cause's and its lines are cleaned, in our own log and in others'."""
    configure(PLANTED)
    try:
        os.environ[f"https://host/a.png?X-Amz-Signature=ab {KEY}"]
    except KeyError:
        structlog.get_logger().exception("poll.crashed")
        logging.getLogger("asyncio").exception("Task exception was never retrieved %s", KEY)
    drain()
    text = capfd.readouterr().err
    assert text.count("KeyError") >= 2
    assert len(text.splitlines()) == 2
    assert KEY not in text
    assert "Signature" not in text


class Odd:
    """Something that JSON has no type for."""

    def __repr__(self) -> str:
        return f"Odd({KEY})"


@pytest.mark.parametrize(
    "value",
    [
        KEY,
        {"a": [KEY, (KEY,)]},
        ValueError(KEY),
        {KEY: 1},
        {("a", KEY): 1},
        MappingProxyType({"a": KEY}),
        {KEY},
        frozenset({KEY}),
        KEY.encode(),
        bytearray(KEY.encode()),
        [memoryview(KEY.encode())],
        b"\xff" + KEY.encode(),
        Odd(),
        [Path("/tmp") / KEY],
        {"a": {Odd(): Odd()}},
        quote(KEY, safe=""),
        json.dumps(KEY),
    ],
)
def test_a_secret_is_found_at_any_depth(value: object) -> None:
    """Texts, names, bytes, sets, exceptions and what only has a ``repr`` are cleaned, in any spelling."""
    assert PART not in redacted(value)


@pytest.mark.parametrize("value", [None, True, 7, 1.5, "plain", [1, "a"], {"a": None}])
def test_what_holds_no_secret_keeps_its_type(value: object) -> None:
    """Numbers stay numbers, so that logs can be counted by them."""
    assert Redactor(PLANTED)(None, "info", {"event": "x", "value": value})["value"] == value


def test_a_secret_in_a_name_goes_as_well(capfd: pytest.CaptureFixture[str]) -> None:
    """Neither as the name of a field nor inside a set of bytes does it reach the line."""
    configure(PLANTED)
    structlog.get_logger().info("x", **{KEY: {KEY.encode()}})
    drain()
    assert PART not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("GET https://h/a.png?token=x failed", "GET https://h/a.png failed"),
        ("redis://user:pw@host:6379/0", "redis://host:6379/0"),
        ("redis://:p@ss@host:6379/0", "redis://host:6379/0"),
        ("amqp://a:b@h and amqp://c:d@i", "amqp://h and amqp://i"),
        ("(https://h/?a=b), then https://i/?c=d", "(https://h/ then https://i/"),
        ("nothing? to hide", "nothing? to hide"),
        ("HTTPS://h/a?token=x", "HTTPS://h/a"),
        ("https://h/a#token=x", "https://h/a"),
    ],
)
def test_what_makes_a_link_work_is_taken_out(text: str, clean: str) -> None:
    """Queries, fragments and users of URLs go, the rest of the text stays."""
    assert Redactor(PLANTED).clean_text(text) == clean


@given(before=st.text(), after=st.text())
def test_no_text_around_a_secret_saves_it(before: str, after: str) -> None:
    """Whatever stands beside it, the secret goes."""
    assert KEY not in Redactor(PLANTED).clean_text(before + KEY + after)
