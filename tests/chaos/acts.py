"""The acts of a run, in order: each plays on the stage, lets the judge look, and adds to the report."""

from __future__ import annotations

from collections.abc import Callable

from config.settings import Settings
from retouch.plural import count
from scripts.benchmark import growth
from tests.chaos import ambiguity, deaths, fairness, gateways, hunts, load, outages, provider, receivers
from tests.chaos.blame import (
    gateway,
    idempotent_in_progress,
    long_gateway,
    refusals,
    refused_puts,
    retry_after,
)
from tests.chaos.bugs import OF_JOBS, OF_METRICS, OF_RECEIVERS
from tests.chaos.bugs_of_gateways import BUGS as BUGS_OF_GATEWAYS
from tests.chaos.crash_points import crash_everywhere
from tests.chaos.jobs import decided
from tests.chaos.judge import judge, the_key_stays_home, violations
from tests.chaos.neighbour import neighbour
from tests.chaos.play import Play
from tests.chaos.redelivery import redelivery
from tests.chaos.stage import Run
from tests.harness.sentinel import Watched

KILLS, KILLS_QUICK = 300, 40
LONG_S = 600.0
BACK_S = 5.0  # seconds from the return of a part until work goes on
LEASE_S = Settings.model_fields["lease"].default  # seconds until what the old server forgot to release is taken over
SIZES = (1_000, 10_000, 100_000)
FLAT = 1.2  # times the cost of an edit in the smallest batch
# What is given away by an end that does not come: without the bug it must come in time.
CONTROLS = (
    "claim_without_lease",
    "count_without_guard",
    "delivered_before_posted",
    "event_outside_the_move",
    "places_leak",
    "refused_edits_keep_their_turn",
    "send_for_ever",
    "unanswered_means_not_sent",
)
QUICK_BUGS = ("no_intent", "settle_before_put", "duplicates_unmarked", "struck_out_without_witness")


def crash_points(play: Play) -> None:
    """Four workers at a time, each killed when it comes to a chosen boundary, until every boundary had its turn."""
    run = play.stage.run()
    wanted = KILLS_QUICK if play.quick else KILLS
    kills = crash_everywhere(run, play.rng, wanted, all_points=not play.quick)
    play.report.kills += kills.hits
    found = f"{kills.total} kills" + (
        f", never at {', '.join(kills.missed())}" if kills.missed() else ", every point hit"
    )
    holds = kills.total >= wanted and (play.quick or not kills.missed())
    play.measured("workers killed at boundaries", found, f"at least {wanted}, all points", holds)
    play.judged("crash points", run)


def rescue(play: Play) -> None:
    """SIGKILL for one of two workers with a thousand edits in flight, at default settings."""
    run = play.stage.run()
    times = deaths.rescue(run, in_flight=200 if play.quick else deaths.IN_FLIGHT)
    holds = times.quantile(0.99) <= 5 and max(times.seconds) <= 10
    play.timed("rescue of orphaned steps after SIGKILL", str(times), "p99 5 s, longest 10 s", holds)
    play.judged("SIGKILL under load", run)


def zombies(play: Play) -> None:
    """Workers stop themselves at a boundary, sleep until others have what they had, and wake up (SIGSTOP, SIGCONT)."""
    run = play.stage.run()
    stops = deaths.STOPS[:4] if play.quick else deaths.STOPS
    woken = deaths.zombies(run, play.rng, stops=stops)
    play.measured(
        "workers that woke up without their lease",
        f"{woken} of {len(stops)} tries",
        "at least half",
        woken * 2 >= len(stops),
    )
    play.judged("zombies", run, late_post_s=1.0)


def poison(play: Play) -> None:
    """One edit of 41 ends every worker that comes to store its image; dead workers are replaced."""
    run = play.stage.run()
    ends = deaths.poison(run)
    deadly = ends["workers ended by it"]
    found = f"{deadly} workers, then it failed as poison; {ends['others completed']} others completed"
    play.measured("workers ended by a poisonous edit", found, "3", deadly == 3)
    play.judged("poison", run)


def rolling_restarts(play: Play) -> None:
    """SIGTERM for one worker after the other under load, with a lease of four minutes."""
    run = play.stage.run()
    times = deaths.rolling_restarts(run, restarts=4 if play.quick else 20)
    most = deaths.CALL_S + 5
    play.timed(
        "drain on SIGTERM under load",
        str(times),
        f"{most:g} s, with calls of {deaths.CALL_S:g} s",
        max(times.seconds) <= most,
    )
    play.judged("rolling restarts", run)
    marked = sum(f.counted.get("marked", 0) for f in play.report.findings["rolling restarts"])
    play.measured("possible duplicates of rolling restarts", str(marked), "none", marked == 0)


def redis(play: Play) -> None:
    """Redis is killed, cut off, refused, half open and paused under load, while `retouch watch` waits."""
    run = play.stage.run()
    only = ("SIGKILL, back after 8 s", "half open for 2 s") if play.quick else ()
    outcome = outages.redis_outages(run, only=only)
    for name, seconds in outcome.after_s.items():
        play.timed(f"work goes on after Redis: {name}", f"{seconds:.1f} s", f"{BACK_S:g} s", seconds <= BACK_S)
    alive = f"{outcome.restarted} workers ended, watch: {outcome.waiting}"
    play.measured(
        "survivors of Redis' outages",
        alive,
        "none ended, exit 0",
        not outcome.restarted and outcome.waiting == "exit 0",
    )
    play.judged("Redis' outages", run)


def lost_answers(play: Play) -> None:
    """One call of Redis in ten is done, and its answer is lost; one message in ten comes twice."""
    run = play.stage.run()
    outages.lost_answers(run, batches=1 if play.quick else 3)
    play.judged("Redis' lost answers", run)
    for bug in () if play.quick else OF_METRICS:
        run = play.stage.run()
        outages.lost_answers(run, batches=1, bug=bug)
        play.stage.nursery.kill_all()
        found = violations(run.evidence())
        said = found[0] if found else "nothing"
        play.measured(f"a worker with a planted bug: {bug.replace('_', ' ')}", said, "given away", bool(found))


def power_loss(play: Play) -> None:
    """The power of Redis' machine fails: SIGKILL, and with `everysec` the last second of its log is cut off."""
    run = play.stage.run()
    outages.power_loss(run, fsync="always")
    play.judged("power loss, appendfsync always", run)
    run = play.stage.run()
    lost = outages.power_loss(run, fsync="everysec")
    play.stage.nursery.kill_all()
    evidence = run.evidence()
    ends, money, images, *_ = judge(evidence)
    play.report.findings["power loss, appendfsync everysec"] = [ends, images, the_key_stays_home(evidence)]
    unmarked = sum("unmarked" in v for v in money.violations)
    found = f"{lost.lost_bytes:,} bytes of the log lost; {lost.enqueued_again} edits enqueued again"
    found += f"; {unmarked} paid for twice unmarked"
    play.measured("power loss with everysec", found, "the manifest repairs the rest", not ends.violations)


def failover(play: Play) -> None:
    """Sentinels promote the replica of a master that dies under load: one that keeps up, and one that lags."""
    for lag_s in (0.0,) if play.quick else (0.0, 2.0):
        with Watched(play.stage.folder / f"watched-{lag_s:g}") as watched:
            run = play.stage.run(redis_url=watched.url)
            cost = outages.failover(run, watched, lag_s=lag_s)
            play.stage.nursery.kill_all()
            evidence = run.evidence()
            ends, money, images, *_ = judge(evidence)
            name = f"failover to a replica that lags {lag_s:g} s"
            play.report.findings[name] = [ends, images, the_key_stays_home(evidence)]
            unmarked = sum("unmarked" in v for v in money.violations)
            found = f"{cost.enqueued_again} edits enqueued again; {unmarked} paid for twice unmarked"
            play.measured(name, found, "the manifest repairs the rest", not ends.violations)
            times = (
                f"work goes on after {cost.working_after_s:.1f} s, every end is told after {cost.ended_after_s:.1f} s"
            )
            within = cost.working_after_s <= BACK_S and cost.ended_after_s <= BACK_S + LEASE_S
            play.timed(f"after the {name}", times, f"{BACK_S:g} s, {BACK_S + LEASE_S:g} s", within)


def shared_redis(play: Play) -> None:
    """Another Celery application works for long on the same database, while ours looks for messages that were lost."""
    run = play.stage.run()
    with neighbour(play.stage.valkey.url, play.stage.folder) as other:
        other.begins()
        found_ours = outages.lost_message(run)
        run.ready(run.worker(max_in_flight=60))
        run.enqueue(100)
        run.until(found_ours, "a lost message of ours is found")
        run.finish()
        found = f"started {other.begun} times, {other.waiting} waiting"
        other.ends()
    play.measured(
        "a task of another application", found, "started 1 times, 0 waiting", found.startswith("started 1 times, 0")
    )
    play.judged("another application on the same Redis", run)


def s3(play: Play) -> None:
    """S3 is killed, refuses connections, answers 503 and is slow, each while work comes."""
    run = play.stage.run()
    outcome = outages.s3_outages(run)
    for name, seconds in outcome.after_s.items():
        play.measured(f"all images in S3 after: {name}", f"{seconds:.1f} s", "all arrive", True)
    play.judged("S3's outages", run)


def webhook(play: Play) -> None:
    """The webhook's receiver answers 503 until a batch has ended."""
    run = play.stage.run()
    seconds = outages.webhook_outage(run)
    play.measured("all events delivered after the receiver's return", f"{seconds:.1f} s", "all arrive", True)
    play.judged("the webhook's outage", run)


def producers(play: Play) -> None:
    """Producers send through gateways that are killed, stopped and cut off, again and again until they are answered."""
    run = play.stage.run()
    run.ready(*(run.worker(max_in_flight=60) for _ in range(2)))
    outcome = _sent(play, run)
    play.measured("producers and their gateway", str(outcome), "some requests are cut", outcome.met.total() > 0)
    wrong = outcome.wrong
    play.measured("batches of producers that try again", "; ".join(wrong[:3]) or "each once", "each once", not wrong)
    if not wrong:
        run.finish(180)
    play.judged("producers through gateways in trouble", run)
    for bug in () if play.quick else BUGS_OF_GATEWAYS:
        found = _sent(play, play.stage.run(), bug).wrong
        said = found[0] if found else "nothing"
        play.measured(f"a gateway with a planted bug: {bug.replace('_', ' ')}", said, "given away", bool(found))


def _sent(play: Play, run: Run, bug: str = "") -> gateways.Outcome:
    crew, orders = (3, 3) if play.quick or bug else (6, 8)
    return gateways.send_through(run, gateways.Gateway(run, bug), play.rng, producers=crew, orders=orders)


def webhooks(play: Play) -> None:
    """Six receivers fail, refuse, hang, redirect, break off and lie, while a seventh is well; then they come back."""
    run = play.stage.run()
    outcome = receivers.come_back(run, play.rng, 30 if play.quick else 100)
    found = f"{outcome.events} events each, {outcome.again} of them again; all had all {outcome.after_s:.0f} s later"
    found = "; ".join(outcome.wrong[:3]) or found
    play.measured("receivers that come back", found, "every event, under one id", not outcome.wrong)
    play.measured("the receiver that is well beside them", f"all told after {outcome.honest_s:.0f} s", "all told", True)
    play.judged("receivers in trouble", run)
    for bug in () if play.quick else OF_RECEIVERS:
        wrong = receivers.come_back(play.stage.run(), play.rng, 10, bug, within_s=10).wrong
        said = wrong[-1] if wrong else "nothing"
        play.measured(f"a worker with a planted bug: {bug.replace('_', ' ')}", said, "given away", bool(wrong))


def jobs(play: Play) -> None:
    """A person tries one batch again and cancels another, as jobs; the workers that do their pages die at them."""
    run = play.stage.run()
    outcome = decided(run, deaths=2 if play.quick else 8)
    play.report.kills += outcome.kills
    found = "; ".join(outcome.wrong[:3]) or f"each edit once, past {count(outcome.kills.total(), 'death')}"
    play.measured("jobs whose workers die", found, "each edit once", not outcome.wrong)
    play.judged("jobs whose workers die", run)
    for bug in () if play.quick else OF_JOBS:
        wrong = decided(play.stage.run(), 2, bug).wrong
        said = wrong[0] if wrong else "nothing"
        play.measured(f"a worker with a planted bug: {bug.replace('_', ' ')}", said, "given away", bool(wrong))


def api(play: Play) -> None:
    """Every fault that the endpoint knows, mixed; it is stopped for 5 s, then killed and started anew."""
    run = play.stage.run()
    outages.api_outages(run)
    play.judged("the API's faults and outages", run)


def ambiguous(play: Play) -> None:
    """A quarter of the submits is not answered and four workers die at the POST, under each of the three policies."""
    for policy in ("hold",) if play.quick else ("resubmit", "hold", "idempotent"):
        run = play.stage.run(policy)
        outcome = ambiguity.unanswered(run, play.rng)
        play.judged(f"unanswered submits, {policy}", run)
        ends = ", ".join(f"{n} {state}" for state, n in outcome.after.items())
        shown = f"{ends}, {outcome.duplicates} possible duplicates"
        if policy == "hold":
            assert outcome.money_before is not None
            shown = f"{outcome.before['held']} held; then, half retried and half cancelled: {shown}"
            clean = not outcome.money_before.violations
            play.measured("hold: submits before a person decides", "one each" if clean else "more", "one each", clean)
        play.measured(
            f"unanswered submits, {policy}", shown, "none lost", sum(outcome.after.values()) == 2 * ambiguity.EDITS
        )
        if policy == "idempotent":
            play.measured("idempotent: possible duplicates", str(outcome.duplicates), "none", outcome.duplicates == 0)


def loads(play: Play) -> None:
    """Up to a hundred thousand edits at once, and Redis' memory after their retention."""
    sizes = SIZES[:1] if play.quick else SIZES
    rows = growth.measure(sizes)
    for row in rows:
        grown = row.end_mib - row.start_mib
        found = f"{row.cpu_ms:.2f} ms CPU an edit, {row.per_second:.0f}/s"
        found += f", memory {row.start_mib:.0f} MiB, at the end {grown:+.0f}"
        bound = f"CPU at most {FLAT} x the smallest"
        play.measured(f"{row.edits:,} edits at once", found, bound, row.cpu_ms <= FLAT * rows[0].cpu_ms)
    kept = load.retention(1_000 if play.quick else 10_000)
    found = (
        f"{kept.before_mib:.1f} MiB before, {kept.full_mib:.1f} full, {kept.after_mib:.1f} after; {kept.keys_left} keys"
    )
    flat = kept.after_mib - kept.before_mib <= max(0.5, 0.05 * (kept.full_mib - kept.before_mib))
    play.measured(f"Redis after the retention of {kept.edits:,} edits", found, "as before", flat)


def rates(play: Play) -> None:
    """Four workers with more work than a rate limit lets through, by the API's own record of arrivals."""
    _rates(play, 15.0 if play.quick else 30.0)


def _rates(play: Play, seconds: float) -> None:
    used = provider.rate(play.stage.run(), seconds)
    play.stage.nursery.kill_all()
    limit = f"rate limit {provider.RATE} for {seconds:g} s"
    play.measured(f"{limit}, {provider.WORKERS} workers", str(used), "no window too full", used.kept)
    play.timed(f"use of it in {seconds:g} s", f"{used.share:.0%}", "at least 90 %", used.share >= 0.9)


def shares(play: Play) -> None:
    """Ten edits enqueued behind 50,000, and eight batches of weights 1 to 8, by the API's own record of submits."""
    huge, turns = (2_000, 360) if play.quick else (50_000, 720)
    seconds = fairness.small_behind_huge(play.stage.run(), huge)
    play.timed(f"first submit of ten edits behind {huge:,}", f"{seconds:.2f} s", "2 s", seconds <= 2)
    batch, off = fairness.farthest_from_its_weight(play.stage.run(), turns)
    within = max(0.05, 1 / (turns / sum(fairness.WEIGHTS)))  # one turn of the lightest is as near as can be
    found = f"{batch} is off by {off:.1%}"
    play.measured(f"turns of eight weights among {turns:,} submits", found, f"at most {within:.0%}", off <= within)


def long_rates(play: Play) -> None:
    """Four workers under a rate limit for ten minutes, by the API's own record of arrivals."""
    _rates(play, 10.0 if play.quick else LONG_S)


def long_outage(play: Play) -> None:
    """Ten minutes of 503 with 5,000 edits enqueued and a deadline of one minute."""
    run = play.stage.run()
    edits = 300 if play.quick else 5_000
    outcome = provider.sit_out(run, edits, 10 if play.quick else LONG_S)
    holds = outcome.ends == {"completed": edits} and outcome.resent == 0
    play.measured("ten minutes of 503", str(outcome), "all completed, each submitted once", holds)
    play.judged("ten minutes of 503", run)


def planted_bugs(play: Play) -> None:
    """Twenty-nine planted bugs (some in a quick run): each must be given away by the evidence."""
    bugs = QUICK_BUGS if play.quick else tuple(hunts.HUNTS)
    play.report.bugs.update(hunts.score(play.stage.run, play.rng, bugs))
    for bug in CONTROLS[:1] if play.quick else CONTROLS:
        found = hunts.hunt(play.stage.run, bug, play.rng, planted=False)
        play.measured(
            f"the hunt for {bug.replace('_', ' ')}, without the bug", found or "nothing", "nothing", not found
        )


ACTS: dict[str, Callable[[Play], None]] = {
    act.__name__: act
    for act in (
        crash_points,
        planted_bugs,  # the two longest first: acts are played two at a time
        rescue,
        zombies,
        poison,
        rolling_restarts,
        redis,
        lost_answers,
        redelivery,
        gateway,
        refusals,
        refused_puts,
        retry_after,
        idempotent_in_progress,
        power_loss,
        failover,
        shared_redis,
        s3,
        webhook,
        webhooks,
        producers,
        jobs,
        api,
        ambiguous,
        rates,
        shares,
        loads,
    )
}
# They measure times in milliseconds, and what an edit costs: nothing is played beside them.
ALONE = ("retry_after", "failover", "loads")
# Minutes each, and so only played when they are asked for.
LONG_ACTS: dict[str, Callable[[Play], None]] = {act.__name__: act for act in (long_rates, long_outage, long_gateway)}
ALL_ACTS = ACTS | LONG_ACTS
