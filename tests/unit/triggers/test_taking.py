"""From messages to edits in the ledger: each once, whatever comes twice; what is no picture, and what is in the way."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from PIL import Image

from retouch import EditQueue
from retouch.errors import (
    CancelledError,
    InputError,
    LedgerAwayError,
    LostObjectError,
    ServiceError,
    StoreRefusedError,
    StoreUnavailableError,
)
from retouch.ledger import Ledger
from retouch.triggers.recipe import Recipe
from retouch.triggers.recipe_file import parse_recipe
from retouch.triggers.taking import Taken, Taker, Taking, Told

AT = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


def png(width: int = 8, height: int = 8) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height)).save(out, "PNG")
    return out.getvalue()


class Bucket:
    """What is stored; an error stands for an object that cannot be read."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes | Exception] = {}

    async def read_range(self, key: str, start: int, length: int) -> tuple[bytes, int]:
        found = self.objects.get(key, LostObjectError("gone"))
        if isinstance(found, Exception):
            raise found
        return found[start : start + length], len(found)


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


def recipe(**more: Any) -> Recipe:
    edit = {"prompt": "a {name}", **more.pop("edit", {})}
    return parse_recipe(
        "r", {"bucket": "photos", "key": "in/{name}.{ext}", "batch": "daily-{day}", "edit": edit, **more}
    )


def message(*keys: str, etag: str = "e", size: int = 100) -> Told:
    about = {"eventName": "ObjectCreated:Put", "eventTime": AT.isoformat()}
    objects = [{"key": key, "size": size, "eTag": etag} for key in keys]
    records = [about | {"s3": {"bucket": {"name": "photos"}, "object": each}} for each in objects]
    return Told(json.dumps({"Records": records}), AT)


@pytest.fixture
def take(queue: EditQueue, bucket: Bucket) -> Any:
    """Put pictures under all keys that have none, and take messages of them by a recipe."""

    def run(of: Recipe, *messages: Told) -> Taking:
        return Taker(queue, [of], lambda _name: bucket).take(messages)

    for name in "abc":
        bucket.objects[f"in/{name}.png"] = png(64, 32)
    return run


def count(queue: EditQueue, batch: str = "daily-2026-11-26") -> int:
    return queue.status(batch).total


def test_messages_make_edits(queue: EditQueue, take: Any, ledger: Ledger) -> None:
    """One for each object, in the batch that the recipe says."""
    taking = take(recipe(), message("in/a.png", "in/b.png"), message("in/c.png"))
    assert [one.trouble for one in taking.messages] == ["", ""]
    assert [(receipt.batch, receipt.accepted) for receipt in taking.receipts] == [("daily-2026-11-26", 3)]
    edit = ledger.reader.edit("daily-2026-11-26", taking.messages[1].edits[0].fields["custom_id"])
    assert edit is not None
    assert (edit.parameters["prompt"], edit.parameters["init_image"]) == ("a c", "s3://photos/in/c.png")


def test_what_is_told_twice_makes_one_edit(queue: EditQueue, take: Any) -> None:
    """In one message, in two that come together, and in one that comes later; new content is another edit."""
    for _ in range(2):
        taking = take(recipe(), message("in/a.png", "in/a.png"), message("in/a.png"))
        assert [one.trouble for one in taking.messages] == ["", ""]
        assert count(queue) == 1
    take(recipe(), message("in/a.png", etag="other"))
    assert count(queue) == 2


def test_a_message_of_before_a_change_of_the_recipe_pays_for_nothing_again(queue: EditQueue, take: Any) -> None:
    """Its edit is there, as the recipe was; the message is done with."""
    take(recipe(), message("in/a.png"))
    taking = take(recipe(edit={"prompt": "another {name}"}), message("in/a.png"))
    assert taking.messages[0].trouble == ""
    assert count(queue) == 1


@pytest.mark.parametrize("unusable", ["skip", "fail"])
@pytest.mark.parametrize(
    ("key", "stored", "why"),
    [
        ("in/x.png", b"hello, this is no picture", "it is not PNG, JPEG or WebP"),
        ("in/x.png", b"", "it is not PNG, JPEG or WebP"),
        ("in/x.png", LostObjectError("gone"), "there is no such object"),
        ("in/x.png", png()[:20], "it "),
        ("in//x.png", None, "'in//x.png' is not a key"),
    ],
)
def test_what_is_no_picture_makes_no_edit(
    queue: EditQueue, take: Any, bucket: Bucket, unusable: str, key: str, stored: Any, why: str
) -> None:
    """The others of its message do; the recipe says whether the message is done with."""
    bucket.objects[key] = InputError("'in//x.png' is not a key") if stored is None else stored
    of = recipe(unusable=unusable, key="in/{path*}/{name}.{ext}" if "//" in key else "in/{name}.{ext}")
    keys = ("in/a.png", key) if "//" not in key else (key,)
    [one] = take(of, message(*keys)).messages
    told = one.trouble if unusable == "fail" else " ".join(*one.left_out)
    assert told.startswith(f"s3://photos/{key}")
    assert why in told
    assert bool(one.trouble) is (unusable == "fail")
    if len(keys) > 1:
        assert count(queue) == 1


def test_what_no_recipe_takes_is_told(take: Any) -> None:
    """And the message is done with."""
    [one] = take(recipe(), message("out/a.png")).messages
    assert one == Taken(left_out=[("s3://photos/out/a.png", "the key does not match in/{name}.{ext}")])


def test_of_several_recipes_the_first_that_takes_an_object_counts(queue: EditQueue, take: Any, bucket: Bucket) -> None:
    """Each has its own batch, also where their names are equal."""
    recipes = [recipe(key="in/a.png", batch="a", edit={"prompt": "x"}), recipe(batch="others")]
    taking = Taker(queue, recipes, lambda _: bucket).take([message("in/a.png", "in/b.png", "out/c.png")])
    assert [receipt.batch for receipt in taking.receipts] == ["a", "others"]
    assert taking.messages[0].left_out == [("s3://photos/out/c.png", "no recipe takes it")]


@pytest.mark.parametrize(("size", "sides"), [("fit:512", (512, 256)), ("320x240", (320, 240))])
def test_the_size_of_the_result_follows_from_the_picture(
    take: Any, ledger: Ledger, size: str, sides: tuple[int, int]
) -> None:
    """As --size does for a folder."""
    [one] = take(recipe(size=size), message("in/a.png")).messages
    edit = ledger.reader.edit(one.edits[0].batch, one.edits[0].fields["custom_id"])
    assert edit is not None
    assert (edit.parameters["width"], edit.parameters["height"]) == sides


def test_a_bad_edit_is_told_and_does_not_stop_others(queue: EditQueue, take: Any, bucket: Bucket) -> None:
    """Its message is to come again, and goes where such go."""
    bucket.objects["in/7.png"] = png()
    bad, good = take(recipe(edit={"seed": "{name}"}), message("in/a.png"), message("in/7.png")).messages
    assert bad.trouble.startswith("s3://photos/in/a.png: seed ")
    assert good.trouble == ""
    assert count(queue) == 1


@pytest.mark.parametrize("error", [CancelledError("it was cancelled meanwhile"), InputError("it has other defaults")])
def test_a_batch_that_takes_nothing_is_told_and_does_not_stop_others(
    queue: EditQueue, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Once for a message, whatever the number of its objects; none of them is told as taken."""
    for name in ("in/a.png", "in/b.png", "in/c.png"):
        bucket.objects[name] = png()
    enqueue = queue.enqueue

    def cancelled(edits: Any, *, batch: str, **more: Any) -> Any:
        if batch == "bad":
            raise error
        return enqueue(edits, batch=batch, **more)

    monkeypatch.setattr(queue, "enqueue", cancelled)
    recipes = [recipe(key="in/c.png", batch="good", edit={"prompt": "x"}), recipe(batch="bad")]
    message_of_both = message("in/a.png", "in/b.png", "in/c.png")
    taking = Taker(queue, recipes, lambda _: bucket).take([message_of_both])
    assert [one.troubles for one in taking.messages] == [[str(error)]]
    assert [made.uri for made in taking.messages[0].edits] == ["s3://photos/in/c.png"]
    assert count(queue, "good") == 1


def test_a_batch_that_cannot_be_named_is_told(queue: EditQueue, take: Any) -> None:
    """Others of the message make their edits."""
    of = recipe(batch="{name}", key="in/{name}.png")
    [one] = take(of, message("in/a.png", "in/.png")).messages
    assert one.left_out == [("s3://photos/in/.png", "the key does not match in/{name}.png")]
    assert count(queue, "a") == 1


def test_what_is_no_notification_is_told(take: Any) -> None:
    """The other messages are taken."""
    bad, good = take(recipe(), Told("hello", AT), message("in/a.png")).messages
    assert (bad.trouble, good.trouble) == ("it is not JSON, so it is no notification of a store", "")


def test_a_window_keeps_the_batch_open(queue: EditQueue, take: Any) -> None:
    """Until its end, and whatever its edits do; of a later picture until later."""
    take(recipe(closes="day"), message("in/a.png"))
    assert queue.status("daily-2026-11-26").open_until == AT.replace(hour=0, minute=10) + timedelta(days=1)
    assert queue.status("daily-2026-11-26").unsealed is None


def test_an_object_that_may_not_be_read_waits_alone(queue: EditQueue, take: Any, bucket: Bucket) -> None:
    """A person may give the right to it; the others are taken."""
    bucket.objects["in/b.png"] = StoreRefusedError("AccessDenied")
    refused, good = take(recipe(), message("in/b.png"), message("in/a.png")).messages
    assert (refused.trouble, good.trouble) == ("s3://photos/in/b.png: AccessDenied", "")
    assert (refused.for_a_person, good.for_a_person) == (True, False)
    assert count(queue) == 1


def test_an_outage_takes_nothing(queue: EditQueue, take: Any, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised, and the same again does the rest."""
    bucket.objects["in/b.png"] = StoreUnavailableError("no answer")
    with pytest.raises(ServiceError, match=r"^s3://photos/in/b.png cannot be read: no answer"):
        take(recipe(), message("in/a.png"), message("in/b.png"))
    bucket.objects["in/b.png"] = png()
    with monkeypatch.context() as patch:
        patch.setattr("retouch.ledger.producer.Producer.enqueue", raising(LedgerAwayError("no connection")))
        with pytest.raises(ServiceError, match="no connection"):
            take(recipe(), message("in/a.png"), message("in/b.png"))
    take(recipe(), message("in/a.png"), message("in/b.png"))
    assert count(queue) == 2


def raising(error: Exception) -> Any:
    def call(*_args: object, **_more: object) -> None:
        raise error

    return call
