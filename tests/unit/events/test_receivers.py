"""The receivers of docs/sinks.md: each takes what we sign, and refuses what we do not."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from retouch.events.sinks.webhook import headers

PAGE = (Path(__file__).parents[3] / "docs" / "sinks.md").read_text()
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
EVENT = {"id": "evt-1", "type": "retouch.batch.completed", "subject": "cards", "data": {"batch": "cards"}}
BODY = json.dumps(EVENT).encode()
TOLD = "retouch.batch.completed cards\n"

Post = Callable[[bytes, dict[str, str]], int]  # a body and its headers → the status


def example(name: str) -> dict[str, Any]:
    """What the page's file defines."""
    [text] = re.findall(rf"^```python {name}_receiver.py\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    scope: dict[str, Any] = {"__name__": name}
    exec(compile(text, f"{name}_receiver.py", "exec"), scope)
    return scope


def flask() -> Post:
    client = example("flask")["app"].test_client()
    return lambda body, signed: int(client.post("/retouch", data=body, headers=signed).status_code)


def fastapi() -> Post:
    app = example("fastapi")["app"]

    async def post(body: bytes, signed: dict[str, str]) -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://receiver.test") as client:
            return (await client.post("/retouch", content=body, headers=signed)).status_code

    return lambda body, signed: asyncio.run(post(body, signed))


def function(encoded: bool) -> Post:
    """A function behind a URL, which gets the body as a text, or in base64."""
    webhook = example("lambda")["webhook"]

    def post(body: bytes, signed: dict[str, str]) -> int:
        text = base64.b64encode(body).decode() if encoded else body.decode()
        request = {"headers": signed, "body": text, "isBase64Encoded": encoded}
        return int(webhook(request, None)["statusCode"])

    return post


RECEIVERS = {
    "flask": flask,
    "fastapi": fastapi,
    "lambda": lambda: function(encoded=False),
    "lambda, base64": lambda: function(encoded=True),
}


@pytest.fixture(params=list(RECEIVERS.values()), ids=list(RECEIVERS))
def post(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Post:
    """One of them, with our secret."""
    monkeypatch.setenv("RETOUCH_WEBHOOK_SECRET", SECRET)
    made: Post = request.param()
    return made


def test_what_we_sign_is_taken(post: Post, capsys: pytest.CaptureFixture[str]) -> None:
    """And handled."""
    assert post(BODY, headers(SECRET, "evt-1", int(time.time()), BODY)) == 204
    assert capsys.readouterr().out == TOLD


def test_what_we_have_not_signed_is_refused(post: Post, capsys: pytest.CaptureFixture[str]) -> None:
    """Another body, no signature, or one of long ago; nothing is handled."""
    now_s = int(time.time())
    assert post(b'{"id": "evt-2"}', headers(SECRET, "evt-1", now_s, BODY)) == 401
    assert post(BODY, headers(None, "evt-1", now_s, BODY)) == 401
    assert post(BODY, headers(SECRET, "evt-1", now_s - 600, BODY)) == 401
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("made", [flask, fastapi])
def test_a_repeat_is_handled_once(
    made: Callable[[], Post], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And answered as before."""
    monkeypatch.setenv("RETOUCH_WEBHOOK_SECRET", SECRET)
    post = made()
    assert [post(BODY, headers(SECRET, "evt-1", int(time.time()), BODY)) for _ in range(2)] == [204, 204]
    assert capsys.readouterr().out == TOLD


def test_a_function_takes_a_queue_s_messages(capsys: pytest.CaptureFixture[str]) -> None:
    """One that it cannot read comes again alone."""
    records = [{"messageId": "a", "body": BODY.decode()}, {"messageId": "b", "body": "no JSON"}]
    assert example("lambda")["queue"]({"Records": records}, None) == {"batchItemFailures": [{"itemIdentifier": "b"}]}
    assert capsys.readouterr().out == TOLD
