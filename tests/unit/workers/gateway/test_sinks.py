"""``/v1/sinks``: told to operators of the whole installation, and to nobody else."""

from __future__ import annotations

import pytest

from retouch.access_keys import Scope
from retouch.ledger import Ledger, Named
from tests.unit.workers.gateway.conftest import Client, problem
from tests.unit.workers.gateway.test_batches import end, fill

ROUTES = [
    ("GET", "/v1/sinks"),
    ("GET", "/v1/sinks/shop/undelivered"),
    ("POST", "/v1/sinks/shop/redeliver"),
    ("POST", "/v1/sinks/shop/replay?since=2026-11-26T22:00:00Z"),
    ("DELETE", "/v1/sinks/shop"),
]


@pytest.fixture(autouse=True)
def shop(ledger: Ledger) -> None:
    """A sink of which no worker is alive, with an event that waits for it."""
    ledger.worker.see_worker("w", {"shop": Named("hooks.test")})
    fill(ledger, count=1)
    end(ledger)
    ledger.connection._client.hset(ledger.connection.keys.sinks, "shop", '{"seen": 0, "shown": "hooks.test"}')


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_only_operators_of_all_batches_are_told(client: Client, ledger: Ledger, method: str, path: str) -> None:
    """Its events are about the batches of all keys."""
    for caller in (client(Scope.READ, Scope.SUBMIT), client(Scope.OPERATE, name="team", prefix="team-")):
        assert problem(caller.request(method, path))["status"] == 403
    assert ledger.reader.sinks()[0].waiting == 1
    assert client(Scope.OPERATE, name="lead").request(method, path).status_code == 200


@pytest.mark.parametrize(("method", "path"), ROUTES[1:])
def test_a_sink_that_is_not_there_is_a_404(client: Client, method: str, path: str) -> None:
    """With those that are."""
    told = problem(client().request(method, path.replace("shop", "none")))
    assert (told["status"], told["detail"]) == (404, "there is no sink 'none'; known: shop")


def test_what_it_has_not_taken_is_told_line_by_line(client: Client) -> None:
    """With the reason."""
    [line] = client().get("/v1/sinks/shop/undelivered").text.splitlines()
    assert '"reason": "no live worker has this sink"' in line
