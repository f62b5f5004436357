"""What the API answers, and how it is read."""

from __future__ import annotations

from typing import Any

import pytest

from retouch.errors import AmbiguousError, RefusedError, UnavailableError
from retouch.provider.answers import Answer, Status
from retouch.provider.client import MAX_BODY_BYTES, MAX_TEXT, Img2ImgApi
from tests.unit.provider.api_provider import EDIT, KEY, Provider

pytestmark = pytest.mark.anyio


async def test_the_status_is_asked_below_the_url(provider: Provider, api: Img2ImgApi) -> None:
    """``{url}/status/{id}``, with the id quoted so that it cannot leave its place."""
    provider.says({"status": "PENDING"})
    await api.status("a/b?c")
    assert provider.asked[0].raw_path == "/v1/status/a%2Fb%3Fc"
    assert provider.asked[0].headers["API-Key"] == KEY


FAILURES = (
    *("FAILURE", "failed", "ERROR", "CANCELLED", "canceled", "REVOKED", "EXPIRED"),
    *("TIMED_OUT", "timed out", "Timed-Out", "TIMEOUT", "moderated", "REJECTED", "ABORTED", "BLOCKED"),
)


@pytest.mark.parametrize(
    ("word", "status"),
    [(word, Status.SUCCESS) for word in ("SUCCESS", "completed", "Succeeded")]
    + [(word, Status.FAILURE) for word in FAILURES]
    + [(word, Status.RUNNING) for word in ("PENDING", "STARTED", "queued", "in progress", "", "?")],
)
async def test_status_words_are_read(provider: Provider, api: Img2ImgApi, word: str, status: Status) -> None:
    """The contract's words and their kin; whatever else it says, it is still at work."""
    provider.says({"status": word, "id": "1"})
    assert (await api.status("1")).status is status
    assert (await api.submit(EDIT, "k")).status is status


@pytest.mark.parametrize("word", ["COMPLETE", "done", "Ready", "FINISHED", "ok"])
async def test_words_that_may_mean_less_are_success_only_with_links(
    provider: Provider, api: Img2ImgApi, word: str
) -> None:
    """OK may also say that a request was understood."""
    provider.says({"status": word, "id": "1"})
    assert await api.status("1") == await api.submit(EDIT, "k") == Answer(Status.RUNNING, "1", (), None)
    provider.says({"status": word, "id": "1", "download_urls": ["u"]})
    assert await api.status("1") == await api.submit(EDIT, "k") == Answer(Status.SUCCESS, "1", ("u",), None)


@pytest.mark.parametrize(
    ("said", "word"),
    [("Dreaming", "Dreaming"), ("x" * 90, "x" * 40), (f"a\n\x1b {KEY}", "a ***"), ("PENDING", None), ("", None)],
)
async def test_a_word_that_is_not_known_is_told(
    provider: Provider, api: Img2ImgApi, said: str, word: str | None
) -> None:
    """In a short clean line without our key: it may be why an edit never ends."""
    provider.says({"status": said, "id": "1"})
    assert (await api.status("1")).word == (await api.submit(EDIT, "k")).word == word


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
    with pytest.raises(RefusedError):
        await api.status(provider_id)
    assert provider.asked == []


ODD_PROGRESS: tuple[Any, ...] = (
    *(None, True, 0.4, "12/30", [12, 30], {}, {"step": 12}),
    *({"step": step, "steps": 30} for step in (-1, 31, True, "12", 1.5, float("nan"), None, 10**300)),
    *({"step": 0, "steps": steps} for steps in (0, -1, True, "30", 30.0, float("inf"), 10**300)),
)


@pytest.mark.parametrize(
    ("said", "progress"),
    [
        ({"step": 12, "steps": 30}, (12, 30)),
        ({"step": 0, "steps": 1, "eta": 4}, (0, 1)),
        *((odd, None) for odd in ODD_PROGRESS),
    ],
)
async def test_the_step_is_read_while_it_runs(
    provider: Provider, api: Img2ImgApi, said: Any, progress: tuple[int, int] | None
) -> None:
    """Whole numbers in their order, or it says nothing."""
    provider.says({"status": "PENDING", "id": "1", "progress": said})
    assert (await api.status("1")).progress == (await api.submit(EDIT, "k")).progress == progress
    provider.says({"status": "SUCCESS", "id": "1", "download_urls": ["u"], "progress": said})
    assert (await api.status("1")).progress is None


ODD_FILTERED: tuple[Any, ...] = (
    *(None, True, {}, "x", [], [True], [True] * 3),
    *([1, 0], ["true", "false"], [None, True]),
)
ODD_SEEDS: tuple[Any, ...] = (None, True, 1.5, "x", -1, 2**63, [], {}, "9" * 40)


@pytest.mark.parametrize(
    ("reply", "seed"),
    [
        ({"seed": 7}, 7),
        ({"seed": 0}, 0),
        ({"seed": "9007199254740993"}, 2**53 + 1),
        ({"seed": [3, 4]}, 3),
        ({"meta": {"seed": 5}}, 5),
        ({"seeds": [8, 9]}, 8),
        ({"seed": -1, "seeds": [8]}, 8),
        ({"parameters": {"seed": 6}}, 6),
        ({}, None),
        *(({name: odd}, None) for odd in ODD_SEEDS for name in ("seed", "seeds")),
        *(({"seeds": [odd]}, None) for odd in ODD_SEEDS),
        ({"meta": [], "parameters": "x"}, None),
    ],
)
async def test_the_seed_is_read_where_it_says_one(
    provider: Provider, api: Img2ImgApi, reply: dict[str, Any], seed: int | None
) -> None:
    """Whoever sent none wants to know it, to make the picture again."""
    provider.says({"status": "SUCCESS", "id": "1", "download_urls": ["https://a.test/1.png"], **reply})
    assert (await api.status("1")).seed == (await api.submit(EDIT, "k")).seed == seed


@pytest.mark.parametrize(
    ("said", "filtered"),
    [
        ([False, True], (False, True)),
        *((odd, ()) for odd in ODD_FILTERED),
    ],
)
async def test_what_was_filtered_is_read_where_it_fits_the_images(
    provider: Provider, api: Img2ImgApi, said: Any, filtered: tuple[bool, ...]
) -> None:
    """A word for each link, or it says nothing."""
    links = ["https://a.test/1.png", "https://a.test/2.png"]
    provider.says({"status": "SUCCESS", "id": "1", "download_urls": links, "filtered": said})
    assert (await api.status("1")).filtered == (await api.submit(EDIT, "k")).filtered == filtered
