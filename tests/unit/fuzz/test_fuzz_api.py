"""The API's answers made up at will: each becomes an Answer or one of ApiError's kinds, and none shows our key."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch.errors import ApiError
from retouch.net.redaction import spellings
from retouch.provider.answers import Answer, Status
from retouch.provider.client import MAX_RETRY_AFTER_S, MAX_TEXT, MAX_WORD, Img2ImgApi
from retouch.provider.dialects.imagepipeline import MAX_URLS

pytestmark = pytest.mark.no_cover  # the same lines thousands of times over

fuzz = settings(max_examples=250)

KEY = "key\"of<the>\\api/'+&%41"  # with everything that JSON, HTML, URLs and Python write otherwise
ECHOES = st.sampled_from(spellings(KEY))
WORDS = st.one_of(
    st.text(max_size=20),
    ECHOES,
    ECHOES.map(lambda echo: "x" * 190 + echo),
    ECHOES.map(lambda echo: f"https://h/?{'a' * 990} {echo}"),
    st.sampled_from(["\ud800", "\u202e", "\x00\r\n", "SUCCESS", "PENDING", "FAILURE", "https://h/a?X-Amz-Signature=1"]),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
NAMES = [
    "status",
    "id",
    "job_id",
    "download_urls",
    "result_url",
    "error",
    "message",
    "detail",
    "msg",
    "loc",
    "retry_after",
]
REPLIES = st.dictionaries(st.sampled_from(NAMES) | WORDS, VALUES, max_size=5)
BODIES = st.one_of(
    (REPLIES | VALUES).map(lambda reply: json.dumps(reply).encode()),
    REPLIES.map(lambda reply: json.dumps(reply, ensure_ascii=False).encode(errors="replace")),
    st.binary(max_size=60),
    st.lists(st.sampled_from(["<html>", "<title>", "<b", ">", "</title>", "<script>"]) | WORDS).map(
        lambda parts: "".join(parts).encode(errors="replace")
    ),
)
STATUSES = st.sampled_from(
    [200, 200, 201, 202, 204, 206, 299, 302, 308, 400, 401, 404, 408, 410, 422, 429, 500, 503, 599]
)
HEADERS = st.dictionaries(
    st.sampled_from(["Location", "Retry-After", "Content-Type", "Content-Encoding", "Set-Cookie"]),
    st.sampled_from([KEY, "https://h/?key=" + KEY, "gzip", "-1", "1e999", "Wed, 21 Oct 2015 07:28:00 +999999999999999"])
    | st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20),
)  # fmt: skip


class Provider:
    """The API on loopback, answering with what it is given, and its client; both on a loop of their own."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._answer: tuple[int, bytes, dict[str, str]] = 200, b"", {}
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._server = TestServer(app)
        self._runner.run(self._server.start_server())
        self._api = self._runner.run(self._client())

    async def _client(self) -> Img2ImgApi:
        return Img2ImgApi(str(self._server.make_url("/v1")), KEY)

    async def _handle(self, _request: web.Request) -> web.StreamResponse:
        status, body, headers = self._answer
        return web.Response(status=status, body=body, headers=headers)

    def ask(self, status: int, body: bytes, headers: dict[str, str]) -> list[Answer | ApiError]:
        """What a submit and a status request become when they are answered like this."""
        self._answer = status, body, headers
        return [self._outcome(self._api.submit({"prompt": "a fox"}, "k")), self._outcome(self._api.status("1"))]

    def _outcome(self, call: Any) -> Answer | ApiError:
        try:
            answer: Answer = self._runner.run(call)
            return answer
        except ApiError as error:
            return error

    def close(self) -> None:
        """End both."""
        self._runner.run(self._api.close())
        self._runner.run(self._server.close())
        self._runner.close()


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """One for all answers."""
    one = Provider()
    yield one
    one.close()


def shown(outcome: Answer | ApiError) -> str:
    """The words of an outcome that logs, results and people get to see."""
    if isinstance(outcome, Answer):
        return f"{outcome.error or ''} {outcome.word or ''}"
    return "".join(traceback.format_exception(outcome))


@fuzz
@given(STATUSES, BODIES, HEADERS)
def test_any_answer_is_an_answer_or_an_api_error(
    provider: Provider, status: int, body: bytes, headers: dict[str, str]
) -> None:
    """Whatever arrives: an Answer within its bounds, or one of ApiError's kinds with words that can be written down."""
    for outcome in provider.ask(status, body, headers):
        words = shown(outcome)
        words.encode()
        assert not any(form in words for form in (KEY[:6], *spellings(KEY)))
        assert "X-Amz-Signature" not in words
        if isinstance(outcome, ApiError):
            assert len(str(outcome)) <= MAX_TEXT + 100
            assert outcome.retry_after_s is None or 0 <= outcome.retry_after_s <= MAX_RETRY_AFTER_S
        else:
            assert outcome.status in Status
            assert (outcome.error is not None) == (outcome.status is Status.FAILURE)
            assert outcome.word is None or (outcome.status is Status.RUNNING and len(outcome.word) <= MAX_WORD)
            assert len(outcome.urls) <= MAX_URLS
            assert outcome.provider_id is None or outcome.provider_id.isascii()


@fuzz
@given(WORDS, st.sampled_from(["error", "message", "detail", "failure_reason_code"]))
def test_any_failure_has_words_that_fit_into_the_ledger(provider: Provider, words: str, name: str) -> None:
    """FAILURE comes with one line of text that UTF-8 can say, without our key, whatever the API put there."""
    body = json.dumps({"status": "FAILURE", "id": "1", name: words}).encode()
    for outcome in provider.ask(200, body, {}):
        assert isinstance(outcome, Answer)
        assert outcome.error
        assert outcome.error.encode()
        assert len(outcome.error.splitlines()) == 1
        assert not any(form in outcome.error for form in spellings(KEY))
