"""An API that asks to wait, or is silent: what waits for it, what finds out, and what ends the wait."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import pytest

from retouch.causes import AmbiguityPolicy, Fared
from retouch.ledger import Claim, Harvest, Seen, Settlement, Step
from retouch.states import EditState
from tests.contract.servers import on_a_server
from tests.ledger_bench import DEADLINE_MS, LEASE_MS, SUBMITTING, Bench


def silent(bench: Bench, claim: Claim, *, delay_ms: int = 1000) -> None:
    """No answer comes to this submit: it may have been taken."""
    seen = (Seen("submit", bench.clock.now, Fared.SILENT, "503"),)
    assert bench.ledger.worker.settle(
        [Settlement(claim, SUBMITTING, EditState.SUBMITTING, delay_ms=delay_ms, seen=seen)]
    )


def asked_to_wait(bench: Bench, claim: Claim, wait_ms: int) -> None:
    """A 429 to this submit."""
    seen = (Seen("submit", bench.clock.now, Fared.THROTTLED, "429", wait_ms),)
    assert bench.ledger.worker.settle([Settlement(claim, SUBMITTING, EditState.QUEUED, untaken=True, seen=seen)])


def harvests(bench: Bench, ms: int, **limits: int) -> Iterator[Harvest]:
    """What is claimed over so long, asked for every half second."""
    for _ in range(ms // 500):
        bench.clock.now += 500
        yield bench.claim(**limits)


def first_claim(bench: Bench, ms: int) -> Claim:
    """The first claim within so long, which is alone."""
    [claim] = next(h.claims for h in harvests(bench, ms) if h.claims)
    return claim


@pytest.mark.parametrize(("kind", "goes_on"), [("submit", Step.POLL), ("status", Step.SUBMIT)])
def test_a_429_stops_its_own_kind_alone(bench: Bench, kind: str, goes_on: Step) -> None:
    """A limit of submits holds no status back, and the other way round."""
    bench.at_the_api(2, of=4)
    bench.throttle(60_000, kind)
    assert [c.step for c in bench.edits()] == [goes_on] * 2


def test_a_retry_after_ends_only_by_an_answer_to_what_was_sent_after_it(bench: Bench) -> None:
    """Neither its end nor what was sent before ends the pause; the probe that is taken then does."""
    bench.fill(3)
    bench.throttle(5000)
    bench.ledger.worker.observe(good={"submit": bench.clock.now + 4999})
    bench.clock.now += 5000
    bench.claim(submits=0)
    assert list(bench.pauses()) == ["submit:throttled"]
    [probe] = bench.edits()
    bench.intend([probe])
    bench.accept([probe])
    assert bench.pauses() == {}
    assert len(bench.edits()) == 2


def test_a_shorter_retry_after_shortens_no_longer_one(bench: Bench) -> None:
    """Two answers on the way at once: the later end counts, and a worker is told of it."""
    bench.throttle(60_000)
    bench.throttle(1000)
    [pause] = bench.claim().pauses.values()
    assert pause.ends == bench.clock.now + 60_000


def test_a_retry_after_of_years_is_read_as_a_day(bench: Bench) -> None:
    """A date in the wrong unit does not stop an installation for ever."""
    bench.throttle(10**12)
    assert bench.claim().pauses["submit:throttled"].ends == bench.clock.now + 86_400_000


def test_an_edit_asked_again_while_others_are_taken_waits_alone(bench: Bench) -> None:
    """The first 429 binds everybody; a second to the same edit, after another was taken, binds that edit for 10 min."""
    bench.fill(3)
    first = bench.edits(submits=1)
    bench.intend(first)
    asked_to_wait(bench, first[0], 1000)
    bench.later(1000)
    [other] = bench.edits(submits=1)
    assert other.member != first[0].member
    bench.intend([other])
    bench.accept([other])
    bench.later(1)
    again = next(c for c in bench.edits() if c.member == first[0].member)
    bench.intend([again])
    asked_to_wait(bench, again, 3_600_000)
    assert bench.pauses() == {}
    assert bench.due_in(again.member) == 600_000


@pytest.mark.parametrize(
    ("kind", "fared"), [("submit", Fared.ANSWERED), ("status", Fared.ANSWERED), ("status", Fared.REFUSED)]
)
def test_any_answer_to_what_was_sent_after_it_ends_a_retry_after(bench: Bench, kind: str, fared: Fared) -> None:
    """A refusal does as well, or polls of an API that knows no id any more would go one by one; silence does not."""
    bench.throttle(5000, kind)
    bench.ledger.worker.observe(seen=[Seen(kind, bench.clock.now + 4999, fared, "404")])
    bench.ledger.worker.observe(seen=[Seen(kind, bench.clock.now + 5000, Fared.SILENT, "503")])
    assert list(bench.pauses()) == [f"{kind}:throttled"]
    bench.ledger.worker.observe(seen=[Seen(kind, bench.clock.now + 5000, fared, "404")])
    assert bench.pauses() == {}


def test_an_outage_of_statuses_that_no_edit_asks_about_is_asked_about(bench: Bench) -> None:
    """Where the API finishes edits at once nobody polls: without the question deadlines would stand still for ever."""
    bench.fail("status")
    assert bench.claim().ask_at is None
    bench.clock.now += 1000
    assert bench.claim().ask_at is not None
    assert bench.claim().ask_at is None
    bench.ledger.worker.observe(seen=[Seen("status", bench.clock.now, Fared.ANSWERED, "404")])
    assert bench.pauses() == {}


def test_a_due_poll_is_the_question_of_an_outage_of_statuses(bench: Bench) -> None:
    """Nothing more is asked than that."""
    bench.at_the_api(1)
    bench.fail("status")
    bench.clock.now += 1000
    harvest = bench.claim()
    assert [c.step for c in harvest.claims] == [Step.POLL]
    assert harvest.ask_at is None


@pytest.mark.parametrize(("kind", "goes_on"), [("submit", Step.POLL), ("status", Step.SUBMIT)])
def test_an_outage_is_one_of_its_kind(bench: Bench, kind: str, goes_on: Step) -> None:
    """Errors of submits say nothing of polls, and the other way round."""
    bench.at_the_api(2, of=4)
    bench.fail(kind)
    assert list(bench.pauses()) == [f"{kind}:outage"]
    assert [c.step for c in bench.edits()] == [goes_on] * 2


def test_an_api_that_is_not_reached_is_away_for_both(bench: Bench) -> None:
    """No connection says the same of submits and of polls, whichever it was that found none."""
    for _ in range(5):
        bench.ledger.worker.observe(seen=[Seen("status", bench.clock.now, Fared.UNREACHED, "refused")])
    assert bench.pauses() == {"submit:outage": "refused", "status:outage": "refused"}


def test_an_outage_of_submits_has_two_doors(bench: Bench) -> None:
    """No submit goes before a status is answered; then one alone; and only its good answer lets the others go."""
    bench.fill(10)
    bench.fail()
    assert [c for h in harvests(bench, 20_000) for c in h.claims] == []
    bench.ledger.worker.observe(good={"status": bench.clock.now})
    probe = first_claim(bench, 35_000)
    bench.intend([probe])
    assert bench.edits() == []
    assert list(bench.pauses()) == ["submit:outage"]
    bench.accept([probe])
    assert bench.pauses() == {}


def test_a_door_closes_behind_a_probe_that_is_not_answered(bench: Bench) -> None:
    """Statuses may be answered while submits are not: each new submit needs a status of after the last."""
    bench.fill(10)
    bench.fail()
    bench.later(1)
    bench.ledger.worker.observe(good={"status": bench.clock.now})
    bench.clock.now += 1000
    [probe] = bench.edits()
    bench.intend([probe])
    silent(bench, probe, delay_ms=10**6)
    assert [c for h in harvests(bench, 20_000) for c in h.claims] == []
    bench.ledger.worker.observe(good={"status": bench.clock.now})
    assert len([c for h in harvests(bench, 35_000) for c in h.claims]) == 1


def test_in_an_outage_of_submits_a_worker_asks_the_api(bench: Bench) -> None:
    """While no status is answered there is a time to ask, at growing intervals; an answer opens the door."""
    bench.fill(3)
    bench.fail()
    asked = [h.now for h in harvests(bench, 55_000) if h.ask_at is not None]
    assert len(asked) >= 5
    assert max(b - a for a, b in itertools.pairwise(asked)) <= 31_000
    bench.ledger.worker.observe(seen=[Seen("status", bench.clock.now, Fared.ANSWERED, "404")])
    assert len([c for h in harvests(bench, 1000) for c in h.claims]) == 1


def test_the_api_is_not_asked_inside_a_retry_after_of_statuses(bench: Bench) -> None:
    """The question is a status itself; once the time it named is over, it is asked again."""
    bench.fill(3)
    bench.fail()
    bench.throttle(30_000, "status")
    assert [h for h in harvests(bench, 29_000) if h.ask_at is not None] == []
    assert [h for h in harvests(bench, 30_000) if h.ask_at is not None]


@on_a_server
def test_an_api_that_answers_no_status_is_tried_with_a_submit_at_growing_intervals(bench: Bench) -> None:
    """After a minute, then two, four, eight and ten: some APIs have no status for strangers."""
    bench.fill(10)
    began = bench.clock.now
    bench.fail()
    tried = []
    for harvest in harvests(bench, 1_700_000):
        for claim in harvest.claims:
            tried.append(harvest.now - began)
            bench.intend([claim])
            silent(bench, claim, delay_ms=10**8)
    gaps = [b - a for a, b in zip([0, *tried], tried, strict=False)]
    assert gaps == pytest.approx([60_000, 120_000, 240_000, 480_000, 600_000], abs=31_000)


@pytest.mark.parametrize("places", [2, 100])
def test_a_probe_is_no_edit_that_may_be_paid_for_already(bench: Bench, places: int) -> None:
    """Queued edits find out, even where the unanswered ones hold all places; these wait, and none is sent twice."""
    bench.fill(8)
    ambiguous = bench.edits(places=places, submits=2)
    bench.intend(ambiguous)
    for claim in ambiguous:
        silent(bench, claim)
    bench.fail()
    probes = set()
    for harvest in harvests(bench, 60_000, places=places):
        bench.ledger.worker.observe(good={"status": bench.clock.now})
        for claim in harvest.claims:
            probes.add(claim.member)
            bench.intend([claim])
            silent(bench, claim, delay_ms=10**6)
    assert len(probes) >= 4
    assert not probes & {c.member for c in ambiguous}
    assert bench.ledger.reader.batch("b").duplicates == 0  # type: ignore[union-attr]


@pytest.mark.parametrize("queued", [True, False])
def test_with_a_key_a_queued_edit_is_the_probe_while_there_is_one(bench: Bench, queued: bool) -> None:
    """An answer under a key that was sent before would tell less; without such an edit it is sent again at once."""
    bench.fill(4)
    unanswered = bench.edits(submits=2 if queued else 4)
    bench.intend(unanswered)
    for claim in unanswered:
        silent(bench, claim)
    bench.fail()
    claims: list[Claim] = []
    while not claims:
        bench.clock.now += 500
        bench.ledger.worker.observe(good={"status": bench.clock.now})
        claims = bench.edits(policy=AmbiguityPolicy.IDEMPOTENT)
    [probe] = claims
    assert (probe.member not in {c.member for c in unanswered}) == queued


def last_unanswered(bench: Bench) -> None:
    """An outage of submits in which no edit is queued: the only one was sent and not answered."""
    bench.fill(1)
    [claim] = bench.edits()
    bench.intend([claim])
    silent(bench, claim)
    bench.fail()


def test_the_last_edits_find_out_themselves(bench: Bench) -> None:
    """Where none is queued, an unanswered edit is the probe, after 15 s; until then the API is asked."""
    last_unanswered(bench)
    began, asked = bench.clock.now, 0
    for harvest in harvests(bench, 60_000):
        if harvest.ask_at is not None:
            asked += 1
            bench.ledger.worker.observe(good={"status": bench.clock.now})
        if harvest.claims:
            break
    assert [c.member for c in harvest.claims] == ["b/c0"]
    assert 15_000 <= harvest.now - began <= 31_000
    assert asked >= 3


def test_the_last_edits_are_not_sent_into_an_api_that_is_away_as_a_whole(bench: Bench) -> None:
    """No status answers either: a second silence would be certain, so that they wait for two minutes."""
    last_unanswered(bench)
    began = bench.clock.now
    for harvest in harvests(bench, 300_000):
        if harvest.ask_at is not None:
            bench.ledger.worker.observe(seen=[Seen("status", harvest.now, Fared.SILENT, "503")])
        if harvest.claims:
            break
    assert [c.member for c in harvest.claims] == ["b/c0"]
    assert 120_000 <= harvest.now - began <= 200_000


def test_an_api_that_was_away_and_is_back_is_tried_at_once(bench: Bench) -> None:
    """No status was answered, and now one is: the unanswered edit need not wait."""
    last_unanswered(bench)
    bench.fail("status", times=1)
    bench.ledger.worker.observe(good={"status": bench.clock.now + 1})
    assert first_claim(bench, 3000).member == "b/c0"


@pytest.mark.parametrize(
    ("status", "after_ms"), [("answered", 15_000), ("silent for 60 s", 60_000), ("silent", 135_000)]
)
@pytest.mark.parametrize("edits", [1, 3])
def test_a_few_unanswered_edits_are_not_sent_again_into_an_outage(
    bench: Bench, edits: int, status: str, after_ms: int
) -> None:
    """Too few to make one by their number: before they are paid for again, the API is to answer a status."""
    bench.fill(edits)
    claims = bench.edits()
    bench.intend(claims)
    began, asked = bench.clock.now, 0
    seen = (Seen("submit", began, Fared.SILENT, "502"),)
    alone = {"alone": str(began + 15_000)}
    bench.ledger.worker.settle(
        [Settlement(c, SUBMITTING, EditState.SUBMITTING, delay_ms=1000, put=alone, seen=seen) for c in claims]
    )
    for harvest in harvests(bench, 200_000):
        if harvest.claims:
            break
        if harvest.ask_at is not None:
            asked += 1
            answers = status == "answered" or (status != "silent" and harvest.now - began >= 60_000)
            fared = Fared.ANSWERED if answers else Fared.SILENT
            bench.ledger.worker.observe(seen=[Seen("status", harvest.now, fared, "")])
    assert len(harvest.claims) == edits
    assert after_ms <= harvest.now - began <= after_ms + 31_000
    assert 1 <= asked <= 20


@pytest.mark.parametrize(("taken", "after_ms"), [("before", 15_000), ("after", 2000)])
def test_an_unanswered_edit_waits_for_a_witness(bench: Bench, taken: str, after_ms: int) -> None:
    """A second silence would end it: it is sent again when another was taken since, or after 15 s."""
    bench.fill(2)
    silent_one, other = bench.edits(submits=1), bench.edits(submits=1)
    if taken == "before":
        bench.intend(other)
        bench.accept(other)
        bench.clock.now += 1
    bench.intend(silent_one)
    alone = {"alone": str(bench.clock.now + 15_000)}
    settlement = Settlement(silent_one[0], SUBMITTING, EditState.SUBMITTING, delay_ms=1000, put=alone)
    assert bench.ledger.worker.settle([settlement])
    if taken == "after":
        bench.clock.now += 1
        bench.intend(other)
        bench.accept(other)
    began = bench.clock.now
    for again in harvests(bench, 60_000):
        if any(c.step is Step.SUBMIT for c in again.claims):
            break
        if again.ask_at is not None:
            bench.ledger.worker.observe(seen=[Seen("status", again.now, Fared.ANSWERED, "")])
    assert again.now - began == pytest.approx(after_ms, abs=1000)


@pytest.mark.parametrize(("kind", "counts"), [("status", 0), ("submit", 600_000)])
def test_deadlines_stand_still_while_no_status_can_be_had(bench: Bench, kind: str, counts: int) -> None:
    """Only then: an API that takes no submits can still say what became of an edit."""
    bench.at_the_api(1)
    bench.fail(kind)
    bench.later(600_000)
    bench.ledger.worker.observe(good={kind: bench.clock.now})
    bench.later(31_000 + LEASE_MS)
    [begun] = bench.begin_polls(bench.edits())
    assert begun is not None
    assert begun.deadline is not None
    assert begun.deadline - begun.now == DEADLINE_MS - 31_000 - LEASE_MS - counts


def test_probes_of_an_outage_go_on_for_as_long_as_it_lasts(bench: Bench) -> None:
    """Half a minute apart at most, also after hours."""
    bench.at_the_api(1)
    bench.fail("status")
    for _ in range(12):
        pause = json.loads(bench.stored(bench.keys.pauses, "status:outage"))
        assert pause["until"] - bench.clock.now <= 30_000
        bench.clock.now = pause["until"]
        bench.claim(submits=0)
        bench.clock.now += 1000
        bench.claim(submits=0)
