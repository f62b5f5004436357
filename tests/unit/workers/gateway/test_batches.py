"""Reading batches and edits over HTTP, waiting for them, and deciding about them."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from retouch.access_keys import Scope
from retouch.causes import BatchPause
from retouch.errors import LedgerAwayError
from retouch.ledger import Entry, Finish, Ledger, Settlement, Step
from retouch.queue import EditQueue
from retouch.states import EditState
from scripts import schemas
from tests.harness.waiting import LIMIT_S, until
from tests.unit.outside import Bucket
from tests.unit.workers.gateway.conftest import Client, problem


def fill(ledger: Ledger, batch: str = "b", count: int = 3) -> None:
    """A batch of so many edits."""
    made = [
        Entry(f"c{n}", f"d{n}", json.dumps({"prompt": "a cat", "init_image": "https://x.com/?s=1"}), 1, n)
        for n in range(count)
    ]
    ledger.producer.enqueue(batch, made)
    ledger.producer.seal(batch)


def end(ledger: Ledger, state: EditState = EditState.COMPLETED, count: int = 100) -> None:
    """Be the worker: end so many edits, and the batches of which all have ended."""
    for claim in ledger.worker.claim("w", lease_ms=60_000, places=count, submits=count).claims:
        if claim.step is Step.FINISH:
            ledger.worker.settle_batch(claim, Finish.WRITTEN)
        else:
            error = json.dumps({"code": "refused", "message": "no"}) if state is EditState.FAILED else None
            ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), state, error=error)])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/results"),
        ("GET", "/wait?timeout=0"),
        ("GET", "/events"),
        ("DELETE", ""),
        *(("GET", f"/{name}") for name in ("strip", "strip?of=groups", "failures", "edits", "edits?at=0")),
        *(("POST", f"/{name}") for name in ("retry", "cancel", "pause", "resume", "seal")),
        *(("POST", f"/{name}") for name in ("limit?max_failures=0", "budget?budget=none")),
    ],
)
def test_a_batch_of_others_is_not_there(
    client: Client, ledger: Ledger, method: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that is not: who asks cannot tell the two apart, and changes nothing."""
    monkeypatch.setattr("retouch.results.ended.kept_store", lambda _name: Bucket())
    fill(ledger, "other")
    caller = client(prefix="team-")
    answers = [caller.request(method, f"/v1/batches/{batch}{path}") for batch in ("other", "team-none")]
    assert [answer.status_code for answer in answers] == [404, 404]
    told = [problem(answer)["detail"].replace("team-none", "other") for answer in answers]
    assert told[0] == told[1]
    assert EditQueue(ledger).status("other").counts == {"queued": 3}


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        (Scope.OPERATE, "GET", "/v1/batches"),
        (Scope.OPERATE, "GET", "/v1/batches/b"),
        (Scope.SUBMIT, "GET", "/v1/batches/b/results"),
        (Scope.SUBMIT, "GET", "/v1/batches/b/wait"),
        (Scope.SUBMIT, "GET", "/v1/events"),
        *((Scope.SUBMIT, "GET", f"/v1/batches/b/{name}") for name in ("strip", "failures", "edits")),
        (Scope.SUBMIT, "GET", "/v1/edits/b/c0"),
        (Scope.SUBMIT, "GET", "/v1/edits/b/c0/history"),
        *((Scope.READ, "POST", f"/v1/batches/b/{name}") for name in ("retry", "cancel", "pause", "resume", "seal")),
        *((scope, "DELETE", "/v1/batches/b") for scope in (Scope.READ, Scope.SUBMIT)),
        (Scope.READ, "POST", "/v1/batches/b/limit?max_failures=0"),
        (Scope.SUBMIT, "POST", "/v1/batches/b/budget?budget=none"),
        (Scope.READ, "POST", "/v1/uploads"),
    ],
)
def test_each_route_needs_its_scope(client: Client, ledger: Ledger, scope: Scope, method: str, path: str) -> None:
    """And nothing is changed without it."""
    fill(ledger)
    answer = client(scope).request(method, path, json={"sha256": "0" * 64, "size": 1, "content_type": "image/png"})
    assert (answer.status_code, problem(answer)["type"]) == (403, "urn:retouch:problem:not-allowed")
    view = EditQueue(ledger).status("b")
    assert (view.counts, view.paused, view.max_failures) == ({"queued": 3}, (), None)


def test_batches_are_listed_page_by_page(client: Client, ledger: Ledger) -> None:
    """Each once, the newest first, also while others come; those of the prefix alone."""
    names = [f"a-{n}" for n in range(5)]
    for name in (*names, "b"):
        fill(ledger, name, 1)
    caller = client(prefix="a-")
    first = caller.get("/v1/batches?limit=2").json()
    fill(ledger, "a-new", 1)
    second = caller.get("/v1/batches", params={"limit": 2, "cursor": first["next"]}).json()
    last = caller.get("/v1/batches", params={"limit": 2, "cursor": second["next"]}).json()
    seen = [one["batch"] for page in (first, second, last) for one in page["batches"]]
    assert sorted(seen) == names
    assert [len(page["batches"]) for page in (first, second, last)] == [2, 2, 1]
    assert last["next"] is None
    schema = json.loads((schemas.FOLDER / "batches.json").read_text())
    Draft202012Validator(schema).validate({"batches": first["batches"]})


def test_batches_that_were_made_at_the_same_moment_are_all_listed(client: Client, ledger: Ledger) -> None:
    """Whatever page they are on."""
    at = Ledger(ledger.connection._client, lambda: 1_700_000_000_000)
    for n in range(7):
        fill(at, f"b{n}", 1)
    caller, seen, cursor = client(), list[str](), ""
    while cursor is not None:
        page = caller.get(f"/v1/batches?limit=2&cursor={cursor}").json()
        seen += [one["batch"] for one in page["batches"]]
        cursor = page["next"]
    assert seen == [f"b{n}" for n in reversed(range(7))]


def test_batches_are_listed_by_their_state(client: Client, ledger: Ledger, queue: EditQueue) -> None:
    """As people are shown it."""
    fill(ledger, "b0")
    fill(ledger, "b1")
    queue.pause("b1")
    caller = client()
    found = {state: caller.get(f"/v1/batches?state={state}").json() for state in ("open", "paused", "completed")}
    assert {state: [one["batch"] for one in page["batches"]] for state, page in found.items()} == {
        "open": ["b0"],
        "paused": ["b1"],
        "completed": [],
    }


@pytest.mark.parametrize("cursor", ["x", "eyJ9", "bnVsbA==", "WyJhIiwgImIiXQ==", "WzFlOTk5LCAiYiJd", "é"])
def test_a_cursor_that_is_none_is_refused(client: Client, cursor: str) -> None:
    """In one sentence."""
    answer = client().get("/v1/batches", params={"cursor": cursor})
    assert "take next of a page" in problem(answer)["detail"]
    assert answer.status_code == 422


def test_a_batch_is_shown_as_the_command_line_does_and_not_sent_twice(client: Client, ledger: Ledger) -> None:
    """With the tag of what is known, nothing is sent until it has changed."""
    fill(ledger)
    caller = client()
    first = caller.get("/v1/batches/b")
    assert first.json() == EditQueue(ledger).status("b").to_json()
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        same = caller.get("/v1/batches/b", headers={"If-None-Match": known})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    EditQueue(ledger).cancel("b")
    changed = caller.get("/v1/batches/b", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


def test_results_come_before_the_end_too(client: Client, ledger: Ledger, queue: EditQueue) -> None:
    """One a line, in the batch's order, as the command line prints them; also those of one end alone."""
    fill(ledger)
    caller = client()
    assert caller.get("/v1/batches/b/results").content == b""
    end(ledger, EditState.COMPLETED, 1)
    end(ledger, EditState.FAILED, 1)
    answer = caller.get("/v1/batches/b/results")
    assert answer.headers["content-type"].startswith("application/jsonl")
    found = [json.loads(line) for line in answer.text.splitlines()]
    assert found == [result.to_json() for result in queue.results("b")]
    assert [one["state"] for one in found] == ["completed", "failed"]
    failed = caller.get("/v1/batches/b/results?only=failed").text.splitlines()
    assert [json.loads(line)["custom_id"] for line in failed] == ["c1"]
    assert caller.get("/v1/batches/b/results?only=queued").status_code == 422


def test_results_of_which_redis_gives_only_a_part_are_seen_to_be_cut(
    client: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller does not take a part for all."""
    fill(ledger, count=2)
    end(ledger)
    results = ledger.reader.results

    def breaks(batch: str) -> Any:
        yield from results(batch)
        raise LedgerAwayError("gone")

    monkeypatch.setattr(ledger.reader, "results", breaks)
    monkeypatch.setattr("workers.gateway.native.batches.AT_ONCE", 1)
    with pytest.raises(Exception, match=r"(?i)ended|broken|incomplete"):
        client().get("/v1/batches/b/results")


def test_one_edit_is_shown_with_what_came_of_it(client: Client, ledger: Ledger) -> None:
    """Without the link to its picture, which may let its bearer in."""
    fill(ledger, count=2)
    caller = client()
    before = caller.get("/v1/edits/b/c0").json()
    assert (before["state"], before["before_it"], before["result"]) == ("queued", 0, None)
    assert before["parameters"] == {"prompt": "a cat"}
    end(ledger, EditState.FAILED)
    after = caller.get("/v1/edits/b/c0").json()
    assert (after["state"], after["result"]["error"]["code"]) == ("failed", "refused")
    for path in ("/v1/edits/b/none", "/v1/edits/none/c0"):
        assert caller.get(path).status_code == 404


def test_one_edit_has_its_history(client: Client, ledger: Ledger) -> None:
    """As programs read it."""
    fill(ledger, count=2)
    end(ledger, EditState.FAILED)
    caller = client()
    told = caller.get("/v1/edits/b/c0/history").json()
    assert (told["batch"], told["custom_id"]) == ("b", "c0")
    assert [(step["what"], step["reason"]) for step in told["history"]] == [
        ("enqueued", None),
        ("failed", "refused: no"),
    ]
    for path in ("/v1/edits/b/none/history", "/v1/edits/none/c0/history"):
        assert caller.get(path).status_code == 404


@pytest.mark.parametrize("path", ["", "/history"])
def test_an_edit_of_others_is_not_there(client: Client, ledger: Ledger, path: str) -> None:
    """Nor does its history tell of it."""
    fill(ledger, "other")
    assert client(prefix="team-").get(f"/v1/edits/other/c0{path}").status_code == 404


def test_edits_are_tried_again_and_cancelled(client: Client, ledger: Ledger, queue: EditQueue) -> None:
    """What that has changed is told."""
    fill(ledger)
    caller = client()
    end(ledger, EditState.FAILED, 1)
    assert caller.post("/v1/batches/b/retry").json() == {"asked": 0, "sent": 1}
    assert caller.post("/v1/batches/b/retry").json() == {"asked": 0, "sent": 0}
    assert caller.post("/v1/batches/b/cancel").json() == {"cancelled": 3}
    assert caller.post("/v1/batches/b/retry?state=cancelled&anew=true").json() == {"asked": 0, "sent": 3}
    assert caller.post("/v1/batches/b/retry?state=queued").status_code == 422
    assert queue.status("b").counts == {"queued": 3}


def test_held_edits_are_decided_about_alone(client: Client, ledger: Ledger, queue: EditQueue) -> None:
    """The queued ones stay."""
    fill(ledger, count=2)
    [claim] = ledger.worker.claim("w", lease_ms=60_000, places=1, submits=1).claims
    ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), EditState.HELD)])
    caller = client()
    assert caller.post("/v1/batches/b/cancel?held=true").json() == {"cancelled": 1}
    assert queue.status("b").counts == {"queued": 1, "cancelled": 1}


def test_a_batch_is_paused_and_resumed(client: Client, ledger: Ledger, queue: EditQueue) -> None:
    """The pause says with which key."""
    fill(ledger)
    caller = client(name="night")
    told = [caller.post(f"/v1/batches/b/{name}").json() for name in ("pause", "pause")]
    assert told == [{"changed": True}, {"changed": False}]
    assert [pause.reason for pause in queue.status("b").paused] == ["somebody with the key night paused it"]
    told = [caller.post(f"/v1/batches/b/{name}").json() for name in ("resume", "resume")]
    assert told == [{"changed": True}, {"changed": False}]


def test_waiting_ends_with_the_batch(client: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Woken by its event, and not by looking again and again."""
    fill(ledger)
    caller, answers = client(), []
    looks, batch = [0], ledger.reader.batch

    def counted(name: str) -> Any:
        found = batch(name)
        looks[0] += 1
        return found

    monkeypatch.setattr(ledger.reader, "batch", counted)
    waiting = threading.Thread(target=lambda: answers.append(caller.get("/v1/batches/b/wait?timeout=60")))
    waiting.start()
    until(lambda: looks[0] == 1, "it waits")
    end(ledger)
    end(ledger)
    waiting.join(LIMIT_S)
    assert answers[0].json()["state"] == "completed"
    assert looks[0] == 2


@pytest.mark.parametrize(("until_", "told"), [("failures", "open"), ("completed", "completed")])
def test_whoever_asks_for_it_is_told_when_too_much_has_failed(
    client: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, until_: str, told: str
) -> None:
    """By the pause's own event, and of no other pause; who waits for the end alone is not disturbed."""
    fill(ledger)
    looks, batch = [0], ledger.reader.batch

    def counted(name: str) -> Any:
        looks[0] += 1
        return batch(name)

    monkeypatch.setattr(ledger.reader, "batch", counted)
    caller = client()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(caller.get, f"/v1/batches/b/wait?timeout=300&until={until_}")
        until(lambda: looks[0] == 1, "it waits")
        ledger.producer.pause("b", BatchPause.PERSON, "lunch")
        ledger.producer.resume("b")
        ledger.producer.limit_failures("b", "0")
        end(ledger, EditState.FAILED, 1)
        if told == "open":
            waiting.result(LIMIT_S)
        ledger.producer.resume("b")
        for _ in range(2):
            end(ledger)
        answer = waiting.result(LIMIT_S).json()
    assert answer["state"] == told
    assert [pause["cause"] for pause in answer["paused"]] == (["failures"] if told == "open" else [])


def test_how_many_may_fail_is_said_once(client: Client, ledger: Ledger, queue: EditQueue) -> None:
    """By whoever submits or operates; another limit is refused, and what is none."""
    fill(ledger)
    for scope in (Scope.SUBMIT, Scope.OPERATE):
        answer = client(scope, name=f"a-{scope}").post("/v1/batches/b/limit?max_failures=5%25")
        assert (answer.status_code, answer.json()["max_failures"]) == (200, "5%")
    caller = client()
    for query, said in (("?max_failures=6", "was given max_failures 5% before"), ("?max_failures=x", "is 'x'")):
        answer = caller.post(f"/v1/batches/b/limit{query}")
        assert answer.status_code == 422
        assert said in problem(answer)["detail"]
    assert caller.post("/v1/batches/b/limit").status_code == 422
    assert queue.status("b").max_failures == "5%"


def test_what_a_batch_may_cost_is_said_by_who_operates(client: Client, ledger: Ledger, queue: EditQueue) -> None:
    """In the currency of the price, or without; what is none is refused; `none` lifts it."""
    fill(ledger)
    caller = client()
    refused = caller.post("/v1/batches/b/budget?budget=20")
    assert (refused.status_code, "needs a price of one image" in problem(refused)["detail"]) == (422, True)
    queue.set_price("0.01 USD")
    answer = caller.post("/v1/batches/b/budget?budget=20%20USD")
    nothing = {"spent": 0, "committed": 0, "doubtful": 0}
    assert answer.json()["money"] == {**nothing, "to_come": 0.03, "budget": 20, "currency": "USD"}
    for query, said in (("?budget=20%20EUR", "counted in USD here"), ("?budget=x", "budget is 'x'")):
        answer = caller.post(f"/v1/batches/b/budget{query}")
        assert (answer.status_code, said in problem(answer)["detail"]) == (422, True)
    assert caller.post("/v1/batches/b/budget?budget=none").json()["money"]["budget"] is None


def test_waiting_ends_at_its_time_or_at_once(client: Client, ledger: Ledger) -> None:
    """With the state as it is."""
    fill(ledger)
    caller = client()
    assert caller.get("/v1/batches/b/wait?timeout=0.01").json()["state"] == "open"
    end(ledger)
    end(ledger)
    assert caller.get("/v1/batches/b/wait?timeout=300").json()["state"] == "completed"
    for timeout in ("-1", "301", "nan", "x"):
        assert caller.get(f"/v1/batches/b/wait?timeout={timeout}").status_code == 422
