"""The same commands where Redis cannot be reached: RETOUCH_URL and RETOUCH_TOKEN name a gateway."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from structlog.testing import capture_logs

from config.gateway import GatewaySettings
from retouch.access_keys import AccessKeys, Scope
from retouch.cli import app, commands
from retouch.errors import LedgerAwayError
from retouch.gateway.jobs import GatewayJobs
from retouch.ledger import JobState, Ledger, Named, Settlement
from retouch.ledger.constants import CHANGED_AT_ONCE
from retouch.price import Price
from retouch.states import EditState
from tests.unit.cli.conftest import Outcome, Run, picture
from tests.unit.cli.test_schemas import check
from tests.unit.outside import Bucket
from tests.unit.producing import finish_all
from tests.unit.workers.gateway.conftest import serving
from workers.gateway.context import Gateway

LINE = {"custom_id": "a", "prompt": "a cat", "init_image": "https://example.com/a.png"}


@pytest.fixture
def gateway_url(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A gateway, and the variables that name it and a key with all scopes."""
    token = AccessKeys(ledger, "here").create("caller", tuple(Scope))
    # Its log stays apart: a line of it, written by its thread, would end in the middle of what a command prints.
    with capture_logs(), serving(Gateway(GatewaySettings(bucket="bucket"), ledger)) as url:
        monkeypatch.setenv("RETOUCH_URL", url)
        monkeypatch.setenv("RETOUCH_TOKEN", token)
        yield url


@pytest.fixture
def remote(gateway_url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run ``retouch`` in an empty folder; it sees the gateway alone."""
    monkeypatch.setattr(commands, "raise_on", lambda *_numbers: None)  # this process keeps its own signals
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.jsonl").write_text(json.dumps(LINE) + "\n")

    def run(*args: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["retouch", *args])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            app.run()
        printed = capfd.readouterr()
        return Outcome(int(ended.value.code or 0), printed.out, printed.err)

    return run


def test_the_page_is_the_gateways_by_a_link_that_signs_in_once(remote: Run, gateway_url: str) -> None:
    """As the key that is used there; the link alone is on stdout."""
    ended = remote("page")
    address, _, link = ended.out.strip().partition("/#link=")
    assert (ended.code, address, ended.err) == (0, gateway_url, "")
    asked = {"by": "link", "secret": link}
    answers = [
        requests.post(f"{gateway_url}/page/session", json=asked, headers={"Sec-Fetch-Site": "same-origin"}, timeout=30)
        for _ in range(2)
    ]
    assert [one.status_code for one in answers] == [200, 401]
    assert answers[0].json()["key"] == "caller"
    refused = remote("page", "--port", "8000")
    assert (refused.code, "--port is for a page that runs here" in refused.err) == (2, True)


def test_a_batch_from_its_enqueue_to_its_results(remote: Run, ledger: Ledger) -> None:
    """Every command that is needed, with the exit codes of the other way."""
    enqueued = remote("enqueue", "m.jsonl", "--batch", "b", "--set", "strength=0.5")
    assert (enqueued.code, enqueued.out) == (0, "b\n")
    again = remote("enqueue", "m.jsonl", "--batch", "b", "--set", "strength=0.5", "--json")
    assert (again.code, again.json["already"]) == (0, 1)
    refused = remote("enqueue", "m.jsonl", "--batch", "b", "--set", "strength=0.6")
    assert (refused.code, "custom_id exists in the batch with other parameters" in refused.err) == (2, True)
    assert remote("status", "b", "--json").json["counts"] == {"queued": 1}
    assert "no worker is alive" in remote("explain", "b/a").out
    assert remote("explain", "b/a", "--history").out.endswith("  enqueued by key:caller\n")
    assert [step["what"] for step in remote("explain", "b/a", "--history", "--json").json["history"]] == ["enqueued"]
    assert remote("explain", "b/a", "--json").json["before_it"] == 0
    assert remote("explain", "b/none", "--history").err.startswith("retouch: there is no edit 'none' in batch 'b'")
    assert remote("pause", "b").code == 0
    ended = remote("status", "b")
    assert (ended.code, "PAUSED" in ended.out) == (0, True)
    assert remote("resume", "b").code == 0
    finish_all(ledger, EditState.FAILED)
    assert remote("watch", "b").code == 3
    assert [json.loads(line)["custom_id"] for line in remote("results", "b").out.splitlines()] == ["a"]
    assert remote("batches", "--json").json["batches"][0]["batch"] == "b"
    assert "NO workers alive" in remote("status").out
    assert "1 failed edit of batch b is back in the queue" in remote("retry", "b").err
    assert remote("cancel", "b/a").err == "b/a is cancelled\n"
    assert remote("retry", "b/a", "--cancelled").err == "b/a is tried again\n"
    assert remote("cancel", "b").code == 0
    assert ledger.reader.batches()[0].counts == {EditState.CANCELLED: 1}


def test_too_many_failures_end_with_the_exit_codes_of_the_other_way(
    remote: Run, ledger: Ledger, tmp_path: Path
) -> None:
    """3 when the batch is paused for them, and 0 where they are allowed; whoever waits may say how many first."""
    (tmp_path / "two.jsonl").write_text("".join(json.dumps(LINE | {"custom_id": name}) + "\n" for name in "ab"))
    assert remote("enqueue", "two.jsonl", "--batch", "b", "--max-failures", "0").code == 0
    assert remote("enqueue", "two.jsonl", "--batch", "unbound").code == 0
    ended = remote("watch", "b", "--max-failures", "1")
    assert (ended.code, "was given max_failures 0 before, and not 1" in ended.err) == (2, True)
    fail_one(ledger, "b")
    ended = remote("enqueue", "two.jsonl", "--batch", "b", "--max-failures", "0", "--wait")
    assert (ended.code, "1 of 2 edits failed, and max_failures is 0" in ended.err) == (3, True)
    fail_one(ledger, "unbound")
    assert remote("watch", "unbound", "--max-failures", "49%").code == 3
    assert "max_failures is 50%" in remote("resume", "b", "--max-failures", "50%").err
    finish_all(ledger)
    ended = remote("watch", "b")
    assert (ended.code, "1 of 2 edits failed, no more than --max-failures 50%" in ended.err) == (0, True)


def many_failed(remote: Run, ledger: Ledger, tmp_path: Path) -> int:
    """A batch with more failed edits than a page has; returns how many."""
    lines = [json.dumps(LINE | {"custom_id": f"e{n}"}) + "\n" for n in range(CHANGED_AT_ONCE + 5)]
    (tmp_path / "many.jsonl").write_text("".join(lines))
    assert remote("enqueue", "many.jsonl", "--batch", "b").code == 0
    error = json.dumps({"code": "refused", "message": "too large"})
    for claim in ledger.worker.claim("w", lease_ms=60_000, places=len(lines)).claims:
        ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), EditState.FAILED, error=error)])
    return len(lines)


def test_a_retry_of_many_is_counted_and_done_by_the_gateway(
    remote: Run, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its progress, as in Redis; whole as JSON."""
    size = many_failed(remote, ledger, tmp_path)
    monkeypatch.setattr("retouch.cli.counting.AFTER_S", 0.0)
    ended = remote("retry", "b", "--json")
    check("jobs", ended.json)
    [job] = ended.json["jobs"]
    assert (ended.code, job["state"], job["changed"], job["by"]) == (0, "done", size, "key caller")
    lines = ended.err.splitlines()
    assert lines[0] == f"retrying {size} failed edits of batch b (job {job['job']})"
    assert "failed (refused)" in lines[1]
    assert "the API probably refuses the same again" in ended.err
    assert f"retrying edits of batch b: {size} of {size}" in lines
    assert f"{size} failed edits of batch b are back in the queue, to be submitted again" in lines
    assert lines[-1].startswith("NO workers alive")
    [nothing] = remote("retry", "b", "--json").json["jobs"]
    assert (nothing["counted"], nothing["state"]) == (0, "counted")
    assert remote("cancel", "b", "--json").json["jobs"][0]["changed"] == size


def test_ctrl_c_stops_what_the_gateway_does(
    remote: Run, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says so; where that is not known, how to see it."""
    size = many_failed(remote, ledger, tmp_path)
    monkeypatch.setattr(ledger.jobs, "due", list)  # the gateway does no pages

    def interrupted(_seconds: float) -> None:
        ledger.jobs.advance(ledger.jobs.open()[0].id)
        raise KeyboardInterrupt

    monkeypatch.setattr("retouch.gateway.jobs.time.sleep", interrupted)
    ended = remote("retry", "b", "--anew", "--json")
    [job] = ended.json["jobs"]
    assert (ended.code, job["state"], job["changed"]) == (130, "stopped", CHANGED_AT_ONCE)
    said = (
        f"interrupted after {CHANGED_AT_ONCE} of {size} edits; what is done stays. For the rest: retouch retry b --anew"
    )
    assert said in ended.err

    def away(_jobs: GatewayJobs, _id: str) -> JobState:
        raise LedgerAwayError("it took too long")

    monkeypatch.setattr(GatewayJobs, "stop", away)
    ended = remote("cancel", "b")
    [job] = [one for one in ledger.jobs.of_batch("b") if one.state is JobState.RUNNING]
    assert (ended.code, job.action) == (130, "cancel")
    assert f"interrupted. Job {job.id} may go on without this command: retouch jobs b shows how far it is" in ended.err
    assert f"retouch jobs --stop {job.id} stops it" in ended.err


def test_a_retry_that_somebody_stops_says_so(
    remote: Run, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has not done what it was asked for: exit code 4. When the gateway goes away, that it may go on, and 6."""
    size = many_failed(remote, ledger, tmp_path)
    monkeypatch.setattr(ledger.jobs, "due", list)
    monkeypatch.setattr(
        "retouch.gateway.jobs.time.sleep", lambda _seconds: ledger.jobs.stop(ledger.jobs.open()[0].id) and None
    )
    ended = remote("retry", "b")
    assert (ended.code, f"somebody has stopped it after 0 of {size} edits" in ended.err) == (4, True)

    def away(_jobs: GatewayJobs, _id: str) -> None:
        raise LedgerAwayError("it took too long")

    monkeypatch.setattr(GatewayJobs, "job", away)
    ended = remote("retry", "b")
    [job] = ledger.jobs.open()
    assert (ended.code, f"Job {job.id} may go on without this command" in ended.err) == (6, True)
    assert ended.err.splitlines()[-1].endswith(": it took too long")


def test_money_is_told_and_bound_as_without_a_gateway(remote: Run, ledger: Ledger, tmp_path: Path) -> None:
    """But the price, which needs Redis."""
    (tmp_path / "two.jsonl").write_text("".join(json.dumps(LINE | {"custom_id": name}) + "\n" for name in "ab"))
    assert "a budget needs a price of one image" in remote("enqueue", "two.jsonl", "--batch", "b", "--budget", "1").err
    found = Price.parse("0.01 USD")
    assert found is not None
    ledger.producer.set_price(found)
    assert remote("enqueue", "two.jsonl", "--batch", "b", "--budget", "0.01").code == 0
    assert (
        remote("budget", "b", "0.02").out == "money: 0.00 USD spent, about 0.02 USD to come; its budget is 0.02 USD\n"
    )
    assert "one image costs 0.01 USD" in remote("price").out
    assert remote("price", "--json").json["price"] == {"amount": 0.01, "currency": "USD"}
    assert remote("status", "--json").json["money"]["spent"] == 0
    assert remote("price", "0.02 USD").code == 2


def fail_one(ledger: Ledger, batch: str) -> None:
    """Be a worker: one edit of the batch fails, the others are given back."""
    claims = ledger.worker.claim("w", lease_ms=60_000, places=100).claims
    one, *others = sorted(claims, key=lambda claim: not claim.member.startswith(f"{batch}/"))
    ledger.worker.settle([Settlement(one, (EditState.SUBMITTING,), EditState.FAILED)])
    ledger.worker.give_back(others)


def test_more_than_edits(remote: Run, ledger: Ledger) -> None:
    """A batch has a sink of its own, of a host that the gateway allows too, and may be ended by hand."""
    refused = remote(
        "enqueue", "m.jsonl", "--batch", "b", "--notify", "https://127.0.0.1/x", "--private-hosts", "127.0.0.1"
    )
    assert (refused.code, "the gateway refuses that: notify: " in refused.err) == (2, True)
    assert remote("enqueue", "m.jsonl", "--batch", "b", "--notify", "https://example.com/hook").code == 0
    assert [sink.shown for sink in ledger.reader.batch_sinks("b")] == ["example.com"]
    finish_all(ledger)
    listed = remote("events")
    assert [json.loads(line)["subject"] for line in listed.out.splitlines()] == ["b/a", "b"]
    assert json.loads(remote("events", "--after", json.loads(listed.out.splitlines()[0])["id"]).out)["subject"] == "b"
    assert remote("events", "--after", "x").err.startswith("retouch: --after 'x' is not an event's id")


def test_a_batch_is_ended_by_hand(remote: Run, ledger: Ledger) -> None:
    """One that is open for more edits."""
    remote("enqueue", "m.jsonl", "--batch", "b")
    ledger.producer.keep_open("b", ledger.connection.now() + 3_600_000)
    assert "batch b is sealed" in remote("seal", "b").err


def test_a_batch_that_has_left_redis(remote: Run, bucket: Bucket) -> None:
    """The gateway reads it from S3: the producer needs no bucket."""
    line = {"custom_id": "a", "state": "completed", "outputs": []}
    bucket.objects["old/manifest.jsonl"] = (json.dumps(line) + "\n").encode()
    assert remote("results", "old").out == json.dumps(line) + "\n"
    assert remote("results", "old", "--format", "csv", "--fields", "custom_id").out.split() == ["custom_id", "a"]
    missing = remote("results", "older")
    assert (missing.code, "there is no batch 'older'" in missing.err) == (2, True)


def test_sinks_are_shown_and_told_again(remote: Run, ledger: Ledger) -> None:
    """As on the other way."""
    assert remote("sinks").out == "no worker has a sink (RETOUCH_WEBHOOK_URL, RETOUCH_SINKS)\n"
    ledger.worker.see_worker("w", {"shop": Named("hooks.test")})
    remote("enqueue", "m.jsonl", "--batch", "b")
    remote("cancel", "b")
    assert remote("sinks").out.startswith("shop  hooks.test  0 delivered, 1 behind, 0 refused")
    assert "0 events are to be delivered to shop again" in remote("sinks", "replay", "shop", "--since", "2h").err
    assert "0 events are to be delivered again" in remote("events", "--redeliver", "--sink", "shop").err
    assert remote("events", "--undelivered").out == ""
    refused = remote("sinks", "drop", "shop", "--yes")
    assert (refused.code, "a live worker has the sink shop" in refused.err) == (2, True)


def test_edits_are_done_again(remote: Run, ledger: Ledger) -> None:
    """Told before as on the other way; with ids of a file, variations, and its end waited for."""
    remote("enqueue", "m.jsonl", "--batch", "b")
    assert "nothing to do: no edit of batch b has failed" in remote("redo", "b", "--failed").err
    finish_all(ledger, EditState.FAILED)
    Path("ids.txt").write_text("a\n")
    options = ("--only", "ids.txt", "--set", "strength=0.4", "--vary", "seed=1..3", "--price", "0.01 USD")
    ended = remote("redo", "b", *options, "--json")
    assert (ended.code, ended.json["batch"], ended.json["accepted"]) == (0, "b-redo-1", 3)
    assert "batch b-redo-1: 3 edits, 3 images, " in ended.err
    assert "about 0.03 USD" in ended.err
    assert {one.parameters["strength"] for one in ledger.reader.made("b-redo-1")} == {0.4}
    finish_all(ledger)
    again = remote("redo", "b", *options, "--wait", "--json")
    assert (again.code, again.json["already"], again.json["counts"]) == (0, 3, {"completed": 3})
    refused = remote("redo", "b", "--failed", "--set", "init_image=photos/a.png")
    assert (refused.code, "photos/a.png" in refused.err) == (2, True)
    for number, said in (
        ("1", "batch b-redo-2: 1 edit, "),
        ("9", "no edit of batch b has failed in group 9\n  1 failed"),
    ):
        assert said in remote("redo", "b", "--failed", "--group", number).err
    Path("ids.txt").write_text("b\n")
    assert "batch b has no edit b" in remote("redo", "b", "--only", "ids.txt").err
    assert len(ledger.reader.batches()) == 3


def test_a_batch_is_removed(remote: Run, ledger: Ledger, bucket: Bucket) -> None:
    """The gateway knows its bucket; what it is asked for is told before."""
    remote("enqueue", "m.jsonl", "--batch", "b")
    early = remote("remove", "b", "--yes")
    assert (early.code, "batch b has not ended, so it is not removed: " in early.err) == (2, True)
    finish_all(ledger)
    bucket.objects["b/manifest.jsonl"] = b""
    refused = remote("remove", "b", "--images")
    assert (refused.code, "to remove batch b and its objects in S3 without a question" in refused.err) == (2, True)
    ended = remote("remove", "b", "--images", "--yes")
    assert (ended.code, ended.err.splitlines()[-1]) == (0, "batch b is removed"), ended.err
    assert (ledger.reader.batch("b"), bucket.objects) == (None, {})
    assert "there is no batch 'b'" in remote("remove", "b", "--images", "--yes").err


def test_a_dry_run_asks_nobody(remote: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also of local pictures, of which the gateway alone knows the place."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(picture())
    monkeypatch.setenv("RETOUCH_URL", "https://127.0.0.1:9")
    ended = remote("enqueue", "photos", "--prompt", "oil", "--dry-run", "--json")
    assert (ended.code, ended.json["estimate"]["edits"]) == (0, 1)
    assert "RETOUCH_BUCKET" not in ended.err


@pytest.mark.parametrize(
    "command",
    [
        ["keys", "list"],
        ["price", "image 0.02 USD"],
    ],
    ids=" ".join,
)
def test_what_needs_redis_says_so(remote: Run, command: list[str]) -> None:
    """In one sentence, with exit code 2."""
    remote("enqueue", "m.jsonl", "--batch", "b")
    ended = remote(*command)
    told = "retouch: a gateway (RETOUCH_URL) does not offer that: it needs Redis, so set RETOUCH_REDIS_URL\n"
    assert (ended.code, ended.err) == (2, told)


def test_a_key_may_be_too_little(remote: Run, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that may submit alone enqueues; what it may not do is told, and no part of it shown."""
    token = AccessKeys(ledger, "here").create("sender", [Scope.SUBMIT])
    monkeypatch.setenv("RETOUCH_TOKEN", token)
    assert remote("enqueue", "m.jsonl", "--batch", "b").code == 0
    ended = remote("status", "b")
    assert (ended.code, "this needs the scope read or watch, and key sender has submit" in ended.err) == (2, True)
    monkeypatch.setenv("RETOUCH_TOKEN", token[:-1])
    ended = remote("enqueue", "m.jsonl", "--batch", "c")
    assert (ended.code, "refuses the key (RETOUCH_TOKEN)" in ended.err, token[-8:-1] in ended.err) == (2, True, False)


def test_doctor_looks_at_the_gateway(remote: Run, monkeypatch: Any) -> None:
    """What of Redis only Redis tells is left out."""
    ended = remote("doctor")
    assert "ok    gateway: http://127.0.0.1" in ended.out
    assert "Redis" not in ended.out
    monkeypatch.setenv("RETOUCH_URL", "http://127.0.0.1:9")
    assert "FAIL  gateway: cannot use the gateway at http://127.0.0.1:9 (RETOUCH_URL)" in remote("doctor").out


def test_redis_is_taken_where_both_are_named(remote: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As README says."""
    monkeypatch.setenv("RETOUCH_REDIS_URL", "redis://127.0.0.1:9")
    ended = remote("status")
    assert (ended.code, "cannot use Redis at redis://127.0.0.1:9" in ended.err) == (6, True)
