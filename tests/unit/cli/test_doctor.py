"""What ``retouch doctor`` makes of each answer of the API and of the bucket, and which pauses it ends."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from retouch.causes import PauseCause
from retouch.cli import checks
from retouch.errors import StoreRefusedError
from retouch.ledger import Ledger
from retouch.queue import EditQueue

URL = "https://api.test/v1/"
ANSWERS: dict[str, tuple[int | Exception, bool, str]] = {
    "unknown id": (404, True, "accepts the key"),
    "an answer": (200, True, "accepts the key"),
    "wrong key": (401, False, "check RETOUCH_API_KEY"),
    "no credit": (402, False, "the account's credit"),
    "forbidden": (403, False, "check RETOUCH_API_KEY"),
    "redirect": (302, False, "check RETOUCH_API_URL"),
    "sick": (503, False, "try again later"),
    "away": (requests.ConnectionError("https://api.test/?key=hush"), False, "does not answer (ConnectionError)"),
}


class Api:
    """Answers every request as it was told, and keeps what it was asked."""

    def __init__(self, outcome: int | Exception) -> None:
        self._outcome = outcome
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def get(self, url: str, **options: Any) -> requests.Response:
        self.asked.append((url, options))
        if isinstance(self._outcome, Exception):
            raise self._outcome
        response = requests.Response()
        response.status_code = self._outcome
        return response


def answering(monkeypatch: pytest.MonkeyPatch, outcome: int | Exception) -> Api:
    """Let the API answer so."""
    api = Api(outcome)
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
    [(url, options)] = api.asked
    assert url.startswith(URL)
    assert (options["headers"], options["allow_redirects"]) == ({"API-Key": "hush"}, False)


def test_a_key_that_no_header_can_carry_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line break that was copied along with the key is named before anything is asked."""
    api = answering(monkeypatch, 200)
    assert not checks.ask_api(URL, "key\n").ok
    assert api.asked == []


@pytest.mark.parametrize(("outcome", "left"), [(404, []), (401, [PauseCause.REFUSED])])
def test_the_pause_ends_once_the_api_accepts_the_key(
    queue: EditQueue, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, outcome: int, left: list[PauseCause]
) -> None:
    """And no sooner."""
    ledger.worker.pause(PauseCause.REFUSED, "401", probe_every_ms=1000)
    answering(monkeypatch, outcome)
    findings = texts(checks.api_findings("redis://", URL, "hush"))
    assert [pause.cause for pause in queue.pauses()] == left
    assert ((True, "pause") in findings) is not bool(left)


@pytest.mark.parametrize("error", [None, StoreRefusedError("no such bucket")])
def test_the_pause_ends_once_the_bucket_takes_an_object(
    queue: EditQueue, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    """And no sooner; the pause that is left is a finding that says what to do."""
    ledger.worker.pause(PauseCause.STORE, "no such bucket", probe_every_ms=0)
    keys: list[str] = []

    async def probe(_bucket: str, key: str) -> None:
        keys.append(key)
        if error:
            raise error

    monkeypatch.setattr(checks, "_probe", probe)
    found = texts(checks.store_findings("redis://", "bucket", "renders/"))
    left = texts(checks.pause_findings("redis://"))
    assert keys == ["renders/_inputs/.probe"]
    if error:
        assert (found, left) == ([(False, "bucket")], [(False, "pause")])
    else:
        assert (found, left) == ([(True, "bucket"), (True, "pause")], [(True, "pauses")])


def test_what_is_not_set_is_not_checked() -> None:
    """A producer's machine may have neither key nor bucket, and that is no failure."""
    assert texts(checks.api_findings("redis://", URL, "")) == [(True, "API")]
    assert texts(checks.store_findings("redis://", "", "")) == [(True, "bucket")]
