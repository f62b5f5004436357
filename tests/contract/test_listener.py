"""New objects make edits by each of AWS's routes, on moto: notification, queue, picture and ledger are real."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from retouch import EditQueue
from retouch.errors import InputError, ServiceError
from retouch.ledger import Ledger
from retouch.media.stores import kept_store
from retouch.triggers.recipe_file import parse_recipe
from retouch.triggers.taking import Taker
from tests.harness.aws import ACCOUNT, REGION, Aws, aws
from tests.harness.s3_triggers import ROUTES, TRIES, Triggers
from tests.harness.waiting import LIMIT_S
from tests.harness.world import png
from workers.listener import listener as loop
from workers.listener.listener import Listener
from workers.listener.sqs import Message, Queue, QueueRefusedError, Redrive

KEY = "in/2026-11-26/a b+ü%2F.png"
PROMPT = "an oil painting of a b+ü%2F"


@pytest.fixture(scope="module")
def services() -> Iterator[Aws]:
    """One server for all tests of this file; each has a bucket and queues of its own."""
    with aws() as found:
        yield found


@pytest.fixture(autouse=True)
def environment(services: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """A listener's own."""
    for name, value in (services.environment | {"AWS_DEFAULT_REGION": REGION}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("workers.health._folder", lambda: tmp_path)
    monkeypatch.setattr(loop, "AGAIN_S", 0)


@pytest.fixture
def ledger(redis_url: str) -> Iterator[Ledger]:
    """An empty ledger on a real server."""
    ledger = Ledger.from_url(redis_url, timeout_s=LIMIT_S)
    yield ledger
    ledger.connection.close()


class Ending(Queue):
    """Ends the listener, as SIGTERM does, once ``done``; waits for nothing."""

    def __init__(self, triggers: Triggers, done: Callable[[], object]) -> None:
        super().__init__(triggers.url)
        self._done = done

    def receive(self, wait_s: int) -> list[Message]:
        page = super().receive(0)
        if not page and self._done():
            os.kill(os.getpid(), signal.SIGTERM)
        return page


def listen(triggers: Triggers, ledger: Ledger, queue: Queue | None = None) -> None:
    """Run a listener until its queue is empty."""
    raw = {"bucket": triggers.bucket, "key": "in/{date}/{name}.{ext}", "batch": f"{triggers.bucket}-{{date}}"}
    recipe = parse_recipe("r", raw | {"edit": {"prompt": "an oil painting of {name}"}})
    taker = Taker(EditQueue(ledger), [recipe], kept_store)
    queue = queue or Ending(triggers, lambda: triggers.left == 0)
    Listener(queue, Redrive(TRIES, triggers.failed), taker, ledger.producer.wait_for_disk).run()


def made(triggers: Triggers, ledger: Ledger) -> list[tuple[Any, Any]]:
    """The prompts and pictures of the edits that there are."""
    batch = f"{triggers.bucket}-2026-11-26"
    ids = ledger.connection.read("LRANGE", ledger.connection.keys.order(batch), 0, -1)
    found = [view for custom_id in ids if (view := ledger.reader.edit(batch, custom_id))]
    return [(view.parameters["prompt"], view.parameters["init_image"]) for view in found]


@pytest.mark.parametrize("route", ROUTES)
def test_a_new_object_makes_an_edit(services: Aws, ledger: Ledger, route: str) -> None:
    """By each route, under its own key; nothing is left in the queue, not even the test of S3's."""
    triggers = Triggers(services, f"route-{route}", route)
    uri = triggers.put(KEY, png())
    triggers.put("in/2026-11-26/notes.txt", b"no picture")
    triggers.put("elsewhere/a.png", png())
    listen(triggers, ledger)
    assert made(triggers, ledger) == [(PROMPT, uri)]
    assert [view.senders for view in ledger.reader.batches()] == [("recipe:r",)]
    assert triggers.left == 0
    assert services.received(triggers.failed) == []


def test_a_listener_that_dies_before_it_has_deleted_pays_for_nothing_twice(
    services: Aws, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its messages come again; their edits are there."""
    monkeypatch.setattr("workers.listener.sqs.HIDDEN_S", 1)
    triggers = Triggers(services, "dies")
    uri = triggers.put(KEY, png())

    class Dying(Ending):
        def delete(self, messages: Sequence[Message]) -> int:
            raise SystemExit

    with pytest.raises(SystemExit):
        listen(triggers, ledger, Dying(triggers, lambda: False))
    assert made(triggers, ledger) == [(PROMPT, uri)]
    assert triggers.left > 0
    listen(triggers, ledger)
    assert made(triggers, ledger) == [(PROMPT, uri)]


def test_what_cannot_be_taken_goes_to_its_own_queue(services: Aws, ledger: Ledger) -> None:
    """After five tries, as it is; the others are not in its way."""
    triggers = Triggers(services, "poison")
    triggers.send("hello")
    uri = triggers.put(KEY, png())
    listen(triggers, ledger)
    assert made(triggers, ledger) == [(PROMPT, uri)]
    assert [message["Body"] for message in services.received(triggers.failed)] == ["hello"]


def test_the_policy_of_a_queue_is_read(services: Aws) -> None:
    """Where it puts what was tried so often; None if it has none."""
    triggers = Triggers(services, "policy")
    assert Queue(triggers.url).redrive() == Redrive(TRIES, "policy-failed")
    services.queue("without")
    assert Queue(triggers.url.replace("policy-new", "without")).redrive() is None


def test_a_queue_that_is_not_there_is_told(services: Aws) -> None:
    """A person must mend that; a server that does not answer may come back."""
    with pytest.raises(QueueRefusedError, match=r"^the queue none: its attributes cannot be read: .*does not exist"):
        Queue(f"{services.url}/{ACCOUNT}/none").redrive()
    with pytest.raises(ServiceError, match=r"^the queue q cannot be reached: ") as caught:
        Queue("http://127.0.0.1:1/1/q").redrive()
    assert not isinstance(caught.value, QueueRefusedError)


@pytest.mark.parametrize(
    "url",
    ["", "new-pictures", "arn:aws:sqs:eu-central-1:1:q", "https://sqs.eu-central-1.amazonaws.com/", "sqs://a/b/c"],
)
def test_what_is_no_url_of_a_queue_is_refused(url: str) -> None:
    """With how one looks."""
    with pytest.raises(InputError, match=r"must be the URL of a queue of SQS, such as https://sqs\."):
        Queue(url)


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("sqs.eu-central-1.amazonaws.com", "eu-central-1"),
        ("eu-west-1.queue.amazonaws.com", "eu-west-1"),
        ("sqs-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("vpce-0a1b-2c.sqs.us-east-2.vpce.amazonaws.com", "us-east-2"),
        ("127.0.0.1", None),
    ],
)
def test_the_region_is_that_of_the_url(host: str, region: str | None) -> None:
    """Whatever else is set."""
    assert Queue(f"https://{host}/123456789012/q")._region == region
