"""What ``retouch doctor`` makes of each answer of the API and of the bucket."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import requests

from retouch.cli import checks
from retouch.errors import StoreRefusedError
from retouch.ledger import Ledger
from retouch.queue import EditQueue

GETTING_STARTED = (Path(__file__).parents[3] / "docs/getting-started.md").read_text()
URL = "https://api.test/v1/"
JSON, PAGE = b'{"detail": "no such id"}', b"<html>404 Not Found</html>"
ANSWERS: dict[str, tuple[int | Exception, bool, str]] = {
    "unknown id": (404, True, "accepts the key"),
    "an answer": (200, True, "accepts the key"),
    "gone": (410, False, "check RETOUCH_API_URL"),
    "no such method": (405, False, "check RETOUCH_API_URL"),
    "wrong key": (401, False, "check RETOUCH_API_KEY"),
    "no credit": (402, False, "the account's credit"),
    "forbidden": (403, False, "check RETOUCH_API_KEY"),
    "redirect": (302, False, "check RETOUCH_API_URL"),
    "sick": (503, False, "try again later"),
    "away": (requests.ConnectionError("https://api.test/?key=hush"), False, "does not answer (ConnectionError)"),
}


class Api:
    """Answers every request for a status as it was told, any other as ``nowhere``, and keeps what it was asked."""

    def __init__(self, outcome: int | Exception, body: bytes) -> None:
        self.nowhere = b'{"detail": "Not Found"}'
        self._outcome = outcome
        self._body = body
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def get(self, url: str, **options: Any) -> requests.Response:
        self.asked.append((url, options))
        if isinstance(self._outcome, Exception):
            raise self._outcome
        response = requests.Response()
        response.status_code = self._outcome
        response._content = self._body if "/status/" in url else self.nowhere
        return response


def answering(monkeypatch: pytest.MonkeyPatch, outcome: int | Exception, body: bytes = JSON) -> Api:
    """Let the API answer so."""
    api = Api(outcome, body)
    monkeypatch.setattr(requests, "get", api.get)
    return api


@pytest.fixture
def queue(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> EditQueue:
    """The queue that the checks use."""
    queue = EditQueue(ledger)
    monkeypatch.setattr(checks, "first_contact", lambda _url: queue)
    return queue


def texts(findings: Any) -> list[tuple[bool, str]]:
    """Whether each finding is good, and of what it is."""
    return [(finding.ok, finding.subject) for finding in findings]


@pytest.mark.parametrize(("outcome", "good", "advice"), ANSWERS.values(), ids=ANSWERS)
def test_each_answer_of_the_api_is_one_finding(
    monkeypatch: pytest.MonkeyPatch, outcome: int | Exception, good: bool, advice: str
) -> None:
    """It follows no redirect with the key, and shows neither the key nor a query."""
    api = answering(monkeypatch, outcome)
    finding = checks.ask_api(URL, "hush")
    assert finding.ok is good
    assert advice in finding.text
    assert "hush" not in finding.text
    for url, options in api.asked:
        assert url.startswith(URL)
        assert (options["headers"], options["allow_redirects"]) == ({"API-Key": "hush"}, False)


@pytest.mark.parametrize("status", [200, 400, 404])
@pytest.mark.parametrize("body", [PAGE, b"", b"[]", b'"ok"', b"\xff"])
def test_a_web_server_is_not_taken_for_the_api(monkeypatch: pytest.MonkeyPatch, status: int, body: bytes) -> None:
    """A wrong address answers 404 as well: an API answers with a JSON object."""
    answering(monkeypatch, status, body)
    finding = checks.ask_api(URL, "hush")
    assert not finding.ok
    assert f"answers {status} and no JSON" in finding.text
    assert "check RETOUCH_API_URL" in finding.text


@pytest.mark.parametrize("body", ['{"detail": "Not Found"}', '{"message": "Cannot GET %s"}'])
def test_a_path_that_is_not_there_is_not_taken_for_an_unknown_id(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """A wrong path at a host that answers in JSON: it says the same of a path that nobody has."""
    api = answering(monkeypatch, 404)

    def get(url: str, **options: Any) -> requests.Response:
        response = api.get(url, **options)
        response._content = body.replace("%s", url.removeprefix("https://api.test")).encode()
        return response

    monkeypatch.setattr(requests, "get", get)
    finding = checks.ask_api(URL, "hush")
    assert (finding.ok, finding.subject) == (False, "API")
    assert "check RETOUCH_API_URL" in finding.text


@pytest.mark.parametrize("status", [401, 503])
def test_a_key_that_is_refused_is_named_whatever_the_body(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """And so is an API that is away."""
    answering(monkeypatch, status, PAGE)
    assert "no JSON" not in checks.ask_api(URL, "hush").text


def test_a_key_that_no_header_can_carry_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line break that was copied along with the key is named before anything is asked."""
    api = answering(monkeypatch, 200)
    assert not checks.ask_api(URL, "key\n").ok
    assert api.asked == []


@pytest.mark.parametrize("error", [None, StoreRefusedError("no such bucket")])
def test_the_bucket_is_written_to(monkeypatch: pytest.MonkeyPatch, error: Exception | None) -> None:
    """Beside the uploaded pictures, where a producer may write; if it cannot, the reason is told."""
    keys: list[str] = []

    async def probe(_bucket: str, key: str) -> None:
        keys.append(key)
        if error:
            raise error

    monkeypatch.setattr(checks, "_probe", probe)
    finding = checks.store_finding("bucket", "renders/")
    assert keys == ["renders/_inputs/.probe"]
    assert finding.ok is (error is None)
    assert error is None or "no such bucket" in finding.text


LINKS = {
    "a loopback server": ("https://api.example.com/v1", "http://127.0.0.1:8333", False),
    "a private network's": ("https://api.example.com/v1", "http://10.0.0.7:9000", False),
    "a container's": ("https://api.example.com/v1", "http://seaweedfs:8333", False),
    "a public one": ("https://api.example.com/v1", "https://s3.example.com", True),
    "Amazon's": ("https://api.example.com/v1", "", True),
    "an API of this machine": ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8333", None),
    "an API of a container": ("http://endpoint:8000/v1", "http://seaweedfs:8333", None),
}


@pytest.mark.parametrize(("api_url", "endpoint", "good"), LINKS.values(), ids=LINKS)
def test_a_bucket_that_the_api_cannot_reach_is_told(
    monkeypatch: pytest.MonkeyPatch, api_url: str, endpoint: str, good: bool | None
) -> None:
    """An API on the internet fetches pictures by a link; one beside the bucket reaches it, and nothing is said."""
    for name, value in {"AWS_ACCESS_KEY_ID": "AKIAFAKE", "AWS_SECRET_ACCESS_KEY": "hush"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint) if endpoint else None
    found = list(checks.link_findings(api_url, "key", "my-edits"))
    assert [finding.ok for finding in found] == [good] * (good is not None)
    for finding in found:
        host = endpoint.rpartition("/")[2] or "my-edits.s3.amazonaws.com"
        assert f"they lead to {host}" in finding.text
        assert "hush" not in finding.text
        assert finding.ok or "AWS_ENDPOINT_URL_S3" in finding.text


def test_getting_started_shows_what_is_said_of_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever searches the page for the message finds it."""
    for name, value in {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:8333")
    [finding] = checks.link_findings("https://api.example.com/v1", "key", "my-edits")
    shown = re.findall("^(FAIL  links.*) …$", GETTING_STARTED, re.MULTILINE)
    assert [line for line in shown if str(finding).startswith(line)]


@pytest.mark.parametrize(("api_key", "bucket"), [("", "my-edits"), ("key", "")])
def test_links_are_not_checked_where_key_or_bucket_is_not_set(api_key: str, bucket: str) -> None:
    """A producer's machine knows too little of the workers' API and bucket."""
    assert list(checks.link_findings("https://api.example.com/v1", api_key, bucket)) == []


@pytest.mark.parametrize("cause", ["refused", "store"])
def test_doctor_ends_no_pause(queue: EditQueue, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, cause: str) -> None:
    """An API that answers a question may refuse every submit all the same; the workers find out."""
    ledger.worker.pause(f"submit:{cause}", "why")
    answering(monkeypatch, 404, JSON)
    assert checks.api_finding(URL, "hush").ok
    [finding] = checks.pause_findings("redis://")
    assert (finding.ok, finding.subject) == (False, "pause")
    assert [pause.cause for pause in queue.pauses()] == [cause]


def test_what_is_not_set_is_not_checked() -> None:
    """A producer's machine may have neither key nor bucket, and that is no failure."""
    findings = [checks.api_finding(URL, ""), checks.store_finding("", "")]
    assert texts(findings) == [(True, "API"), (True, "bucket")]


def test_a_pause_that_is_left_says_what_waits_and_what_to_do(queue: EditQueue) -> None:
    """One by a person is a finding too: nothing is submitted."""
    queue.pause(reason="lunch")
    [finding] = checks.pause_findings("redis://")
    assert finding.text == "submits are paused (person): lunch; to go on: retouch resume"


def test_a_full_redis_is_found() -> None:
    """With how full it is: what its replicas and its file hold beside does not count."""
    sound = {"redis_version": "8.0.0", "maxmemory_policy": "noeviction", "aof_enabled": 1}
    full = sound | {"maxmemory": 3_000_000, "used_memory": 4_000_000, "mem_not_counted_for_evict": 1_000_000}
    found = {one.subject: one for one in checks.server_findings(full)}
    assert not found["Redis memory"].ok
    assert "(4 MB are used, maxmemory is 3 MB)" in found["Redis memory"].text
    for room in (sound, full | {"maxmemory": 0}, full | {"used_memory": 3_999_999}):
        assert all(one.ok for one in checks.server_findings(room))
