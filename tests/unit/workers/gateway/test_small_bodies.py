"""Bodies that FastAPI reads whole for a handler: they are small, or are not read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from retouch.access_keys import Scope
from tests.unit.workers.gateway.conftest import Caller, Client, problem
from workers.gateway.body import SMALL

PATHS = ("/v1/uploads", "/openai/v1/batches")
JSON = {"Content-Type": "application/json"}


def refused(caller: Caller, path: str, body: bytes | Iterator[bytes], **headers: str) -> tuple[int, str]:
    """Post a body that is not taken; returns the status, and what is said of it in the shape of its face."""
    answer = caller.post(path, data=body, headers=JSON | headers)
    said = answer.json()["error"]["message"] if path.startswith("/openai/") else problem(answer)["detail"]
    return answer.status_code, said


@pytest.mark.parametrize("told", [True, False], ids=["told", "in chunks"])
@pytest.mark.parametrize("path", PATHS)
def test_a_large_one_is_not_held_in_memory(client: Client, path: str, told: bool) -> None:
    """Whoever has a key, of whatever scope, could fill the gateway's memory with one request."""
    large = b'{"sha256": "' + b"0" * SMALL
    body = large if told else iter([large])
    assert refused(client(Scope.READ), path, body) == (413, "the body is larger than 131,072 bytes")


@pytest.mark.parametrize("path", PATHS)
def test_one_that_is_no_json_is_told_so(client: Client, path: str) -> None:
    """With the place of the mistake, and not as if a field were wrong."""
    assert refused(client(), path, b'{"size": ,}') == (
        400,
        "the body is not JSON: Expecting value at position 10",
    )


@pytest.mark.parametrize("path", PATHS)
def test_a_compressed_one_is_refused(client: Client, path: str) -> None:
    """As it is where edits are sent."""
    status, said = refused(client(), path, b"\x1f\x8b", **{"Content-Encoding": "gzip"})
    assert status == 415
    assert "Content-Encoding gzip is not taken" in said
