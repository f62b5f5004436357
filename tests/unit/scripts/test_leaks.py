"""The search for secrets in the logs of a test run: it finds what is planted, and does not tell it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.leaks import leaks
from workers.stack.child import keep_secret
from workers.stack.endpoint import Endpoint
from workers.stack.s3 import S3
from workers.stack.valkey import Valkey


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder outside of the run's own, which is searched at its end."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def test_every_server_keeps_its_secret_where_it_is_looked_for(folder: Path) -> None:
    """The secrets of Valkey, S3 and the endpoint, written to a log each, are all found, by line and not quoted."""
    endpoint, s3 = Endpoint(folder / "endpoint"), S3(folder / "s3")
    Valkey(folder / "valkey")
    secret = s3._keep_credentials()[1]
    password = (folder / "valkey" / "password").read_text()
    for name, planted in {"w1": endpoint.api_key, "w2": secret, "w3": password}.items():
        (folder / f"{name}.log").write_text(f"all is well\n{{'key': '{planted}'}}\n")
    assert leaks(folder) == ["w1.log:2", "w2.log:2", "w3.log:2"]


@pytest.mark.parametrize(
    "line", ["whsec_" + "A" * 32, "GET /a.png?X-Amz-Signature=0123abcd", "http://h/results/1/0.png?token=0123abcd"]
)
def test_what_makes_a_link_or_a_webhook_work_is_found(folder: Path, line: str) -> None:
    """Signatures and tokens are secrets whoever made them up."""
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "w.log").write_text(line)
    assert leaks(folder) == ["deep/er/w.log:1"]


def test_clean_logs_are_clean(folder: Path) -> None:
    """The words around secrets are none, and only logs are searched."""
    keep_secret(folder / "api-key")
    (folder / "w.log").write_text(json.dumps({"reason": "the webhook secret is not 'whsec_' and base64: api-key"}))
    assert leaks(folder) == []
