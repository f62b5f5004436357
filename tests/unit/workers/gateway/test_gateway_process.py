"""``python -m workers.gateway``: how it begins, tells where it is, and ends."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
import trustme
from typer.testing import CliRunner

from retouch.errors import ServiceError
from retouch.ledger import PAGE, Entry, Job, JobState, Ledger, Settlement, Which
from retouch.states import EditState
from tests.harness.processes import Process
from tests.harness.waiting import LIMIT_S, until
from workers.gateway.__main__ import cli

COMMAND = [sys.executable, "-m", "workers.gateway", "--port", "0"]
Start = Callable[..., tuple[Process, str]]


@pytest.fixture
def start(redis_url: str) -> Iterator[Start]:
    """Start gateways, and return each with its URL."""
    with ExitStack() as ends:

        def make(*options: str) -> tuple[Process, str]:
            env = os.environ | {"RETOUCH_REDIS_URL": redis_url, "RETOUCH_BUCKET": "bucket"}
            process = ends.enter_context(Process([*COMMAND, *options], env=env))
            return process, json.loads(process.out.line("url"))["url"]

        yield make


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_gateway_serves_until_a_signal_and_ends_well(start: Start, number: signal.Signals) -> None:
    """It prints one line, and logs its beginning and its end."""
    process, url = start()
    assert url.startswith("http://127.0.0.1:")
    assert requests.get(f"{url}/readyz", timeout=30).json() == {"status": "ready"}
    process.signal(number)
    ended = process.end()
    assert (ended.code, ended.out) == (0, "")
    events = [json.loads(line)["event"] for line in ended.err.splitlines()]
    assert events == ["gateway.started", "gateway.stopped"]


@pytest.mark.slow
def test_a_job_goes_on_in_another_gateway_when_one_is_killed(start: Start, redis_url: str) -> None:
    """In the middle of it; each edit is changed once."""
    size, ledger = 2000, Ledger.from_url(redis_url, timeout_s=LIMIT_S)
    for first in range(0, size, PAGE):
        ledger.producer.enqueue("b", [Entry(f"e{n}", "d", "{}", 1, None) for n in range(first, first + PAGE)])
        claims = ledger.worker.claim("w", lease_ms=600_000, places=size, submits=PAGE).claims
        ledger.worker.settle([Settlement(one, (EditState.SUBMITTING,), EditState.FAILED) for one in claims])
    job = ledger.jobs.count("b", "retry", Which.of("retry", None))
    assert job is not None
    assert job.counted == size

    def done() -> Job:
        found = ledger.jobs.job(job.id)
        assert found is not None
        return found

    process, _ = start()
    ledger.jobs.start(job.id)
    until(lambda: done().changed > 0, "the first gateway is at work")
    process.signal(signal.SIGKILL)
    start()
    until(lambda: done().state is JobState.DONE, "the second one has done the rest")
    assert (done().changed, done().skipped) == (size, 0)
    view = ledger.reader.batch("b")
    assert view is not None
    assert view.counts == {EditState.QUEUED: size}
    ledger.close()


@pytest.mark.slow
def test_tls_with_a_certificate_of_ones_own(start: Start, tmp_path: Path) -> None:
    """Callers that know who vouches for it get through; the line says https."""
    signer = trustme.CA()
    issued = signer.issue_cert("127.0.0.1")
    signer.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    for pem in issued.cert_chain_pems:
        pem.write_to_path(tmp_path / "cert.pem", append=True)
    _, url = start("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    assert url.startswith("https://127.0.0.1:")
    assert requests.get(f"{url}/healthz", verify=str(tmp_path / "ca.pem"), timeout=30).status_code == 200


@pytest.mark.parametrize(
    ("variables", "options", "code", "said"),
    [
        ({"RETOUCH_BUCKET": ""}, [], 2, "RETOUCH_BUCKET is missing"),
        ({"RETOUCH_GATEWAY_MAX_BODY": "0"}, [], 2, "RETOUCH_GATEWAY_MAX_BODY should be greater than or equal to 1"),
        ({"RETOUCH_GATEWAY_MAXBODY": "1"}, [], 2, "did you mean RETOUCH_GATEWAY_MAX_BODY?"),
        ({"RETOUCH_REDIS_URL": "http://x"}, [], 2, "RETOUCH_REDIS_URL is not a Redis URL"),
        ({}, ["--tls-cert", "x.pem"], 2, "--tls-cert and --tls-key belong together"),
        ({}, ["--tls-cert", "x.pem", "--tls-key", "x.pem"], 2, "--tls-cert and --tls-key cannot be used together"),
        ({}, ["--host", "192.0.2.1"], 6, "cannot listen on 192.0.2.1"),
        ({}, ["--recipe", "{tmp}/none.toml"], 2, "none.toml cannot be read: No such file or directory"),
        ({}, ["--recipe", "{tmp}/own.toml"], 2, "they could make edits of themselves, without end"),
        ({"RETOUCH_RECIPES": "{tmp}/none.toml:{tmp}"}, [], 2, "none.toml cannot be read: No such file or directory"),
        ({"RETOUCH_RECIPES": "{tmp}"}, [], 2, "they could make edits of themselves, without end"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    variables: dict[str, str], options: list[str], code: int, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Before it listens."""
    (tmp_path / "own.toml").write_text(
        'bucket = "bucket"\nkey = "{name}.png"\nbatch = "b"\nedit = { prompt = "a cat" }\n'
    )
    options = [option.replace("{tmp}", str(tmp_path)) for option in options]
    for name, value in ({"RETOUCH_BUCKET": "bucket"} | variables).items():
        monkeypatch.setenv(name, value.replace("{tmp}", str(tmp_path)))
    monkeypatch.setattr("config.logging.configure", lambda *_, **__: None)
    ended = CliRunner().invoke(cli, ["--port", "0", *options])
    assert (ended.exit_code, ended.stdout) == (code, "")
    assert said in ended.stderr


def test_a_gateway_that_others_reach_without_tls_says_what_that_means(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys would be read on the way."""
    monkeypatch.setenv("RETOUCH_BUCKET", "bucket")

    def refuse(*_: object) -> None:
        raise ServiceError("it does not listen")

    monkeypatch.setattr("workers.gateway.__main__.listen", refuse)
    for host, noted in (("0.0.0.0", True), ("::1", False), ("127.0.0.1", False), ("localhost", False)):
        ended = CliRunner().invoke(cli, ["--host", host])
        assert ("without TLS" in ended.stderr) is noted
