"""OpenAI's own client, unchanged, before a gateway with a real S3."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import openai
import pytest

from config.gateway import GatewaySettings
from retouch.access_keys import AccessKeys, Scope
from retouch.ledger import Ledger
from retouch.queue import EditQueue
from tests.harness.waiting import LIMIT_S
from tests.unit.workers.gateway.conformance import check
from tests.unit.workers.gateway.conftest import EVERYTHING, Caller
from workers.stack.s3 import S3

Ai = Callable[..., openai.OpenAI]


@pytest.fixture
def settings(s3: S3, s3_prefix: str, monkeypatch: pytest.MonkeyPatch) -> GatewaySettings:
    """Those of a gateway with a real S3, and small bounds."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return GatewaySettings(bucket=s3.bucket, prefix=s3_prefix, gateway_max_body=1)


@pytest.fixture
def queue(ledger: Ledger) -> EditQueue:
    """What has come of it."""
    return EditQueue(ledger)


@pytest.fixture
def ai(anyone: Caller, keys: AccessKeys) -> Iterator[Ai]:
    """Make clients, each with a key of its own: ``ai(Scope.READ, name="reader")``; each answer is as described."""
    with ExitStack() as open_clients:

        def seen(response: Any) -> None:
            response.read()
            check(response, streamed=False)

        def make(*scopes: Scope, token: str = "", name: str = "caller", **limits: Any) -> openai.OpenAI:
            token = token or keys.create(name, scopes or EVERYTHING, rate="100000/m", **limits)
            http = openai.DefaultHttpxClient(event_hooks={"response": [seen]}, trust_env=False)
            url = f"{anyone.url}/openai/v1"
            client = openai.OpenAI(api_key=token, base_url=url, http_client=http, timeout=LIMIT_S)
            return open_clients.enter_context(client)

        yield make


def line(custom_id: str, **body: Any) -> dict[str, Any]:
    """A line of a batch's file."""
    body = {"prompt": "a cat", "image": "https://example.com/cat.png"} | body
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/images/edits", "body": body}


def upload(client: openai.OpenAI, *lines: Any) -> str:
    """Upload a batch's file; returns its id."""
    text = "".join(json.dumps(one) + "\n" for one in lines).encode()
    return client.files.create(file=("cats.jsonl", text), purpose="batch").id


def create(client: openai.OpenAI, file: str, **more: Any) -> Any:
    """Make a batch of a file."""
    return client.batches.create(input_file_id=file, endpoint="/v1/images/edits", completion_window="24h", **more)
