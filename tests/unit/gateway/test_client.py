"""Requests to a gateway whose way is bad: repeated where that does no harm, and told plainly where it does not help."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from retouch import CancelledError, EditQueue, EditState, InputError, ServiceError
from tests.harness.web import Request, Web
from tests.unit.cli.conftest import picture
from tests.unit.producing import edit

TOKEN = "rt_caller_secret-that-nobody-may-see"
ACCEPTED = {"batch": "b", "accepted": 1, "already": 0, "on_disk": True, "estimate": {}, "notes": []}
VIEW = {
    **{"batch": "b", "state": "completed", "counts": {"completed": 1}, "total": 1, "possible_duplicates": 0},
    **{"blank": 0, "created": "2026-01-01T00:00:00.000Z", "note": None, "paused": [], "recovered": 0},
    **{"sent_anew": 0, "sealed": True, "producer_seen": None, "redo_of": None},
}
Step = Callable[[], tuple[int, bytes]]


class Way(Web):
    """A gateway, or what stands in its place: it answers by the next of its steps, and by the last one for ever."""

    def __init__(self) -> None:
        super().__init__(self._next)
        self.steps: list[tuple[int, Any, dict[str, str]] | None] = []
        self._headers: dict[str, str] = {}

    def will(self, status: int, body: Any, **headers: str) -> None:
        """Add a step: a problem where the status is none of a good answer, else an object."""
        kind = "application/problem+json" if status >= 400 else "application/json"
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        self.steps.append((status, body, {"Content-Type": kind, **told}))

    def _next(self, _request: Request) -> tuple[int, bytes]:
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if step is None:
            raise ConnectionResetError
        status, body, self._headers = step
        return status, body if isinstance(body, bytes) else json.dumps(body).encode()

    def headers(self, request: Request) -> dict[str, str]:
        """Those of the step."""
        return self._headers


@pytest.fixture
def way(monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    """It listens, and nobody pauses long."""
    monkeypatch.setattr("retouch.gateway.client.PAUSE_S", 0.0)
    with Way() as way:
        yield way


@pytest.fixture
def queue(way: Way) -> Iterator[EditQueue]:
    """A producer with a key."""
    with EditQueue.from_url(way.url, token=TOKEN) as queue:
        yield queue


def problem(kind: str, detail: str, **more: Any) -> dict[str, Any]:
    """A problem of the gateway."""
    return {"type": f"urn:retouch:problem:{kind}", "title": kind, "detail": detail, **more}


@pytest.mark.parametrize("status", [429, 502, 503, 504, 0])
def test_an_enqueue_is_sent_again_whole(way: Way, queue: EditQueue, status: int) -> None:
    """After a temporary error of the gateway or of a proxy, and after a cut: the same body, to its end."""
    if status:
        way.will(status, b"<html>bad gateway</html>", Content_Type="text/html", Retry_After="0")
    else:
        way.steps.append(None)
    way.will(201, ACCEPTED)
    assert queue.enqueue([edit("a", seed=3)], batch="b").accepted == 1
    bodies = [one.body for one in way.requests]
    assert [json.loads(body)["seed"] for body in bodies] == [3] * len(bodies)
    assert way.requests[-1].headers["authorization"] == f"Bearer {TOKEN}"


def job_in(state: str, **more: int) -> dict[str, Any]:
    """A retry of three edits, as a gateway tells it."""
    lists: dict[str, Any] = {"states": ["failed"], "groups": []}
    numbers = dict.fromkeys(("to_ask", "at_work", "changed", "asked", "skipped"), 0) | {"counted": 3, "to_send": 3}
    times = {"created": "2026-01-01T00:00:00.000Z", "started": None, "ended": None, "left_since": None}
    names = {"job": "0123456789abcdef", "batch": "b", "action": "retry", "by": "key ada", "state": state}
    return {**names, **lists, **numbers, **times, "cost": None, **more}


def test_a_retry_whose_answers_are_lost_is_done_once(way: Way, queue: EditQueue) -> None:
    """It is a job: a second start of it changes nothing, and edits that have failed again are not its own."""
    way.will(200, VIEW)
    way.steps.append(None)
    way.will(201, job_in("counted"))
    way.steps.append(None)
    way.will(200, job_in("running"))
    way.steps.append(None)
    way.will(200, job_in("done", changed=3, asked=1))
    assert queue.retry("b", [EditState.FAILED]) == (1, 2)
    asked = [(one.path.partition("?")[0], json.loads(one.body or b"{}")) for one in way.requests]
    count = ("/v1/batches/b/jobs", {"action": "retry", "states": ["failed"], "at_once": True})
    start: tuple[str, Any] = ("/v1/jobs/0123456789abcdef/start", {})
    assert [one for one in asked if one[0] != "/v1/jobs/0123456789abcdef"][-2:] == [count, start]


@pytest.mark.parametrize(
    ("status", "body", "error", "told"),
    [
        (401, problem("no-key", "this key is not known"), InputError, "refuses the key .RETOUCH_TOKEN.: this key"),
        (403, problem("not-allowed", "this needs the scope read"), InputError, "needs the scope read"),
        (404, problem("not-found", "nothing"), InputError, "there is no batch 'b' that this key may know of"),
        (422, problem("invalid", "weight is wrong"), InputError, "weight is wrong"),
        (500, problem("bug", "it is in the log"), ServiceError, "answers 500: it is in the log"),
        (503, problem("away", "Redis is away"), ServiceError, "Redis is away"),
    ],
)
def test_a_problem_is_told_in_its_words(
    way: Way, queue: EditQueue, status: int, body: Any, error: type[Exception], told: str
) -> None:
    """By what the caller can do about it, and without the key."""
    way.will(status, body)
    with pytest.raises(error, match=told) as raised:
        queue.status("b")
    assert TOKEN not in f"{raised.value!r}{raised.value.__cause__!r}{queue!r}{vars(queue)!r}"


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (200, "text/html", r"200 \(text/html\), which is no answer of a gateway"),
        (404, "text/html", r"404 \(text/html\), which is no answer of a gateway"),
        (407, "text/html", "no answer of a gateway"),
        (502, "text/html", r"502 \(text/html\), which is no answer of a gateway: a proxy's"),
    ],
)
def test_a_page_of_a_proxy_is_told_plainly(way: Way, queue: EditQueue, status: int, kind: str, told: str) -> None:
    """A page to log in is no batch, and one that says "not found" does not say that of the batch."""
    way.will(status, b"<html>hello</html>", Content_Type=kind)
    with pytest.raises(ServiceError, match=told):
        queue.status("b")
    with pytest.raises(ServiceError, match=told):
        queue.check()


def test_a_proxy_that_takes_no_body_of_that_size_is_told_of(way: Way, queue: EditQueue) -> None:
    """It was not enqueued: the gateway has not seen it."""
    way.will(413, b"<html>413 Request Entity Too Large</html>", Content_Type="text/html")
    with pytest.raises(InputError, match="a proxy before the gateway takes no body of that size"):
        queue.enqueue([edit("a")], batch="b")


def test_a_redirect_is_not_followed(way: Way, queue: EditQueue) -> None:
    """The key would go to whom it names."""
    way.will(302, {}, Location=f"{way.url}/elsewhere")
    with pytest.raises(ServiceError, match="set RETOUCH_URL to where the gateway is"):
        queue.status("b")
    assert len(way.requests) == 1


def test_nobody_there(way: Way) -> None:
    """The system's own words, and no address twice."""
    with Way() as gone:
        pass
    with EditQueue.from_url(gone.url, token=TOKEN) as queue, pytest.raises(ServiceError, match="Connection refused"):
        queue.check()


def test_results_that_are_cut_are_asked_for_again(way: Way, queue: EditQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of them never passes for all, and none stands behind the whole."""
    monkeypatch.setattr("retouch.gateway.reader.CHUNK", 8)
    line = json.dumps({"custom_id": "a", "state": "completed"}).encode() + b"\n"
    cut = {"Content_Type": "application/jsonl", "Content_Length": "9999", "Connection": "close"}
    way.will(200, line * 3, **cut)
    way.will(200, line * 2, Content_Type="application/jsonl")
    assert [one.custom_id for one in queue.results("b")] == ["a", "a"]
    way.steps.clear()
    way.will(200, line, **cut)
    with pytest.raises(ServiceError, match="the results were cut"):
        list(queue.results("b"))


def test_refused_edits_are_named_by_their_places(way: Way, queue: EditQueue) -> None:
    """Also where lines before were left out here; the rest is sent again without them."""
    fault = {"line": 1, "custom_id": "a", "detail": "init_image is in none of the places"}
    way.will(422, problem("rejected", "1 edit is wrong", errors=[fault], rejected=1))
    way.will(201, ACCEPTED)
    edits: list[Any] = [{"custom_id": "bad"}, edit("a"), edit("b")]
    receipt = queue.enqueue(edits, batch="b", on_invalid="skip")
    assert [(one.line, one.custom_id) for one in receipt.rejected] == [(1, "bad"), (2, "a")]
    assert [json.loads(line)["custom_id"] for line in way.requests[-1].body.splitlines()] == ["b"]
    way.steps.clear()
    way.will(422, problem("rejected", "too many edits are wrong"))
    with pytest.raises(InputError, match="too many edits are wrong"):
        queue.enqueue([edit("a")], batch="b", on_invalid="skip")


def test_a_cancelled_batch(way: Way, queue: EditQueue) -> None:
    """As in Redis: another exit code."""
    way.will(409, problem("cancelled", "batch b was cancelled"))
    with pytest.raises(CancelledError, match="batch b was cancelled"):
        queue.enqueue([edit("a")], batch="b")


def test_a_wait_goes_through_outages(way: Way, queue: EditQueue) -> None:
    """Its caller hears of them; once the batch has been seen, nothing but its end ends the wait."""
    way.will(200, VIEW | {"state": "open"})
    way.steps.append(None)
    way.will(503, problem("away", "Redis is away"), Retry_After="1")
    way.will(200, VIEW)
    heard: list[str | None] = []
    assert queue.wait("b", on_outage=heard.append).finished
    assert (len(heard), heard[-1]) == (2, None)


@pytest.mark.parametrize("method", ["made", "server", "newest_event"])
def test_what_needs_redis_says_so(way: Way, queue: EditQueue, method: str) -> None:
    """In one sentence, that names what to set."""
    way.will(200, VIEW)
    given = ["b"] if method == "made" else []
    with pytest.raises(InputError, match="needs Redis, so set RETOUCH_REDIS_URL"):
        list(getattr(queue, method)(*given))


OTHER_SHAPES = [{}, {"state": "odd"}, {"batch": 5, "state": "open"}, VIEW | {"state": "odd"}, VIEW | {"counts": 7}]
CALLS: dict[str, Callable[[EditQueue], Any]] = {
    "status": lambda queue: queue.status("b"),
    "batches": lambda queue: queue.batches(),
    "crew": lambda queue: queue.crew(),
    "samples": lambda queue: queue.samples(),
    "pause": lambda queue: queue.pause(),
    "resume": lambda queue: queue.resume(),
    "wait": lambda queue: queue.wait("b", timeout_s=0),
    "find_edit": lambda queue: queue.find_edit("b", "a"),
    "results": lambda queue: list(queue.results("b")),
    "enqueue": lambda queue: queue.enqueue([edit("a")], batch="b"),
    "retry": lambda queue: queue.retry("b"),
    "pauses": lambda queue: queue.pauses(),
    "workers": lambda queue: queue.workers(),
    "provider": lambda queue: queue.provider(),
    "queued": lambda queue: queue.queued(),
    "redo": lambda queue: queue.redo("b", "failed"),
    "remove": lambda queue: queue.remove("b"),
    "sinks": lambda queue: queue.sinks(),
    "undelivered": lambda queue: list(queue.undelivered()),
    "redeliver": lambda queue: queue.redeliver("shop"),
}


@pytest.mark.parametrize("body", OTHER_SHAPES, ids=str)
@pytest.mark.parametrize("call", CALLS)
def test_an_answer_of_another_shape_is_no_bug(way: Way, queue: EditQueue, call: str, body: Any) -> None:
    """Of a gateway of another version, or of a server that answers JSON to everything: it is told, as an outage is."""
    way.will(200, body, Content_Type="application/jsonl" if call == "results" else "application/json")
    with pytest.raises(ServiceError, match="another version, or RETOUCH_URL is another server's"):
        CALLS[call](queue)


@pytest.mark.parametrize("status", [200, 204])
def test_a_page_is_no_results(way: Way, queue: EditQueue, status: int) -> None:
    """Not even an empty one: it would pass for a batch without results."""
    way.will(status, b"", Content_Type="text/html")
    with pytest.raises(ServiceError, match=f"{status}.*no answer of a gateway"):
        list(queue.results("b"))


def test_faults_at_places_that_are_none(way: Way, queue: EditQueue) -> None:
    """The words of the answer are told."""
    faults = [{"line": line, "custom_id": 5, "detail": "x"} for line in (-1, 0, 99)]
    way.will(422, problem("rejected", "99 edits are wrong", errors=faults))
    with pytest.raises(InputError, match="99 edits are wrong"):
        queue.enqueue([edit("a")], batch="b")


def test_a_key_that_is_told_back_is_not_shown(way: Way, queue: EditQueue) -> None:
    """Servers that stand in the way may tell what they were sent."""
    way.will(403, problem("not-allowed", f"you sent Bearer {TOKEN}"))
    with pytest.raises(InputError, match="you sent Bearer …"):
        queue.status("b")


@pytest.mark.parametrize("link", [{}, {"url": 1, "headers": 2, "init_image": 3}], ids=str)
def test_a_link_of_another_shape(way: Way, queue: EditQueue, tmp_path: Path, link: Any) -> None:
    """Nothing is enqueued."""
    (tmp_path / "a.png").write_bytes(picture())
    way.will(201, link)
    with pytest.raises(ServiceError, match="the gateway gives no link: it answers what cannot be read"):
        queue.enqueue([edit("a", init_image=str(tmp_path / "a.png"))], batch="b")
