"""What the API answers, and what may be done next."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.errors import (
    AccountRefusedError,
    AmbiguousError,
    ApiError,
    RefusedError,
    ThrottledError,
    UnavailableError,
    UnknownIdError,
)
from retouch.provider.answers import Answer, Status
from retouch.provider.client import MAX_BODY_BYTES, MAX_TEXT, Img2ImgApi
from retouch.provider.error_text import words
from tests.unit.provider.api_provider import EDIT, KEY, Provider

pytestmark = pytest.mark.anyio


async def test_the_status_is_asked_below_the_url(provider: Provider, api: Img2ImgApi) -> None:
    """``{url}/status/{id}``, with the id quoted so that it cannot leave its place."""
    provider.says({"status": "PENDING"})
    await api.status("a/b?c")
    assert provider.asked[0].raw_path == "/v1/status/a%2Fb%3Fc"
    assert provider.asked[0].headers["API-Key"] == KEY


@pytest.mark.parametrize(
    ("word", "status"),
    [(word, Status.SUCCESS) for word in ("SUCCESS", "completed", "Succeeded")]
    + [(word, Status.FAILURE) for word in ("FAILURE", "failed", "ERROR", "CANCELLED", "canceled", "REVOKED", "EXPIRED")]
    + [(word, Status.FAILURE) for word in ("timed-out", "TIMEOUT", "Moderated", "rejected", "ABORTED", "blocked")]
    + [(word, Status.RUNNING) for word in ("PENDING", "STARTED", "queued", "", "?")]
    + [(word, Status.RUNNING) for word in ("COMPLETE", "done", "Ready", "FINISHED", "ok")],
)
async def test_status_words_are_read(provider: Provider, api: Img2ImgApi, word: str, status: Status) -> None:
    """The contract's words and their kin; whatever else it says, it is still at work."""
    provider.says({"status": word, "id": "1"})
    assert (await api.status("1")).status is status
    assert (await api.submit(EDIT, "k")).status is status


@pytest.mark.parametrize("word", ["COMPLETE", "done", "Ready", "FINISHED", "ok"])
async def test_words_that_may_mean_an_end_mean_it_with_links(provider: Provider, api: Img2ImgApi, word: str) -> None:
    """Without a link they may as well mean that the question was understood."""
    provider.says({"status": word, "id": "1", "download_urls": ["https://h/a"]})
    assert (await api.status("1")).status is Status.SUCCESS


@pytest.mark.parametrize(
    ("word", "told"),
    [("Pending", None), ("in progress", None), ("OK", None), ("Moderating\n", "Moderating"), ("x" * 99, "x" * 40)],
)
async def test_a_word_that_is_not_known_is_told(
    provider: Provider, api: Img2ImgApi, word: str, told: str | None
) -> None:
    """It runs on until its deadline, and whoever asks why must find the word."""
    provider.says({"status": word, "id": "1"})
    assert (await api.status("1")).word == told


@pytest.mark.parametrize(
    ("reply", "urls"),
    [
        ({"download_urls": ["u1", "u2"]}, ("u1", "u2")),
        ({"download_urls": ["u1", None, 7, "", "u2", "u3", "u4", "u5"]}, ("u1", "u2", "u3", "u4")),
        ({"download_urls": "u1"}, ("u1",)),
        ({"download_urls": [], "result_url": "u1"}, ("u1",)),
        ({"image_url": "u1"}, ("u1",)),
        ({"output_url": ["u1", "u2"]}, ("u1", "u2")),
        ({"download_urls": {"a": 1}}, ()),
        ({}, ()),
    ],
)
async def test_a_post_may_succeed_at_once(
    provider: Provider, api: Img2ImgApi, reply: dict[str, Any], urls: tuple[str, ...]
) -> None:
    """Links are taken in order from where APIs put them, at most four; success needs no id."""
    provider.says({"status": "SUCCESS"} | reply)
    assert await api.submit(EDIT, "k") == Answer(Status.SUCCESS, None, urls, None)


@pytest.mark.parametrize("reply", [{"id": 42}, {"id": None, "job_id": "42"}, {"id": "", "task_id": "42"}])
async def test_ids_are_found_under_their_names(provider: Provider, api: Img2ImgApi, reply: dict[str, Any]) -> None:
    """id, job_id or task_id; a string or a number."""
    provider.says({"status": "PENDING"} | reply)
    assert (await api.submit(EDIT, "k")).provider_id == "42"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ({"error": "NSFW"}, "NSFW"),
        ({"message": "out of memory"}, "out of memory"),
        ({"detail": [{"loc": ["body", "strength"], "msg": "too large", "type": "x"}]}, "body.strength: too large"),
        ({"error": {"message": "nested"}}, "nested"),
        ({"failure_reason_code": "GPU"}, "GPU"),
        ({"error": None}, "the API gave no reason"),
        ({"error": f"bad\n\x1b[31m key {KEY}\u202e"}, "bad [31m key ***"),
        ({"error": "x" * 2000}, "x" * (MAX_TEXT - 1) + "…"),
        ({"error": "\ud800 half a pair"}, "half a pair"),
    ],
)
async def test_a_failure_carries_the_apis_words(
    provider: Provider, api: Img2ImgApi, reply: dict[str, Any], words: str
) -> None:
    """FAILURE is an answer; its words are one clean line without our key."""
    provider.says({"status": "FAILURE", "id": "1"} | reply)
    assert await api.submit(EDIT, "k") == Answer(Status.FAILURE, "1", (), words)
    assert (await api.status("1")).error == words


@pytest.mark.parametrize(
    ("status", "on_submit", "on_status"),
    [
        (301, RefusedError, UnavailableError),
        (307, RefusedError, UnavailableError),
        (400, RefusedError, RefusedError),
        (401, AccountRefusedError, AccountRefusedError),
        (402, AccountRefusedError, AccountRefusedError),
        (403, AccountRefusedError, AccountRefusedError),
        (404, RefusedError, UnknownIdError),
        (408, AmbiguousError, UnavailableError),
        (410, RefusedError, UnknownIdError),
        (413, RefusedError, RefusedError),
        (422, RefusedError, RefusedError),
        (425, UnavailableError, UnavailableError),
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
    with pytest.raises(ApiError, match="no") as caught:
        await api.status("1")
    assert type(caught.value) is on_status
    assert len(provider.asked) == 2


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "reply", "seconds"),
    [
        ({"Retry_After": "12"}, {}, 12.0),
        ({"Retry_After": "99999"}, {}, 3600.0),
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
    """Retry-After from the header or the body, 0 to 3600 seconds."""
    provider.says(reply, status=status, **headers)
    with pytest.raises(ApiError) as caught:
        await api.submit(EDIT, "k")
    assert caught.value.retry_after_s == seconds


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
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'"SUCCESS"',
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"a":"' + b"x" * MAX_BODY_BYTES + b'"}',
    ],
)
async def test_an_unreadable_answer_is_ambiguous(provider: Provider, api: Img2ImgApi, body: bytes) -> None:
    """A 2xx that is not of the contract: the submit may have been taken; the status may be asked again."""
    provider.says(body)
    with pytest.raises(AmbiguousError):
        await api.submit(EDIT, "k")
    with pytest.raises(UnavailableError):
        await api.status("1")


@pytest.mark.parametrize(
    "reply", [{}, {"status": "PENDING"}, {"status": "PENDING", "id": True}, {"id": "a b", "status": "x"}, {"id": ".."}]
)
async def test_running_without_an_id_is_ambiguous(provider: Provider, api: Img2ImgApi, reply: dict[str, Any]) -> None:
    """Taken, and nothing to ask about: as good as not answered."""
    provider.says(reply)
    with pytest.raises(AmbiguousError, match="no id"):
        await api.submit(EDIT, "k")


async def test_a_status_answer_without_a_status_is_no_answer(provider: Provider, api: Img2ImgApi) -> None:
    """An object that says nothing of the edit is asked again."""
    provider.says({"hello": "world"})
    with pytest.raises(UnavailableError, match="names no status"):
        await api.status("1")


@pytest.mark.parametrize("provider_id", ["", " ", "a b", ".", "..", "x" * 201, "a\nb", "ä"])
async def test_an_id_that_cannot_be_one_is_not_asked_about(
    provider: Provider, api: Img2ImgApi, provider_id: str
) -> None:
    """No request is built from text that may not be in a path."""
    with pytest.raises(UnknownIdError):
        await api.status(provider_id)
    assert provider.asked == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["error", "detail", "msg", "loc", "x"]), inner),
)


@given(JSON)
def test_any_error_body_gives_words(reply: Any) -> None:
    """Whatever JSON an error brings, words come of it and never an exception."""
    assert isinstance(words(reply), str)
