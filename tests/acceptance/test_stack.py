"""``python -m workers.stack`` as a person or a supervisor meets it: what it prints, and how it ends."""

from __future__ import annotations

import os
import select
import shlex
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import boto3
import psutil
import pytest
import redis
import requests

from retouch import EditQueue, EditState
from tests.harness.pictures import field
from tests.harness.processes import RETOUCH, Ended, Process, run
from tests.harness.waiting import LIMIT_S, until
from workers.stack.ports import free_ports
from workers.stack.s3 import S3
from workers.stack.valkey import Valkey

pytestmark = pytest.mark.slow

STACK = (sys.executable, "-m", "workers.stack")
NAMES = {
    *("RETOUCH_REDIS_URL", "RETOUCH_API_URL", "RETOUCH_API_KEY", "RETOUCH_BUCKET", "RETOUCH_PREFIX"),
    *(
        "RETOUCH_NAMESPACE",
        "RETOUCH_PRIVATE_HOSTS",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
    ),
    "AWS_ENDPOINT_URL_S3",
    *("RETOUCH_URL", "RETOUCH_TOKEN"),
}


class RunningStack(Process):
    """The command, started and ready: its environment for clients, its parts' processes."""

    def __init__(self, *arguments: str, tmp: Path) -> None:
        super().__init__([*STACK, *arguments], env=os.environ | {"TMPDIR": str(tmp)})
        try:
            self.lines = [self.out.line() for _ in NAMES]
        except AssertionError:  # it ended without becoming ready
            self.lines = []
        words = [word for line in self.lines for word in shlex.split(line.removeprefix("export "))]
        self.environment = dict(word.split("=", 1) for word in words)
        self.parts = psutil.Process(self.pid).children(recursive=True) if self.lines else []

    def part(self, word: str) -> psutil.Process:
        """The child whose command line has ``word`` in it."""
        [found] = [part for part in self.parts if word in " ".join(part.cmdline())]
        return found

    def told_to_end(self, number: int) -> Ended:
        """Send a signal, and wait for the end."""
        self.signal(number)
        return self.end()


Start = Callable[..., RunningStack]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start stacks that are gone after the test, whatever it did."""
    with ExitStack() as ends:

        def start_one(*arguments: str) -> RunningStack:
            stack = RunningStack(*arguments, tmp=tmp_path)
            ends.enter_context(stack)
            return stack

        yield start_one


def await_end(processes: list[psutil.Process]) -> None:
    """Return when all have ended."""
    for process in processes:
        try:
            fd = os.pidfd_open(process.pid)
        except ProcessLookupError:
            continue
        readable, _, _ = select.select([fd], [], [], LIMIT_S)
        os.close(fd)
        assert readable, f"still running: {process.cmdline()}"


def test_what_it_prints_leads_a_client_to_working_services(start: Start, tmp_path: Path) -> None:
    """stdout is export lines and nothing else; each service answers to them; nothing listens beyond loopback."""
    env_file = tmp_path / "env"
    stack = start("--env-file", str(env_file))
    env = stack.environment
    assert set(env) == NAMES
    assert all(line.startswith("export ") for line in stack.lines)
    assert env_file.read_text() == "".join(stack.lines)
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600

    with redis.Redis.from_url(env["RETOUCH_REDIS_URL"], decode_responses=True) as client:
        wanted = ("appendonly", "appendfsync", "maxmemory-policy")
        assert [client.config_get(name)[name] for name in wanted] == ["yes", "everysec", "noeviction"]
    session = boto3.session.Session(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"])
    s3 = session.client("s3", endpoint_url=env["AWS_ENDPOINT_URL_S3"], region_name=env["AWS_REGION"])
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == [env["RETOUCH_BUCKET"]]
    assert requests.get(env["AWS_ENDPOINT_URL_S3"], timeout=LIMIT_S).status_code == 403
    status_url = f"{env['RETOUCH_API_URL']}/status/unknown"
    assert requests.get(status_url, timeout=LIMIT_S).status_code == 401
    key = {"API-Key": env["RETOUCH_API_KEY"]}
    assert requests.get(status_url, headers=key, timeout=LIMIT_S).status_code != 401

    token = {"Authorization": f"Bearer {env['RETOUCH_TOKEN']}"}
    assert requests.get(f"{env['RETOUCH_URL']}/v1/batches", headers=token, timeout=LIMIT_S).json()["batches"] == []

    listening = [c for part in stack.parts for c in part.net_connections("tcp") if c.status == "LISTEN"]
    assert len(listening) >= 4
    assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}

    assert stack.told_to_end(signal.SIGTERM).code == 0
    assert not any(part.is_running() for part in stack.parts)
    assert not list(tmp_path.glob("retouch-*/logs")), "the temporary folder is left"


def test_it_starts_whatever_a_person_has_set(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it leads the worker to their services, or keeps it from starting; limits can be tried."""
    theirs = {
        "RETOUCH_WEBHOOK_URL": "https://example.com/production",
        "RETOUCH_WEBHOOK_SECRET_FILE": "/nope",
        "RETOUCH_NAMESPACE": "production",
        "RETOUCH_REDIS_URI": "mistyped",
        "CELERY_WORKER_CONCURRENCY": "4",
    }
    for name, value in {**theirs, "RETOUCH_MAX_IN_FLIGHT": "3"}.items():
        monkeypatch.setenv(name, value)
    stack = start()
    [worker] = [part for part in stack.parts if "celery" in part.cmdline()]
    found = worker.environ()
    assert [name for name, value in theirs.items() if found.get(name) == value] == []
    assert found["RETOUCH_MAX_IN_FLIGHT"] == "3"
    told = stack.err.line("taken into the stack")
    assert "RETOUCH_WEBHOOK_SECRET_FILE, RETOUCH_WEBHOOK_URL are not taken" in told


def test_ctrl_c_ends_everything(start: Start) -> None:
    """Ctrl-C reaches the whole foreground group; the stack ends its parts itself, without a word of alarm."""
    stack = start("--workers", "2")
    assert len([part for part in stack.parts if "celery" in part.cmdline()]) == 2
    stack.signal(signal.SIGINT, group=True)
    code, _, err = stack.end()
    assert code == 0
    assert "unexpectedly" not in err
    assert not any(part.is_running() for part in stack.parts)


def test_a_stack_in_the_background_ends_by_sigterm(tmp_path: Path) -> None:
    """Where SIGINT is inherited as ignored, as from a shell's ``&``, SIGTERM ends the stack and all its parts."""
    ignoring = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    )
    command = [sys.executable, "-c", ignoring, sys.executable, "-m", "workers.stack"]
    with Process(command, env=os.environ | {"TMPDIR": str(tmp_path)}) as stack:
        stack.out.line("export ")
        parts = psutil.Process(stack.pid).children(recursive=True)
        stack.signal(signal.SIGTERM)
        code, _, err = stack.end()
    assert code == 0, err
    await_end(parts)


def test_sigkill_leaves_no_process(start: Start) -> None:
    """When the stack has no chance to tidy up, the kernel ends its parts."""
    stack = start()
    assert len(stack.parts) == 5
    stack.told_to_end(signal.SIGKILL)
    await_end(stack.parts)


def test_it_dies_with_its_parent_if_asked(tmp_path: Path) -> None:
    """With --die-with-parent the end of a script that started it, however it ends, ends the stack."""
    script = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    command = [sys.executable, "-c", script, *STACK, "--workers", "0", "--die-with-parent"]
    with Process(command, env=os.environ | {"TMPDIR": str(tmp_path)}) as parent:
        assert parent.out.line().startswith("export ")
        family = psutil.Process(parent.pid).children(recursive=True)
        parent.signal(signal.SIGKILL)
        parent.end()
        await_end(family)
    assert not list(tmp_path.glob("retouch-*/logs")), "the temporary folder is left"


def test_a_worker_that_dies_is_started_again(start: Start) -> None:
    """A worker is replaced, lines say so, and the stack goes on."""
    stack = start()
    worker = stack.part("celery")
    stack.err.line("ready")
    stack_process = psutil.Process(stack.pid)
    worker.kill()
    assert "(SIGKILL); it is started again" in stack.err.line("unexpectedly")
    stack.err.line("worker retouch1 is ready")
    [again] = [part for part in stack_process.children() if "celery" in part.cmdline()]
    assert again.pid != worker.pid

    again.terminate()
    assert stack.err.line("ended").startswith("stack: worker retouch1 was ended by SIGTERM; it is started again")
    stack.err.line("worker retouch1 is ready")
    assert stack.told_to_end(signal.SIGTERM).code == 0


def test_an_endpoint_that_dies_is_started_again(start: Start) -> None:
    """At the same address: what is in work goes on."""
    stack = start("--workers", "0")
    stack.err.line("ready")
    stack.part("workers.endpoint").kill()
    assert "the endpoint ended unexpectedly (SIGKILL); it is started again" in stack.err.line("unexpectedly")
    stack.err.line("the endpoint is ready")
    assert requests.get(stack.environment["RETOUCH_API_URL"], timeout=LIMIT_S).status_code == 405
    assert stack.told_to_end(signal.SIGTERM).code == 0


@pytest.mark.parametrize(("word", "name"), [("valkey-server", "Valkey"), ("weed", "S3")])
def test_another_part_that_dies_ends_the_stack(start: Start, word: str, name: str) -> None:
    """Without one of its services the stack ends with a sentence that names it, and takes the others along."""
    stack = start("--workers", "0")
    stack.part(word).kill()
    code, _, err = stack.end()
    assert code == 1
    assert name in err
    assert "ended unexpectedly" in err
    assert "Traceback" not in err
    assert not any(part.is_running() for part in stack.parts)


def test_a_data_folder_is_kept_and_found_again(start: Start, tmp_path: Path) -> None:
    """With --data, records, objects, credentials and ports outlive the stack; two stacks cannot share a folder."""
    data = tmp_path / "a folder"
    first = start("--data", str(data), "--workers", "0")
    with redis.Redis.from_url(first.environment["RETOUCH_REDIS_URL"]) as client:
        client.set("kept", "yes")
    second = start("--data", str(data), "--workers", "0")
    code, _, err = second.end()
    assert (code, second.lines) == (1, [])
    assert "is in use by another stack" in err
    assert first.told_to_end(signal.SIGTERM).code == 0

    again = start("--data", str(data), "--workers", "0")
    assert again.environment == first.environment
    with redis.Redis.from_url(again.environment["RETOUCH_REDIS_URL"]) as client:
        assert client.get("kept") == b"yes"
    assert again.told_to_end(signal.SIGTERM).code == 0
    assert {path.name for path in (data / "logs").iterdir()} == {"valkey.log", "s3.log", "endpoint.log", "gateway.log"}


def test_edits_at_the_endpoint_go_on_after_a_restart(start: Start, tmp_path: Path) -> None:
    """With --data, a stack that was ended in the middle of a batch finishes it at the next start, each edit once."""
    data, photo = tmp_path / "data", tmp_path / "cat.png"
    photo.write_bytes(field("palette.png"))
    first = start("--data", str(data), "--workers", "1", "--latency", "600")
    told = run([RETOUCH, "enqueue", photo, "--prompt", "x", "--batch", "b"], env=os.environ | first.environment)
    assert told.code == 0, told.err
    queue = EditQueue.from_url(first.environment["RETOUCH_REDIS_URL"])
    until(lambda: queue.status("b").counts.get(EditState.WAITING), "it is at the endpoint")
    assert first.told_to_end(signal.SIGTERM).code == 0
    again = start("--data", str(data), "--workers", "1")
    told = run([RETOUCH, "watch", "b"], env=os.environ | again.environment, within_s=2 * LIMIT_S)
    assert told.code == 0, told.err
    [result] = queue.results("b")
    assert (result.state, result.attempts) == (EditState.COMPLETED, 1)


def test_s3_keeps_objects_through_a_crash(tmp_path: Path) -> None:
    """After SIGKILL the same address gives the same object."""
    server = S3(tmp_path)
    server.start()
    try:
        server.client().put_object(Bucket=server.bucket, Key="a/b", Body=b"kept")
        url = server.url
        server.kill()
        server.start()
        assert server.url == url
        assert server.client().get_object(Bucket=server.bucket, Key="a/b")["Body"].read() == b"kept"
    finally:
        server.kill()


@pytest.mark.parametrize("make", [Valkey, S3])
def test_a_port_taken_in_the_last_moment_is_survived(
    make: type[Valkey | S3], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two stacks that look for ports at once may find the same; the slower one takes others."""
    first, second = make(tmp_path / "first"), make(tmp_path / "second")
    found: list[list[int]] = []

    def same_ports_twice(count: int) -> list[int]:
        found.append(found[0] if len(found) == 1 else free_ports(count))
        return found[-1]

    monkeypatch.setattr("workers.stack.part.free_ports", same_ports_twice)
    try:
        first.start()
        second.start()
        assert len(found) == 3
        assert first.url != second.url
    finally:
        first.kill()
        second.kill()
