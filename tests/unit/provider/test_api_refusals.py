"""What the API says when it does not take a request, and what may be done next."""

from __future__ import annotations

import json
from typing import Any

import pytest

from retouch.errors import AmbiguousError, ApiError, RefusedError, ThrottledError, UnavailableError
from retouch.provider.client import MAX_BODY_BYTES, MAX_TEXT, Img2ImgApi
from tests.unit.provider.api_provider import EDIT, KEY, Provider

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("status", "on_submit", "on_status"),
    [
        (301, RefusedError, RefusedError),
        (307, RefusedError, RefusedError),
        (400, RefusedError, RefusedError),
        (401, RefusedError, RefusedError),
        (402, RefusedError, RefusedError),
        (403, RefusedError, RefusedError),
        (404, RefusedError, RefusedError),
        (408, AmbiguousError, UnavailableError),
        (409, RefusedError, RefusedError),
        (410, RefusedError, RefusedError),
        (413, RefusedError, RefusedError),
        (422, RefusedError, RefusedError),
        (425, RefusedError, UnavailableError),
        (429, ThrottledError, ThrottledError),
        (500, AmbiguousError, UnavailableError),
        (502, AmbiguousError, UnavailableError),
        (503, UnavailableError, UnavailableError),
        (504, AmbiguousError, UnavailableError),
        (599, AmbiguousError, UnavailableError),
    ],
)
async def test_each_status_is_one_decision(
    provider: Provider, api: Img2ImgApi, status: int, on_submit: type[ApiError], on_status: type[ApiError]
) -> None:
    """A submit is repeated only where it surely was not taken; a status may always be asked again."""
    provider.says({"status": "FAILURE", "detail": "no"}, status=status)
    with pytest.raises(ApiError, match="no") as caught:
        await api.submit(EDIT, "k")
    assert type(caught.value) is on_submit
    assert caught.value.code == status
    with pytest.raises(ApiError, match="no") as caught:
        await api.status("1")
    assert type(caught.value) is on_status
    assert caught.value.code == status
    assert len(provider.asked) == 2


@pytest.mark.parametrize(("status", "caller"), [(401, True), (402, True), (403, False), (407, True), (422, False)])
async def test_what_is_about_the_key_or_the_credit_is_about_no_edit(
    provider: Provider, api: Img2ImgApi, status: int, caller: bool
) -> None:
    """403 may be: some APIs answer it to a picture that they do not want."""
    provider.says({"error": "no"}, status=status)
    for call in (api.submit(EDIT, "k"), api.status("1")):
        with pytest.raises(RefusedError) as caught:
            await call
        assert caught.value.caller is caller


OURS = [{"status": "FAILURE"}, {"error": "no"}, {"detail": [{"msg": "no"}]}, {"detail": None, "message": "no"}]
NOT_OURS = [b"<html>no</html>", b"no", b"", b'"no"', b'["error"]', {"message": "no"}, {}, {"data": {"error": "no"}}]


async def refused(api: Img2ImgApi) -> RefusedError:
    """How a submit is refused."""
    with pytest.raises(RefusedError) as caught:
        await api.submit(EDIT, "k")
    return caught.value


@pytest.mark.parametrize(("status", "about_it"), [(400, True), (413, True), (415, True), (422, True)] + [
    (code, False) for code in (302, 401, 402, 403, 404, 405, 409, 410, 418, 425, 451)
])  # fmt: skip
async def test_a_refusal_is_definite_where_the_api_itself_speaks_of_the_request(
    provider: Provider, api: Img2ImgApi, status: int, about_it: bool
) -> None:
    """Four codes are about what was sent, and gateways answer with them too: the body must be the API's own."""
    for reply in OURS:
        provider.says(reply, status=status)
        assert (await refused(api)).definite is about_it, reply
    for reply in NOT_OURS:
        provider.says(reply, status=status)
        assert not (await refused(api)).definite, reply


@pytest.mark.parametrize(
    ("status", "reply", "pending"),
    [
        (409, {"error": "in progress"}, True),
        (425, b"", True),
        (422, {"error": "Idempotency-Key was used with another body"}, True),
        (400, b"IDEMPOTENT request still running", True),
        (422, {"error": "no such model"}, False),
        (403, {"error": "no"}, False),
        (302, {"error": "idempotency"}, False),
    ],
)
async def test_a_refusal_for_its_key_is_told_apart(
    provider: Provider, api: Img2ImgApi, status: int, reply: Any, pending: bool
) -> None:
    """By its code, or by its words: whether it means anything depends on whether the key was sent before."""
    provider.says(reply, status=status)
    assert (await refused(api)).pending is pending


@pytest.mark.parametrize(
    ("status", "answered"), [(500, True), (501, True), (599, True), (502, False), (504, False), (408, False)]
)
async def test_an_error_that_the_api_answered_is_told_apart_from_silence(
    provider: Provider, api: Img2ImgApi, status: int, answered: bool
) -> None:
    """A gateway's page says nothing of the API, and 502 and 504 are a gateway's whatever they hold."""
    for reply, by_the_api in [*((r, answered) for r in OURS), *((r, False) for r in NOT_OURS)]:
        provider.says(reply, status=status)
        with pytest.raises(AmbiguousError) as caught:
            await api.submit(EDIT, "k")
        assert caught.value.answered is by_the_api, reply


@pytest.mark.parametrize(
    ("reply", "definite"), [({"detail": "unknown"}, True), (b"<html>404</html>", False), (b"", False)]
)
async def test_a_refused_status_is_definite_where_it_is_json(
    provider: Provider, api: Img2ImgApi, reply: Any, definite: bool
) -> None:
    """Who answers with a page is hardly an API: the worker says so at its start."""
    provider.says(reply, status=404)
    with pytest.raises(RefusedError) as caught:
        await api.status("1")
    assert caught.value.definite is definite


async def test_a_redirected_status_says_what_to_check(provider: Provider, api: Img2ImgApi) -> None:
    """It is a refusal, as the address is wrong, and it is not followed."""
    provider.says(b"", status=302, Location="https://api.test/login?token=1")
    with pytest.raises(RefusedError, match=r"https://api\.test/login: check RETOUCH_API_URL"):
        await api.status("1")
    assert len(provider.asked) == 1


DAY_S = 86_400.0


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "reply", "seconds"),
    [
        ({"Retry_After": "12"}, {}, 12.0),
        ({"Retry_After": "80000"}, {}, 80_000.0),
        ({"Retry_After": "86400"}, {}, DAY_S),
        ({"Retry_After": "86401"}, {}, DAY_S),
        ({"Retry_After": "1e999"}, {}, DAY_S),
        ({}, {"retry_after": 1e12}, DAY_S),
        ({"Retry_After": "-5"}, {}, 0.0),
        ({"Retry_After": "Wed, 21 Oct 2015 07:28:00 GMT"}, {}, 0.0),
        ({}, {"retry_after": 2.5}, 2.5),
        ({}, {"retry_after": "3"}, 3.0),
        ({}, {"retry_after": -1}, 0.0),
        ({}, {"retry_after": [1]}, None),
        ({"Retry_After": "soon"}, {}, None),
        ({}, {}, None),
    ],
)
async def test_the_patience_that_the_api_asks_for(
    provider: Provider,
    api: Img2ImgApi,
    status: int,
    headers: dict[str, str],
    reply: dict[str, Any],
    seconds: float | None,
) -> None:
    """Retry-After from the header or the body, up to a day; that it asked for more is said."""
    provider.says(reply, status=status, **headers)
    for call in (api.submit(EDIT, "k"), api.status("1")):
        with pytest.raises(ApiError) as caught:
            await call
        assert caught.value.retry_after_s == seconds
        asked = [value for value in (headers.get("Retry_After"), reply.get("retry_after")) if value]
        more = seconds == DAY_S and asked != ["86400"]
        assert ("more than a day: a day is waited" in str(caught.value)) is more


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            b'{"detail": [{"loc": ["body", "strength"], "msg": "a"}, {"loc": ["x"], "msg": "b"}]}',
            "body.strength: a; x: b",
        ),
        (b'{"errors": {"prompt": "bad"}}', '{"errors": {"prompt": "bad"}}'),
        (b"<html><head><title>413 Too Large</title></head><body>nginx</body></html>", "413 Too Large"),
        (b"<html><style>p {}</style><body><p>No <b>way</b></p></body></html>", "No way"),
        (b"plain words", "plain words"),
        (b'"a string"', "a string"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", "HTTP 400"),
        (b"{}", "HTTP 400"),
        (b"[" * 100_000, "[" * (MAX_TEXT - 1) + "…"),
        (b"x" * (MAX_BODY_BYTES + 1), "HTTP 400"),
        (f"you sent {KEY}".encode(), "you sent ***"),
        (("x" * (MAX_TEXT - 3) + KEY).encode(), "x" * (MAX_TEXT - 3) + "***"),
        (f"<p>{'x' * 190}{KEY}</p>".encode(), "x" * 190 + "***"),
        (json.dumps({"odd": f"https://h/?{'a' * 980} {KEY}"}).encode(), '{"odd": "https://h/ ***"}'),
        (f"<p>{KEY.replace('/', '%2f')}</p>".encode(), "***"),
        (b'"half a pair: \\ud800"', "half a pair:"),
    ],
)
async def test_a_refusal_carries_the_apis_words(provider: Provider, api: Img2ImgApi, body: bytes, words: str) -> None:
    """Whatever the form of an error's body, what can be read of it is the message; our key is not."""
    provider.says(body, status=400)
    with pytest.raises(RefusedError) as caught:
        await api.submit(EDIT, "k")
    assert str(caught.value) == words


@pytest.mark.parametrize(
    "reply", [b"<html>", b"[]", b"{" + b" " * MAX_BODY_BYTES + b"}", {"status": "PENDING"}], ids=range(4)
)
async def test_an_answer_that_cannot_be_read_has_its_status(provider: Provider, api: Img2ImgApi, reply: Any) -> None:
    """What answers with 200 and no answer is counted as 200."""
    provider.says(reply, status=201)
    with pytest.raises(AmbiguousError) as caught:
        await api.submit(EDIT, "k")
    assert caught.value.code == 201


async def test_no_whole_answer_has_no_status(provider: Provider, api: Img2ImgApi) -> None:
    """However it began."""
    for provider.fault in ("drop", "cut"):
        with pytest.raises(AmbiguousError) as caught:
            await api.submit(EDIT, "k")
        assert caught.value.code is None
