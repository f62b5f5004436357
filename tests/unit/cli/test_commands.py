"""The commands that look at batches and change them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from retouch.causes import AmbiguityPolicy, PauseCause
from retouch.cli import watch
from retouch.cli.checks import server_findings
from retouch.edit_result import Result
from retouch.ledger import Intervals, Ledger, Settlement, Step
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.unit.cli.conftest import Run


@pytest.fixture
def batch(run: Run, manifest: Callable[..., str]) -> str:
    run("enqueue", manifest({}, {}, {}), "--batch", "b")
    return "b"


def end(ledger: Ledger, *states: EditState) -> None:
    """Be the worker: end the edits in these states, and the batch."""
    left = list(states)
    while claims := ledger.worker.claim("w", lease_ms=60_000, places=100).claims:
        for claim in claims:
            if claim.step is Step.FINISH:
                ledger.worker.settle_batch(claim)
                continue
            error = json.dumps({"code": "refused", "message": "no [such] model\x1b[31m"})
            ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), left.pop(0), error=error)])


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ((EditState.COMPLETED,) * 3, 0),
        ((EditState.COMPLETED, EditState.FAILED, EditState.CANCELLED), 3),
        ((EditState.COMPLETED, EditState.CANCELLED, EditState.CANCELLED), 4),
    ],
)
def test_watch_ends_with_the_outcome(
    run: Run, batch: str, ledger: Ledger, states: tuple[EditState, ...], code: int
) -> None:
    """A failure counts before a cancellation."""
    end(ledger, *states)
    assert run("watch", batch).code == code


def test_failures_are_grouped_by_message_and_cannot_steer_the_terminal(run: Run, batch: str, ledger: Ledger) -> None:
    """The API's words are shown, its control characters are not."""
    end(ledger, *(EditState.FAILED,) * 3)
    err = run("watch", batch).err
    assert "3 failed: no [such] model" in err
    assert "(e0, e1, e2)" in err
    assert "\x1b" not in err


def test_ctrl_c_says_that_the_batch_goes_on(run: Run, batch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 130 and the way back."""

    def interrupted(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(EditQueue, "wait", interrupted)
    ended = run("watch", batch)
    assert ended.code == 130
    assert "retouch watch b" in ended.err


def test_status_of_a_batch_as_json(run: Run, batch: str) -> None:
    """At least batch, state and counts."""
    status = run("status", batch, "--json").json
    assert (status["batch"], status["state"], status["counts"]) == ("b", "open", {"queued": 3})


def test_status_names_pauses_and_missing_workers(run: Run, batch: str, ledger: Ledger) -> None:
    """Loudly: nothing moves."""
    ledger.worker.pause(PauseCause.REFUSED, "401: no credit", probe_every_ms=0)
    out = run("status").out
    assert "PAUSED (api)" in out
    assert "401: no credit" in out
    assert "NO workers alive" in out


@pytest.mark.parametrize(
    ("cause", "remedy"),
    [(PauseCause.REFUSED, "fix the cause, then wait, or run: retouch doctor"), (PauseCause.OUTAGE, "by itself")],
)
def test_status_says_who_ends_a_pause(run: Run, batch: str, ledger: Ledger, cause: PauseCause, remedy: str) -> None:
    """A refused key is for a person to mend; an outage ends with the first probe that is answered."""
    ledger.worker.pause(cause, "it said no", probe_every_ms=1000)
    assert remedy in run("status").out


@pytest.mark.parametrize("command", ["watch", "status", "results", "retry", "cancel"])
def test_an_unknown_batch_is_bad_input(run: Run, command: str) -> None:
    """Exit code 2, one sentence."""
    ended = run(command, "nope")
    assert ended.code == 2
    assert ended.err.startswith("retouch: there is no batch 'nope' in Redis; ")


def test_results_are_jsonl(run: Run, batch: str, ledger: Ledger) -> None:
    """One line an edit, in order."""
    end(ledger, *(EditState.COMPLETED,) * 3)
    lines = run("results", batch).out.splitlines()
    assert [json.loads(line)["custom_id"] for line in lines] == ["e0", "e1", "e2"]


def test_cancel_then_retry_cancelled(run: Run, batch: str, ledger: Ledger) -> None:
    """What was cancelled can be put back."""
    assert "3 edits" in run("cancel", batch).err
    assert "3 cancelled edits" in run("retry", batch, "--cancelled").err
    view = ledger.reader.batch(batch)
    assert view is not None
    assert view.counts == {EditState.QUEUED: 3}


def hold(ledger: Ledger) -> None:
    """Make every edit of the batch one that was sent and not answered, and is held."""
    for _ in ("sent, not answered", "found like that, and held"):
        claims = ledger.worker.claim("w", lease_ms=60_000, places=9, policy=AmbiguityPolicy.HOLD).claims
        ledger.worker.begin_submit(claims, AmbiguityPolicy.HOLD, 60_000, nonce="n")
        ledger.worker.give_back(claims)


def test_held_edits_say_what_to_do_about_them(run: Run, batch: str, ledger: Ledger) -> None:
    """status and watch name the two commands; retry says why it found nothing; a cancelled one may have been taken."""
    hold(ledger)
    assert "3 held: sent and not answered" in run("status", batch).out
    assert "retouch retry b --held" in run("watch", batch, "--timeout", "0.1").err
    assert "3 are held: retouch retry b --held" in run("retry", batch).err
    run("cancel", batch, "--held")
    assert "the API may have accepted it" in run("explain", "b/e0").out


def test_a_batch_without_workers_says_so(run: Run, batch: str) -> None:
    """Nothing moves, and that is the reason."""
    assert "NO workers alive" in run("status", batch).out
    assert "NO workers alive" in run("watch", batch, "--timeout", "0.1").err


def test_events_are_cloudevents_and_go_on_after_one(run: Run, batch: str, ledger: Ledger) -> None:
    """``--after`` takes an event's own id."""
    end(ledger, *(EditState.COMPLETED,) * 3)
    events = [json.loads(line) for line in run("events").out.splitlines()]
    assert [event["subject"] for event in events] == ["b/e0", "b/e1", "b/e2", "b"]
    assert {event["specversion"] for event in events} == {"1.0"}
    assert len(run("events", "--after", events[1]["id"]).out.splitlines()) == 2


def test_a_closed_pipe_ends_quietly(run: Run, batch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``retouch status | head`` is no error."""

    def closed(*_args: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("retouch.cli.status._one", closed)
    monkeypatch.setattr("retouch.cli.app.os.dup2", lambda *_fds: None)
    monkeypatch.setattr("sys.stdout.fileno", lambda: 1, raising=False)
    ended = run("status", batch)
    assert (ended.code, ended.err) == (0, "")


def test_explain_without_workers(run: Run, batch: str) -> None:
    """The first thing that is missing."""
    assert "no worker is alive" in run("explain", "b/e1").out


def test_explain_gives_one_reason_after_another(run: Run, batch: str, ledger: Ledger) -> None:
    """Each state has its own."""
    ledger.worker.see_worker("w", [])
    assert "1 edits are before it" in run("explain", "b/e1").out
    ledger.worker.pause(PauseCause.REFUSED, "401", probe_every_ms=0)
    assert "paused (api) because 401" in run("explain", "b/e1").out
    ledger.worker.resume(PauseCause.REFUSED)
    ledger.worker.claim("w7", lease_ms=60_000, places=1)
    assert "being sent by w7" in run("explain", "b/e0").out
    ledger.producer.cancel("b", [EditState.QUEUED])
    assert "--cancelled" in run("explain", "b/e2").out


@pytest.mark.parametrize("edit", ["b", "b/", "b/nope", "nope/e0"])
def test_explain_of_nothing_is_bad_input(run: Run, batch: str, edit: str) -> None:
    """Exit code 2."""
    assert run("explain", edit).code == 2


def test_help_shows_no_secret(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables' values stay out of it."""
    monkeypatch.setenv("RETOUCH_API_KEY", "hush")
    monkeypatch.setenv("RETOUCH_REDIS_URL", "redis://:hush@h")
    for command in ("doctor", "enqueue"):
        assert "hush" not in run(command, "--help").out


def test_doctor_says_what_to_do_about_each_failure(run: Run) -> None:
    """No Redis: exit code 6."""
    ended = run("doctor", "--redis-url", "redis://:hush@127.0.0.1:1/0")
    assert ended.code == 6
    assert "FAIL  Redis" in ended.out
    assert "hush" not in ended.out


@pytest.mark.parametrize(
    ("info", "subject"),
    [
        ({"redis_version": "6.2.1"}, "Redis version"),
        ({"maxmemory_policy": "allkeys-lru"}, "Redis memory"),
        ({"aof_enabled": 0}, "Redis disk"),
    ],
)
def test_doctor_knows_a_server_that_loses_edits(info: dict[str, object], subject: str) -> None:
    """Each of these loses edits in its own way."""
    good = {"redis_version": "7.2.4", "maxmemory_policy": "noeviction", "aof_enabled": 1}
    assert all(finding.ok for finding in server_findings(good))
    assert [finding.subject for finding in server_findings(good | info) if not finding.ok] == [subject]


def test_failure_lines_name_a_few() -> None:
    """The rest is a number."""
    failed = [Result({"state": "failed", "custom_id": f"e{n}", "error": {"message": "no"}}) for n in range(5)]
    assert watch.failure_lines(failed) == ["  5 failed: no (e0, e1, e2 and 2 more)"]


LESSON = {"kind": "sd1.5:8:36", "keep": 100.0, "increments": {"20": 3.0, "21": 1.0}}


def test_explain_names_places_pace_and_outage(run: Run, batch: str, ledger: Ledger) -> None:
    """What all edits share comes before the fair order."""
    ledger.worker.see_worker("w", [])
    [ledger_claim] = ledger.worker.claim("w", lease_ms=60_000, places=1).claims
    assert "all places at the API are taken (1 of 1); 0 edits" in run("explain", "b/e1").out
    ledger.worker.claim("w", lease_ms=60_000, places=2, intervals=Intervals(60_000))
    ledger.worker.claim("w", lease_ms=60_000, places=9, intervals=Intervals(60_000))
    assert "the rate limit is used up until" in run("explain", "b/e2").out
    for _ in range(5):
        ledger.worker.trouble("503: overloaded", probe_every_ms=1000)
    told = run("explain", "b/e2").out
    assert "nothing is sent (outage) because 503: overloaded; the next probe is sent in" in told
    ledger.worker.settle([Settlement(ledger_claim, (EditState.SUBMITTING,), EditState.WAITING, lesson=LESSON)])
    said = run("status").out
    assert "2 of 9 places at the API in use" in said
    assert "last refusal: 503: overloaded" in said
    assert "results of sd1.5:8:36: half within" in said
    assert run("status", "--json").json["provider"]["troubles_in_a_row"] == 5
