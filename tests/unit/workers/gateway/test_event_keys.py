"""Streams of events, by the key that opened them."""

from __future__ import annotations

import json

import pytest

from retouch.access_keys import AccessKeys
from retouch.causes import BatchPause
from retouch.errors import LedgerAwayError
from retouch.ledger import Ledger
from tests.unit.workers.gateway.conftest import Caller, Client
from tests.unit.workers.gateway.test_batches import fill
from tests.unit.workers.gateway.test_events import Stream


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is looked at again at once."""
    monkeypatch.setattr("workers.gateway.native.events.SILENT_S", 0.01)


def ends(stream: Stream) -> bool:
    """Whether it ends soon."""
    return any(stream.block() == [] for _ in range(300))


@pytest.mark.parametrize("path", ["/v1/events", "/v1/batches/b/events"])
def test_a_revoked_key_hears_no_more(client: Client, keys: AccessKeys, ledger: Ledger, path: str) -> None:
    """A stream has no next request that could be refused."""
    fill(ledger)
    stream, other = Stream(client(), path), Stream(client(name="other"), path)
    assert stream.block() == [": alive"]
    keys.revoke("caller")
    assert ends(stream)
    assert other.block() == [": alive"]
    other.answer.close()


def test_a_secret_that_was_retired_hears_no_more(client: Client, keys: AccessKeys) -> None:
    """The newer one of the same key does."""
    caller = client()
    newer = Caller(caller.url, keys.rotate("caller"))
    old, new = Stream(caller, "/v1/events"), Stream(newer, "/v1/events")
    assert old.block() == [": alive"]
    keys.retire("caller")
    assert ends(old)
    assert new.block() == [": alive"]
    new.answer.close()


def test_a_stream_outlives_an_outage_of_redis(client: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can be asked about the key then, and nobody can revoke it."""
    stream = Stream(client(), "/v1/events")

    def away(*_: object) -> None:
        raise LedgerAwayError("connection refused")

    monkeypatch.setattr(ledger.access, "key", away)
    assert [stream.block() for _ in range(3)] == [[": alive"]] * 3
    stream.answer.close()


def test_pauses_of_all_are_not_told_to_a_key_with_a_prefix(client: Client, ledger: Ledger) -> None:
    """Also where the prefix is how the name of a pause begins: the API's words may be about an edit of others."""
    fill(ledger, "submit-1", 1)
    everyone = Stream(client(name="all"), "/v1/events")
    team = Stream(client(prefix="submit"), "/v1/events")
    ledger.worker.pause("submit:refused", "no such model: secret")
    ledger.producer.pause("submit-1", BatchPause.PERSON, "lunch")
    heard = []
    for stream in (everyone, team):
        while len(block := stream.block()) == 1:
            pass
        heard.append(json.loads(block[2].removeprefix("data: "))["subject"])
        stream.answer.close()
    assert heard == ["submit:refused", "submit-1"]
