"""Acts about whose fault an answer is: everybody gets the same page, one edit is refused, nothing can be kept."""

from __future__ import annotations

import time
from typing import Any

from tests.chaos.crew import Hand
from tests.chaos.evidence import Unkept
from tests.chaos.judge import SOON_S
from tests.chaos.play import Play
from tests.chaos.provocations import pass_time
from tests.chaos.stage import Run
from tests.harness.bare_api import BareApi
from tests.harness.growing import Record
from tests.harness.proxy import Mode

PLACES = 16
PAGE_S, LONG_PAGE_S = 1.0, 10.0  # of each page
PAGES = ((302, 404, 405, 409), (502, 500, 200))
RETRY_AFTER_S = 3
LATE_REQUEST_S, LATE_REQUEST_QUICK_S = 0.25, 2.0
BATCH = 40


def gateway(play: Play) -> None:
    """In place of the API a gateway answers pages: 302, 404, 405, 409, 500, 502, 200, to submits, statuses, links."""
    _gateway(play, PAGES[:1] if play.quick else PAGES, PAGE_S)


def long_gateway(play: Play) -> None:
    """The same pages, for ten seconds each."""
    _gateway(play, PAGES[:1] if play.quick else PAGES, LONG_PAGE_S)


def _gateway(play: Play, all_pages: tuple[tuple[int, ...], ...], page_s: float) -> None:
    run = play.stage.run()
    run.blameless = True
    run.ready(*_workers(run))
    for pages in all_pages:
        _behind_pages(run, pages, page_s)
    play.judged("gateway", run)
    marked = sum(f.counted.get("marked", 0) for f in play.report.findings["gateway"])
    most = 2 * PLACES
    play.measured("possible duplicates of a gateway's pages", str(marked), f"at most {most}", marked <= most)


def _behind_pages(run: Run, pages: tuple[int, ...], page_s: float) -> None:
    """Some edits wait at the API, others are queued, and every answer is one page, and then another."""
    run.api.rules({"fault": "odd_status"})
    taken = len(run.api.accepted())
    run.enqueue(BATCH)
    run.until(lambda: len(run.api.accepted()) >= taken + PLACES - 8, "edits are at the API")
    for status in pages:
        run.api.rules(*({"fault": fault, "status": status} for fault in ("page", "page_poll", "html")))
        pass_time(page_s)
    run.api.rules(*({"fault": fault, "status": pages[0]} for fault in ("page", "html")))  # statuses are answered
    pass_time(page_s)
    run.api.rules()
    run.finish(120)


def refusals(play: Play) -> None:
    """One, half, and all of the edits of a batch are refused, in the API's words and in a gateway's, beside a batch."""
    for code, what in ((403, "403"), (422, "422 in the API's own words"))[: 1 if play.quick else 2]:
        run = play.stage.run()
        run.ready(*_workers(run, patience=2))
        one, half, all_ = _refused_batches(run, code)
        healthy = _beside(run, (one, half), all_)
        sent = sum(_batch(r) == all_ for r in run.api.submits())
        play.measured(f"submits of {BATCH} edits that are all refused ({what})", str(sent), "at most 80", sent <= 80)
        failed = {name: _counts(run, batch).get("failed", 0) for name, batch in (("one", one), ("half", half))}
        play.measured(f"edits refused ({what}) that failed", str(failed), "1 and 12", failed == {"one": 1, "half": 12})
        others = sum(_counts(run, batch).get("completed", 0) for batch in (one, half, *healthy))
        most = 23 + 12 + 3 * BATCH
        play.measured(f"others completed beside them ({what})", str(others), str(most), others == most)
        play.judged(f"refusals, {what}", run)


def _beside(run: Run, ending: tuple[str, ...], pausing: str) -> list[str]:
    """Other work goes on until some batches have ended, and one is paused, and then cancelled."""
    healthy = [run.enqueue(BATCH), run.enqueue(2 * BATCH)]
    run.until(lambda: _paused(run, pausing), "the batch of which all are refused pauses")
    run.until(lambda: all(_finished(run, batch) for batch in (*healthy, *ending)), "all others have ended")
    run.cancel(pausing)
    run.finish()
    return healthy


def _refused_batches(run: Run, code: int) -> tuple[str, str, str]:
    """Batches of which one edit, half of them and all are refused."""
    rule = {"fault": "status", "status": code, "error": "this model is not for this key", "match": "forbidden"}
    run.api.rules(rule)
    sizes = {"one": (24, 24), "half": (24, 2), "all": (BATCH, 1)}  # of the batch; every n-th is refused
    for batch, (size, every) in sizes.items():
        run.expect(batch, size)
        edits = run.edits(size)
        for n in range(0, size, every):
            edits[n]["prompt"] = f"forbidden {n}"
        run.queue.enqueue(edits, batch=batch)
    return "one", "half", "all"


def refused_puts(play: Play) -> None:
    """S3 takes nothing for half a minute, with thousands of edits' worth of work: hardly any of it is paid for."""
    run = play.stage.run()
    run.blameless = True
    run.ready(*_workers(run))
    began_at = time.time()
    play.stage.s3_proxy.become(Mode.FAIL)
    run.enqueue(4 * BATCH)
    run.until(lambda: "submit:store" in _pauses(run), "submits pause because nothing can be stored")
    pass_time(5 if play.quick else 30 - (time.time() - began_at))
    run.unkept = Unkept(began_at, time.time(), PLACES)
    paid = len(run.api.accepted())
    play.stage.s3_proxy.become(Mode.PASS)
    run.finish(120)
    play.measured("edits paid for while S3 takes nothing", str(paid), f"{2 * PLACES}", paid <= 2 * PLACES)
    play.judged("refused puts", run)


def retry_after(play: Play) -> None:
    """One submit, then one status, is answered 429 with a Retry-After, while all places are in use."""
    run = play.stage.run()
    run.blameless = True
    run.ready(*_workers(run))
    for kind, word in (("throttle", "painting 50"), ("throttle_poll", "painting 51")):
        hang: Record = {"fault": "hang", "seconds": 0.2, "probability": 0.5}
        run.api.rules({"fault": kind, "retry_after": 3, "times": 1, "match": word}, hang)
        run.enqueue(100)
        run.finish()
    play.judged("Retry-After", run, late_request_s=LATE_REQUEST_QUICK_S if play.quick else LATE_REQUEST_S)
    waits = sum(f.counted.get("Retry-Afters", 0) for f in play.report.findings["Retry-After"])
    play.measured("Retry-Afters looked at", str(waits), "2", waits == 2)
    for places in (16, 100) if play.quick else (16, 100, 2000):
        for kind in ("submit", "status"):
            late_s = _latest_s(play, kind, places)
            what = f"the last {kind} after a 429, with {places:,} places"
            play.timed(what, f"{1000 * late_s:.0f} ms", "250 ms", late_s <= LATE_REQUEST_S)


def _latest_s(play: Play, kind: str, places: int) -> float:
    """How long after a 429, by the API's record, two workers still sent requests of its kind."""
    run = play.stage.run()
    # Submits are refused while places are being filled, statuses when many have been asked for.
    nth = places // 4 if kind == "submit" else 2 * places
    with BareApi(play.stage.folder / f"{kind}-{places}.jsonl", kind, nth, RETRY_AFTER_S) as api:
        hands = [run.worker(max_in_flight=places, api_url=api.url, poll_max=1) for _ in range(2)]
        run.ready(*hands)
        run.enqueue(places + min(places, 500))
        run.until(lambda: api.refused_at() is not None, "the API asks to wait")
        refused_at = api.refused_at() or 0.0
        run.until(lambda: any(s >= RETRY_AFTER_S for s in api.later(refused_at)), "requests go on")
        for hand in hands:
            hand.kill()
        return max((s for s in api.later(refused_at) if s < RETRY_AFTER_S - SOON_S), default=0.0)


def idempotent_in_progress(play: Play) -> None:
    """An API with keys answers 409, 425 and 422 while the first request is at work; workers die as they keep a link."""
    run = play.stage.run("idempotent")
    run.blameless = True
    _store_picture(run)
    fields: dict[str, Any] = {"init_image": f"s3://{run.s3.bucket}/in.png"}
    said: tuple[tuple[int, str], ...] = ((409, "at work"), (425, "at work"), (422, "this Idempotency-Key is in use"))
    settings: dict[str, Any] = {"lease": 1, "max_in_flight": 24, "patience": 1}
    run.worker(**settings)
    for n, (code, words) in enumerate(said[:1] if play.quick else said):
        at_work: Record = {"fault": "in_progress", "seconds": 4, "status": code, "error": words}
        run.api.rules(at_work, {"fault": "drop_after_accept", "probability": 0.5, "times": 12})
        point = ("keep_link.after", "keep_link.before", "post.sent")[n]
        doomed = run.worker(crash=f"{point}=2", **settings)
        run.ready(doomed)
        run.enqueue(BATCH, **fields)
        run.dies(doomed, point, lambda: not run.unfinished())
        play.report.kills.update([point] if doomed.ended.is_set() else [])
        doomed.kill()
        run.finish()
    play.judged("a first request at work", run)
    told = sum(r["status"] in (409, 425, 422) for r in run.api.submits())
    play.measured("answers that the first request is at work", str(told), "at least 1", told > 0)
    marked = sum(f.counted.get("marked", 0) for f in play.report.findings["a first request at work"])
    play.measured("possible duplicates with a first request at work", str(marked), "none", marked == 0)


def _workers(run: Run, **settings: Any) -> list[Hand]:
    settings = {"max_in_flight": PLACES, **settings}
    return [run.worker(**settings) for _ in range(2)]


def _store_picture(run: Run) -> None:
    body = run.stage.picture
    run.s3.client().put_object(Bucket=run.s3.bucket, Key="in.png", Body=body)


def _pauses(run: Run) -> list[str]:
    return [pause.name for pause in run.ledger.reader.pauses()]


def _finished(run: Run, batch: str) -> bool:
    view = run.ledger.reader.batch(batch)
    return view is not None and view.ended == view.total


def _paused(run: Run, batch: str) -> bool:
    view = run.ledger.reader.batch(batch)
    return view is not None and any(pause.cause == "refusals" for pause in view.paused)


def _counts(run: Run, batch: str) -> dict[str, int]:
    view = run.ledger.reader.batch(batch)
    return {str(state): n for state, n in view.counts.items()} if view else {}


def _batch(submit: Record) -> str:
    return str(submit["idempotency_key"]).partition("/")[0]
