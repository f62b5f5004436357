"""``POST /v1/batches``: all of a body, or nothing; and the same again is the same batch."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any

import pytest
import requests

from retouch.access_keys import AccessKeys, Scope
from retouch.queue import EditQueue
from tests.unit.cli.conftest import picture
from tests.unit.outside import Bucket
from tests.unit.workers.gateway.bodies import CSV, JSONL, edit, lines
from tests.unit.workers.gateway.conftest import Caller, Client, owner, problem
from workers.gateway.intake import TOLD, over_http
from workers.gateway.native.submit import MAX_JSON


class Uploads(Bucket):
    """A bucket that takes pictures."""

    async def exists(self, key: str) -> bool:
        return key in self.objects

    async def put(self, key: str, data: bytes, _content_type: str) -> None:
        self.objects[key] = data


def in_ledger(queue: EditQueue, batch: str) -> list[str]:
    """The custom ids of a batch; none if there is none."""
    return [made.custom_id for made in queue.made(batch)] if queue.find(batch) else []


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (JSONL, lines(edit("a", seed=1), edit("b", seed=1))),
        (
            {"Content-Type": "application/x-ndjson; charset=utf-8"},
            "\ufeff" + lines(edit("a", seed=1), edit("b", seed=1)),
        ),
        (
            CSV,
            "custom_id,prompt,init_image,seed\na,a cat,https://example.com/cat.png,1\n"
            "b,a cat,https://example.com/cat.png,1\n",
        ),
        (
            {"Content-Type": "application/json"},
            json.dumps({"edits": [edit("a"), edit("b")], "defaults": {"seed": 1}}),
        ),
    ],
    ids=["JSON Lines", "with a mark", "CSV", "JSON"],
)
def test_a_body_of_each_type_is_the_same_batch(
    client: Client, queue: EditQueue, headers: dict[str, str], body: str
) -> None:
    """Made of its edits, so that the same again adds nothing, and is told by another status."""
    caller = client()
    answers = [caller.post("/v1/batches", data=body.encode(), headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    told = [answer.json() for answer in answers]
    assert [(one["accepted"], one["already"]) for one in told] == [(2, 0), (0, 2)]
    assert told[0]["batch"] == told[1]["batch"]
    assert answers[0].headers["location"] == f"/v1/batches/{told[0]['batch']}"
    assert told[0]["estimate"]["images"] == 2
    assert {made.parameters["seed"] for made in queue.made(told[0]["batch"])} == {1}
    view = queue.status(told[0]["batch"])
    assert (view.total, view.unsealed, view.paused) == (2, None, ())


def test_a_batch_may_be_named(client: Client, queue: EditQueue) -> None:
    """More may be sent into it later, with a weight and fields for all at its beginning."""
    caller = client()
    query = {"set": ["seed=7", "strength=0.5"], "weight": "2"}
    first = caller.post("/v1/batches/cats", data=lines(edit("a")), headers=JSONL, params=query)
    second = caller.post("/v1/batches/cats", data=lines(edit("a", seed=7, strength=0.5), edit("b")), headers=JSONL)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() | {"estimate": {}, "notes": []} == {
        "batch": "cats",
        "accepted": 1,
        "already": 1,
        "on_disk": False,
        "estimate": {},
        "notes": [],
    }
    assert [made.parameters.get("seed") for made in queue.made("cats")] == [7, None]
    assert queue._ledger.connection.read("HGET", queue._ledger.connection.keys.batch("cats"), "weight") == "2.0"


def test_what_to_write_for_columns_can_be_copied_into_a_query(client: Client) -> None:
    """All of them at once, with blanks in their names as an address has them."""
    found = problem(client().post("/v1/batches/b", data="id,caption\n1,x\n", headers=CSV))
    assert "Write ?column=custom_id=id&column=prompt=caption to read" in found["detail"]
    assert over_http("write --column 'prompt=my text' to") == "write ?column=prompt=my%20text to"


def test_columns_may_have_other_names(client: Client, queue: EditQueue) -> None:
    """As with the options of the command line; what is not ours is kept if asked for."""
    caller, table = client(), "sku,caption,init_image,price\n7,a cat,https://example.com/cat.png,3\n"
    query: dict[str, Any] = {"column": ["custom_id=sku", "prompt=caption"]}
    refused = problem(caller.post("/v1/batches/b", data=table, headers=CSV, params=query))
    assert "write ?column=OURS=price to read it as ours, or ?keep_columns=true to keep" in refused["detail"]
    assert (
        caller.post("/v1/batches/b", data=table, headers=CSV, params=query | {"keep_columns": "1"}).status_code == 201
    )
    [made] = queue.made("b")
    assert (made.custom_id, made.about.metadata) == ("7", {"price": "3"})


def test_faults_are_told_by_line_and_field_and_nothing_is_taken(client: Client, queue: EditQueue) -> None:
    """Each of them, in the words of the command line."""
    body = lines(edit("a"), edit("b", strength=2, seed="x"), edit("a"), {"promt": "x"}) + "{\n"
    found = problem(client().post("/v1/batches/b", data=body, headers=JSONL))
    assert found["type"].endswith(":rejected")
    assert found["rejected"] == 4
    assert found["detail"].startswith("4 edits are wrong, so nothing was enqueued; line 2 (b): ")
    told = [(fault["line"], fault.get("custom_id"), fault.get("field")) for fault in found["errors"]]
    assert {name for line, _, name in told if line == 4} == {"prompt", "init_image", "custom_id", "promt"}
    assert [one for one in told if one[0] != 4] == [
        (2, "b", "strength"),
        (2, "b", "seed"),
        (3, "a", "custom_id"),
        (5, None, None),
    ]
    assert "already used on line 1" in found["errors"][2]["detail"]
    assert "did you mean 'prompt'" in str(found["errors"])
    assert queue.find("b") is None


def test_of_many_faults_the_first_are_told(client: Client) -> None:
    """And how many there are."""
    found = problem(client().post("/v1/batches/b", data=lines(*(edit(n, seed="x") for n in range(500))), headers=JSONL))
    assert (found["rejected"], len(found["errors"])) == (500, TOLD)
    assert [fault["line"] for fault in found["errors"]] == list(range(1, TOLD + 1))


def test_an_edit_that_is_there_with_other_parameters_refuses_all(client: Client, queue: EditQueue) -> None:
    """And says what differs, without the words of the command line."""
    caller = client()
    caller.post("/v1/batches/b", data=lines(edit("a")), headers=JSONL)
    found = problem(caller.post("/v1/batches/b", data=lines(edit("new"), edit("a", seed=1)), headers=JSONL))
    assert found["errors"] == [
        {
            "line": 2,
            "custom_id": "a",
            "field": "custom_id",
            "detail": "custom_id exists in the batch with other parameters; choose another custom_id or another batch"
            " (what differs: seed)",
        }
    ]
    assert in_ledger(queue, "b") == ["a"]


@pytest.mark.parametrize(
    ("body", "kind", "status", "said"),
    [
        ("", "application/jsonl", 422, "body is empty"),
        ("\n\n", "application/jsonl", 422, "body is empty"),
        ("a,b\n1,2\n", "text/csv", 422, "names no known column"),
        ("custom_id,prompt,init_image\n", "text/csv", 422, ""),
        ("{", "application/json", 400, "the body is not whole JSON"),
        ("[]", "application/json", 400, "the body is not a JSON object"),
        ('{"edits": []}', "application/json", 422, "needs edits: a list with at least one"),
        ('{"edits": [1]}', "application/json", 422, "is not a JSON object"),
        ('{"edits": [{}], "defaults": 1}', "application/json", 422, "defaults must be an object"),
        ('{"edits": [{}], "defaults": {"sed": 1}}', "application/json", 422, "unknown field 'sed'"),
        ('{"edits": [{}], "edit": 1}', "application/json", 422, "the body has 'edit'"),
        ('{"custom_id": "a"}', "application/json", 422, "a body of application/jsonl"),
        ('{"edits": [], "edits": []}', "application/json", 400, "is there twice"),
        (b"\xff", "application/json", 400, "not UTF-8"),
        (
            "x",
            "text/plain",
            415,
            "'text/plain' is no Content-Type of edits: application/jsonl, text/csv, application/json",
        ),
        ("x", "", 415, "Content-Type is missing"),
        (b"PAR1", "application/jsonl", 422, "1 edit is wrong"),
        (b"PAR1", "text/csv", 422, ""),
        (b"\x1f\x8b\x08", "application/jsonl", 422, ""),
    ],
)
def test_a_body_that_is_none_is_refused(
    client: Client, queue: EditQueue, body: str | bytes, kind: str, status: int, said: str
) -> None:
    """In one sentence, and with the status that says what to change."""
    answer = client().post("/v1/batches/b", data=body, headers={"Content-Type": kind} if kind else {})
    assert said in problem(answer)["detail"]
    assert answer.status_code == status
    assert queue.find("b") is None


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"set": "seed"}, "set=seed has no ="),
        ({"set": ["seed=1", "seed=2"]}, "set=seed=2 is given twice"),
        ({"set": "seed=x"}, "set=seed=x: seed"),
        ({"set": "custom_id=x"}, "cannot be the same for all edits"),
        ({"column": "x"}, "?column"),
        ({"weight": "0"}, "weight: "),
        ({"weight": "nan"}, "weight: "),
        ({"wait": "2"}, "there is no parameter 'wait' here"),
        ({"max_failures": "many"}, "max_failures is 'many': write a number of edits, such as 10, or a percentage"),
        ({"budget": "much"}, "budget is 'much': write an amount of money"),
        ({"open_until": "2026-01-01T00:00:00"}, "open_until: "),
    ],
)
def test_a_query_that_is_wrong_is_named(client: Client, query: dict[str, Any], said: str) -> None:
    """By its parameter, before the body is looked at."""
    answer = client().post("/v1/batches/b", data=lines(edit()), headers=JSONL, params=query)
    assert answer.status_code == 422
    assert said in problem(answer)["detail"].replace("--column", "?column")


def test_a_batch_is_given_more_than_edits(client: Client, queue: EditQueue) -> None:
    """How many may fail, what it may cost, until when it is open, where its own events go; limits are given once."""
    queue.set_price("0.01 USD")
    caller, query = client(), {"max_failures": "1%", "budget": "2,5 usd", "open_until": "2999-01-01T00:00:00+01:00"}
    headers = JSONL | {"Retouch-Notify": "https://hooks.example.com/T0/secret"}
    assert caller.post("/v1/batches/b", data=lines(edit()), headers=headers, params=query).status_code == 201
    view = queue.status("b")
    assert (view.max_failures, str(view.open_until)) == ("1%", "2998-12-31 23:00:00+00:00")
    assert view.money is not None
    assert view.money.budget == Decimal("2.5")
    assert [sink.shown for sink in queue.batch_sinks("b")] == ["hooks.example.com"]
    again = caller.post("/v1/batches/b", data=lines(edit("z")), headers=JSONL, params={"budget": "3"})
    assert (again.status_code, "was given a budget of 2.5 before" in problem(again)["detail"]) == (422, True)
    again = caller.post("/v1/batches/b", data=lines(edit("z")), headers=JSONL, params={"max_failures": "2%"})
    assert (again.status_code, "was given max_failures 1% before" in problem(again)["detail"]) == (422, True)
    assert queue.status("b").total == 1


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/secret", "https://[::1]/secret", "https://db.internal/secret", "http://x.com/secret", ""]
)
def test_events_are_posted_to_public_hosts_alone(client: Client, queue: EditQueue, url: str) -> None:
    """By the gateway's own rules, whatever the caller's are; the body is not asked for, and the URL not repeated."""
    answer = client().post("/v1/batches/b", data="none", headers=JSONL | {"Retouch-Notify": url})
    assert (answer.status_code, problem(answer)["detail"].startswith("notify: ")) == (422, True)
    assert "secret" not in answer.text
    assert queue.find("b") is None


def test_the_keys_of_a_team_name_its_batches_alone(client: Client, queue: EditQueue) -> None:
    """What is made of the edits begins with the prefix too."""
    caller = client(prefix="team-")
    refused = caller.post("/v1/batches/other", data=lines(edit()), headers=JSONL)
    assert (refused.status_code, problem(refused)["type"]) == (403, "urn:retouch:problem:not-allowed")
    assert caller.post("/v1/batches/team-1", data=lines(edit()), headers=JSONL).status_code == 201
    made = caller.post("/v1/batches", data=lines(edit()), headers=JSONL).json()["batch"]
    assert made.startswith("team-")
    assert made.removeprefix("team-").isalnum()
    assert queue.find("other") is None


def test_more_turns_than_others_are_an_operators_decision(client: Client, queue: EditQueue) -> None:
    """A weight above 1 takes them from the batches of other keys."""
    sender, operator = client(Scope.SUBMIT), client(Scope.SUBMIT, Scope.OPERATE, name="lead")

    def sent(caller: Caller, batch: str, weight: str) -> requests.Response:
        return caller.post(f"/v1/batches/{batch}?weight={weight}", data=lines(edit()), headers=JSONL)

    refused = problem(sent(sender, "b", "1.01"))
    assert refused["detail"] == "a weight above 1 needs the scope operate, and key caller has submit"
    assert (refused["status"], queue.find("b")) == (403, None)
    assert [sent(sender, "b", "1").status_code, sent(sender, "c", "0.1").status_code] == [201, 201]
    assert sent(operator, "d", "5").status_code == 201


def test_reading_is_not_submitting(client: Client, queue: EditQueue) -> None:
    """A key without the scope is told which it needs."""
    refused = problem(client(Scope.READ).post("/v1/batches/b", data=lines(edit()), headers=JSONL))
    assert (refused["status"], refused["detail"]) == (403, "this needs the scope submit, and key caller has read")
    assert queue.find("b") is None


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("photos/cat.png", "is a path on your machine, which the gateway cannot read: upload the picture first"),
        ("/etc/passwd", "is a path on your machine"),
        ("file:///etc/passwd", ""),
        ("s3://secret/cat.png", "is in none of the places that this key may name: s3://bucket/edits/_uploads/caller/"),
        ("s3://bucket/edits/_uploads/other/cat.png", "is in none of the places"),
        ("s3://shared-not/cat.png", "is in none of the places"),
        ("http://127.0.0.1/cat.png", "not a public address"),
        ("http://169.254.169.254/latest/meta-data", "not a public address"),
        ("https://localhost/x.png", "not a public address"),
    ],
)
def test_a_caller_names_no_picture_that_is_not_theirs(
    client: Client, queue: EditQueue, address: str, said: str
) -> None:
    """Neither files of the gateway, nor buckets of others, nor addresses within the network; nor in defaults."""
    caller = client(inputs=["s3://shared/a/"])
    without = {name: value for name, value in edit().items() if name != "init_image"}
    for body, query in ((edit(init_image=address), {}), (without, {"set": f"init_image={address}"})):
        answer = caller.post("/v1/batches/b", data=lines(body), headers=JSONL, params=query)
        assert answer.status_code == 422
        assert said in answer.text
    assert queue.find("b") is None


def test_a_caller_names_its_own_uploads_and_what_its_key_lists(
    client: Client, keys: AccessKeys, queue: EditQueue
) -> None:
    """In S3."""
    caller = client(inputs=["s3://shared/a/"])
    addresses = [f"s3://bucket/edits/_uploads/{owner(keys)}/cat.png", "s3://shared/a/cat.png"]
    body = lines(*(edit(n, init_image=address) for n, address in enumerate(addresses)))
    assert caller.post("/v1/batches/b", data=body, headers=JSONL).status_code == 201
    assert [made.parameters["init_image"] for made in queue.made("b")] == addresses


def test_a_picture_in_the_text_is_uploaded(client: Client, queue: EditQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the command line does it: under its content's name."""
    bucket = Uploads()
    monkeypatch.setattr("workers.gateway.intake.kept_store", lambda _name: bucket)
    uri = "data:image/png;base64," + base64.b64encode(picture()).decode()
    assert client().post("/v1/batches/b", data=lines(edit(init_image=uri)), headers=JSONL).status_code == 201
    [key] = bucket.objects
    assert key.startswith("edits/_inputs/")
    assert [made.parameters["init_image"] for made in queue.made("b")] == [f"s3://bucket/{key}"]


def test_a_body_that_is_too_large_is_refused_at_once(client: Client, queue: EditQueue) -> None:
    """By what its head says, or when it has become so; by the key's bound, or the gateway's."""
    large = lines(*(edit(n, prompt="a cat " * 9) for n in range(9000)))

    def stream() -> Any:
        yield from (large[first : first + 65536].encode() for first in range(0, len(large), 65536))

    caller = client()
    for data in (large, stream()):
        answer = caller.post("/v1/batches/b", data=data, headers=JSONL)
        assert "larger than 1 MiB" in problem(answer)["detail"]
        assert answer.status_code == 413
    small = client(name="small", max_body=100)
    assert "larger than 100 bytes" in problem(small.post("/v1/batches/b", data="x" * 101, headers=JSONL))["detail"]
    assert queue.find("b") is None
    assert MAX_JSON > 1024 * 1024


def test_more_edits_than_the_key_may_send_are_refused(client: Client, queue: EditQueue) -> None:
    """All of them."""
    caller = client(max_lines=2)
    answer = caller.post("/v1/batches/b", data=lines(edit(1), edit(2), edit(3)), headers=JSONL)
    assert (answer.status_code, problem(answer)["type"]) == (413, "urn:retouch:problem:too-large")
    assert queue.find("b") is None
    assert caller.post("/v1/batches/b", data=lines(edit(1), edit(2)), headers=JSONL).status_code == 201


def test_a_compressed_body_is_refused(client: Client) -> None:
    """It may be a bomb."""
    answer = client().post("/v1/batches/b", data=b"x", headers=JSONL | {"Content-Encoding": "gzip"})
    assert "send it plain" in problem(answer)["detail"]
