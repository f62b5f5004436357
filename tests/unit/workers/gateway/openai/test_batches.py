"""Batches that OpenAI's client makes of files, follows, cancels and reads."""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
import requests

from retouch import blocking
from retouch.access_keys import AccessKeys, Scope
from retouch.causes import BatchPause
from retouch.errors import CancelledError, ServiceError
from retouch.ledger import PAGE, Finish, Ledger, Settlement, Step
from retouch.media.stores import kept_store
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.unit.cli.conftest import picture
from tests.unit.workers.gateway.conftest import Caller, owner
from tests.unit.workers.gateway.openai.conftest import Ai, create, line, upload
from workers.gateway.context import Gateway
from workers.gateway.intake import ARRIVING, Desk
from workers.gateway.openai.outputs import ResultFile
from workers.stack.s3 import S3

PICTURE = picture()


def end(ledger: Ledger, s3: S3, prefix: str, failing: str = "", left: int = 0) -> None:
    """Be the worker: end all edits but so many, each with a picture in S3, and the batches that have ended then."""
    claims = ledger.worker.claim("w", lease_ms=60_000, places=100, submits=left or 100).claims
    for claim in claims:
        if claim.step is Step.FINISH:
            ledger.worker.settle_batch(claim, Finish.WRITTEN)
            continue
        key = f"{prefix}{claim.member}/0.png"
        s3.client().put_object(Bucket=s3.bucket, Key=key, Body=PICTURE)
        image = {"uri": f"s3://{s3.bucket}/{key}", "sha256": "0", "bytes": len(PICTURE), "width": 8, "height": 8}
        outcome: dict[str, Any] = {"outputs": json.dumps([image | {"content_type": "image/png"}])}
        state = EditState.COMPLETED
        if failing and claim.member.endswith(f"/{failing}"):
            state, outcome = EditState.FAILED, {"error": json.dumps({"code": "refused", "message": "no cats"})}
        ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), state, **outcome)])


def lines_of(client: openai.OpenAI, id: str | None) -> list[dict[str, Any]]:
    """What is in a file of results."""
    assert id
    return [json.loads(one) for one in client.files.content(id).text.splitlines()]


def batch_counts(batch: Any) -> Any:
    """Its counts, which are always there."""
    return batch.request_counts


def test_a_batch_is_made_followed_and_read(ai: Ai, ledger: Ledger, s3: S3, s3_prefix: str) -> None:
    """From the upload to the pictures: also while it runs, with what has failed in a file of its own."""
    client = ai()
    file = upload(client, line("a"), line("b"), line("c"))
    batch = create(client, file, metadata={"night": "1"})
    assert (batch.status, batch.input_file_id, batch.metadata) == ("in_progress", file, {"night": "1"})
    assert (batch_counts(batch).total, batch_counts(batch).completed, batch.output_file_id) == (3, 0, None)

    end(ledger, s3, s3_prefix, left=1)
    batch = client.batches.retrieve(batch.id)
    assert (batch.status, batch_counts(batch).completed, batch.error_file_id) == ("in_progress", 1, None)
    assert [one["custom_id"] for one in lines_of(client, batch.output_file_id)] == ["a"]

    end(ledger, s3, s3_prefix, failing="c")
    [finish] = ledger.worker.claim("w", lease_ms=60_000, places=100).claims
    assert client.batches.retrieve(batch.id).status == "finalizing"
    ledger.worker.settle_batch(finish, Finish.WRITTEN)
    batch = client.batches.retrieve(batch.id)
    assert (batch.status, batch_counts(batch).completed, batch_counts(batch).failed) == ("completed", 2, 1)
    first, second = lines_of(client, batch.output_file_id)
    assert (first["custom_id"], second["custom_id"], first["error"]) == ("a", "b", None)
    assert first["response"]["status_code"] == 200
    assert abs(first["response"]["body"]["created"] - time.time()) < 3600
    [image] = first["response"]["body"]["data"]
    assert requests.get(image["url"], timeout=60).content == PICTURE
    [failed] = lines_of(client, batch.error_file_id)
    assert (failed["custom_id"], failed["response"]) == ("c", None)
    assert failed["error"] == {"code": "refused", "message": "no cats"}
    output = client.files.retrieve(str(batch.output_file_id))
    assert (output.purpose, output.filename) == ("batch_output", f"{batch.id}_output.jsonl")
    with pytest.raises(openai.BadRequestError):
        client.batches.cancel(batch.id)


def test_a_picture_comes_in_base64_where_that_is_asked_for(ai: Ai, ledger: Ledger, s3: S3, s3_prefix: str) -> None:
    """Line by line; the others stay links."""
    client = ai()
    batch = create(client, upload(client, line("a", response_format="b64_json"), line("b", response_format="url")))
    end(ledger, s3, s3_prefix)
    first, second = lines_of(client, client.batches.retrieve(batch.id).output_file_id)
    assert b64decode(first["response"]["body"]["data"][0]["b64_json"]) == PICTURE
    assert list(second["response"]["body"]["data"][0]) == ["url"]


def test_a_picture_that_is_gone_costs_its_own_line_alone(ai: Ai, ledger: Ledger, s3: S3, s3_prefix: str) -> None:
    """Else nobody could read the file again."""
    client = ai()
    batch = create(client, upload(client, *(line(id, response_format="b64_json") for id in "abc")))
    end(ledger, s3, s3_prefix)
    s3.client().delete_object(Bucket=s3.bucket, Key=f"{s3_prefix}{batch.id}/b/0.png")
    first, gone, last = lines_of(client, client.batches.retrieve(batch.id).output_file_id)
    assert (gone["custom_id"], gone["response"], gone["error"]["code"]) == ("b", None, "picture_gone")
    assert f"{batch.id}/b/0.png" in gone["error"]["message"]
    assert first["response"]
    assert last["response"]


def test_pictures_in_base64_are_not_held_together(
    ai: Ai, gateway: Gateway, ledger: Ledger, s3: S3, s3_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred lines of them are hundreds of megabytes; short lines go together."""
    client = ai()
    batch = create(client, upload(client, *(line(id, response_format="b64_json") for id in "abc")))
    end(ledger, s3, s3_prefix)
    file = ResultFile.parse(str(client.batches.retrieve(batch.id).output_file_id))
    assert file
    assert [piece.count("\n") for piece in file.content(gateway)] == [3]
    monkeypatch.setattr("workers.gateway.openai.outputs.PIECE", len(PICTURE))
    assert [piece.count("\n") for piece in file.content(gateway)] == [1, 1, 1]


def test_the_same_request_again_is_the_same_batch(ai: Ai, queue: EditQueue) -> None:
    """At the same time, one after the other, and with the file uploaded anew; other metadata are another batch."""
    client = ai()
    file = upload(client, line("a"), line("b"))
    with ThreadPoolExecutor(3) as several:
        made = list(several.map(lambda _: create(client, file).id, range(3)))
    made.append(create(client, file).id)
    made.append(create(client, upload(client, line("a"), line("b")), metadata={}).id)
    assert len(set(made)) == 1
    assert queue.status(made[0]).total == 2
    other = create(client, file, metadata={"again": "1"}).id
    assert {view.batch for view in queue.batches()} == {made[0], other}


def test_a_batch_that_has_left_redis_is_not_run_again(
    ai: Ai, ledger: Ledger, s3: S3, s3_prefix: str, queue: EditQueue
) -> None:
    """It stands as its results in S3 say; without any it has expired."""
    client = ai()
    file = upload(client, line("a"))
    id = create(client, file).id
    ledger.connection._client.flushdb()
    client = ai(name="caller2")
    assert client.batches.retrieve(id).status == "expired"
    made = [{"custom_id": "a", "state": "completed", "outputs": []}, {"custom_id": "b", "state": "failed"}]
    body = "".join(json.dumps(one) + "\n" for one in made).encode()
    s3.client().put_object(Bucket=s3.bucket, Key=f"{s3_prefix}{id}/manifest.jsonl", Body=body)
    for _ in range(2):  # counted, and remembered
        batch = client.batches.retrieve(id)
        assert (batch.status, batch_counts(batch).completed, batch_counts(batch).failed) == ("completed", 1, 1)
    assert [one["custom_id"] for one in lines_of(client, batch.error_file_id)] == ["b"]
    assert [one.status for one in client.batches.list()] == ["completed"]
    again = create(client, upload(client, line("a")))
    assert (again.id, again.status, queue.find(id)) == (id, "completed", None)


def test_mistakes_are_told_by_their_lines_before_anything_runs(ai: Ai, queue: EditQueue) -> None:
    """The batch is failed, with each line, field and sentence; nothing of it is enqueued."""
    client = ai()
    wrong: list[Any] = [
        line("a"),
        line("b", strength=7),
        line("c", mask="https://example.com/mask.png", quality="high", n="many"),
        line("d") | {"url": "/v1/images/generations"},
        line("e", size="large"),
        line("f", image=None, images=[{"file_id": "file-none"}]),
        line("g", images=["https://example.com/b.png"]),
        line("h", image=["https://example.com/a.png", "https://example.com/b.png"]),
        line("i", image="/etc/passwd"),
        line("a"),
        line("j", n=9),
        {"custom_id": "k", "body": {}},
        line("l") | {"body": []},
        line("m", quality="high"),
        line("n", image=f"s3://{'bucket'}/other.png"),
        "text",
        line("o", size="9999x512"),
        line("p", image=None, init_image="http://127.0.0.1/a.png"),
    ]
    batch = create(client, upload(client, *wrong))
    assert (batch.status, batch_counts(batch).total, batch.failed_at) == ("failed", 0, batch.failed_at)
    assert batch.errors
    told = {one.line: one for one in reversed(batch.errors.data)}
    params = {line: [one.param for one in batch.errors.data if one.line == line] for line in told}
    assert params == {
        **{2: ["strength"], 3: ["mask", "n", "quality"], 4: ["url"], 5: ["size"], 6: ["images"], 7: ["image"]},
        **{8: ["image"], 9: ["image"], 10: ["custom_id"], 11: ["n"], 12: ["method", "url", "prompt", "image"]},
        **{13: ["body"], 14: ["quality"], 15: ["image"], 16: [None], 17: ["size"], 18: ["init_image"]},
    }
    assert "POST /openai/v1/files" in told[9].message
    assert "/v1/uploads" not in str(batch.errors)
    assert told[17].message.startswith("size: width 9999 ")
    assert not [one for one in batch.errors.data if one.line < 18 and "init_image" in one.message]
    assert sorted(told) == list(range(2, len(wrong) + 1))
    assert (told[2].code, told[2].param) == ("rejected", "strength")
    assert "mask is not possible" in told[3].message
    assert "already used on line 1" in told[10].message
    assert "quality" in told[14].message
    assert 'n "many" should be a valid integer' in str(batch.errors)
    assert queue.batches() == []
    assert client.batches.retrieve(batch.id).errors == batch.errors
    with pytest.raises(openai.BadRequestError):
        client.batches.cancel(batch.id)


@pytest.mark.parametrize("content", [b"\n\n", b"\xff\xfe\n", b"{"], ids=["empty", "no text", "cut"])
def test_a_file_that_cannot_be_read_is_a_failed_batch(ai: Ai, queue: EditQueue, content: bytes) -> None:
    """It says why."""
    client = ai()
    file = client.files.create(file=("a.jsonl", content), purpose="batch")
    batch = create(client, file.id)
    assert batch.status == "failed"
    assert batch.errors.data[0].message
    assert queue.batches() == []


def test_the_fields_of_openai_are_those_of_an_edit(
    ai: Ai, keys: AccessKeys, queue: EditQueue, s3: S3, s3_prefix: str
) -> None:
    """Under their names and under ours; pictures by their address, as a file, and in the line itself."""
    client = ai()
    cat = client.files.create(file=("cat.png", PICTURE), purpose="vision").id
    inline = f"data:image/png;base64,{b64encode(PICTURE).decode()}"
    lines = [
        line("a", model="sdxl", n=2, size="640x512", strength=0.4, seed=7, user=None),
        line("b", image=None, images=[{"file_id": cat}], size="auto"),
        line("c", image=inline),
        line("d", image={"image_url": "https://example.com/d.png"}),
        line("e", image=None, init_image="https://example.com/e.png", samples=3, metadata={"sku": "1"}),
    ]
    id = create(client, upload(client, *lines)).id
    made = {one.custom_id: one.parameters for one in queue.made(id)}
    assert made["a"] == {
        **{"model_id": "sdxl", "samples": 2, "width": 640, "height": 512, "strength": 0.4, "seed": 7},
        **{"prompt": "a cat", "init_image": "https://example.com/cat.png"},
    }
    assert made["b"]["init_image"].startswith(f"s3://{s3.bucket}/{s3_prefix}_files/{owner(keys)}/{cat}/vision/")
    assert made["c"]["init_image"].startswith(f"s3://{s3.bucket}/{s3_prefix}_inputs/")
    assert made["d"]["init_image"] == "https://example.com/d.png"
    assert (made["e"]["init_image"], made["e"]["samples"]) == ("https://example.com/e.png", 3)
    _, _, key = made["b"]["init_image"].partition(f"{s3.bucket}/")
    assert s3.client().get_object(Bucket=s3.bucket, Key=key)["ContentType"] == "image/png"


def test_a_picture_of_another_key_cannot_be_named(ai: Ai) -> None:
    """Neither by its id, nor by its place in the bucket."""
    owner, other = ai(), ai(name="other")
    cat = owner.files.create(file=("cat.png", PICTURE), purpose="vision").id
    batch = create(other, upload(other, line("a", image=cat)))
    assert batch.errors.data[0].line == 1
    file = upload(owner, line("a"))
    with pytest.raises(openai.BadRequestError) as refused:
        create(other, file)
    assert refused.value.param == "input_file_id"
    with pytest.raises(openai.BadRequestError):
        create(owner, cat)


def test_a_batch_is_cancelled(ai: Ai, ledger: Ledger, s3: S3, s3_prefix: str) -> None:
    """What is not at the API yet is cancelled; what is there is kept."""
    client = ai()
    batch = create(client, upload(client, line("a"), line("b")))
    end(ledger, s3, s3_prefix, left=1)
    assert client.batches.cancel(batch.id).status == "cancelling"
    end(ledger, s3, s3_prefix)
    batch = client.batches.cancel(batch.id)
    assert (batch.status, batch_counts(batch).completed) == ("cancelled", 1)
    [lost] = lines_of(client, batch.error_file_id)
    assert (lost["custom_id"], lost["error"]["code"]) == ("b", "cancelled")


def test_a_batch_that_is_cancelled_while_it_is_written_is_not_taken_up_again(
    ai: Ai, queue: EditQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by the client, which sends again what it may, nor by the next try of a task."""
    take, calls = Desk.take, list[str]()

    def stopped(desk: Desk, key: Any, order: Any) -> Any:
        calls.append(order.batch)
        taken = take(desk, key, order)
        queue.cancel(order.batch)
        raise CancelledError(f"cancelled: {taken.receipt.written}")

    client = ai()
    file = upload(client, line("a"), line("b"))
    monkeypatch.setattr(Desk, "take", stopped)
    with pytest.raises(openai.BadRequestError):
        create(client, file)
    assert create(client, file).status == "cancelling"
    assert len(calls) == 1


def test_what_is_no_batch_is_not_there(ai: Ai, ledger: Ledger, s3: S3, s3_prefix: str) -> None:
    """Whatever its id is like."""
    client = ai()
    batch = create(client, upload(client, line("a")))
    end(ledger, s3, s3_prefix)
    for id in (f"{batch.id}.ended", f"{batch.id}.json", "_batches", "x" * 65):
        with pytest.raises(openai.NotFoundError):
            client.batches.retrieve(id)
        with pytest.raises(openai.NotFoundError):
            client.files.content(f"file-output.{id}")


def test_batches_are_listed_page_by_page(ai: Ai) -> None:
    """Each once, those of the key's prefix alone; those of others are not there."""
    team, other = ai(name="team", prefix="team-"), ai(name="other", prefix="other-")
    file = upload(team, line("a"))
    made = {create(team, file, metadata={"n": str(n)}).id for n in range(3)}
    foreign = create(other, upload(other, line("a"))).id
    assert all(id.startswith("team-") for id in made)
    page = team.batches.list(limit=2)
    assert (len(page.data), page.has_more) == (2, True)
    assert sorted(one.id for one in team.batches.list(limit=2)) == sorted(made)
    with pytest.raises(openai.BadRequestError, match="after which to list others"):
        team.batches.list(after=foreign)
    for ask in (team.batches.retrieve, team.batches.cancel):
        with pytest.raises(openai.NotFoundError):
            ask(foreign)
    with pytest.raises(openai.NotFoundError):
        team.files.content(f"file-output.{foreign}")


def test_a_batch_that_is_still_written_is_being_validated(ai: Ai, ledger: Ledger, queue: EditQueue) -> None:
    """Nothing of it runs until all of it is there."""
    client = ai()
    lines = [line(f"c{n}") for n in range(PAGE + 1)]
    file = upload(client, *lines)
    id = create(client, file).id
    assert client.batches.retrieve(id).status == "in_progress"
    ledger.producer.pause(id, BatchPause.ARRIVING, ARRIVING)
    assert client.batches.retrieve(id).status == "validating"


def test_a_gateway_that_ends_in_the_middle_leaves_what_the_same_request_completes(
    ai: Ai, queue: EditQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then it is being validated, and after a day it has expired."""

    def lose(*_: Any) -> None:
        raise ServiceError("Redis failed")

    client = ai().with_options(max_retries=0)
    file = upload(client, line("a"))
    with monkeypatch.context() as broken:
        broken.setattr(Desk, "take", lose)
        with pytest.raises(openai.InternalServerError):
            create(client, file)
    [batch] = client.batches.list()
    with pytest.raises(openai.BadRequestError):
        client.batches.cancel(batch.id)
    assert (batch.status, queue.batches()) == ("validating", [])
    with monkeypatch.context() as later:
        later.setattr("workers.gateway.openai.batches.WINDOW_S", -60)
        assert client.batches.retrieve(batch.id).status == "expired"
    again = create(client, file)
    assert (again.id, again.status) == (batch.id, "in_progress")


def test_records_of_batches_are_kept_as_long_as_files(ai: Ai, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then this face does not know them."""
    client = ai()
    id = create(client, upload(client, line("a"))).id
    monkeypatch.setattr("workers.gateway.openai.records.KEPT_S", -60)
    with pytest.raises(openai.NotFoundError):
        client.batches.retrieve(id)
    assert list(client.batches.list()) == []


def test_each_request_needs_its_scope(ai: Ai) -> None:
    """A key that only sends cannot look, and one that only reads cannot send or cancel."""
    sender, reader = ai(Scope.SUBMIT), ai(Scope.READ, name="reader")
    file = upload(sender, line("a"))
    id = create(sender, file).id
    assert reader.batches.retrieve(id).id == id
    for refused in (
        lambda: sender.batches.retrieve(id),
        lambda: reader.batches.cancel(id),
        lambda: create(reader, file),
    ):
        with pytest.raises(openai.PermissionDeniedError):
            refused()


@pytest.mark.parametrize(
    "other",
    [
        {"endpoint": "/v1/responses"},
        {"completion_window": "1h"},
        {"metadata": {"a": 1}},
        {"metadata": {str(n): "" for n in range(17)}},
        {"input_file_id": "../x"},
        {"more": 1},
    ],
)
def test_a_wrong_request_is_told_by_its_field(ai: Ai, anyone: Caller, other: dict[str, Any]) -> None:
    """As a 400, which OpenAI's clients do not try again."""
    client = ai()
    good = {"input_file_id": upload(client, line("a")), "endpoint": "/v1/images/edits", "completion_window": "24h"}
    headers = {"Authorization": f"Bearer {client.api_key}"}
    answer = anyone.post("/openai/v1/batches", json=good | other, headers=headers)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"].partition(".")[0] in other


def test_s3_that_is_away_is_said_so(ai: Ai, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a 503, which clients try again."""
    client = ai().with_options(max_retries=0)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    blocking.run(kept_store("bucket").open())
    with pytest.raises(openai.InternalServerError) as away:
        client.files.list()
    assert (away.value.status_code, away.value.type, away.value.code) == (503, "server_error", "away")
