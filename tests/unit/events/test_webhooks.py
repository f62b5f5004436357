"""Webhooks: signed as Standard Webhooks says, tried again on its schedule."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from retouch.errors import InputError
from retouch.events import schedule
from retouch.events.sinks import webhook as webhooks

DAY_S = 24 * 3600


def secret_of(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


SECRET = secret_of(bytes(range(32)))


@given(body=st.text().map(str.encode), key=st.binary(min_size=24, max_size=64))
def test_an_independent_implementation_accepts_our_signature(body: bytes, key: bytes) -> None:
    """What we sign, the package ``standardwebhooks`` verifies."""
    secret = secret_of(key)
    webhooks.check_secret(secret)
    headers = webhooks.headers(secret, "evt_1", int(time.time()), body)
    Webhook(secret).verify(body, headers, json_parse=False)


@pytest.mark.parametrize(
    "change", [{"webhook-id": "evt_2"}, {"webhook-timestamp": str(int(time.time()) - 1)}, {"body": "{}"}]
)
def test_the_signature_covers_id_time_and_body(change: dict[str, str]) -> None:
    """A delivery that is changed in any of the three no longer verifies."""
    delivery = webhooks.headers(SECRET, "evt_1", int(time.time()), b"[]") | {"body": "[]"} | change
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(delivery["body"], delivery, json_parse=False)


def test_deliveries_are_cloudevents() -> None:
    """The content type tells receivers that the body is one CloudEvent in JSON."""
    assert webhooks.headers(SECRET, "evt_1", 1, b"{}")["content-type"] == "application/cloudevents+json"


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        SECRET.removeprefix("whsec_"),
        SECRET + "!",
        "whsec_not/base64*at*all*xxxxxxxxxxxxxxxxxxxxxx",
        secret_of(bytes(23)),
        secret_of(bytes(65)),
        "whsec_ä" + "a" * 40,
    ],
)
def test_a_bad_secret_is_refused_and_not_shown(secret: str) -> None:
    """Only ``whsec_`` and 24 to 64 bytes of base64 pass; the error does not carry the secret."""
    with pytest.raises(InputError) as caught:
        webhooks.check_secret(secret)
    shown = secret.removeprefix("whsec_")
    assert not shown or shown not in str(caught.value)
    assert caught.value.__cause__ is None


def test_tries_are_at_the_times_that_the_specification_proposes() -> None:
    """Without jitter the tries are 0, 5 s, 5 min, 30 min, 2, 5, 10, 14, 20 and 24 h after the first."""
    at, tries, times = 0.0, 0, []
    while (wait_s := schedule.next_delivery_s(tries, 0.0)) is not None:
        at, tries = at + wait_s, tries + 1
        times.append(at)
    assert times == [0, 5, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, DAY_S]


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=10, max_size=10))
def test_jitter_keeps_every_try_within_the_day(randoms: list[float]) -> None:
    """Whatever the jitter, each wait is at least four fifths of the plan and all end within 24 hours."""
    waits = [schedule.next_delivery_s(tries, randoms[tries]) for tries in range(10)]
    plain = [schedule.next_delivery_s(tries, 0.0) for tries in range(10)]
    assert all(0.8 * full <= wait <= full for wait, full in zip(waits, plain, strict=True))  # type: ignore[operator]
    assert sum(waits) <= DAY_S  # type: ignore[arg-type]


def test_events_come_back_spread_over_a_fifth_of_their_wait() -> None:
    """A receiver that was away is not met by all of them in the same second."""
    assert [schedule.next_delivery_s(2, chance) for chance in (0.0, 0.5, 1.0)] == pytest.approx([295, 265.5, 236])


@given(tries=st.integers(10, 10_000), random01=st.floats(0, 1))
def test_after_the_last_try_there_is_none(tries: int, random01: float) -> None:
    """Ten tries are all there are."""
    assert schedule.next_delivery_s(tries, random01) is None
