"""Why a batch does not move, and an edit stands where it stands: what the commands say, over HTTP."""

from __future__ import annotations

from retouch import Edit
from retouch.access_keys import Scope
from retouch.causes import Fared
from retouch.ledger import Finish, Ledger, Seen, Settlement, Strike
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.unit.workers.gateway.conftest import Client, problem
from workers.gateway.native.installation import UNTOLD

EDIT = Edit(custom_id="a", prompt="a cat", init_image="https://example.com/a.png")


def test_what_holds_a_batch_up_is_told_with_what_to_do(client: Client, queue: EditQueue, ledger: Ledger) -> None:
    """One that has ended is held up by nothing."""
    queue.enqueue([EDIT], batch="b")
    queue.pause("b", "lunch")
    reader = client(Scope.READ)
    told = {one["name"]: one["text"] for one in reader.get("/v1/batches/b/why").json()["reasons"]}
    assert "retouch resume b" in told["batch:person"]
    assert "celery -A workers worker" in told["workers"]
    ledger.worker.see_worker("w", {})
    queue.resume("b")
    assert reader.get("/v1/batches/b/why").json() == {"batch": "b", "reasons": []}


def test_a_pause_that_is_left_on_a_batch_that_has_ended_is_told(
    client: Client, queue: EditQueue, ledger: Ledger
) -> None:
    """What is tried again waits for it; that no worker is alive keeps nothing that has ended."""
    queue.enqueue([EDIT], batch="b")
    queue.pause("b", "lunch")
    queue.cancel("b")
    [claim] = ledger.worker.claim("w", lease_ms=60_000, places=1).claims
    ledger.worker.settle_batch(claim, Finish.WRITTEN)
    [told] = client(Scope.READ).get("/v1/batches/b/why").json()["reasons"]
    assert (told["name"], "retouch resume b" in told["text"]) == ("batch:person", True)
    assert "what is tried again, or added, is not submitted" in told["text"]


def test_an_api_that_does_not_say_how_edits_stand_is_a_reason(client: Client, queue: EditQueue, ledger: Ledger) -> None:
    """Until it says it of one; its words are for those who may know them."""
    queue.enqueue([EDIT], batch="b")
    ledger.worker.see_worker("w", {})
    refuse_status(ledger, "401: no such key")
    [told] = client(Scope.READ).get("/v1/batches/b/why").json()["reasons"]
    assert told["name"] == "refused"
    assert told["text"].startswith("the API refuses to say how 1 edit at the API is doing: 401: no such key. They are")
    [told] = client(Scope.WATCH, name="wall").get("/v1/batches/b/why").json()["reasons"]
    assert "401" not in told["text"]
    ledger.worker.observe(good={"status": ledger.connection.now() + 1})
    assert client(Scope.READ, name="later").get("/v1/batches/b/why").json()["reasons"] == []


def refuse_status(ledger: Ledger, words: str) -> None:
    """Submit the edit that is queued, and be refused when asking about it."""
    [claim] = ledger.worker.claim("w", lease_ms=60_000, places=1).claims
    taken = Settlement(claim, (EditState.SUBMITTING,), EditState.WAITING, put={"provider_id": "job-1"})
    ledger.worker.settle([taken])
    [claim] = ledger.worker.claim("w", lease_ms=60_000, places=1).claims
    ledger.worker.begin_poll([claim], 60_000, 3_600_000, nonce="a")
    seen = (Seen("status", ledger.connection.now(), Fared.REFUSED, words),)
    refused = Settlement(
        claim, (EditState.WAITING,), EditState.WAITING, 60_000, seen=seen, strike=Strike("status", 60_000)
    )
    ledger.worker.settle([refused])


def test_an_edit_says_why_it_waits(client: Client, queue: EditQueue, ledger: Ledger) -> None:
    """As ``retouch explain`` does."""
    queue.enqueue([EDIT], batch="b")
    ledger.worker.see_worker("w", {})
    told = client(Scope.READ).get("/v1/edits/b/a/why").json()
    assert (told["custom_id"], told["stands"], told["why"]) == (
        "a",
        "queued",
        "0 edits are before it in the fair order",
    )
    queue.cancel("b")
    told = client(Scope.READ, name="other").get("/v1/edits/b/a/why").json()
    assert (told["stands"], "retouch retry b/a --cancelled" in told["why"]) == ("cancelled", True)


def test_nothing_is_told_of_what_a_key_may_not_know(client: Client, queue: EditQueue, ledger: Ledger) -> None:
    """Neither a batch of others, nor what the API said of them."""
    queue.enqueue([EDIT], batch="team-1")
    queue.enqueue([EDIT], batch="b")
    ledger.worker.see_worker("w", {})
    ledger.worker.pause("submit:refused", "no such model: secret")
    team = client(Scope.READ, prefix="team-")
    for path in ("/v1/batches/b/why", "/v1/edits/b/a/why", "/v1/edits/team-1/none/why"):
        assert problem(team.get(path))["status"] == 404
    for path in ("/v1/batches/team-1/why", "/v1/edits/team-1/a/why"):
        said = team.get(path).text
        assert (UNTOLD in said, "secret" in said) == (True, False)
    assert "secret" in client(Scope.READ, name="all").get("/v1/batches/b/why").text
