"""What the URL of a sink says: its kind, its name, its types; and what of it is shown."""

from __future__ import annotations

import re
from typing import get_args, get_type_hints

import pytest

from retouch.errors import InputError
from retouch.events.sinks.spec import TYPES, SinkKind, parse_notify, parse_sinks, webhook_spec
from retouch.net.addresses import PrivateHosts
from retouch.records.events import BatchEvent, EditEvent, PauseEvent

SECRET = "T0-planted"
HOOK = f"https://Hooks.Example:8443/{SECRET}"
ARN = "arn:aws:{}:eu-central-1:123456789012:{}"
SNS, SQS = "sns:" + ARN.format("sns", "alerts"), "sqs:" + ARN.format("sqs", "orders.fifo")
BUS = "eventbridge:" + ARN.format("events", "event-bus/main")
NOBODY = PrivateHosts()


def test_each_kind_is_read() -> None:
    """With what people are shown of it, and the target without what is ours."""
    web, topic, queue, bus = parse_sinks(f"{HOOK}?name=shop&a=b&types=edit.failed\n {SNS}  {SQS}?types=paused {BUS}")
    assert [one.kind for one in (web, topic, queue, bus)] == list(SinkKind)
    assert (web.name, web.types, web.target, web.shown) == (
        *("shop", ("edit.failed",)),
        *(f"{HOOK}?a=b", "Hooks.Example:8443"),
    )
    assert (topic.target, topic.shown, topic.types) == (SNS.removeprefix("sns:"), "alerts", ())
    assert (queue.shown, queue.types) == ("orders.fifo", ("paused",))
    assert bus.shown == "main"
    assert parse_sinks("") == ()


def test_a_sink_without_a_name_gets_one_of_its_own() -> None:
    """Of kind and target: the same each time and however the host is written, another for another target."""
    one, other, topic = parse_sinks(f"{HOOK} {HOOK}2 {SNS}")
    assert re.fullmatch(r"webhook-hooks\.example-8443-[0-9a-f]{6}", one.name)
    assert one.name != other.name
    assert re.fullmatch("sns-alerts-[0-9a-f]{6}", topic.name)
    assert parse_sinks(HOOK.replace("Hooks", "hooks"))[0].name == one.name
    assert parse_sinks(f"{HOOK}?types=paused")[0].name == one.name


def test_types_are_taken_with_and_without_their_beginning() -> None:
    """As events have them, or as short as they are listed."""
    [one] = parse_sinks(f"{SNS}?types=retouch.batch.completed,edit.failed,edit.failed")
    assert one.types == ("batch.completed", "edit.failed")


def test_all_types_of_events_can_be_asked_for() -> None:
    """Those that the schema of events knows."""
    told = {name for one in (EditEvent, BatchEvent, PauseEvent) for name in get_args(get_type_hints(one)["type"])}
    assert told == {f"retouch.{name}" for name in TYPES}


WRONG = {
    "ftp://a.test": "is of no kind that there is; write https://…, sns:ARN",
    "nothing": "is of no kind",
    "https://": "is no http or https URL",
    "https://a.test/ü": "must be percent-encoded",
    f"https://user:{SECRET}@a.test/": "names a user",
    "sns:alerts": "must be written like sns:arn:aws:sns:",
    "sns:" + ARN.format("sqs", "a"): "must be written like sns:arn:aws:sns:",
    "sqs:https://sqs.eu-central-1.amazonaws.com/1/orders": "must be written like sqs:arn:aws:sqs:",
    "sqs:" + ARN.format("sqs", "a/b"): "must be written like sqs:",
    "eventbridge:" + ARN.format("events", "main"): "must be written like eventbridge:arn:aws:events:",
    f"{SNS}?name=a b": "",
    f"{SNS}?name=a/b": "has a name that cannot be one",
    f"{SNS}?name=webhook": "is named 'webhook', which is another sink's name",
    f"{SNS}?name=notify": "is named 'notify', which is another sink's name",
    f"{SNS}?name=a&name=b": "gives name twice",
    f"{SNS}?types=batch.complete": "type 'batch.complete', which there is not; did you mean batch.completed?",
    f"{SNS}?types=xyzzy": "which there is not; there are edit.completed",
}


@pytest.mark.parametrize(("url", "told"), WRONG.items(), ids=[str(n) for n in range(len(WRONG))])
def test_a_wrong_url_is_refused_in_a_sentence(url: str, told: str) -> None:
    """It says which one is meant, and shows no secret."""
    with pytest.raises(InputError, match=r"^its URL number [23] ") as caught:
        parse_sinks(f"{HOOK} {url}")
    assert told in str(caught.value)
    assert SECRET not in str(caught.value)


def test_two_sinks_of_one_name_are_refused() -> None:
    """They would be one to the ledger."""
    with pytest.raises(InputError, match="its URL number 2 is named 'a' as another one is"):
        parse_sinks(f"{SNS}?name=a {SQS}?name=a")
    with pytest.raises(InputError, match="its URL number 2 is named 'webhook-hooks"):
        parse_sinks(f"{HOOK} {HOOK}")


def test_nothing_shows_the_target() -> None:
    """Of a webhook its path may be a secret; a short mark tells two apart."""
    one, other = parse_sinks(f"{HOOK}?name=a {HOOK}2?name=b")
    assert not any(SECRET in text for text in (repr(one), str(one), one.name, one.shown, one.place))
    assert one.place != other.place


def test_the_webhook_s_url_is_taken_as_it_is() -> None:
    """What is ours in other URLs is not in this one."""
    one = webhook_spec("https://a.test/?name=x&types=y")
    assert (one.name, one.target, one.types) == ("webhook", "https://a.test/?name=x&types=y", ())


# --- a batch's own -------------------------------------------------------------------------------


def test_a_batch_s_own_hears_of_the_batch_unless_it_asks_for_more() -> None:
    """Its end and its pauses."""
    assert parse_notify("https://a.test/x?k=1", NOBODY).types == ("batch.completed", "paused", "resumed")
    one = parse_notify("https://a.test/x?k=1&types=edit.failed", NOBODY)
    assert (one.types, one.target, one.shown) == (("edit.failed",), "https://a.test/x?k=1", "a.test")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://a.test/", "must be one of https"),
        ("sns:" + ARN.format("sns", "a"), "must be one of https"),
        ("https://127.0.0.1/planted", "'127.0.0.1' is not a public address"),
        ("https://[::1]/planted", "is not a public address"),
        ("https://localhost/planted", "is not a public address"),
        ("https://169.254.169.254/planted", "is not a public address"),
        ("https://2130706433/planted", "is not a public address"),
        ("https://user:planted@a.test/", "names a user"),
        ("https://a.test/planted ", "is no http or https URL"),
        ("https://a.test/?types=nope", "which there is not"),
        ("https://a.test/" + "x" * 2048, "has 2063 characters; at most 2048"),
        ("", "must be one of https"),
    ],
)
def test_a_batch_s_own_may_not_be_anywhere(url: str, told: str) -> None:
    """Whoever may enqueue writes it: nothing but https, no address that is not public, no secret in the error."""
    with pytest.raises(InputError, match=r"^notify: ") as caught:
        parse_notify(url, NOBODY)
    assert told in str(caught.value)
    assert "planted" not in str(caught.value)


def test_a_private_host_may_be_allowed_by_hand() -> None:
    """As for pictures."""
    assert parse_notify("https://hooks.internal/x", PrivateHosts.parse("hooks.internal")).shown == "hooks.internal"


def test_a_url_that_is_no_text_is_the_caller_s_bug() -> None:
    """A TypeError, as everywhere in Python."""
    with pytest.raises(TypeError, match="notify is of type int"):
        parse_notify(1, NOBODY)  # type: ignore[arg-type]
