"""The journal of an edit: every move that does something about it says so there, in order, and within its bound."""

from __future__ import annotations

import json
from collections.abc import Callable
from string import ascii_lowercase

import hypothesis.strategies as st
import pytest
import redis
from hypothesis import given, settings

from retouch.causes import BatchPause, Fared
from retouch.ledger import Claim, Finish, Journal, Seen, Settlement, Step, Strike, constants, scripts
from retouch.ledger.constants import OTHER_GROUP
from retouch.ledger.journal import Mark
from retouch.states import EditState
from tests.ledger_bench import DEADLINE_MS, HOLD, IDEMPOTENT, LEASE_MS, POLLED, SUBMITTING, Bench, entries

MOST_TEXT, FIELD = 240, 64


def told(bench: Bench, custom_id: str = "c0") -> list[str]:
    """The history of an edit, as sentences."""
    steps = bench.ledger.reader.history("b", custom_id)
    assert steps is not None
    return [step.text for step in steps]


def kinds(bench: Bench) -> list[str]:
    """What its steps are."""
    return [step.what for step in bench.ledger.reader.history("b", "c0") or []]


def unanswered(bench: Bench, claims: list[Claim], words: str = "HTTP 502", delay_ms: int = 500) -> None:
    """The submits were not answered well; they may be sent again then."""
    seen = (Seen("submit", bench.clock.now, Fared.SILENT, words),)
    silent = [Settlement(c, SUBMITTING, EditState.SUBMITTING, delay_ms=delay_ms, seen=seen) for c in claims]
    assert all(bench.ledger.worker.settle(silent))


def polled(bench: Bench, claims: list[Claim], to: EditState = EditState.WAITING) -> None:
    """The API was asked, and they are in this state."""
    good = {"status": bench.clock.now}
    keep = to is EditState.COPYING
    assert all(
        bench.ledger.worker.settle([Settlement(c, POLLED, to, delay_ms=100, good=good, keep=keep) for c in claims])
    )


def poll(bench: Bench, to: EditState = EditState.WAITING) -> list[Claim]:
    """Ask about what is due."""
    bench.begin_polls(claims := bench.edits(submits=0))
    polled(bench, claims, to)
    return claims


def test_a_plain_edit_has_a_short_story(bench: Bench) -> None:
    """And it lies in one field, so that the hash stays a packed list."""
    bench.fill(1)
    bench.later(1500)
    bench.intend(claims := bench.edits())
    bench.later(120)
    bench.accept(claims, delay_ms=100)
    for _ in range(14):
        bench.later(1000)
        poll(bench)
    bench.later(1000)
    claims = poll(bench, EditState.COPYING)
    bench.later(300)
    bench.end(claims)
    assert told(bench) == [
        "enqueued",
        "sent to the API by w",
        "the API took it after 0.12 s",
        "polled 14 times: not finished yet",
        "the API has finished it; w copies its images",
        "completed: its images are in S3 after 0.3 s",
    ]
    [enqueued, sent, *_, completed] = bench.ledger.reader.history("b", "c0") or []
    assert (sent.at - enqueued.at).total_seconds() == 1.5
    assert round(completed.at.timestamp() * 1000) == bench.clock.now
    found = bench.client.hgetall(bench.keys.edit("b/c0"))
    assert 30 < len(found["h0"]) <= FIELD
    assert "h1" not in found


def test_a_troubled_edit_tells_its_whole_story(bench: Bench) -> None:
    """Sent, its worker killed, sent again, polled, killed again, copied: in order, in plain words."""
    bench.fill(1)
    bench.intend(bench.edits())
    bench.later(LEASE_MS + 1)
    bench.intend(claims := bench.edits())
    bench.accept(claims, delay_ms=100)
    bench.later(200)
    bench.begin_polls(claims := bench.edits())
    words = "HTTP 429: key sk-9f3 may ask again at https://a.test/?k=1"
    asked = (Seen("status", bench.clock.now, Fared.THROTTLED, words, 2000),)
    bench.ledger.worker.settle([Settlement(claims[0], POLLED, EditState.WAITING, delay_ms=2000, seen=asked)])
    bench.later(2500)
    poll(bench)
    bench.later(200)
    bench.begin_polls(bench.edits())
    bench.later(LEASE_MS + 1)
    claims = poll(bench, EditState.COPYING)
    failed = (Seen("fetch:images.test", bench.clock.now, Fared.FAILED, "HTTP 503"),)
    bench.ledger.worker.settle([Settlement(claims[0], POLLED, EditState.COPYING, delay_ms=1000, seen=failed)])
    bench.later(1000)
    bench.begin_polls(claims := bench.edits())
    bench.end(claims)
    died = "taken over: w did not come to an end with it (it died, or had an internal error)"
    assert told(bench) == [
        "enqueued",
        "sent to the API by w",
        died,
        "sent to the API by w (submit 2)",
        "the API took it after 0 s",
        "the API asked to wait: HTTP 429: key sk-… may ask again at …; again in 2 s",
        "polled: not finished yet",
        died,
        "the API has finished it; w copies its images",
        "its images were not fetched: HTTP 503; again in 1 s",
        "completed: its images are in S3",
    ]


def test_a_submit_that_was_not_answered(bench: Bench) -> None:
    """Until when it waits, that it is sent under the same number where the API honours keys, and how it ends."""
    bench.fill(1)
    bench.intend(claims := bench.edits(), IDEMPOTENT)
    bench.later(80)
    unanswered(bench, claims, "HTTP 502: see https://api.test/help?key=sesame about 'red cats'", 500)
    steps = bench.ledger.reader.history("b", "c0") or []
    assert steps[-1].until is not None
    assert (steps[-1].until - steps[-1].at).total_seconds() == 0.5
    assert steps[-1].text == (
        "no good answer to the submit after 0.08 s (the API may have taken it): HTTP 502: see … about …; again in 0.5 s"
    )
    bench.ledger.worker.observe(good={"submit": bench.clock.now + 1})
    bench.later(501)
    bench.intend(claims := bench.edits(policy=IDEMPOTENT.ambiguous), IDEMPOTENT)
    error = '{"code": "failure", "message": "no cats, please"}'
    bench.ledger.worker.settle([Settlement(claims[0], SUBMITTING, EditState.FAILED, error=error)])
    assert told(bench)[3:] == ["sent to the API by w", "failed (failure: no cats, please)"]
    assert bench.ledger.reader.history("b", "c0")[-1].reason == "failure: no cats, please"  # type: ignore[index]


def test_why_a_try_failed_is_kept_when_it_is_tried_again(bench: Bench) -> None:
    """In the words of its group; of failures that are too many to be told apart the code is left."""
    bench.fill(OTHER_GROUP + 1)
    bench.intend(claims := bench.edits(places=2 * OTHER_GROUP, submits=2 * OTHER_GROUP))
    words = [f"no {first}{second}" for first in ascii_lowercase for second in ascii_lowercase]
    errors = [json.dumps({"code": "refused", "message": message}) for message in words[: OTHER_GROUP + 1]]
    failed = [Settlement(c, SUBMITTING, EditState.FAILED, error=e) for c, e in zip(claims, errors, strict=True)]
    assert all(bench.ledger.worker.settle(failed))
    bench.ledger.producer.retry("b")
    first, last = (claim.member.partition("/")[2] for claim in (claims[0], claims[-1]))
    retried = "retried by a person: back in the queue, to be sent anew"
    assert told(bench, first)[-2:] == ["failed (refused: no aa)", retried]
    assert told(bench, last)[-2:] == ["failed (refused)", retried]


def test_a_worker_that_dies_before_it_begins(bench: Bench) -> None:
    """The edit goes back to the queue, and nothing was sent."""
    bench.fill(1)
    bench.edits()
    bench.later(LEASE_MS + 1)
    bench.edits(submits=0)
    assert kinds(bench) == ["enqueued", "taken_over"]


def test_what_a_person_decides(bench: Bench) -> None:
    """Held, retried, cancelled; and that a retry asks the API, or sends it anew."""
    bench.fill(1)
    bench.intend(bench.edits(), HOLD)
    bench.later(LEASE_MS + 1)
    bench.intend(bench.edits(policy=HOLD.ambiguous), HOLD)
    bench.ledger.producer.retry("b", [EditState.HELD])
    bench.ledger.producer.cancel("b")
    bench.ledger.producer.retry("b", [EditState.CANCELLED])
    bench.intend(claims := bench.edits())
    bench.accept(claims)
    lost = '{"code": "deadline", "message": "too late"}'
    bench.later(1000)
    bench.begin_polls(claims := bench.edits())
    bench.ledger.worker.settle([Settlement(claims[0], POLLED, EditState.FAILED, error=lost)])
    bench.ledger.producer.retry("b")
    assert kinds(bench) == [
        *("enqueued", "sent", "taken_over", "held", "retried", "cancelled", "retried", "sent", "taken", "failed"),
        "asked",
    ]
    assert told(bench)[5] == "cancelled (unanswered)"


def test_an_edit_that_is_sent_anew(bench: Bench) -> None:
    """A retry asked the API, which has it no longer."""
    claims = bench.at_the_api(1)
    bench.begin_polls(claims := bench.edits())
    bench.end(claims, EditState.FAILED)
    bench.ledger.producer.retry("b")
    bench.begin_polls(claims := bench.edits())
    lost = Strike("status", 120_000, last=True)
    bench.ledger.worker.settle(
        [Settlement(claims[0], POLLED, EditState.WAITING, strike=lost, error='{"code": "lost"}')]
    )
    assert kinds(bench)[-2:] == ["asked", "sent_anew"]


@pytest.mark.parametrize("cause", ["submits", "batch"])
def test_what_an_edit_has_waited_for(bench: Bench, cause: str) -> None:
    """A pause that ended before it was sent; told once, with its whole time, and not to edits that came later."""
    bench.fill(1)
    bench.later(1000)
    if cause == "batch":
        bench.ledger.producer.pause("b", BatchPause.PERSON, "lunch")
        bench.later(720_000)
        bench.ledger.producer.resume("b")
    else:
        bench.ledger.worker.pause("submit:person", "lunch")
        bench.later(720_000)
        bench.ledger.worker.resume("submit:person")
    bench.write("b", [entries(2)[1]])
    bench.later(100)
    bench.intend(bench.edits())
    what = "its batch was paused" if cause == "batch" else "submits were paused"
    assert told(bench)[1:] == [f"waited 0:12:00: {what} (person)", "sent to the API by w"]
    _, waited, _ = bench.ledger.reader.history("b", "c0") or []
    assert waited.until is not None
    assert bench.clock.now - round(waited.until.timestamp() * 1000) == 100
    assert [step.what for step in bench.ledger.reader.history("b", "c1") or []] == ["enqueued", "sent"]


def test_an_edit_that_is_held_back(bench: Bench) -> None:
    """A pause began after it was claimed."""
    bench.fill(1)
    claims = bench.edits()
    bench.ledger.worker.pause("submit:person", "lunch")
    bench.intend(claims)
    assert told(bench)[1:] == ["not sent: submits are paused"]


def test_a_repeated_call_is_written_once(bench: Bench) -> None:
    """Its answer was lost, and it came again."""
    bench.fill(1)
    claims = bench.edits()
    for _ in range(2):
        bench.begin(claims, nonce="one call")
    waiting = Settlement(
        claims[0], (*SUBMITTING, *POLLED), EditState.WAITING, deadline_ms=DEADLINE_MS, put={"provider_id": "p"}
    )
    for _ in range(2):
        bench.ledger.worker.settle([waiting])
    bench.begin_polls(claims := bench.edits())
    for _ in range(2):
        polled(bench, claims)
    assert kinds(bench) == ["enqueued", "sent", "taken", "polled"]
    assert {step.times for step in bench.ledger.reader.history("b", "c0") or []} == {1}


@pytest.mark.parametrize(("setting", "kept"), [(Journal.AUTO, 3), (Journal.ON, 5), (Journal.OFF, 0), (None, 3)])
def test_of_which_edits_a_journal_is_kept(
    bench: Bench, setting: Journal | None, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the workers' setting was when they were enqueued; without one all is as before."""
    monkeypatch.setitem(constants.NUMBERS_AND_WORDS, "JOURNAL_EDITS", 3)
    monkeypatch.setattr(scripts, "text", scripts.text.__wrapped__)  # what other tests have put together has another
    bench = Bench(bench.client)
    bench.ledger.worker.see_worker("w", {}, {"RETOUCH_JOURNAL": str(setting)} if setting else {})
    bench.write("b", entries(2))
    bench.write("b", entries(5))
    bench.ledger.worker.see_worker("w", {}, {"RETOUCH_JOURNAL": "off"})
    bench.run_to_completion()
    steps = [bench.ledger.reader.history("b", f"c{n}") for n in range(5)]
    assert [len(one or []) for one in steps] == [3] * kept + [0] * (5 - kept)
    assert bench.ledger.reader.history("b", "c9") is None


def test_the_names_go_with_their_batch(bench: Bench) -> None:
    """Nothing of a journal stays behind."""
    bench.fill(1)
    bench.run_to_completion()
    assert bench.client.exists(bench.keys.names("b"))
    [claim] = [c for c in bench.claim().claims if c.step is Step.FINISH]
    bench.ledger.worker.settle_batch(claim, Finish.WRITTEN, retention_ms=0)
    assert bench.ledger.producer.remove("b") == 0
    assert not bench.client.exists(bench.keys.names("b"))


def test_a_batch_with_too_many_names(bench: Bench) -> None:
    """Further ones are left out; those that are known stay."""
    bench.fill(1)
    for n in range(1, 501):
        bench.client.hset(bench.keys.names("b"), f"name {n}", n)
    bench.intend(claims := bench.edits())
    unanswered(bench, claims, "name 7 of …")
    assert told(bench)[1:] == [
        "sent to the API by a worker",
        "no good answer to the submit after 0 s (the API may have taken it); again in 0.5 s",
    ]
    assert bench.client.hlen(bench.keys.names("b")) == 500


# --- its bound ----------------------------------------------------------------------------------


def sent(bench: Bench) -> list[Claim]:
    """It is sent, if it may be."""
    claims = bench.edits(policy=IDEMPOTENT.ambiguous)
    return [claim for claim, begun in zip(claims, bench.begin(claims, IDEMPOTENT), strict=True) if begun]


def refused(bench: Bench) -> None:
    """It is sent and refused."""
    bench.refuse(sent(bench), f"HTTP {400 + bench.clock.now % 90}: no", patience_ms=10**9)


def put_off(bench: Bench) -> None:
    """It is sent and not answered in time."""
    unanswered(bench, sent(bench), "timeout", 1 + bench.clock.now % 1000)
    bench.ledger.worker.observe(good={"submit": bench.clock.now})


def abandoned(bench: Bench) -> None:
    """Its worker dies before it begins."""
    bench.edits(policy=IDEMPOTENT.ambiguous)
    bench.later(LEASE_MS + 1)


def paused(bench: Bench) -> None:
    """Submits pause after it was claimed."""
    claims = bench.edits(policy=IDEMPOTENT.ambiguous)
    bench.ledger.worker.pause("submit:person", "lunch")
    bench.begin(claims, IDEMPOTENT)
    bench.later(3000)
    bench.ledger.worker.resume("submit:person")


def cancelled(bench: Bench) -> None:
    """A person cancels it, and tries it again."""
    bench.ledger.producer.cancel("b")
    bench.ledger.producer.retry("b", [EditState.CANCELLED])


TROUBLES = (refused, put_off, abandoned, paused, cancelled)


@settings(max_examples=8)
@given(st.lists(st.sampled_from(TROUBLES), min_size=20, max_size=60))
def test_a_journal_is_bounded_whatever_happens(server: redis.Redis, troubles: list[Callable[[Bench], None]]) -> None:
    """Beginning and end stay, in between the number of what is left out; and the hash is a packed list still."""
    server.flushall()
    bench = Bench(server)
    bench.clock.now = 10**12  # so that each run is the same
    bench.fill(1)
    for trouble in troubles:
        trouble(bench)
        bench.later(1500)
        parts = [str(part) for part in server.hmget(bench.keys.edit("b/c0"), "h0", "h1", "h2", "h3") if part]
        assert all(len(part) == FIELD for part in parts[:-1])
        assert len("".join(parts)) <= MOST_TEXT
    bench.ledger.producer.cancel("b")
    bench.later(3 * LEASE_MS)
    bench.edits()  # what was under way is ended by a claim
    steps = bench.ledger.reader.history("b", "c0") or []
    assert steps[0].what == "enqueued"
    assert steps[-1].what == bench.stored(bench.keys.edit("b/c0"), "state") in ("cancelled", "failed")
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert set("".join(parts)) <= set("abcdefghijklmnopqrstuvwxyz0123456789.:~*" + "".join(Mark))
    assert server.object("encoding", bench.keys.edit("b/c0")) == "listpack"


@pytest.mark.parametrize("times", [1, 40, 200])
def test_no_step_is_lost_count_of(server: redis.Redis, times: int) -> None:
    """What is told, and what was left out, are together what happened."""
    server.flushall()
    bench = Bench(server)
    bench.fill(1)
    for n in range(times):
        bench.intend(claims := bench.edits())
        bench.refuse(claims, ("HTTP 403", "HTTP 404")[n % 2], patience_ms=10**9)
        bench.later(40_000)
    steps = bench.ledger.reader.history("b", "c0") or []
    assert sum(step.times for step in steps if step.what != "waited") >= 1 + 2 * times
    assert ("folded" in [step.what for step in steps]) is (times > 10)
