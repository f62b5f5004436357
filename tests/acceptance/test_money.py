"""Nothing is paid for twice without being asked: the endpoint's record says what was sent, and what was taken."""

from __future__ import annotations

import os
import signal

import pytest

from retouch.states import EditState
from tests.harness.growing import Record
from tests.harness.keys import numbered
from tests.harness.proxy import Proxy
from tests.harness.scene import Scene
from tests.harness.waiting import LIMIT_S

AMBIGUOUS: dict[str, Record] = {
    "dropped-after": {"fault": "drop_after_accept", "times": 1},
    "dropped-before": {"fault": "drop_before_accept", "times": 1},  # from outside it looks the same
    "garbage": {"fault": "garbage", "times": 1},
    "500": {"fault": "status", "status": 500, "times": 1},
    "502": {"fault": "status", "status": 502, "times": 1},
    "504": {"fault": "status", "status": 504, "times": 1},
}


def test_an_unanswered_submit_is_sent_once_more_and_said_so(scene: Scene) -> None:
    """With ``resubmit`` there are exactly two POSTs under two numbers; result and batch say possible duplicate."""
    scene.worker(patience="16")
    batch = scene.cases(AMBIGUOUS)
    results = scene.finish(batch, 2 * LIMIT_S)
    keys = [numbered(entry["idempotency_key"]) for entry in scene.api.submits()]
    assert sorted(keys) == sorted(f"{batch}/{name}/{number}" for name in AMBIGUOUS for number in (1, 2))
    assert {n: (r["state"], r["attempts"], r["possible_duplicate"]) for n, r in results.items()} == dict.fromkeys(
        AMBIGUOUS, ("completed", 2, True)
    )
    assert scene.duplicates(batch) == len(AMBIGUOUS)
    assert {r["provider_id"] for r in results.values()} <= set(scene.api.accepted())


def test_a_submit_that_is_never_answered_is_given_up_after_two(scene: Scene) -> None:
    """Two POSTs without an answer are all that ``resubmit`` spends: the edit fails as ``ambiguous``."""
    scene.worker(patience="16")
    scene.api.trouble("drop_after_accept")
    batch = scene.enqueue(3)
    results = scene.finish(batch)
    assert len(scene.api.accepted()) == 6
    assert {(r["state"], r["error"]["code"], r["possible_duplicate"]) for r in results.values()} == {
        ("failed", "ambiguous", True)
    }


def test_hold_sends_once_and_waits_for_a_person(scene: Scene) -> None:
    """With ``hold`` an unanswered edit is POSTed once and stands in ``held``, taking no place at the API."""
    scene.worker(on_ambiguous="hold")
    batch = scene.cases(AMBIGUOUS)
    held = [scene.reach(batch, EditState.HELD, name) for name in AMBIGUOUS]
    other = scene.enqueue()
    assert scene.finish(other)["c0"]["state"] == "completed"
    assert {(view.submits, view.duplicate, view.due_at) for view in held} == {(1, False, None)}
    assert {scene.edit(batch, name).state for name in AMBIGUOUS} == {EditState.HELD}
    keys = [numbered(entry["idempotency_key"]) for entry in scene.api.submits()]
    assert sorted(keys) == sorted([*(f"{batch}/{name}/1" for name in AMBIGUOUS), f"{other}/c0/1"])
    assert scene.ledger.reader.provider().places_used == 0


def test_a_held_edit_is_sent_again_when_a_person_says_so(scene: Scene) -> None:
    """``retry`` of a held edit sends it once more, marked as a possible duplicate."""
    scene.worker(on_ambiguous="hold")
    scene.api.trouble("drop_after_accept", times=1)
    batch = scene.enqueue()
    scene.reach(batch, EditState.HELD)
    assert scene.queue.retry(batch, [EditState.HELD]).sent == 1
    result = scene.finish(batch)["c0"]
    assert (result["state"], result["possible_duplicate"]) == ("completed", True)
    assert len(scene.api.accepted()) == 2


def test_a_held_edit_is_dropped_when_a_person_says_so(scene: Scene) -> None:
    """``cancel`` of a held edit ends it without another POST, and its batch with it."""
    scene.worker(on_ambiguous="hold")
    scene.api.trouble("drop_after_accept", times=1)
    batch = scene.enqueue()
    scene.reach(batch, EditState.HELD)
    assert scene.queue.cancel(batch, [EditState.HELD]) == 1
    assert scene.finish(batch)["c0"]["state"] == "cancelled"
    assert len(scene.api.submits()) == 1


@pytest.mark.slow
def test_an_idempotent_api_is_asked_again_under_the_same_key(scene: Scene) -> None:
    """With ``RETOUCH_API_IDEMPOTENT`` an unanswered edit is re-sent under its key: taken once, and no mark."""
    scene.worker(api_idempotent="true")
    scene.api.trouble("drop_after_accept", times=3)
    batch = scene.enqueue()
    result = scene.finish(batch)["c0"]
    submits = scene.api.submits()
    assert {numbered(entry["idempotency_key"]) for entry in submits} == {f"{batch}/c0/1"}
    assert [entry["new"] for entry in submits] == [True, False, False, False]
    assert (result["state"], result["attempts"], result["possible_duplicate"]) == ("completed", 1, False)


@pytest.mark.parametrize(
    "rule",
    [
        {"fault": "throttle", "retry_after": 1, "times": 1},
        {"fault": "throttle", "times": 1},
        {"fault": "throttle", "retry_after": 1, "retry_as": "body", "times": 1},
        {"fault": "status", "status": 503, "times": 2},
    ],
    ids=["429-retry-after", "429", "429-body", "503"],
)
def test_a_submit_that_was_not_taken_costs_no_attempt(scene: Scene, rule: dict[str, object]) -> None:
    """429 and 503 are waited out: each edit is taken once, under number 1, and none is marked."""
    scene.worker()
    scene.api.rules(rule)
    batch = scene.enqueue(3)
    results = scene.finish(batch)
    assert {(r["state"], r["attempts"], r["possible_duplicate"]) for r in results.values()} == {("completed", 1, False)}
    assert {numbered(e["idempotency_key"]) for e in scene.api.submits()} == {f"{batch}/c{n}/1" for n in range(3)}
    assert (len(scene.api.accepted()), scene.duplicates(batch), scene.ledger.reader.pauses()) == (3, 0, [])


def test_the_patience_that_the_api_asks_for_is_kept(scene: Scene) -> None:
    """After 429 with Retry-After 300 no submit is due sooner, nobody can make it so, and what was taken is finished."""
    scene.worker()
    scene.api.trouble("odd_status")
    taken = scene.enqueue()
    scene.reach(taken, EditState.WAITING)
    scene.api.trouble("throttle", retry_after=300)
    throttled = scene.enqueue()
    scene.pause("submit:throttled")
    [pause] = scene.ledger.reader.pauses()
    assert pause.next_probe is not None
    assert (pause.next_probe - pause.since).total_seconds() >= 300
    assert not scene.queue.resume()
    scene.api.clear()
    held_back = scene.enqueue()
    assert scene.finish(taken)["c0"]["state"] == "completed"
    assert [scene.edit(batch).submits for batch in (throttled, held_back)] == [0, 0]
    assert len(scene.api.submits()) == 2


def test_an_api_that_cannot_be_reached_is_waited_for(scene: Scene) -> None:
    """A refused connection uses no attempt; when the API listens again the edits go on by themselves."""
    door = Proxy(scene.api.host)
    hosts = f"{scene.environment['RETOUCH_PRIVATE_HOSTS']},{door.host}"
    scene.worker(api_url=scene.api.url.replace(scene.api.host, door.host), private_hosts=hosts)
    batch = scene.enqueue(4)
    assert "was not reached" in scene.pause("submit:outage")
    with door:
        results = scene.finish(batch)
    assert {(r["state"], r["attempts"], r["possible_duplicate"]) for r in results.values()} == {("completed", 1, False)}


@pytest.mark.slow
def test_an_unwilling_api_stops_the_queue_and_not_the_edits(scene: Scene) -> None:
    """On 401 submits pause with the reason shown and one line in the log; they go on when the key is good again."""
    worker = scene.another_worker()
    scene.api.trouble("status", status=401, error="subscription has ended")
    batch = scene.enqueue(20)
    assert "subscription has ended" in scene.pause("submit:refused")
    scene.until(lambda: scene.ledger.reader.provider().places_used == 0, "what was refused is back in the queue")
    scene.api.clear()
    results = scene.finish(batch)
    assert {(r["state"], r["attempts"], r["possible_duplicate"]) for r in results.values()} == {("completed", 1, False)}
    assert len(scene.api.accepted()) == 20
    assert scene.ledger.reader.pauses() == []
    assert worker.child.output().count("requests.paused") == 1


@pytest.mark.parametrize("status", [402, 403])
def test_no_edit_fails_for_an_account_s_trouble(scene: Scene, status: int) -> None:
    """402 and 403, as 401, leave the edit queued with its attempt unused."""
    scene.worker()
    scene.api.trouble("status", status=status)
    batch = scene.enqueue()
    scene.pause("submit:refused")
    assert scene.reach(batch, EditState.QUEUED).submits == 0
    scene.api.clear()
    scene.queue.resume()
    assert scene.finish(batch)["c0"]["attempts"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "posts", "taken", "marked"),
    [({}, 2, 2, True), ({"api_idempotent": "true"}, 2, 1, False)],
    ids=["resubmit", "idempotent"],
)
def test_a_worker_killed_while_it_submits(
    scene: Scene, settings: dict[str, str], posts: int, taken: int, marked: bool
) -> None:
    """After SIGKILL in the middle of a POST another worker goes on, and money is spent as the policy says."""
    first = scene.another_worker(lease="2", **settings)
    scene.api.trouble("hang", times=1)
    batch = scene.enqueue()
    scene.until(scene.api.submits, "the POST has arrived")
    first.kill()
    scene.another_worker(lease="2", **settings)
    result = scene.finish(batch)["c0"]
    assert (result["state"], result["possible_duplicate"]) == ("completed", marked)
    assert (len(scene.api.submits()), len(set(scene.api.accepted()))) == (posts, taken)
    enqueued, sent, taken_over, again, *_, completed = scene.queue.history(batch, "c0")
    assert [step.what for step in (enqueued, sent, taken_over, again, completed)] == [
        *("enqueued", "sent", "taken_over", "sent", "completed"),
    ]
    assert sent.by == taken_over.by != again.by
    assert (sent.submit, again.submit) == (1, taken)


@pytest.mark.slow
def test_a_worker_killed_while_it_submits_leaves_a_held_edit(scene: Scene) -> None:
    """With ``hold``, SIGKILL in the middle of a POST ends in ``held``, after one POST."""
    first = scene.another_worker(lease="2", on_ambiguous="hold")
    scene.api.trouble("hang", times=1)
    batch = scene.enqueue()
    scene.until(scene.api.submits, "the POST has arrived")
    first.kill()
    scene.another_worker(lease="2", on_ambiguous="hold")
    scene.reach(batch, EditState.HELD)
    assert len(scene.api.submits()) == 1


def test_a_worker_killed_while_edits_wait(scene: Scene) -> None:
    """After SIGKILL while the API works on edits, another worker brings them home, and submits none again."""
    first = scene.another_worker(lease="2")
    scene.api.trouble("odd_status")
    batch = scene.enqueue(5)
    scene.until(lambda: len(scene.api.polls()) >= 5, "each edit was asked about")
    first.kill()
    scene.api.clear()
    scene.another_worker(lease="2")
    results = scene.finish(batch)
    assert {(r["state"], r["attempts"]) for r in results.values()} == {("completed", 1)}
    assert len(scene.api.submits()) == 5


@pytest.mark.slow
def test_a_worker_killed_while_it_copies(scene: Scene) -> None:
    """After SIGKILL in the middle of a copy, another worker copies again: every image once, no new submit."""
    first = scene.another_worker(lease="2")
    scene.api.trouble("hang_result", times=2)
    batch = scene.enqueue(1, samples=3)
    scene.until(lambda: len(scene.api.fetches()) >= 2, "the copies are under way")
    first.kill()
    scene.another_worker(lease="2")
    result = scene.finish(batch)["c0"]
    assert (result["state"], len(result["outputs"]), len(scene.api.submits())) == ("completed", 3, 1)
    assert scene.images(batch) == ["c0/0.png", "c0/1.png", "c0/2.png"]


@pytest.mark.slow
def test_a_worker_that_was_stopped_longer_than_its_lease_spends_nothing(scene: Scene) -> None:
    """A process frozen before its POST and overtaken by another wakes up and does not send: taken once each."""
    first = scene.another_worker(lease="2")
    batches = [scene.enqueue(10) for _ in range(3)]
    scene.until(scene.api.submits, "it is at work")
    os.kill(first.child.pid, signal.SIGSTOP)
    scene.another_worker(lease="2")
    for batch in batches:
        scene.finish(batch)
    sent = len(scene.api.submits())
    os.kill(first.child.pid, signal.SIGCONT)
    again = scene.finish(scene.enqueue(10))
    assert {r["state"] for r in again.values()} == {"completed"}
    assert len(scene.api.submits()) == sent + 10
    taken = [e["idempotency_key"] for e in scene.api.submits() if e["new"]]
    assert len(taken) == len(set(taken))
    # Of those that it was about to send when it was stopped, nobody can tell which it had sent.
    assert 40 <= len(taken) <= 40 + sum(scene.duplicates(batch) for batch in batches)
