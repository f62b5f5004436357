"""What a key with the scope ``watch`` is told: all but what edits were asked for, and what the API said of that."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from retouch.access_keys import AccessKeys, Scope
from retouch.causes import BatchPause
from retouch.edit import Parameters
from retouch.errors import InputError
from retouch.ledger import Ledger, Named, Policy, Settlement
from retouch.ledger.claims import Step
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.harness.waiting import LIMIT_S
from tests.unit.outside import Bucket
from tests.unit.producing import edit
from tests.unit.workers.gateway.conftest import Caller, Client, problem
from workers.gateway.context import Gateway
from workers.gateway.veil import HIDDEN, veiled

MARK = "zebracorn"  # a word of the prompt, which the API repeats in all that it says
SAID = f"a {MARK} in a bathtub is not allowed"
NEEDED = {  # they answer with something that there is: what is not there hides nothing
    *("/v1/batches", "/v1/batches/{batch}", "/v1/batches/{batch}/results", "/v1/batches/{batch}/wait"),
    *("/v1/batches/{batch}/failures", "/v1/batches/{batch}/edits", "/v1/batches/{batch}/strip"),
    *("/v1/batches/{batch}/why", "/v1/batches/{batch}/events", "/v1/events", "/v1/installation", "/metrics"),
    *("/v1/edits/{batch}/{custom_id}", "/v1/edits/{batch}/{custom_id}/why", "/v1/edits/{batch}/{custom_id}/history"),
    *("/v1/sinks", "/v1/sinks/{sink}/undelivered", "/v1/provider"),
}
VALUES = {  # of the parts of paths; a new one is given its values here, so that its routes are looked at too
    "batch": ["b"],
    "custom_id": ["refused", "done", "queued", "waiting"],
    "sink": ["hooks"],
    "number": ["0"],
    "job": ["1"],
    "id": ["file-output.b", "file-error.b", "b"],
    "worker": ["w"],
    "key": ["caller"],
}
QUERIES = {"/v1/events": "after=0-0&follow=false", "/v1/batches/{batch}/events": "after=0-0&follow=false"}
QUERIES |= {"/v1/batches/{batch}/wait": "timeout=0", "/v1/batches/{batch}/edits": "results=true"}


@pytest.fixture
def scene(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """A batch that says the word wherever a batch, an edit or the API can say something."""
    monkeypatch.setattr("retouch.results.ended.kept_store", lambda _name: Bucket())
    ledger.worker.see_worker("w", {"hooks": Named("hooks.test")}, started=True)
    fields: dict[str, Any] = {
        "prompt": f"a {MARK}",
        "negative_prompt": f"no {MARK}",
        "metadata": {MARK: f"{MARK} said"},
        "init_image": f"https://example.com/{MARK}.png?token={MARK}",
        "extra": {"lora": MARK, MARK: 1},
        "strength": 0.6,
    }
    made = [edit(name, **fields) for name in ("refused", "done", "waiting", "queued")]
    EditQueue(ledger).enqueue(made, batch="b", defaults={"model_id": MARK})
    claims = {claim.member: claim for claim in ledger.worker.claim("w", lease_ms=60_000, places=3).claims}
    ledger.worker.begin_submit(list(claims.values()), Policy(), 60_000, nonce="n")
    error = json.dumps({"code": "refused", "message": SAID})
    at_work = (EditState.SUBMITTING,)
    output = {"uri": "s3://bucket/edits/b/done/0.png", "sha256": "0" * 64, "bytes": 9, "width": 8, "height": 8}
    images = json.dumps([{**output, "content_type": "image/png"}])
    ledger.worker.settle(
        [
            Settlement(claims["b/refused"], at_work, EditState.FAILED, error=error),
            Settlement(claims["b/done"], at_work, EditState.COMPLETED, outputs=images),
        ]
    )
    client, keys = ledger.connection._client, ledger.connection.keys
    for name in ("queued", "waiting"):
        client.hset(keys.edit(f"b/{name}"), mapping={"note": SAID, "strikes": 2})
    client.hset(keys.batch("b"), "note", SAID)
    client.hset(keys.state, mapping={"refusal": SAID, "refused_at": 1})
    for cause in (BatchPause.REFUSALS, BatchPause.PERSON):
        ledger.producer.pause("b", cause, SAID if cause is BatchPause.REFUSALS else "lunch")
    ledger.worker.pause("submit:refused", SAID)
    client.zadd(keys.kinds, {f"{MARK}:8:36": 1})
    client.hset(keys.learned(f"{MARK}:8:36"), mapping={"20": 3})
    for claim in ledger.worker.claim("w", lease_ms=60_000, places=0, sinks={"hooks": 9}).claims:
        if claim.step is Step.ANNOUNCE:
            client.hset(keys.delivery(claim.member), mapping={"since": 1, "reason": SAID, "tries": 1})
            client.zadd(keys.undelivered("hooks"), {claim.member: 1})
    return ledger


def routes(gateway_url: str, caller: Caller) -> list[tuple[str, str]]:
    """All that can be got, as the document has it, and each path with values in it."""
    paths: dict[str, Any] = requests.get(f"{gateway_url}/openapi.json", timeout=LIMIT_S, headers=caller.headers).json()[
        "paths"
    ]
    found: list[tuple[str, str]] = []
    for path, methods in paths.items():
        if "get" in methods:
            filled = [path]
            for one in methods["get"].get("parameters", []):
                if one["in"] == "path":
                    part = f"{{{one['name']}}}"
                    filled = [text.replace(part, value) for text in filled for value in VALUES[one["name"]]]
            found += [(path, f"{text}?{query}" if (query := QUERIES.get(path)) else text) for text in filled]
    return found


def telling(caller: Caller) -> tuple[set[str], set[str]]:
    """The routes that answer with something, and those whose answers have the word in them."""
    answered, leaking = set(), set()
    for path, url in routes(caller.url, caller):
        answer = caller.get(url, stream=True)
        assert answer.status_code < 500 or answer.status_code == 503, (url, answer.text)
        if answer.status_code == 200:
            answered.add(path)
        if MARK.encode() in answer.content or MARK in str(answer.headers):
            leaking.add(path)
    return answered, leaking


def test_no_route_tells_a_prompt(client: Client, scene: Ledger) -> None:
    """Each that the document has is asked; a key that may read finds the word in most of them."""
    answered, leaking = telling(client(Scope.WATCH, Scope.OPERATE, Scope.METRICS))
    assert leaking == set()
    assert answered >= NEEDED
    told = telling(client(Scope.READ, Scope.OPERATE, name="reader"))[1]
    silent = {"/metrics", "/v1/batches/{batch}/strip", "/v1/sinks"}
    assert told >= NEEDED - silent


@pytest.mark.parametrize("path", ["/page/live?batch=b", "/page/live", "/v1/events?after=0-0"])
def test_no_stream_tells_a_prompt(client: Client, scene: Ledger, path: str) -> None:
    """What changes while somebody looks."""
    caller = client(Scope.WATCH)
    with caller.get(path, stream=True) as answer:
        lines = answer.iter_lines()
        assert next(lines) == b"retry: 2000"
        while "live" in path and next(lines) != b"event: watching":
            continue
        scene.connection._client.hset(scene.connection.keys.batch("b"), "note", f"{SAID} at all")
        scene.producer.cancel("b")
        heard = b""
        while HIDDEN.encode() not in heard:
            heard += next(lines) + b"\n"
        assert MARK.encode() not in heard


def test_what_is_no_secret_is_told(client: Client, scene: Ledger) -> None:
    """States, counts, codes, numbers, images, and sentences without the API's words."""
    caller = client(Scope.WATCH)
    view = caller.get("/v1/batches/b").json()
    assert (view["state"], view["total"], view["note"]) == ("open", 4, HIDDEN)
    assert {one["cause"]: one["reason"] for one in view["paused"]} == {"refusals": HIDDEN, "person": "lunch"}
    refused = caller.get("/v1/edits/b/refused").json()
    assert refused["result"]["error"] == {"code": "refused", "message": HIDDEN}
    assert (refused["parameters"]["prompt"], refused["parameters"]["strength"]) == (HIDDEN, 0.6)
    assert refused["parameters"].keys() <= Parameters.model_fields.keys()  # not those of `extra`
    assert (refused["result"]["metadata"], refused["result"]["init_image"]) == ({}, HIDDEN)
    assert caller.get("/v1/edits/b/refused/why").json()["why"].startswith(f"{HIDDEN} (to send it corrected:")
    [group] = caller.get("/v1/batches/b/failures").json()["groups"]
    assert (group["code"], group["words"], group["count"], group["example"]) == ("refused", HIDDEN, 1, "refused")
    assert group["message"] == HIDDEN
    [image] = caller.get("/v1/edits/b/done").json()["result"]["outputs"]
    assert image["uri"] == "s3://bucket/edits/b/done/0.png"
    history = caller.get("/v1/edits/b/refused/history").json()["history"]
    assert [step["what"] for step in history][:2] == ["enqueued", "sent"]
    queue = EditQueue.from_url(caller.url, token=caller.token)  # and a producer can read all of it
    assert queue.status("b").counts == {"queued": 1, "submitting": 1, "failed": 1, "completed": 1}
    assert [result.error and result.error.message for result in queue.results("b")] == [HIDDEN, None]


def test_files_that_hold_prompts_are_not_linked(client: Client, scene: Ledger) -> None:
    """Images alone: the manifest lies beside them."""
    watcher, reader = client(Scope.WATCH), client(Scope.READ, name="reader")
    for name in ("manifest.jsonl", "results.parquet", "done/0.jsonl", "done/more/0.png"):
        asked = {"uris": [f"s3://bucket/edits/b/{name}"]}
        assert "sees no prompts" in problem(watcher.post("/v1/batches/b/links", json=asked))["detail"]
        assert reader.post("/v1/batches/b/links", json=asked).status_code != 403
    asked = {"uris": ["s3://bucket/edits/b/done/0.png"]}
    assert watcher.post("/v1/batches/b/links", json=asked).status_code != 403


def test_an_answer_of_another_kind_is_refused(
    client: Client, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may hold anything; a route whose answers do not is named in the veil."""
    caller = client(Scope.WATCH, Scope.METRICS)
    monkeypatch.setattr("workers.gateway.veil._BARE", ())
    assert problem(caller.get("/metrics"))["detail"] == "this key sees no prompts, and this may hold some"


def test_a_problem_says_what_it_is_about_where_that_is_the_request(client: Client, scene: Ledger) -> None:
    """What is not there, or away, may be an address that nobody is to see."""
    caller = client(Scope.WATCH)
    assert "needs the scope operate" in problem(caller.post("/v1/batches/b/pause"))["detail"]
    assert problem(caller.get("/v1/edits/b/nothing"))["detail"] == "There is no such thing"
    assert problem(caller.get("/v1/batches?limit=0"))["errors"][0]["field"] == "limit"


def test_a_session_of_the_page_sees_no_more_than_its_key(client: Client, scene: Ledger, gateway: Gateway) -> None:
    """A link that it makes neither."""
    caller = client(Scope.WATCH)
    secret = caller.post("/page/links").json()["link"]
    session = gateway.visits.enter(secret)
    with requests.Session() as browser:
        browser.cookies.set(f"retouch-{caller.url.rpartition(':')[2]}", str(session))
        answer = browser.get(f"{caller.url}/v1/batches/b", headers={"Sec-Fetch-Site": "same-origin"}, timeout=LIMIT_S)
        assert (answer.status_code, answer.json()["note"]) == (200, HIDDEN)


def test_a_key_that_submits_is_not_blind(keys: AccessKeys) -> None:
    """What it is told of its mistakes has what it has sent, and a redo is made of what was there."""
    with pytest.raises(InputError, match="a key that may submit sees prompts"):
        keys.create("x", [Scope.SUBMIT, Scope.WATCH])
    keys.create("y", [Scope.SUBMIT, Scope.READ, Scope.WATCH])
    assert [key.sees_words for key in keys.all()] == [True]


def test_what_nobody_has_named_is_hidden() -> None:
    """In a route of tomorrow: texts, names of members that are none, and what is nested."""
    found = {"new": "a cat", "prompts": ["a cat", 1], "a cat": 2, "deep": [{"said": "a cat", "n": 1.5, "ok": None}]}
    assert veiled(found) == {"new": HIDDEN, "prompts": [HIDDEN, 1], "deep": [{"said": HIDDEN, "n": 1.5, "ok": None}]}
    assert veiled({"reason": "no a cat", "text": "refused: no a cat; again"}) == {
        "reason": HIDDEN,
        "text": "refused: hidden; again",
    }
    assert veiled({"at": "a cat", "seen": "2026-11-27T08:00:00.000Z"})["seen"] == "2026-11-27T08:00:00.000Z"
