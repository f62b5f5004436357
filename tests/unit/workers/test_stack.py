"""The embedded stack: its ports at the next start, what it says of a worker that ended, and what it refuses."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from retouch.access_keys import AccessKeys
from retouch.errors import InputError
from retouch.ledger import Ledger
from tests.harness.waiting import LIMIT_S, until
from workers.stack import command
from workers.stack.child import Child, left_out
from workers.stack.gateway import Gateway
from workers.stack.ports import LOOPBACK, kept_ports
from workers.stack.stack import Stack, ending
from workers.stack.valkey import Valkey


@contextmanager
def running(folder: Path) -> Iterator[Valkey]:
    """A server that this folder keeps."""
    server = Valkey(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def test_the_next_start_from_a_folder_has_its_ports(tmp_path: Path) -> None:
    """So that export lines which were written before still fit."""
    with running(tmp_path) as first:
        assert not first.moved
    with running(tmp_path) as second:
        assert (second.url, second.moved) == (first.url, False)


def test_a_port_that_another_program_has_taken_is_replaced_for_good(tmp_path: Path) -> None:
    """It is told, and the start after that has the new one."""
    with running(tmp_path) as first:
        pass
    with socket.create_server((LOOPBACK, first.ports[0])), running(tmp_path) as second:
        assert second.ports != first.ports
        assert second.moved
        assert second.earlier_ports == first.ports
    with running(tmp_path) as third:
        assert (third.ports, third.moved) == (second.ports, False)


def test_ports_can_be_chosen_before_the_start(tmp_path: Path) -> None:
    """For a part that is told them earlier; at the next start from the folder they are the same."""
    server = Valkey(tmp_path)
    server.choose_ports()
    chosen = list(server.ports)
    server.start()
    server.kill()
    again = Valkey(tmp_path)
    again.choose_ports()
    assert server.ports == again.ports == chosen


@pytest.mark.parametrize("text", ["", "12345", "12345 x", "12345 70000", "12345 80"])
def test_a_damaged_file_of_ports_counts_as_none(tmp_path: Path, text: str) -> None:
    """Cut, or not of this program."""
    (tmp_path / "ports").write_text(text)
    assert kept_ports(tmp_path / "ports", 2) == []


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("raise SystemExit(0)", "worker one was ended by SIGTERM; it is started again"),
        ("raise SystemExit(3)", "worker one ended unexpectedly (exit code 3); it is started again"),
        ("import os; os.kill(os.getpid(), 9)", "worker one ended unexpectedly (SIGKILL); it is started again"),
    ],
)
def test_how_a_worker_ended_is_told(tmp_path: Path, end: str, told: str) -> None:
    """One that was asked to end is no accident: it drains, and ends with exit code 0."""
    child = Child("worker one", tmp_path / "log")
    child.launch([sys.executable, "-IS", "-c", end])
    until(lambda: not child.running, "the end of the child")
    assert ending(child).startswith(told)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--workers", "-1"], "--workers: '-1' is not a whole number from 0 on"),
        (["--workers", "two"], "--workers: 'two' is not a whole number from 0 on"),
        (["--capacity", "0"], "--capacity: '0' is not a whole number from 1 on"),
        (["--latency", "soon"], "--latency: 'soon' is not seconds (0.5) or a range of seconds (0.2-0.8)"),
    ],
)
def test_a_bad_option_is_refused_before_anything_starts(
    arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one sentence, with exit code 2."""
    monkeypatch.setattr(sys, "argv", ["stack", *arguments])
    monkeypatch.setattr(command, "Stack", None)
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


def test_data_that_cannot_be_kept_there_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With exit code 2."""
    (tmp_path / "file").touch()
    monkeypatch.setattr(sys, "argv", ["stack", "--data", str(tmp_path / "file")])
    monkeypatch.setattr(command, "raise_on", lambda *_numbers: None)
    assert command.main() == 2
    assert capsys.readouterr().err == f"stack: data cannot be kept in {tmp_path / 'file'}: File exists\n"


def test_each_part_is_named_as_it_starts(tmp_path: Path) -> None:
    """Before the seconds that it takes."""
    told: list[str] = []
    stack = Stack(tmp_path, workers=0, tell=told.append)
    try:
        stack.start()
    finally:
        stack.kill()
    assert told == ["starting the endpoint", "starting Valkey", "starting S3 (SeaweedFS)"]


def test_an_endpoint_that_ends_is_started_again(tmp_path: Path) -> None:
    """Its engine may have broken. It is at the same address, and knows what it has taken."""
    told: list[str] = []
    stack = Stack(tmp_path, workers=0, tell=told.append)
    try:
        stack.start()
        url = stack.endpoint.url
        stack.endpoint.kill()
        stack.check()
        assert stack.endpoint.child.running
        assert stack.endpoint.url == url
    finally:
        stack.kill()
    assert told[-2:] == [
        "the endpoint ended unexpectedly (SIGKILL); it is started again",
        "the endpoint is ready",
    ]


def test_a_gateway_that_ends_is_started_again_and_its_key_opens_it(tmp_path: Path) -> None:
    """At the same address. Workers are told nothing of the key."""
    stack = Stack(tmp_path, workers=0, gateway=True)
    try:
        stack.start()
        assert stack.gateway
        url = stack.environment["RETOUCH_URL"]
        stack.gateway.kill()
        stack.check()
        assert stack.environment["RETOUCH_URL"] == url
        headers = {"Authorization": f"Bearer {stack.environment['RETOUCH_TOKEN']}"}
        assert requests.get(f"{url}/v1/batches", headers=headers, timeout=60).json()["batches"] == []
        assert "RETOUCH_TOKEN" not in stack._settings
        address, _, link = stack.gateway.page_link().partition("/#link=")
        page = {"json": {"by": "link", "secret": link}, "headers": {"Sec-Fetch-Site": "same-origin"}}
        assert address == url
        assert requests.post(f"{url}/page/session", **page, timeout=60).json()["key"] == "stack"  # type: ignore[arg-type]
    finally:
        stack.kill()


def test_the_key_of_a_gateway_is_made_anew_where_its_file_was_lost(tmp_path: Path, redis_url: str) -> None:
    """The one of before opens nothing any more."""
    keys = AccessKeys(Ledger.from_url(redis_url, timeout_s=LIMIT_S), "here")
    tokens = []
    for folder in ("first", "second"):
        gateway = Gateway(tmp_path / folder, dict)
        for _ in range(2):
            gateway.make_key(redis_url, ["bucket"])
        tokens.append(gateway.token)
    assert [bool(keys.of_token(token)) for token in tokens] == [False, True]


def test_the_key_of_a_gateway_is_for_the_buckets_of_this_start(tmp_path: Path, redis_url: str) -> None:
    """Another recipe may name another one; the token stays."""
    keys, gateway = AccessKeys(Ledger.from_url(redis_url, timeout_s=LIMIT_S), "here"), Gateway(tmp_path, dict)
    for buckets in (["a"], ["a", "photos", "photos"], ["a"]):
        gateway.make_key(redis_url, buckets)
        found = keys.of_token(gateway.token)
        assert found
        assert found[0].inputs == tuple(dict.fromkeys(f"s3://{bucket}" for bucket in buckets))


def test_a_recipe_that_is_wrong_is_told_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also one that would take the stack's own results."""
    recipe = tmp_path / "own.toml"
    recipe.write_text('bucket = "retouch"\nkey = "{batch}/{name}.png"\nbatch = "b"\nedit = { prompt = "a cat" }\n')
    monkeypatch.setattr(command, "raise_on", lambda *_numbers: None)
    for path, said in ((tmp_path / "none.toml", "cannot be read"), (recipe, "could make edits of themselves")):
        monkeypatch.setattr(sys, "argv", ["stack", "--data", str(tmp_path / "data"), "--recipe", str(path)])
        assert command.main() == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_an_env_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """A folder has its name."""
    env_file = tmp_path / "env"
    env_file.mkdir()
    with pytest.raises(InputError, match=r"--env-file .*env cannot be written: .*irectory"):
        command._announce({"NAME": "value"}, env_file)


def test_settings_that_the_stack_does_not_take_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A webhook that is set and hears nothing; not what the stack has itself, and not what may be tried in it."""
    for name in [name for name in os.environ if name.startswith("RETOUCH_")]:
        monkeypatch.delenv(name)
    assert left_out(()) == []
    for name in ("WEBHOOK_URL", "WEBHOOK_SECRET", "MAX_IN_FLIGHT", "REDIS_URL"):
        monkeypatch.setenv(f"RETOUCH_{name}", "x")
    assert left_out({"RETOUCH_REDIS_URL": ""}) == ["RETOUCH_WEBHOOK_SECRET", "RETOUCH_WEBHOOK_URL"]
