"""``POST /v1/notifications``: what a store tells of makes edits, once each, and never what its key may not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from config.gateway import GatewaySettings
from retouch.access_keys import Scope
from retouch.errors import LedgerAwayError, StoreRefusedError, StoreUnavailableError
from retouch.ledger import Ledger
from retouch.queue import EditQueue
from retouch.triggers.notifications import MAX_BYTES
from retouch.triggers.recipe_file import parse_recipe
from tests.unit.triggers.test_notifications import CEPH, EVENTBRIDGE, KEY, MINIO, record, records, seaweedfs
from tests.unit.triggers.test_taking import Bucket, png, raising
from tests.unit.workers.gateway.conftest import Caller, Client, problem
from workers.gateway.context import Gateway

PATH = "/v1/notifications"
PICTURE = f"s3://photos/{KEY}"
RECIPE = {
    "bucket": "photos",
    "key": "in/{date}/{name}.{ext}",
    "batch": "daily-{date}",
    "edit": {"prompt": "a cat", "seed": 7},
}
BATCH = "daily-2026-11-26"


@pytest.fixture
def recipe() -> dict[str, Any]:
    """What the gateway's recipe says."""
    return dict(RECIPE)


@pytest.fixture
def gateway(ledger: Ledger, settings: GatewaySettings, recipe: dict[str, Any]) -> Gateway:
    """A gateway with the recipe, if there is one."""
    return Gateway(settings, ledger, [parse_recipe("r", recipe)] if recipe else [])


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """What all buckets hold: the picture that the stores tell of."""
    found = Bucket()
    found.objects[KEY] = png()
    monkeypatch.setattr("workers.gateway.native.notifications.kept_store", lambda _name: found)
    return found


@pytest.fixture
def store(client: Client, bucket: Bucket) -> Caller:
    """A store with a key for its bucket alone."""
    return client(Scope.SUBMIT, name="store", inputs=["s3://photos/in/"])


@pytest.mark.parametrize(
    "message",
    [records(), MINIO, CEPH, EVENTBRIDGE, seaweedfs()],
    ids=["S3", "MinIO", "Ceph", "EventBridge", "SeaweedFS"],
)
def test_a_new_object_makes_an_edit_once(store: Caller, ledger: Ledger, message: dict[str, Any]) -> None:
    """Whichever store tells of it, and however often."""
    first, again = (store.post(PATH, json=message) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    [made] = first.json()["edits"]
    assert (made["batch"], made["init_image"]) == (BATCH, PICTURE)
    edit = ledger.reader.edit(BATCH, made["custom_id"])
    assert edit is not None
    assert (edit.parameters["prompt"], edit.parameters["seed"]) == ("a cat", 7)
    assert EditQueue(ledger).status(BATCH).total == 1


def test_what_makes_no_edit_is_told_with_why(store: Caller, ledger: Ledger) -> None:
    """Nothing is written; the store need not send it again."""
    message = records(
        record("elsewhere/x.png"), record("in/2026-11-26/none.png"), record("x/\ud800.png", source="ceph:s3")
    )
    answer = store.post(PATH, data=json.dumps(message))
    assert answer.status_code == 200
    assert answer.json() == {
        "edits": [],
        "left_out": [
            {"uri": "s3://photos/elsewhere/x.png", "reason": "the key does not match in/{date}/{name}.{ext}"},
            {"uri": "s3://photos/x/?.png", "reason": "the key does not match in/{date}/{name}.{ext}"},
            {"uri": "s3://photos/in/2026-11-26/none.png", "reason": "there is no such object"},
        ],
        "refused": [],
    }
    assert EditQueue(ledger).batches() == []


@pytest.mark.parametrize(
    ("recipe", "stored"),
    [
        ({**RECIPE, "unusable": "fail"}, b"hello, this is no picture"),
        ({**RECIPE, "edit": {"prompt": "a", "seed": "{name}"}}, png()),
    ],
)
def test_what_never_will_be_right_is_told_as_an_error_and_done_with(
    store: Caller, bucket: Bucket, ledger: Ledger, stored: bytes
) -> None:
    """MinIO sends again what is refused, without end, and nothing else meanwhile. The message's others are taken."""
    bucket.objects["in/2026-11-26/1.png"] = png()
    bucket.objects[KEY] = stored
    with capture_logs() as lines:
        answer = store.post(PATH, json=records(record("in/2026-11-26/1.png"), record()))
    assert answer.status_code == 200
    [refused] = answer.json()["refused"]
    assert refused.startswith(PICTURE)
    [line] = [line for line in lines if line["event"] == "object.refused"]
    assert (line["log_level"], line["reason"], line["key"]) == ("error", refused, "store")
    assert [made["init_image"] for made in answer.json()["edits"]] == ["s3://photos/in/2026-11-26/1.png"]
    assert EditQueue(ledger).status(BATCH).total == 1


def test_a_message_that_meets_a_bug_is_told_and_done_with(store: Caller, bucket: Bucket) -> None:
    """It stops no other; a scan takes its pictures once the bug is mended."""
    bucket.objects[KEY] = ZeroDivisionError("oh")
    with capture_logs() as lines:
        answer = store.post(PATH, json=records())
    assert (answer.status_code, answer.json()["refused"]) == (200, ["a bug in Retouch: ZeroDivisionError"])
    told = {line["event"]: line["log_level"] for line in lines}
    assert told["notification.crashed"] == told["object.refused"] == "error"


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({}, f"{PICTURE} is in none of the places that key narrow may name (none): "),
        ({"inputs": ["s3://photos/incoming"]}, "may name (s3://photos/incoming): retouch keys create --inputs"),
        ({"inputs": ["s3://phot"]}, f"{PICTURE} is in none of the places"),
        (
            {"inputs": ["s3://photos"], "prefix": "team-"},
            f"batches of key narrow begin with team-, and {BATCH}, of {PICTURE}, does not",
        ),
    ],
)
def test_a_key_is_for_its_places_and_its_batches(
    client: Client, bucket: Bucket, ledger: Ledger, limits: dict[str, Any], said: str
) -> None:
    """Before anything is read; nothing of the message is taken, also not what the key may name."""
    bucket.objects[KEY] = AssertionError("it was read")
    answer = client(Scope.SUBMIT, name="narrow", **limits).post(PATH, json=records())
    assert answer.status_code == 403
    assert said in problem(answer)["detail"]
    assert EditQueue(ledger).batches() == []


def test_a_key_that_may_not_submit_is_refused(client: Client) -> None:
    """Reading is not enough."""
    answer = client(Scope.READ, Scope.OPERATE, inputs=["s3://photos"]).post(PATH, json=records())
    assert answer.status_code == 403
    assert "needs the scope submit" in problem(answer)["detail"]


def test_a_key_bounds_the_edits_of_a_message(client: Client, bucket: Bucket, ledger: Ledger) -> None:
    """As those of a body of edits."""
    bucket.objects["in/2026-11-26/1.png"] = png()
    caller = client(Scope.SUBMIT, inputs=["s3://photos"], max_lines=1)
    assert caller.post(PATH, json=records(record(), record("in/2026-11-26/1.png"))).status_code == 413
    assert EditQueue(ledger).batches() == []


def test_a_key_may_stand_in_the_address(store: Caller, anyone: Caller) -> None:
    """As Ceph and SNS send it: HTTP's Basic, on this path alone."""
    for path, status in ((PATH, 200), ("/v1/batches", 401)):
        answer = anyone.post(path, json=records(), auth=("ceph", store.token))
        assert answer.status_code == status, answer.text
    for wrong in ("Basic", "Basic !", "Basic 0000", "Basic /w==", "Bearer"):
        answer = anyone.post(PATH, json=records(), headers={"Authorization": wrong})
        assert problem(answer)["type"].endswith(":no-key")


@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b"{}", b'{"Records": 5}', b"[" * 100_000])
def test_what_is_no_notification_is_refused_for_good(store: Caller, body: bytes) -> None:
    """In one sentence; sending it again would not help."""
    answer = store.post(PATH, data=body)
    assert answer.status_code == 422
    assert "notification" in problem(answer)["detail"]


def test_a_message_of_any_length_is_bounded(store: Caller) -> None:
    """It is held in memory."""
    assert store.post(PATH, data=b" " * (MAX_BYTES + 1)).status_code == 413


@pytest.mark.parametrize("stored", [StoreUnavailableError("no answer"), StoreRefusedError("AccessDenied")])
def test_what_cannot_be_read_now_is_to_be_sent_again(
    store: Caller, bucket: Bucket, ledger: Ledger, stored: Exception
) -> None:
    """S3 is away, or a person has to give a right; the same message is taken then."""
    bucket.objects[KEY] = stored
    answer = store.post(PATH, json=records())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert str(stored) in problem(answer)["detail"]
    assert EditQueue(ledger).batches() == []
    bucket.objects[KEY] = png()
    assert store.post(PATH, json=records()).status_code == 200


def test_an_outage_of_redis_is_to_be_waited_for(store: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same message adds the edit then."""
    with monkeypatch.context() as patch:
        patch.setattr("retouch.ledger.producer.Producer.enqueue", raising(LedgerAwayError("no connection")))
        assert store.post(PATH, json=records()).status_code == 503
    assert len(store.post(PATH, json=records()).json()["edits"]) == 1


def test_a_message_is_done_with_once_its_edits_are_on_the_disk_of_redis(
    store: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Redis can tell that. It is asked until it has, since its disk may be slow just then."""
    answers = iter([False, False, False, True, False, True])
    monkeypatch.setattr("retouch.ledger.producer.Producer.wait_for_disk", lambda _self: next(answers))
    told = [store.post(PATH, json=records()).status_code for _ in range(4)]
    # Of each message first its edits; then, until the first yes, whether Redis can tell at all.
    assert told == [200, 503, 503, 200]
    assert list(answers) == []


@pytest.mark.parametrize("recipe", [{}])
def test_a_gateway_without_recipes_says_what_is_missing(store: Caller) -> None:
    """And how to start it."""
    answer = store.post(PATH, json=records())
    assert answer.status_code == 404
    assert "start it with --recipe FILE" in problem(answer)["detail"]
