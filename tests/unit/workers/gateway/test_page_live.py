"""``GET /page/live``: what changes while a page is looked at, for whoever may know of it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from retouch import Edit
from retouch.access_keys import AccessKeys, Scope
from retouch.ledger import Ledger, Settlement
from retouch.ledger.views import iso
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.harness.waiting import LIMIT_S, until
from tests.unit.workers.gateway.conftest import Caller, Client, problem
from workers.gateway.context import Gateway
from workers.gateway.page import live
from workers.gateway.page.live import _lines
from workers.gateway.veil import HIDDEN
from workers.gateway.watching import KEPT, Told


def edits(count: int) -> list[Edit]:
    """So many."""
    return [Edit(custom_id=f"e{n}", prompt="a cat", init_image="https://example.com/a.png") for n in range(count)]


def told(answer: requests.Response) -> Iterator[tuple[str, str, Any]]:
    """The events of a stream: id, type, data."""
    found: dict[str, str] = {}
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        name, _, value = line.partition(": ")
        if line:
            found[name] = value
        elif "event" in found:
            yield found["id"], found["event"], json.loads(found["data"])
            found = {}


def test_a_batch_is_told_by_what_differs(client: Client, queue: EditQueue, ledger: Ledger) -> None:
    """Its edits as ranges of the strip, its record and its jobs; the stream is resumed by id."""
    queue.enqueue(edits(3), batch="b")
    caller = client(Scope.READ)
    with caller.get("/page/live?batch=b", stream=True) as answer:
        assert answer.headers["x-accel-buffering"] == "no"
        events = told(answer)
        assert next(events)[1:] == ("watching", None)
        queue.cancel("b")
        seen: dict[str, Any] = {}
        while seen.keys() != {"strip", "batch", "jobs"} or seen["jobs"]["jobs"][0]["state"] != "done":
            last, kind, data = next(events)
            seen[kind] = data
        assert seen["strip"].pop("at") <= iso(ledger.connection.now())
        assert seen["strip"] == {"states": [[0, "xxx"]], "groups": [], "picks": [], "total": 3}
        assert seen["batch"]["counts"] == {"cancelled": 3}
        assert [(job["action"], job["changed"]) for job in seen["jobs"]["jobs"]] == [("cancel", 3)]
    queue.enqueue([*edits(3), *edits(4)[3:]], batch="b")
    with caller.get("/page/live?batch=b", stream=True, headers={"Last-Event-ID": last}) as answer:
        _, kind, changed = next(told(answer))
        assert (kind, changed["states"], changed["total"]) == ("strip", [[3, "q"]], 4)


def test_what_one_person_picks_another_sees(client: Client, queue: EditQueue, ledger: Ledger) -> None:
    """As ranges too, a byte an edit."""
    queue.enqueue(edits(3), batch="b")
    claims = ledger.worker.claim("w", lease_ms=60_000, places=9).claims
    ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), EditState.COMPLETED) for claim in claims])
    with client(Scope.READ).get("/page/live?batch=b", stream=True) as answer:
        events = told(answer)
        assert next(events)[1] == "watching"
        queue.choose("b", pick=["e1"], reject=["e2"])
        _, kind, changed = next(events)
        del changed["at"]
        assert (kind, changed) == ("strip", {"states": [], "groups": [], "picks": [[1, "pr"]], "total": 3})


def test_a_change_tells_a_time_before_it_was_read(
    queue: EditQueue, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written until then is in it; of what was written later nobody knows."""
    queue.enqueue(edits(1), batch="b")
    keys = AccessKeys(ledger, "here")
    keys.create("ada", [Scope.READ])
    [key] = keys.all()
    clock = iter(range(1_000, 99_000, 1_000))
    read_at: list[int] = []

    def noted(read: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*args: Any) -> Any:
            read_at.append(next(clock))
            return read(*args)

        return noting

    monkeypatch.setattr(queue, "pick_strip", noted(queue.pick_strip))
    monkeypatch.setattr(queue, "figures", noted(queue.figures))
    monkeypatch.setattr(ledger.connection, "now", lambda: next(clock))
    assert live._seen(queue, ledger, "b").at < str(iso(read_at[-1]))
    assert live._used(queue, ledger, key).at < str(iso(read_at[-1]))


def test_all_that_is_told_has_a_time(client: Client, queue: EditQueue, ledger: Ledger) -> None:
    """The page takes nothing that is older than what it has read."""
    queue.enqueue(edits(1), batch="b")
    caller = client(Scope.READ)
    since = str(iso(ledger.connection.now()))
    with (
        caller.get("/page/live?batch=b", stream=True) as one,
        caller.get("/page/live?provider=1", stream=True) as two,
    ):
        of_batch, of_provider = told(one), told(two)
        assert next(of_batch)[1] == next(of_provider)[1] == "watching"
        queue.cancel("b")
        ledger.worker.pause("submit:person", "lunch")
        seen: dict[str, Any] = {}
        while seen.keys() != {"strip", "batch", "jobs"}:
            _, kind, seen[kind] = next(of_batch)
        found = [next(of_provider)[2], *seen.values()]
    assert all(since <= one["at"] <= str(iso(ledger.connection.now())) for one in found)


def test_of_all_batches_a_key_hears_of_its_own(client: Client, queue: EditQueue) -> None:
    """And of one batch only if it is one of them."""
    queue.enqueue(edits(1), batch="other")
    team = client(Scope.READ, prefix="team-")
    with team.get("/page/live", stream=True) as answer:
        events = told(answer)
        assert next(events)[1] == "watching"
        queue.enqueue(edits(1), batch="other-2")
        queue.enqueue(edits(1), batch="team-1")
        _, kind, data = next(events)
        assert (kind, [one["batch"] for one in data["batches"]], data["gone"]) == ("batches", ["team-1"], [])
    assert problem(team.get("/page/live?batch=other"))["status"] == 404


def test_a_stream_ends_with_its_session(
    anyone: Caller, keys: AccessKeys, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Soon after signing out, though it is never asked for again."""
    monkeypatch.setattr("workers.gateway.page.live.SILENT_S", 0.05)
    page = {"Sec-Fetch-Site": "same-origin"}
    anyone.post("/page/session", json={"by": "key", "secret": keys.create("ada", [Scope.READ])}, headers=page)
    with anyone.get("/page/live", stream=True, headers=page) as answer:
        assert next(told(answer))[1] == "watching"
        keys.revoke("ada")
        assert list(told(answer)) == []


def test_the_use_of_the_api_is_told_as_it_changes(client: Client, ledger: Ledger) -> None:
    """To a key of some batches without what all do."""
    ledger.worker.see_worker("w", {})
    everyone, team = client(Scope.READ), client(Scope.READ, name="team", prefix="team-")
    with (
        everyone.get("/page/live?provider=1", stream=True) as one,
        team.get("/page/live?provider=1", stream=True) as two,
    ):
        streams = [told(one), told(two)]
        assert [next(events)[1] for events in streams] == ["watching"] * 2
        ledger.worker.pause("submit:person", "lunch")
        found = [next(events)[1:] for events in streams]
    assert [(kind, data["pauses"][0]["reason"]) for kind, data in found] == [("provider", "lunch")] * 2
    assert found[0][1]["samples"]["at"] == []
    assert found[1][1]["samples"] is found[1][1]["counted"] is None


def test_whoever_looks_first_decides_for_nobody_what_is_told(client: Client, ledger: Ledger) -> None:
    """A key that may watch is not told the API's words; one that may read is, though the other was there first."""
    ledger.worker.see_worker("w", {})
    watcher, reader = client(Scope.WATCH), client(Scope.READ, name="reader")
    with (
        watcher.get("/page/live?provider=1", stream=True) as one,
        reader.get("/page/live?provider=1", stream=True) as two,
    ):
        streams = [told(one), told(two)]
        assert [next(events)[1] for events in streams] == ["watching"] * 2
        ledger.worker.pause("submit:refused", "no such model: secret")
        pauses = [next(events)[2]["pauses"][0] for events in streams]
    assert [pause["reason"] for pause in pauses] == [HIDDEN, "no such model: secret"]
    assert pauses[0]["remedy"] == pauses[1]["remedy"]  # which are words of ours


def test_a_key_that_sees_no_prompts_sees_picks(client: Client, queue: EditQueue, ledger: Ledger) -> None:
    """They are letters of places, and no words."""
    queue.enqueue(edits(2), batch="b")
    claims = ledger.worker.claim("w", lease_ms=60_000, places=9).claims
    ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), EditState.COMPLETED) for claim in claims])
    with client(Scope.WATCH).get("/page/live?batch=b", stream=True) as answer:
        events = told(answer)
        assert next(events)[1] == "watching"
        queue.choose("b", pick=["e1"])
        assert next(events)[2]["picks"] == [[1, "p"]]


DEAF = 200
LARGE = 4000  # edits, whose changes are more than what is on the way at a time


def test_who_does_not_read_holds_up_nobody(anyone: Caller, client: Client, ledger: Ledger, gateway: Gateway) -> None:
    """Nor is what they missed kept for each: it is kept once, and an end of it."""
    key, connection = ledger.connection.keys.strip("b"), ledger.connection._client
    queue = EditQueue(ledger)
    queue.enqueue(edits(LARGE), batch="b")
    token = AccessKeys(ledger, "here").create("deaf", [Scope.READ])
    address = urlsplit(anyone.url)
    request = f"GET /page/live?batch=b HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n"
    with ExitStack() as deaf, client(Scope.READ).get("/page/live?batch=b", stream=True) as answer:
        events = told(answer)
        assert next(events)[1] == "watching"
        for _ in range(DEAF):
            one = deaf.enter_context(socket.create_connection((address.hostname, address.port), LIMIT_S))
            one.sendall(request.encode())
        [watch] = [watch for name, watch in gateway.watches._watches.items() if name == "one/b"]
        until(lambda: watch._listeners == DEAF + 1, "all of them listen")
        for letter in "wcCfwcCf":
            connection.set(key, letter * LARGE)
            _, kind, data = next(events)
            assert (kind, data["states"]) == ("strip", [[0, letter * LARGE]])
        assert client(Scope.READ, name="another").get("/v1/batches/b").status_code == 200
        assert watch._listeners == DEAF + 1
        assert len(watch._kept) <= KEPT


def test_what_was_missed_is_made_piece_by_piece() -> None:
    """Each event when the one before has gone: a page that reads slowly is sent no text of megabytes."""
    missed = [Told(f"w.{n}", "strip", {"states": [[0, "C" * LARGE]]}) for n in range(KEPT)]

    async def pieces() -> list[str]:
        async def once() -> AsyncIterator[list[Told]]:
            yield missed

        return [piece async for piece in _lines(once(), lambda: True)]

    longest = max(map(len, asyncio.run(pieces())))
    assert longest < 2 * LARGE


@pytest.mark.parametrize("after", ["0f0f0f0f.7", "another.99999", "7", ".", "w.-1", "w." + "9" * 70, "\u0663"])
def test_an_id_of_another_redis_begins_anew(client: Client, queue: EditQueue, after: str) -> None:
    """Whoever has it reads the whole again."""
    queue.enqueue(edits(1), batch="b")
    with client(Scope.READ).get("/page/live", params={"batch": "b", "after": after}, stream=True) as answer:
        assert next(told(answer))[1:] == ("watching", None)
