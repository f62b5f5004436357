"""What becomes of an event by how its delivery ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
import structlog
from standardwebhooks.webhooks import Webhook
from structlog.testing import capture_logs

from retouch.errors import BrokenResultError, UnreachableResultError
from retouch.events.sinks.message import TAKEN, Answer, Message
from retouch.ledger import Claim, Step
from tasks import announce
from tests.ledger_bench import LEASE_MS
from tests.unit.worker_stage import SECRET, Worker

URL = "https://hooks.test/retouch"
# With every random number at 0.5 a tenth is taken off the schedule: 5 s after the first try, then 295 s.
FIRST_MS, SECOND_MS = 4500, 265_500


@pytest.fixture
def worker(make_worker: Callable[..., Worker]) -> Worker:
    """A worker with a webhook, and one event for it."""
    one = make_worker(webhook_url=URL, webhook_secret=SECRET)
    return with_event(one)


def with_event(worker: Worker) -> Worker:
    """An edit has ended, and its event is to be delivered."""
    worker.show()
    worker.fill(1)
    worker.run_to_completion()
    return worker


def deliver(worker: Worker) -> Claim:
    """Deliver what is due."""
    claim = worker.one(Step.ANNOUNCE)
    worker.do([claim])
    return claim


def due(worker: Worker, claim: Claim) -> int | None:
    """The ms until the next delivery; None where there is none."""
    at = worker.client.zscore(worker.keys.outbox(claim.sink), claim.member)
    return None if at is None else int(at) - worker.clock.now


OUTCOMES = {
    "200": ((200, None), None),
    "204": ((204, None), None),
    "299": ((299, None), None),
    "300": ((300, None), FIRST_MS),
    "400": ((400, None), FIRST_MS),
    "410": ((410, None), None),
    "410, asks for 60 s": ((410, 60.0), None),
    "500": ((500, None), FIRST_MS),
    "503, asks for 60 s": ((503, 60.0), 60_000),
    "503, asks for 1 s": ((503, 1.0), FIRST_MS),
    "503, asks for no time": ((503, 0.0), FIRST_MS),
    "unreachable": (UnreachableResultError("why"), FIRST_MS),
    "refused address": (BrokenResultError("why"), FIRST_MS),
}


@pytest.mark.parametrize(("answer", "again_ms"), OUTCOMES.values(), ids=OUTCOMES)
def test_what_the_receiver_answers_decides(
    worker: Worker, answer: tuple[int, float | None] | Exception, again_ms: int | None
) -> None:
    """Only 2xx is delivered; otherwise it is tried again by the schedule, or later if the receiver asks for that."""
    worker.outside.webhook.answer = answer
    claim = deliver(worker)
    assert due(worker, claim) == again_ms
    taken = worker.client.exists(worker.keys.delivery(claim.member)) == 0
    assert taken is (isinstance(answer, tuple) and answer[0] < 300)


def test_each_try_is_the_same_event(worker: Worker) -> None:
    """The same id and body, so that a receiver can tell; the second wait is the schedule's second."""
    worker.outside.webhook.answer = (500, None)
    deliver(worker)
    worker.clock.now += FIRST_MS
    claim = deliver(worker)
    assert due(worker, claim) == SECOND_MS
    (body, first), (again, second) = worker.outside.webhook.posts
    assert (body, first["webhook-id"]) == (again, second["webhook-id"])
    assert json.loads(body)["id"] == first["webhook-id"]


@pytest.mark.parametrize(("tries", "kept"), [(8, True), (9, False)])
def test_a_delivery_is_given_up_after_a_day(worker: Worker, tries: int, kept: bool) -> None:
    """The tenth try is the last one, whatever patience the receiver asks for."""
    worker.outside.webhook.answer = (500, 60.0)
    claim = worker.one(Step.ANNOUNCE)
    worker.client.hset(worker.keys.delivery(claim.member), "tries", tries)
    worker.do([claim])
    assert (due(worker, claim) is not None) is kept


@pytest.mark.parametrize("answer", [(204, None), (500, None)], ids=["delivered", "not delivered"])
def test_a_message_that_comes_twice_delivers_once(worker: Worker, answer: tuple[int, None]) -> None:
    """While the first is at work, and after it: the receiver hears no more before the next try is due."""
    worker.outside.webhook.answer = answer
    claim = worker.one(Step.ANNOUNCE)
    worker.do_twice([claim])
    worker.do([claim])
    assert len(worker.outside.webhook.posts) == 1


def test_a_claim_that_was_lost_delivers_nothing(worker: Worker) -> None:
    """The newer claim does."""
    claim = worker.one(Step.ANNOUNCE)
    worker.client.hincrby(worker.keys.delivery(claim.member), "fence", 1)
    worker.do([claim])
    assert worker.outside.webhook.posts == []


def test_an_event_that_was_trimmed_is_done_with(worker: Worker) -> None:
    """There is nothing left to say."""
    claim = worker.one(Step.ANNOUNCE)
    worker.client.delete(worker.keys.events)
    worker.do([claim])
    assert due(worker, claim) is None
    assert worker.outside.webhook.posts == []


@pytest.mark.parametrize(
    "settings",
    [{}, {"webhook_secret": SECRET}, {"webhook_secret": SECRET, "webhook_url": "https://other.test/"}],
    ids=["nothing", "no address", "another address"],
)
def test_the_events_of_another_s_sink_are_left_to_its_workers(
    make_worker: Callable[..., Worker], settings: dict[str, str]
) -> None:
    """Such a message changes nothing: no post, no try, no end."""
    worker = make_worker(**settings)
    worker.show("webhook-another")
    worker.fill(1)
    worker.run_to_completion()
    [claim] = worker.deliveries("webhook-another")
    before = worker.client.hgetall(worker.keys.delivery(claim.member))
    worker.do([claim])
    assert worker.outside.webhook.posts == []
    assert worker.client.hgetall(worker.keys.delivery(claim.member)) == before
    assert due(worker, claim) == LEASE_MS


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((410, None), "the receiver at hooks.test answered 410 Gone"),
        ((500, None), "the receiver at hooks.test answered 500"),
        (UnreachableResultError(f"{URL} took too long"), "hooks.test took too long"),
    ],
)
def test_a_reason_names_the_host_alone(worker: Worker, answer: tuple[int, None] | Exception, reason: str) -> None:
    """The path of a webhook's URL is a secret with some receivers; the reason is kept, and shown."""
    worker.outside.webhook.answer = answer
    claim = deliver(worker)
    assert worker.stored(worker.keys.delivery(claim.member), "reason") == reason


def test_a_receiver_that_is_gone_is_told_once_and_left_alone(worker: Worker) -> None:
    """410 ends the delivery, is said of the sink, and no more is posted to it."""
    worker.fill(2, batch="more")
    worker.run_to_completion()
    worker.later(LEASE_MS)
    worker.outside.webhook.answer = (410, None)
    claims = worker.deliveries()
    assert len(claims) == 3
    with capture_logs() as logs:
        worker.do(claims)
    assert [line["reason"] for line in logs if line["event"] == "sink.gone"] == [
        "the receiver at hooks.test answered 410 Gone"
    ]
    [sink] = worker.ledger.reader.sinks()
    assert sink.gone == "the receiver at hooks.test answered 410 Gone"
    worker.fill(1, batch="later")
    worker.run_to_completion()
    worker.later(LEASE_MS)
    assert worker.deliveries() == []


def test_what_is_delivered_again_is_the_same_event(worker: Worker) -> None:
    """Given up, and made again by a person: the same id and body as at first."""
    worker.outside.webhook.answer = (410, None)
    deliver(worker)
    worker.outside.webhook.answer = (204, None)
    assert worker.ledger.producer.redeliver(next(iter(worker.sinks))) == 1
    deliver(worker)
    (body, first), (again, second) = worker.outside.webhook.posts
    assert (body, first["webhook-id"]) == (again, second["webhook-id"])
    assert [sink.undelivered for sink in worker.ledger.reader.sinks()] == [0]


def test_the_log_of_a_delivery_names_event_and_sink(worker: Worker) -> None:
    """By the id that the receiver gets."""
    claim = worker.one(Step.ANNOUNCE)

    async def in_a_delivery() -> dict[str, object]:
        begun = await worker.context.deliveries.begin(claim, 0.0)
        assert begun
        await announce._deliver(worker.context, claim, begun)
        return structlog.contextvars.get_contextvars()

    bound = asyncio.run(in_a_delivery())
    assert (bound["event_id"], bound["sink"]) == (worker.outside.webhook.posts[0][1]["webhook-id"], claim.sink)


# --- several sinks -------------------------------------------------------------------------------

SINKS = f"{URL}/other?name=other {URL}/third?name=third&types=batch.completed"


def test_each_sink_is_posted_to_at_its_own_address(make_worker: Callable[..., Worker]) -> None:
    """The webhook and the others, without what is ours of their URLs."""
    worker = with_event(make_worker(webhook_url=URL, webhook_secret=SECRET, sinks=SINKS))
    worker.do(worker.deliveries())
    assert sorted(worker.outside.webhook.urls) == [URL, f"{URL}/other"]
    assert {sink.name: sink.delivered for sink in worker.ledger.reader.sinks()} == {
        **{"webhook": 1, "other": 1},
        "third": 0,
    }


def test_an_event_for_aws_goes_there(make_worker: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch) -> None:
    """And not to the webhook."""
    worker = with_event(make_worker(sinks="sns:arn:aws:sns:eu-central-1:123456789012:alerts?name=alerts"))
    sent: list[Message] = []

    async def send(message: Message) -> Answer:
        sent.append(message)
        return Answer("sns alerts did not take it: Throttling") if len(sent) == 1 else TAKEN

    monkeypatch.setattr(worker.context.clients.sinks._senders["alerts"], "send", send)
    claim = deliver(worker)
    assert due(worker, claim) == FIRST_MS
    worker.clock.now += FIRST_MS
    deliver(worker)
    assert (sent[0], worker.outside.webhook.posts) == (sent[1], [])
    assert json.loads(sent[0].body)["id"] == sent[0].id


def test_what_becomes_of_a_sink_is_told_once(worker: Worker) -> None:
    """That it is held, by its fifth failure in a row; that it takes events again, by the first that it takes."""
    worker.fill(9, batch="more")
    worker.run_to_completion()
    worker.later(LEASE_MS)
    worker.outside.webhook.answer = (500, None)
    with capture_logs() as logs:
        worker.do(worker.deliveries())
        worker.clock.now += 5000
        worker.outside.webhook.answer = (204, None)
        worker.do(worker.deliveries())
    told = [line["event"] for line in logs if line["event"].startswith("sink.")]
    assert told == ["sink.held", "sink.back"]


# --- a batch's own -------------------------------------------------------------------------------

OWN_URL = "https://notify.test/secret-path?k=1"


@pytest.fixture
def notified(make_worker: Callable[..., Worker]) -> Worker:
    """A worker without a sink, and a batch with one of its own, which has an event for it."""
    return with_own(make_worker())


def with_own(worker: Worker) -> Worker:
    worker.fill(1)
    worker.ledger.producer.notify("b", OWN_URL, "notify.test", ["edit.completed"])
    worker.run_to_completion()
    return worker


def test_a_batch_s_own_sink_is_posted_to(notified: Worker) -> None:
    """By any worker; without a secret in its settings the post has no signature."""
    deliver(notified)
    assert notified.outside.webhook.urls == [OWN_URL]
    [(_, headers)] = notified.outside.webhook.posts
    assert "webhook-id" in headers
    assert "webhook-signature" not in headers


def test_a_batch_s_own_sink_is_signed_where_there_is_a_secret(make_worker: Callable[..., Worker]) -> None:
    """With that of the settings."""
    worker = with_own(make_worker(webhook_secret=SECRET))
    deliver(worker)
    [(body, headers)] = worker.outside.webhook.posts
    Webhook(SECRET).verify(body, dict(headers))


def test_the_reason_of_a_batch_s_own_sink_shows_no_path(notified: Worker) -> None:
    """Its path may be a secret."""
    notified.outside.webhook.answer = UnreachableResultError("https://notify.test/secret-path took too long")
    claim = deliver(notified)
    assert notified.stored(notified.keys.delivery(claim.member), "reason") == "notify.test took too long"


def test_a_batch_that_is_gone_is_told_nothing(notified: Worker) -> None:
    """It may be removed between the claim and the post."""
    claim = notified.one(Step.ANNOUNCE)
    notified.client.hdel(notified.keys.notify, "b")
    notified.do([claim])
    assert notified.outside.webhook.posts == []
