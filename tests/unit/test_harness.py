"""What the tests stand on: processes that start alike everywhere, and waits that end and say what they saw."""

from __future__ import annotations

import gc
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import fakeredis
import pytest
import redis
import requests
from fakeredis import FakeServer
from pydantic import AfterValidator, BaseModel, Field, create_model

from tests.harness import once
from tests.harness.growing import Growing
from tests.harness.processes import Process, run
from tests.harness.reaper import Reaper, Step
from tests.harness.waiting import until
from tests.harness.web import Request, Web
from workers.stack.child import ROOT

# In short waits: a signal that comes just before a wait without end would be seen after it.
SLEEP = "import time; print('up', flush=True)\nwhile True: time.sleep(0.05)"


@pytest.fixture
def _ignoring_sigint() -> Iterator[None]:
    """SIGINT as a background job inherits it: ignored, and blocked besides."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    yield
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ignoring_sigint")
def test_ctrl_c_ends_a_process_whatever_the_tests_inherited() -> None:
    """Python raises KeyboardInterrupt in a process that was started where SIGINT is ignored."""
    with Process([sys.executable, "-c", SLEEP]) as process:
        assert process.out.line() == "up\n"
        process.signal(signal.SIGINT)
        ended = process.end()
    assert ended.code == -signal.SIGINT
    assert "KeyboardInterrupt" in ended.err


def test_a_process_is_gone_after_its_block_with_all_of_its_group() -> None:
    """A child that it started ends as well: nobody holds the other end of its pipe any more."""
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEP!r}])"
    with Process([sys.executable, "-c", code]) as process:
        process.out.line("up")
    assert process.out.rest() == ""
    assert process.end().code == -signal.SIGKILL


def test_a_line_that_does_not_come_is_named_with_what_came() -> None:
    """Within the limit while the process lives, at once when it has ended."""
    with (
        Process([sys.executable, "-c", SLEEP]) as process,
        pytest.raises(TimeoutError, match=r"no line with 'down'.*up"),
    ):
        process.out.line("down", 0.5)
    with (
        Process([sys.executable, "-c", "print('up')"]) as process,
        pytest.raises(AssertionError, match=r"no line with 'down'.*until its end.*up"),
    ):
        process.out.line("down")


def test_an_end_that_does_not_come_is_named_with_what_was_written() -> None:
    """A process that goes on fails the wait for its end, and is ended with its block."""
    with Process([sys.executable, "-c", SLEEP]) as process:
        process.out.line("up")
        with pytest.raises(TimeoutError, match=r"has not ended within 0.05 s; written: up"):
            process.end(0.05)


def test_what_was_waited_for_and_seen_last_is_told() -> None:
    """A wait that fails names its condition, its limit and what it saw."""
    with pytest.raises(TimeoutError, match=r"not within 0.05 s: rain; seen last: 0$"):
        until(lambda: 0, "rain", 0.05)
    with pytest.raises(TimeoutError, match=r"seen last: clouds$"):
        until(lambda: 0, "rain", 0.05, saw=lambda: "clouds")
    assert until(lambda: "rain", "rain", 0) == "rain"


def test_a_growing_file_is_read_by_whole_lines(tmp_path: Path) -> None:
    """What stood there before is left out; half a line is read when its other half is there."""
    path = tmp_path / "record.jsonl"
    path.write_text('{"n": 0}\n')
    growing = Growing(path)
    with path.open("a") as file:
        for text, seen in (('{"n": 1}\n{"n"', [1]), (": 2}\n", [1, 2])):
            file.write(text)
            file.flush()
            assert [entry["n"] for entry in growing.read()] == seen


def test_a_server_has_its_port_to_itself_before_it_listens(tmp_path: Path) -> None:
    """Until then connections are refused, and no other server can take the port; then it answers."""
    web = Web(lambda request: (200, json.dumps(request.path).encode()))
    code = f"import urllib.request as u; print(u.urlopen('{web.url}/x').read())"
    taker = ["-m", "http.server", str(web.port), "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    assert "refused" in run([sys.executable, "-c", code]).err
    assert "already in use" in run([sys.executable, *taker]).err
    with web:
        assert run([sys.executable, "-c", code]).out == "b'\"/x\"'\n"


LEAKS = """
import asyncio, pytest

@pytest.fixture
def anyio_backend():
    return "asyncio", {"use_uvloop": True}

@pytest.mark.anyio
async def test_leaks():
    server = await asyncio.start_server(print, "127.0.0.1", 0)
    FAIL
"""


@pytest.mark.parametrize(("moment", "passed_on"), [("before", 0), ("after", 1)])
def test_a_reaper_kills_the_caller_of_one_request(moment: str, passed_on: int) -> None:
    """Before or after its target has done its part; the next one is answered."""
    with Web(lambda _request: (201, b"made")) as target, Reaper(target.url) as reaper:
        url = f"{reaper.url}/v1/batches/b?x=1"
        killed: list[Request] = []
        answer = requests.post(url, data=b"edits", timeout=60)
        assert (answer.text, answer.headers["Content-Type"]) == ("made", "image/png")
        [step] = reaper.steps()
        assert step == Step("POST", "/v1/batches/*")
        reaper.aim(step, moment, killed.append)
        with pytest.raises(requests.ConnectionError):
            requests.post(url, timeout=60)
        assert len(target.requests) == 1 + passed_on
        assert [Step.of(one) for one in killed] == [step]
        assert reaper.struck
        assert requests.post(url, timeout=60).status_code == 201
        assert target.requests[0].body == b"edits"


@pytest.mark.parametrize("end", ["pass", "assert server is None"])
def test_a_server_that_a_test_leaves_open_fails_the_run_and_does_not_hang_it(tmp_path: Path, end: str) -> None:
    """Neither where the test passes otherwise, nor where it failed before it could close the server."""
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_sessionfinish, pytest_warning_recorded\n")
    (tmp_path / "test_leaks.py").write_text(LEAKS.replace("FAIL", end))
    options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), "-p", "no:cacheprovider"]
    ended = run([sys.executable, "-m", "pytest", *options, str(tmp_path / "test_leaks.py")])
    assert ended.code == 1
    assert "unclosed resource <TCPServer" in ended.out


def test_a_fake_server_goes_after_its_test_unless_a_client_has_it() -> None:
    """Kept for ever, those of all tests would be gigabytes; one that a whole folder shares is there for its tests."""
    kept = fakeredis.FakeRedis(host="kept", decode_responses=True)
    kept.set("name", "value")
    fakeredis.FakeRedis(host="left").set("name", "value")
    assert _fakes() == {"kept", "left"}
    once.end_test()
    gc.collect()
    assert _fakes() == {"kept"}
    assert kept.get("name") == "value"


def _fakes() -> set[str]:
    return {key.partition(":")[0] for key in FakeServer._servers_map} & {"kept", "left"}


def test_a_fake_server_takes_a_text_for_what_it_is_however_often_it_comes() -> None:
    """A script that was compiled once does the same for another server, with other arguments, after a failure."""
    text = "if ARGV[1] == 'no' then return redis.error_reply('NO') end; return {KEYS[1], ARGV[1]}"
    for _ in range(2):
        client = fakeredis.FakeRedis(decode_responses=True)
        assert client.eval(text, 1, "k", "a") == ["k", "a"]
        with pytest.raises(redis.ResponseError, match="NO"):
            client.eval(text, 1, "k", "no")
        assert client.eval(text, 1, "k", "b") == ["k", "b"]
        with pytest.raises(redis.ResponseError, match="expected near"):
            client.eval("x y", 0)
        with pytest.raises(redis.ResponseError, match="set global variables: left"):
            client.eval("left = 1", 0)


def _shape(kind: type) -> type[BaseModel]:
    return create_model("Shape", field=(kind, ...))


def test_an_adapter_is_shared_by_what_is_the_same_alone() -> None:
    """Not by types of one name, by a type with other bounds or another default, or by validators made anew."""
    adapter = once._Adapters()
    number, text = _shape(int), _shape(str)
    assert adapter(Annotated[number, Field()]) is adapter(Annotated[number, Field()])
    assert adapter(Annotated[number, Field()]).validate_python({"field": "1"}).field == 1
    assert adapter(Annotated[text, Field()]).validate_python({"field": "1"}).field == "1"
    assert adapter(Annotated[list[int], Field(max_length=1)]) is not adapter(Annotated[list[int], Field(max_length=2)])
    assert adapter(Annotated[int, Field(default=1)]).get_default_value() is not None
    assert adapter(Annotated[int, Field()]).get_default_value() is None
    for step in range(3):
        added = adapter(Annotated[int, AfterValidator(lambda value, step=step: value + step), Field()])
        assert added.validate_python(1) == 1 + step
