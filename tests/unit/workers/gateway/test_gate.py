"""The gate of the gateway: who gets in, how often, and what the log says of it."""

from __future__ import annotations

from typing import Any

import pytest
import structlog

from retouch.access_keys import AccessKeys, Scope, new_token
from retouch.errors import LedgerAwayError
from retouch.ledger import Ledger
from tests.harness.waiting import until
from tests.unit.workers.gateway.conftest import Caller, Client, problem


@pytest.fixture
def logged() -> Any:
    """The events that are logged."""
    with structlog.testing.capture_logs() as events:
        yield events


@pytest.mark.parametrize("path", ["/openapi.json", "/page/live", "/page/links", "/docs", "/v1/batches", "/nothing"])
def test_no_path_is_open_without_a_key(anyone: Caller, path: str) -> None:
    """Whether there is anything or not."""
    answer = anyone.get(path)
    assert problem(answer)["type"].endswith(":no-key")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="retouch"'
    assert "retouch keys create" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_its_health_is_open(anyone: Caller, path: str, logged: Any) -> None:
    """Whoever asks every second is not in the log."""
    assert anyone.get(path).status_code == 200
    assert logged == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer"},
        {"Authorization": "Basic cnQ6cnQ="},
        {"Authorization": f"Bearer {new_token('caller')}"},
        {"Authorization": "Bearer é".encode("latin-1")},
    ],
)
def test_another_key_opens_nothing(anyone: Caller, keys: AccessKeys, headers: Any) -> None:
    """Nor does one that is sent in another way."""
    keys.create("caller", [Scope.READ])
    assert problem(anyone.get("/openapi.json", headers=headers))["status"] == 401


def test_a_revoked_key_opens_nothing_at_once(client: Client, keys: AccessKeys) -> None:
    """Without a new start of the gateway."""
    caller = client(Scope.READ)
    assert caller.get("/openapi.json").status_code == 200
    keys.revoke("caller")
    assert caller.get("/openapi.json").status_code == 401


def test_a_key_is_held_to_its_rate_and_told_of_it(
    client: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another key is not."""
    now = ledger.connection.now()
    monkeypatch.setattr(ledger.connection, "_clock", lambda: now)  # the clock stands still
    caller, other = client(rate="2/h"), client(name="other")
    told = [caller.get("/openapi.json") for _ in range(3)]
    assert [answer.status_code for answer in told] == [200, 200, 429]
    assert [answer.headers["ratelimit"] for answer in told] == [
        '"key";r=1;t=1800',
        '"key";r=0;t=3600',
        '"key";r=0;t=3600',
    ]
    assert {answer.headers["ratelimit-policy"] for answer in told} == {'"key";q=2;w=3600'}
    assert told[2].headers["retry-after"] == "1800"
    assert problem(told[2])["type"].endswith(":too-many")
    assert other.get("/openapi.json").status_code == 200


def test_a_path_or_a_method_that_is_not_there_is_a_problem(client: Client) -> None:
    """The methods of a path are told whole."""
    caller = client()
    assert problem(caller.get("/v2"))["type"].endswith(":not-found")
    answer = caller.delete("/healthz")
    assert problem(answer)["type"].endswith(":no-method")
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_slash_too_many_leads_nowhere(client: Client, method: str) -> None:
    """A redirect would name the host that the caller named, without TLS: clients send their key there."""
    answer = client().request(method, "/v1/batches/", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers.get("location")) == (404, None)


def test_redis_away_is_a_503_that_says_when_to_come_again(
    anyone: Caller, client: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a key and for the readiness; the gateway itself lives."""
    caller = client()

    def away(*_: object) -> None:
        raise LedgerAwayError("connection refused")

    monkeypatch.setattr(ledger.access, "key", away)
    monkeypatch.setattr(ledger.reader, "check", away)
    for answer in (caller.get("/openapi.json"), anyone.get("/readyz")):
        assert problem(answer)["type"].endswith(":away")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "connection refused" in answer.json()["detail"]
    assert anyone.get("/healthz").status_code == 200


def test_a_line_of_the_log_tells_who_and_what_and_never_the_key(client: Client, logged: Any) -> None:
    """Nor the query, in which people put keys."""
    caller = client()
    answer = caller.get("/openapi.json?key=rt_secret")
    [line] = until(lambda: logged, "it is logged")
    assert caller.token not in str(line)
    assert "rt_secret" not in str(line)
    expected = {
        "event": "request.answered",
        "log_level": "info",
        "request": answer.headers["x-request-id"],
        "method": "GET",
        "path": "/openapi.json",
        "key": "caller",
        "status": 200,
        "whole": True,
        "bytes": len(answer.content),
    }
    assert {name: line[name] for name in expected} == expected


@pytest.mark.parametrize("place", ["access", "reader"])
def test_a_bug_is_a_500_with_an_id_that_the_log_has(
    client: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, logged: Any, place: str
) -> None:
    """And nothing of it in the answer, in the gate as well as behind it."""

    def bug(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of a secret")

    caller = client()
    monkeypatch.setattr(ledger.access, "use", bug)
    monkeypatch.setattr(ledger.reader, "check", bug)
    answer = caller.get("/openapi.json" if place == "access" else "/readyz")
    assert problem(answer)["type"].endswith(":bug")
    assert "secret" not in answer.text
    [line] = until(lambda: [one for one in logged if one["event"] == "request.crashed"], "it is logged")
    assert line["request"] == answer.headers["x-request-id"]


def test_no_page_of_another_origin_may_read_an_answer(client: Client) -> None:
    """CORS is closed, and no answer is kept or guessed at."""
    caller = client()
    for answer in (
        caller.get("/openapi.json", headers={"Origin": "https://evil.example"}),
        caller.options(
            "/openapi.json", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
        ),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")
