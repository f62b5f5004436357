"""Every fault shows as the trouble that its name promises; those of connections need a real server."""

from __future__ import annotations

import contextlib
import io
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
from PIL import Image

from workers.endpoint.faults import TABLE

pytestmark = pytest.mark.anyio


async def test_times_match_and_chance(caller: Any) -> None:
    """A rule strikes as often as it says, only prompts that match, and by a chance that repeats."""
    await caller.faults({"fault": "status", "times": 2, "match": "cat"})
    codes = [(await caller.submit(prompt=p)).status_code for p in ("a dog", "cat", "cat", "cat")]
    assert codes == [200, 500, 500, 200]
    rows = []
    for _ in range(2):
        await caller.faults({"fault": "status", "probability": 0.5})
        rows.append([(await caller.submit()).status_code for _ in range(20)])
    assert rows[0] == rows[1]
    assert set(rows[0]) == {200, 500}


async def test_rules_can_be_seen_and_cleared(caller: Any) -> None:
    """GET shows what is left, DELETE clears, and both need the key."""
    await caller.faults({"fault": "status", "times": 3})
    await caller.submit()
    assert (await caller.http.get("/_faults")).json() == [{"fault": "status", "times": 2}]
    assert (await caller.anyone.delete("/_faults")).status_code == 401
    assert (await caller.http.delete("/_faults")).json() == []
    assert (await caller.submit()).status_code == 200


@pytest.mark.parametrize(
    "rule", [{"fault": "nonsense"}, {"fault": "status", "tmies": 1}, {"fault": "status", "status": 99}, {}]
)
async def test_a_bad_rule_is_refused(caller: Any, rule: dict[str, Any]) -> None:
    """A misspelt rule must not pass for one that never strikes."""
    assert (await caller.http.put("/_faults", json=[rule])).status_code == 422


@pytest.mark.parametrize("retry_as", ["seconds", "date", "body"])
async def test_throttle_names_its_wait(caller: Any, retry_as: str) -> None:
    """429 with the wait in seconds, as an HTTP date, or only in the body."""
    await caller.faults({"fault": "throttle", "retry_after": 7, "retry_as": retry_as})
    answer = await caller.submit()
    assert answer.status_code == 429
    header = answer.headers.get("Retry-After")
    if retry_as == "seconds":
        assert header == "7"
    elif retry_as == "date":
        assert parsedate_to_datetime(header)
    else:
        assert (header, answer.json()["retry_after"]) == (None, 7)
    assert caller.gate.reads == []


@pytest.mark.parametrize("shape", ["error", "message", "detail", "detail_list"])
async def test_errors_come_in_all_shapes(caller: Any, shape: str) -> None:
    """A refusal and a FAILURE may tell their reason under any of these names."""
    await caller.faults(
        {"fault": "status", "times": 1, "status": 503, "error": "no GPU", "shape": shape},
        {"fault": "failure", "error": "no GPU", "shape": shape},
    )
    refusal = await caller.submit()
    assert refusal.status_code == 503
    outcome = await caller.outcome((await caller.submit()).json()["id"])
    assert outcome["status"] == "FAILURE"
    for answer in (refusal.json(), outcome):
        text = answer["detail"][0]["msg"] if shape == "detail_list" else answer[shape]
        assert text == "no GPU"


async def test_answers_to_a_submit(caller: Any) -> None:
    """202, a SUCCESS at once (kept under its key), and 2xx that is not JSON."""
    caller.gate.opened.set()
    await caller.faults({"fault": "accepted_202", "times": 1})
    assert (await caller.submit()).status_code == 202
    await caller.faults({"fault": "instant", "times": 1})
    instant = (await caller.submit(key="k")).json()
    assert instant["status"] == "SUCCESS"
    assert (await caller.submit(key="k")).json() == instant
    await caller.faults({"fault": "garbage"})
    garbage = await caller.submit()
    assert garbage.status_code == 200
    assert "json" not in garbage.headers["content-type"]


async def test_an_error_after_the_edit_was_taken(caller: Any) -> None:
    """The API answers 500, and has the edit all the same."""
    await caller.faults({"fault": "status_after_accept", "times": 1})
    assert (await caller.submit()).status_code == 500
    (submit,) = (await caller.http.get("/_record?kind=submit")).json()
    assert (submit["new"], submit["status"]) == (True, 500)


@pytest.mark.parametrize("code", [409, 425, 422])
async def test_a_first_request_that_is_still_at_work(caller: Any, code: int) -> None:
    """For some seconds the same key again is told so; another key is not, and later nobody is."""
    await caller.faults({"fault": "in_progress", "seconds": 60, "status": code, "times": 2, "error": "at work"})
    first = (await caller.submit(key="k1")).json()
    again = await caller.submit(key="k1")
    assert (again.status_code, again.json()) == (code, {"detail": "at work"})
    assert (await caller.submit(key="k2")).status_code == 200
    await caller.faults({"fault": "in_progress", "seconds": 0})
    assert (await caller.submit(key="k1")).json()["id"] == first["id"]


async def test_a_lost_id_is_never_known_again(caller: Any) -> None:
    """The id was given out, and then nobody knows it."""
    await caller.faults({"fault": "lost_id", "times": 1})
    job_id = (await caller.submit()).json()["id"]
    assert (await caller.status(job_id)).status_code == 404


async def test_answers_to_a_status_request(caller: Any) -> None:
    """A code of one's choice and an odd status word, each for as often as asked, then the truth."""
    await caller.faults(
        {"fault": "status_poll", "times": 1, "status": 502},
        {"fault": "odd_status", "times": 2, "word": "STARTED"},
    )
    job_id = (await caller.submit()).json()["id"]
    answers = [await caller.status(job_id) for _ in range(4)]
    assert answers[0].status_code == 502
    assert [answer.json()["status"] for answer in answers[1:]] == ["STARTED", "STARTED", "PENDING"]


@pytest.mark.parametrize(
    ("rule", "count"),
    [({"fault": "no_urls"}, 0), ({"fault": "fewer_urls"}, 1), ({"fault": "fewer_urls", "keep": 2}, 2)],
)
async def test_success_with_links_missing(caller: Any, rule: dict[str, Any], count: int) -> None:
    """SUCCESS with fewer links than samples, or none."""
    await caller.faults(rule)
    assert len(await caller.links(samples=3)) == count


@pytest.mark.parametrize(("rule", "count"), [({}, 1), ({"keep": 0}, 0)])
async def test_links_that_come_late(caller: Any, rule: dict[str, Any], count: int) -> None:
    """SUCCESS names too few links at first, and all of them when it is asked again."""
    job_id = (await caller.submit(samples=3)).json()["id"]
    await caller.outcome(job_id)
    await caller.faults({"fault": "late_urls", "times": 1} | rule)
    first, second = [(await caller.status(job_id)).json() for _ in range(2)]
    assert (first["status"], len(first["download_urls"] or [])) == ("SUCCESS", count)
    assert len(second["download_urls"]) == 3


async def test_a_web_server_in_place_of_the_api(caller: Any) -> None:
    """A page with the status that was asked for, to a submit and to a status request; nothing is taken."""
    await caller.faults({"fault": "page", "status": 404}, {"fault": "page_poll", "status": 404, "times": 1})
    answers = [await caller.submit()]
    await caller.faults({"fault": "page_poll", "status": 404})
    answers.append(await caller.status((await caller.submit()).json()["id"]))
    assert [answer.status_code for answer in answers] == [404, 404]
    assert all(answer.text.startswith("<!doctype html>") for answer in answers)


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_an_expired_link_stays_dead(caller: Any, status: int) -> None:
    """Only a new status request helps: it gives a link with another token."""
    job_id = (await caller.submit()).json()["id"]
    (link,) = (await caller.outcome(job_id))["download_urls"]
    await caller.faults({"fault": "expired_url", "times": 1, "status": status})
    assert (await caller.anyone.get(link)).status_code == status
    assert (await caller.anyone.get(link)).status_code == 403
    (fresh,) = (await caller.outcome(job_id))["download_urls"]
    assert fresh.split("?")[0] == link.split("?")[0]
    assert (await caller.anyone.get(fresh)).status_code == 200


async def test_what_is_served_instead_of_a_picture(caller: Any) -> None:
    """Half of it in a well-formed answer, a page of HTML, JPEG under PNG's name, a redirect."""
    (link,) = await caller.links()
    whole = (await caller.anyone.get(link)).content
    answers = {}
    for rule in (
        {"fault": "truncated", "variant": "short"},
        {"fault": "html"},
        {"fault": "wrong_type"},
        {"fault": "redirect", "location": "http://127.0.0.1:1/x"},
    ):
        await caller.faults(rule)
        answers[rule["fault"]] = await caller.anyone.get(link)
    assert answers["truncated"].content == whole[: len(whole) // 2]
    assert answers["html"].status_code == 200
    assert answers["html"].headers["content-type"].startswith("text/html")
    assert answers["wrong_type"].headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(answers["wrong_type"].content)).format == "JPEG"
    assert answers["redirect"].status_code == 302
    assert answers["redirect"].headers["location"] == "http://127.0.0.1:1/x"


class Wire:
    """A caller over a real connection."""

    def __init__(self, url: str, key: str, picture_url: str) -> None:
        self.url, self.root = url, httpx.URL(url).join("/")
        self.http = httpx.Client(headers={"API-Key": key}, timeout=60)
        self.fields = {"prompt": "a cat", "init_image": picture_url, "width": 64, "height": 64}

    def faults(self, *rules: dict[str, Any]) -> None:
        self.http.put(self.root.join("/_faults"), json=list(rules)).raise_for_status()

    def submit(self, key: str, **options: Any) -> httpx.Response:
        return self.http.post(self.url, json=self.fields, headers={"Idempotency-Key": key}, **options)

    def entries(self, key: str) -> list[dict[str, Any]]:
        record = self.http.get(self.root.join("/_record?kind=submit")).json()
        return [entry for entry in record if entry["idempotency_key"] == key]

    def link(self) -> str:
        self.faults({"fault": "instant"})
        link: str = self.submit(key=f"link-{id(self)}").json()["download_urls"][0]
        return link


@pytest.fixture
def wire(listening: str, picture_url: str, request: pytest.FixtureRequest) -> Any:
    caller = Wire(listening, "a-secret-key", picture_url)
    yield caller
    caller.faults()
    caller.http.close()


@pytest.mark.parametrize(("fault", "accepted"), [("drop_before_accept", False), ("drop_after_accept", True)])
def test_a_dropped_answer(wire: Any, fault: str, accepted: bool) -> None:
    """The connection closes with no answer; only in one case was the edit taken, as its key tells later."""
    wire.faults({"fault": fault, "times": 1})
    with pytest.raises(httpx.RemoteProtocolError):
        wire.submit(fault)
    again = wire.submit(fault).json()
    first, second = wire.entries(fault)
    assert (first["status"], first["new"], first["id"] is not None) == (None, accepted, accepted)
    assert (second["id"], second["new"]) == (again["id"], not accepted)


def test_an_answer_that_never_comes(wire: Any) -> None:
    """The edit is taken and recorded before the caller loses patience."""
    wire.faults({"fault": "hang", "times": 1})
    with pytest.raises(httpx.ReadTimeout):
        wire.submit("hang", timeout=1)
    (entry,) = wire.entries("hang")
    assert (entry["status"], entry["new"]) == (None, True)
    assert wire.submit("hang").json()["id"] == entry["id"]


def test_a_late_answer(wire: Any) -> None:
    """After the seconds that were asked for the answer comes as ever."""
    wire.faults({"fault": "hang", "times": 1, "seconds": 0.01})
    assert wire.submit("late").json()["status"] == "PENDING"


def test_a_body_cut_short(wire: Any) -> None:
    """Fewer bytes than Content-Length promises, then the connection ends."""
    link = wire.link()
    whole = wire.http.get(link).content
    wire.faults({"fault": "truncated", "times": 1})
    got = bytearray()
    with wire.http.stream("GET", link) as answer, contextlib.suppress(httpx.RemoteProtocolError):
        for chunk in answer.iter_raw():
            got += chunk
    assert int(answer.headers["Content-Length"]) == len(whole)
    assert bytes(got) == whole[: len(whole) // 2]


def test_a_body_without_end(wire: Any) -> None:
    """It begins like a picture and goes on; when the caller leaves, the server is still well."""
    link = wire.link()
    wire.faults({"fault": "oversized", "times": 1})
    size = 0
    with wire.http.stream("GET", link) as answer:
        for chunk in answer.iter_raw():
            size += len(chunk)
            if size > 4 << 20:
                break
    assert wire.http.get(link).status_code == 200


def test_no_fault_goes_untested() -> None:
    """A fault that is added shall be tried here too."""
    with open(__file__, encoding="utf-8") as source:
        text = source.read()
    twins = {"drop_poll", "hang_poll", "throttle_poll", "garbage_poll", "hang_result", "status_result"}  # as above
    assert [name for name in TABLE if f'"{name}"' not in text and name not in twins] == []
