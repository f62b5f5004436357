"""The commands that look at batches and change them."""

from __future__ import annotations

import json

import pytest

from retouch.advice.pauses import BATCH_REMEDIES
from retouch.advice.pauses import REMEDIES as REMEDY_OF
from retouch.causes import AmbiguityPolicy, BatchPause, PauseCause
from retouch.cli import checks
from retouch.cli.checks import server_findings
from retouch.cli.status import times_text
from retouch.installation import ResultTimes
from retouch.ledger import Entry, Finish, Ledger, Policy, Settlement, Step
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.unit.cli.conftest import Run, end


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


IMAGE = {"uri": "s3://b/k/0.png", "sha256": "00", "bytes": 9, "width": 8, "height": 7, "content_type": "image/png"}


def complete(ledger: Ledger, *blanks: bool | str) -> None:
    """Be the worker: complete the edits with an image each, blank or not, and end the batch."""
    left = list(blanks)
    while claims := ledger.worker.claim("w", lease_ms=60_000, places=100).claims:
        for claim in claims:
            if claim.step is Step.FINISH:
                ledger.worker.settle_batch(claim, Finish.WRITTEN)
                continue
            image = IMAGE | ({"blank": blank} if (blank := left.pop(0)) else {})
            came_from = (EditState.SUBMITTING,)
            ledger.worker.settle([Settlement(claim, came_from, EditState.COMPLETED, outputs=json.dumps([image]))])


@pytest.mark.parametrize(
    ("blanks", "says"),
    [
        ((True, "suspect", False), "2 results are blank (black or one colour), or may be: retouch results b --blank"),
        ((True, False, False), "1 result is blank (black or one colour), or may be: retouch results b --blank"),
        ((False, False, False), ""),
    ],
)
def test_blank_results_are_told_at_the_end_and_listed(
    run: Run, batch: str, ledger: Ledger, blanks: tuple[bool | str, ...], says: str
) -> None:
    """In watch and status, as text and as JSON; they are completed all the same."""
    complete(ledger, *blanks)
    watched = run("watch", batch)
    assert watched.code == 0
    for text in (watched.err, run("status", batch).out):
        assert says in text
        assert ("blank" in text) is bool(says)
    number = sum(map(bool, blanks))
    assert run("status", batch, "--json").json["blank"] == number
    listed = [json.loads(line) for line in run("results", batch, "--blank").out.splitlines()]
    assert [line["outputs"][0]["blank"] for line in listed] == [blank for blank in blanks if blank]
    assert len(run("results", batch).out.splitlines()) == 3


def test_failures_are_grouped_by_message_and_cannot_steer_the_terminal(run: Run, batch: str, ledger: Ledger) -> None:
    """The API's words are shown, its control characters are not."""
    end(ledger, *(EditState.FAILED,) * 3)
    err = run("watch", batch).err
    assert "3 failed (refused): no [such] model" in err
    assert "(such as e0; group 1)" in err
    assert "\x1b" not in err


def test_ctrl_c_says_that_the_batch_goes_on(run: Run, batch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 130 and the way back."""

    def interrupted(*_args: object, **_more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(EditQueue, "wait", interrupted)
    ended = run("watch", batch)
    assert ended.code == 130
    assert "retouch watch b" in ended.err


def test_status_of_a_batch_as_json(run: Run, batch: str) -> None:
    """At least batch, state and counts."""
    status = run("status", batch, "--json").json
    assert (status["batch"], status["state"], status["counts"]) == ("b", "open", {"queued": 3})


def test_status_says_when_a_batch_was_completed(run: Run, batch: str, ledger: Ledger) -> None:
    """And how long that took."""
    ended = {"state": "completed", "created": 1_795_000_000_000, "completed_at": 1_795_000_000_000 + 7_384_000}
    ledger.connection._client.hset(ledger.connection.keys.batch(batch), mapping=ended)
    told = run("status", batch).out.splitlines()
    assert "completed 2026-11-18T13:09:44+00:00, 2:03:04 after it was made" in told


def test_status_names_pauses_and_missing_workers(run: Run, batch: str, ledger: Ledger) -> None:
    """Loudly: nothing moves."""
    ledger.worker.pause("submit:refused", "401: no credit")
    out = run("status").out
    assert "PAUSED: submits (refused) since 2" in out
    assert "401: no credit" in out
    assert "NO workers alive" in out


REMEDIES = {
    "submit:throttled": "the API asked for it, and it ends by itself",
    "submit:outage": "it ends by itself when the API answers",
    "status:outage": "it ends by itself when the API answers",
    "submit:refused": "fix the cause (the key, the credit, RETOUCH_API_URL, or the edits: retouch cancel BATCH)",
    "submit:store": "fix the bucket, the AWS_* variables, or the results' host",
    "submit:person": "to go on: retouch resume",
    "submit:moon": "a newer version of Retouch began it",
}


@pytest.mark.parametrize(("name", "remedy"), REMEDIES.items(), ids=REMEDIES)
def test_status_says_what_waits_and_who_ends_a_pause(
    run: Run, batch: str, ledger: Ledger, name: str, remedy: str
) -> None:
    """A refused key is for a person to mend; an outage ends with the first probe that is answered."""
    ledger.worker.pause(name, "it said no")
    what = "submits" if name.startswith("submit") else "status requests"
    for out in (run("status").out, run("status", batch).out):
        assert f"PAUSED: {what} ({name.partition(':')[2]})" in out
        assert remedy in out
    [pause] = run("status", "--json").json["pauses"]
    assert f"{pause['kind']}:{pause['cause']}" == name
    assert (pause["reason"], pause["next_probe"]) == ("it said no", None)


def test_every_cause_has_its_remedy() -> None:
    """None that this version can begin is said to be a newer one's."""
    assert set(REMEDY_OF) == set(PauseCause)
    assert set(BATCH_REMEDIES) == set(BatchPause)


@pytest.mark.parametrize("command", ["watch", "status", "results", "retry", "cancel", "seal", "pause", "resume"])
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


def test_a_batch_is_paused_and_resumed(run: Run, batch: str, ledger: Ledger) -> None:
    """Every view of it says so, and how it goes on; twice is no error."""
    assert run("pause", batch).err == ("batch b is paused; edits at the API are finished. To go on: retouch resume b\n")
    assert "batch b is paused (it was already)" in run("pause", batch).err
    line = "batch b is PAUSED (person): a person paused it; its queued edits are not submitted. retouch resume b"
    assert line in run("status", batch).out
    ledger.worker.see_worker("w", {})
    assert line in run("explain", "b/e1").out
    assert line in run("watch", batch, "--timeout", "0.1").err
    [pause] = run("status", batch, "--json").json["paused"]
    assert (pause["cause"], pause["reason"]) == ("person", "a person paused it")
    assert "b  paused" in run("status").out
    assert run("resume", batch).err == "batch b is resumed\n"
    assert run("resume", batch).err == "batch b was not paused\n"
    assert run("status", batch, "--json").json["paused"] == []


def test_a_batch_whose_producer_is_gone_says_so_and_is_sealed(run: Run, batch: str, ledger: Ledger) -> None:
    """All its edits have ended; ``status`` and ``watch`` say once why it does not, and ``seal`` ends it."""
    ledger.producer.enqueue(batch, [Entry("new", "d", "{}", 1, None)], ledger.producer.open_batch(batch).defaults)
    end(ledger, *(EditState.COMPLETED,) * 4)
    assert "not sealed: its producer is writing still, and the batch ends only after that" in run("status", batch).out
    ledger.connection._client.hset(ledger.connection.keys.batch(batch), "unsealed", '{"p":1700000000000}')
    hint = "not sealed: its producer was last seen at 2023-11-14T22:13:20+00:00. If it is gone: enqueue the same again"
    assert f"{hint}, or: retouch seal b" in run("status", batch).out
    assert "4 completed, not sealed" in run("status").out
    assert run("watch", batch, "--timeout", "0.5").err.count(hint) == 1
    assert run("status", batch, "--json").json["sealed"] is False
    assert run("seal", batch).err == "batch b is sealed: it ends when its edits have ended\n"
    assert run("seal", batch).err == "batch b was sealed already\n"
    assert "not sealed" not in run("status", batch).out
    assert [run("status", batch, "--json").json[name] for name in ("sealed", "producer_seen")] == [True, None]
    end(ledger)
    assert run("watch", batch).code == 0


def test_all_submits_are_paused_and_resumed(run: Run, batch: str, ledger: Ledger) -> None:
    """A batch of nobody is named, and what goes on pausing is told."""
    assert run("pause").err == "the queue is paused; edits at the API are finished. To go on: retouch resume\n"
    assert "PAUSED: submits (person)" in run("status").out
    ledger.worker.pause("submit:outage", "503")
    err = run("resume").err
    assert "the queue is resumed" in err
    assert "PAUSED: submits (outage)" in err
    assert "the queue was not paused" in run("resume").err


def test_a_paused_batch_ends_watching_by_its_timeout_alone(
    run: Run, batch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said once, whatever the progress, and waited on."""
    run("pause", batch)
    ended = run("watch", batch, "--timeout", "1")
    assert (ended.code, ended.err.count("is PAUSED (person)")) == (5, 1)


def test_watch_tells_of_a_pause_of_the_installation_once(
    run: Run, batch: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks now and then, since a pause may begin later."""
    monkeypatch.setattr("retouch.cli.reasons.LOOK_EVERY_S", 0.0)
    ledger.worker.pause("submit:refused", "401: no credit")
    ended = run("watch", batch, "--timeout", "1")
    assert (ended.code, ended.err.count("PAUSED: submits (refused)")) == (5, 1)


def hold(ledger: Ledger) -> None:
    """Make every edit of the batch one that was sent and not answered, and is held."""
    for _ in ("sent, not answered", "found like that, and held"):
        claims = ledger.worker.claim("w", lease_ms=60_000, places=9, policy=AmbiguityPolicy.HOLD).claims
        ledger.worker.begin_submit(claims, Policy(AmbiguityPolicy.HOLD, AmbiguityPolicy.HOLD), lease_ms=0, nonce="n")


def test_held_edits_say_what_to_do_about_them(run: Run, batch: str, ledger: Ledger) -> None:
    """status and watch name the two commands; retry says why it found nothing; a cancelled one may have been taken."""
    hold(ledger)
    assert "3 edits are held: sent and not answered" in run("status", batch).out
    assert "retouch retry b --held" in run("watch", batch, "--timeout", "0.1").err
    assert "3 edits are held: retouch retry b --held" in run("retry", batch).err
    run("cancel", batch, "--held")
    assert "the API may have accepted it" in run("explain", "b/e0").out


def test_a_batch_without_workers_says_so(run: Run, batch: str) -> None:
    """Nothing moves, and that is the reason."""
    assert "NO workers alive" in run("status", batch).out
    assert "NO workers alive" in run("watch", batch, "--timeout", "0.1").err


def test_events_are_cloudevents_and_go_on_after_one(run: Run, batch: str, ledger: Ledger) -> None:
    """``--after`` takes an event's own id, also one that was printed by an older version."""
    end(ledger, *(EditState.COMPLETED,) * 3)
    events = [json.loads(line) for line in run("events").out.splitlines()]
    assert [event["subject"] for event in events] == ["b/e0", "b/e1", "b/e2", "b"]
    assert {event["specversion"] for event in events} == {"1.0"}
    stream_id = "-".join(events[1]["id"].split("-")[2:])
    for after in (events[1]["id"], f"evt-{stream_id}", stream_id):  # also as ids were before, and as Redis has them
        assert len(run("events", "--after", after).out.splitlines()) == 2


def test_a_closed_pipe_ends_quietly(run: Run, batch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``retouch status | head`` is no error."""

    def closed(*_args: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("retouch.cli.status._one", closed)
    monkeypatch.setattr("retouch.cli.app.os.dup2", lambda *_fds: None)
    monkeypatch.setattr("sys.stdout.fileno", lambda: 1, raising=False)
    ended = run("status", batch)
    assert (ended.code, ended.err) == (0, "")


def test_workers_that_differ_in_a_setting_are_told(run: Run, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """By status and doctor, with who has which value; a worker of an older version tells none."""
    for name, limit in (("a", "16"), ("b", "8"), ("c", "16")):
        ledger.worker.see_worker(
            name, {}, {"RETOUCH_MAX_IN_FLIGHT": limit, "RETOUCH_BUCKET": "b", "RETOUCH_PREFIX": ""}
        )
    ledger.worker.see_worker("older", {})
    told = "workers differ in RETOUCH_MAX_IN_FLIGHT: 16 (a, c), 8 (b); each goes by its own"
    assert told in run("status").out
    assert run("status", "--json").json["worker_differences"] == {
        "RETOUCH_MAX_IN_FLIGHT": {"16": ["a", "c"], "8": ["b"]}
    }
    monkeypatch.setattr(checks, "first_contact", lambda _url: EditQueue(ledger))
    assert f"FAIL  workers: {told}" in run("doctor").out
    ledger.worker.forget_worker("b")
    assert "differ" not in run("status").out


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


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("6.0.16", "6.0.16 is too old for Retouch; use Redis 7.2"),
        ("6.2.14", "6.2.14 cannot confirm that writes are on disk; use Redis 7.2"),
        ("7.0.15", "7.0.15 cannot confirm that writes are on disk; use Redis 7.2"),
    ],
)
def test_doctor_tells_an_old_server_from_one_that_is_too_old(version: str, said: str) -> None:
    """The one works, and may lose the last two seconds; the other does not work."""
    [finding] = [finding for finding in server_findings({"redis_version": version}) if finding.subject[6:] == "version"]
    assert finding.text.startswith(said)


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ([(2.1, 5.0)], "half of the edits within 2.1 s, and 95 % within 5 s"),
        (
            [(2.1, 5.0), (1.5, 14.2), (1.9, 3.0)],
            "half of the edits within 1.5 to 2.1 s, and 95 % within 3 to 14.2 s (it depends on model, steps and size:"
            " --json has each kind)",
        ),
    ],
)
def test_status_says_in_one_line_how_long_edits_take(times: list[tuple[float, float]], said: str) -> None:
    """However many kinds of work there are, and without their names."""
    assert times_text([ResultTimes(*one) for one in times]) == f"the API finishes {said}"
