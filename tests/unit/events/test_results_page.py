"""What docs/results-and-events.md shows: a receiver that works, and records that are as the schemas say."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator

from retouch.events.sinks.webhook import headers
from tests.harness.waiting import LIMIT_S

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "results-and-events.md").read_text()
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def blocks(kind: str, word: str) -> list[str]:
    """The page's blocks of this kind that hold a word."""
    found = re.findall(rf"^```{kind}.*?\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return [block for block in found if word in block]


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where the page's receiver listens."""
    monkeypatch.setenv("RETOUCH_WEBHOOK_SECRET", SECRET)
    scope: dict[str, Any] = {"__name__": "receiver"}
    [example] = blocks("python", "Receiver")
    exec(compile(example, "results-and-events.md", "exec"), scope)
    scope["Receiver"].log_message = lambda *_: None
    with ThreadingHTTPServer(("127.0.0.1", 0), scope["Receiver"]) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_the_receiver_takes_an_event_once(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A repeat is answered as the first delivery was, and handled no second time."""
    [shown] = blocks("json", "specversion")
    event = json.loads(shown)
    body = json.dumps(event).encode()
    for _ in range(2):
        signed = headers(SECRET, event["id"], int(time.time()), body)
        assert requests.post(url, data=body, headers=signed, timeout=LIMIT_S).status_code == 204
    assert capsys.readouterr().out == f"{event['type']} {event['subject']}\n"


@pytest.mark.parametrize("wrong", ["body", "id", "old", "signature"])
def test_the_receiver_refuses_what_is_not_signed(url: str, wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Another body, another id, a delivery of ten minutes ago, no signature of ours: 401, and nothing is handled."""
    body, sent_at = b'{"id": "e1"}', int(time.time()) - 600 * (wrong == "old")
    signed = headers(SECRET, "e1", sent_at, body)
    signed |= {"id": {"webhook-id": "e2"}, "signature": {"webhook-signature": "v1,AAAA"}}.get(wrong, {})
    sent = b'{"id": "e2"}' if wrong == "body" else body
    assert requests.post(url, data=sent, headers=signed, timeout=LIMIT_S).status_code == 401
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("schema", "word"), [("result", '"custom_id"'), ("event", '"specversion"')])
def test_what_is_shown_is_as_its_schema_says(schema: str, word: str) -> None:
    """No key is missing, and none has a value of another type."""
    validator = Draft202012Validator(json.loads((DOCS / "schemas" / f"{schema}.json").read_text()))
    shown = blocks("json", word)
    assert len(shown) == 1
    validator.validate(json.loads(shown[0]))


def test_every_schema_and_every_type_of_event_is_on_the_page() -> None:
    """Whoever looks for one finds it."""
    schema = (DOCS / "schemas/event.json").read_text()
    types = set(re.findall(r'"(retouch\.[a-z.]+)"', schema))
    assert len(types) == 6
    assert [name for name in types if f"`{name}`" not in PAGE] == []
    assert [file.name for file in (DOCS / "schemas").iterdir() if f"(schemas/{file.name})" not in PAGE] == []
