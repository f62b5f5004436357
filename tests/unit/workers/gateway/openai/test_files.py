"""Files that OpenAI's client uploads, reads, lists and removes."""

from __future__ import annotations

from typing import Literal

import openai
import pytest

from retouch.access_keys import AccessKeys, Scope
from tests.unit.cli.conftest import picture
from tests.unit.workers.gateway.conftest import Caller
from tests.unit.workers.gateway.openai.conftest import Ai
from workers.stack.s3 import S3

NAME = "Kätzchen /1.jsonl"


def test_a_file_comes_back_as_it_was_sent_and_is_listed_until_it_is_removed(ai: Ai, s3: S3, s3_prefix: str) -> None:
    """With its name, size and purpose; then nothing of it is left."""
    client = ai()
    made = client.files.create(file=(NAME, b'{"a": 1}\n'), purpose="batch")
    assert (made.filename, made.bytes, made.purpose, made.status) == (NAME, 9, "batch", "processed")
    assert made.expires_at == made.created_at + 30 * 24 * 3600
    assert client.files.retrieve(made.id) == made
    assert client.files.content(made.id).content == b'{"a": 1}\n'
    vision = client.files.create(file=("cat.png", picture()), purpose="vision")
    assert [file.id for file in client.files.list()] == [vision.id, made.id]
    assert [file.id for file in client.files.list(order="asc", limit=1)] == [made.id, vision.id]
    assert [file.id for file in client.files.list(purpose="vision")] == [vision.id]
    assert client.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.content(made.id)
    client.files.delete(vision.id)
    assert "Contents" not in s3.client().list_objects_v2(Bucket=s3.bucket, Prefix=f"{s3_prefix}_files/")


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_files_may_be_removed_while_they_are_listed(ai: Ai, order: Literal["asc", "desc"]) -> None:
    """As scripts do that tidy up: none is listed twice where the last one of a page is gone."""
    client = ai()
    made = [client.files.create(file=("a.jsonl", b"%d" % n), purpose="batch").id for n in range(5)]
    listed = []
    for n, file in enumerate(client.files.list(order=order, limit=2)):
        listed.append(file.id)
        if n % 2:
            client.files.delete(file.id)
    assert listed == sorted(made, reverse=order == "desc")


def test_a_file_of_others_is_not_there(ai: Ai, keys: AccessKeys) -> None:
    """Neither listed, nor read, nor removed; a key that is made anew under the name of one is another."""
    first, other = ai(), ai(name="other")
    id = first.files.create(file=("a.jsonl", b"x\n"), purpose="batch").id
    assert list(other.files.list()) == []
    for ask in (other.files.retrieve, other.files.content, other.files.delete):
        with pytest.raises(openai.NotFoundError):
            ask(id)
    assert first.files.retrieve(id).id == id
    keys.revoke("caller")
    assert list(ai().files.list()) == []


def test_files_are_kept_for_thirty_days(ai: Ai, s3: S3, s3_prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then they are not there, and a look at the list removes them from the bucket."""
    client = ai()
    id = client.files.create(file=("a.jsonl", b"x\n"), purpose="batch").id
    monkeypatch.setattr("workers.gateway.openai.shelf.KEPT_S", -60)
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(id)
    assert list(client.files.list()) == []
    assert "Contents" not in s3.client().list_objects_v2(Bucket=s3.bucket, Prefix=f"{s3_prefix}_files/")


@pytest.mark.parametrize(
    ("data", "purpose", "param"),
    [(b"x", "fine-tune", "purpose"), (b"", "batch", "file"), (b"no picture", "vision", "file")],
)
def test_what_cannot_be_used_is_refused_at_once(ai: Ai, data: bytes, purpose: str, param: str) -> None:
    """In OpenAI's shape, with the name of what is wrong."""
    with pytest.raises(openai.BadRequestError) as refused:
        ai().files.create(file=("a", data), purpose=purpose)  # type: ignore[arg-type] # which is the point
    assert (refused.value.param, refused.value.type) == (param, "invalid_request_error")


def test_a_file_that_is_too_large_is_refused(ai: Ai) -> None:
    """Not tried again, and nothing is kept of it."""
    client = ai()
    with pytest.raises(openai.APIStatusError) as refused:
        client.files.create(file=("a.jsonl", b"x" * (1024 * 1024)), purpose="batch")
    assert (refused.value.status_code, refused.value.code) == (413, "too_large")
    assert "1 MiB" in refused.value.message
    assert list(client.files.list()) == []


def test_a_key_is_needed_and_its_scope(ai: Ai) -> None:
    """Each error is the client's own, with the request's id."""
    with pytest.raises(openai.AuthenticationError) as refused:
        ai(token="rt_no_" + "x" * 43).files.list()
    assert refused.value.code == "invalid_api_key"
    assert refused.value.request_id
    reader, sender = ai(Scope.READ, name="reader"), ai(Scope.SUBMIT, name="sender")
    with pytest.raises(openai.PermissionDeniedError):
        reader.files.create(file=("a.jsonl", b"x\n"), purpose="batch")
    with pytest.raises(openai.PermissionDeniedError):
        sender.files.list()


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"x", "text/plain", 415),
        (b"x", "multipart/form-data", 400),
        (b"x", "multipart/form-data; boundary=y", 400),
        (b"--y\r\n\r\nx\r\n--y--\r\n", "multipart/form-data; boundary=y", 400),
    ],
)
def test_a_body_that_is_no_form_is_refused(ai: Ai, anyone: Caller, body: bytes, kind: str, status: int) -> None:
    """Whatever is wrong with it."""
    headers = {"Authorization": f"Bearer {ai().api_key}", "Content-Type": kind}
    answer = anyone.post("/openai/v1/files", data=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["type"] == "invalid_request_error"
