"""``GET /metrics``: the installation in numbers, for whoever has a key for that."""

from __future__ import annotations

import pytest

from retouch.access_keys import Scope
from retouch.ledger import Entry, Ledger
from tests.unit.workers.gateway.conftest import Caller, Client, problem


def test_the_numbers_are_those_of_the_ledger(client: Client, ledger: Ledger) -> None:
    """In the format that is asked for; no cache keeps them."""
    ledger.producer.enqueue("b", [Entry("a", "d", "{}", 1, None)])
    scraper = client(Scope.METRICS)
    answer = scraper.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert answer.headers["cache-control"] == "no-store"
    assert 'retouch_edits{state="queued"} 1.0\n' in answer.text
    accept = {"Accept": "application/openmetrics-text;version=1.0.0"}
    answer = scraper.get("/metrics", headers=accept)
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")


@pytest.mark.parametrize("scope", [scope for scope in Scope if scope is not Scope.METRICS])
def test_a_key_for_other_things_is_not_enough(client: Client, scope: Scope) -> None:
    """The numbers are of everybody's batches."""
    answer = client(scope).get("/metrics")
    assert (answer.status_code, problem(answer)["type"]) == (403, "urn:retouch:problem:not-allowed")
    assert "needs the scope metrics" in answer.text


def test_a_key_of_one_team_does_not_read_the_numbers_of_all(client: Client) -> None:
    """Whatever its scopes."""
    answer = client(prefix="team-").get("/metrics")
    assert answer.status_code == 403
    assert "the numbers are of all batches" in problem(answer)["detail"]


def test_nobody_reads_them_without_a_key(anyone: Caller) -> None:
    """Not from this machine either: a proxy in front of it would be that."""
    assert problem(anyone.get("/metrics"))["status"] == 401


def test_a_key_for_the_numbers_opens_nothing_else(client: Client) -> None:
    """A scraper's key lies about in its settings."""
    scraper = client(Scope.METRICS)
    for path in ("/v1/batches", "/v1/installation", "/v1/events", "/openai/v1/batches"):
        assert scraper.get(path).status_code == 403
