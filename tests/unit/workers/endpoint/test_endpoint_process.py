"""``python -m workers.endpoint``: how it begins, tells where it is, and ends."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from typer.testing import CliRunner

from retouch.edit import Parameters
from retouch.net.addresses import PrivateHosts
from tests.harness.processes import Process
from tests.harness.waiting import until
from tests.unit.workers.endpoint.conftest import Copy, body, endpoint_process
from workers.endpoint.app import BASE, Options
from workers.endpoint.command import cli
from workers.endpoint.engine import EngineError, Progress, Rendered
from workers.endpoint.server import address_of, listen, serve

pytestmark = pytest.mark.slow

HEADERS = {"API-Key": "a-secret-key"}


def ended(http: httpx.Client, url: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Submit an edit and return the answer that ends it."""
    job_id = http.post(url, json=fields).json()["id"]

    def asked() -> Any:
        answer = http.get(f"{url}/status/{job_id}").json()
        return None if answer["status"] == "PENDING" else answer

    answer: dict[str, Any] = until(asked, "the edit ends")
    return answer


def test_an_edit_from_end_to_end(start: Any, picture_url: str, tmp_path: Path) -> None:
    """A picture from a real host comes back edited; the record on disk has every request."""
    _, url = start("--record", str(tmp_path / "record.jsonl"))
    fields = {"prompt": "an oil painting", "init_image": picture_url, "samples": 2, "width": 96, "height": 64}
    with httpx.Client(headers=HEADERS) as http:
        answer = ended(http, url, fields)
        pictures = [httpx.get(link).content for link in answer["download_urls"]]
    assert pictures[0] != pictures[1]
    for data in pictures:
        picture = Image.open(io.BytesIO(data))
        assert (picture.format, picture.size) == ("PNG", (96, 64))
        assert picture.info["Software"].startswith("retouch-stand-in")
    kinds = [json.loads(line)["kind"] for line in (tmp_path / "record.jsonl").read_text().splitlines()]
    assert (kinds[0], kinds[-2:]) == ("submit", ["result", "result"])


def test_private_hosts_are_refused_unless_listed(start: Any, picture_url: str) -> None:
    """The image's host is private and not on the list: FAILURE, and nothing is read from it."""
    _, url = start("--private-hosts", "10.1.2.3")
    with httpx.Client(headers=HEADERS) as http:
        answer = ended(http, url, {"prompt": "x", "init_image": picture_url})
    assert answer["status"] == "FAILURE"
    assert "not a public address" in answer["error"]


@pytest.fixture
def ends() -> Iterator[ExitStack]:
    """What is entered here is left at the test's end."""
    with ExitStack() as stack:
        yield stack


def test_a_second_endpoint_on_one_journal_does_not_start(start: Any, tmp_path: Path) -> None:
    """What the first takes would be lost; exit code 6, since one that is just ending may be the other."""
    start("--journal", str(tmp_path / "edits.jsonl"))
    with endpoint_process("--journal", str(tmp_path / "edits.jsonl")) as second:
        ended = second.end(20)
    assert (ended.code, ended.out) == (6, "")
    assert f"endpoint: --journal {tmp_path / 'edits.jsonl'}: another endpoint has it" in ended.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_while_requests_hang(
    start: Any, picture_url: str, number: signal.Signals, ends: ExitStack
) -> None:
    """A request that hangs for ever is cut, an edit under way is dropped; the end is clean: 0, and no traceback."""
    process, url = start("--latency", "60")
    root = httpx.URL(url).join("/")
    with httpx.Client(headers=HEADERS) as http:
        http.put(root.join("/_faults"), json=[{"fault": "hang"}]).raise_for_status()
        hanging = ends.enter_context(Process([sys.executable, "-c", _HANG, url, picture_url]))
        until(lambda: http.get(root.join("/_record?kind=submit")).json(), "the request has arrived")
    process.signal(number)
    ended = process.end(20)
    assert ended.code == 0
    assert "Traceback" not in ended.err  # a busy machine may let uvicorn say that it cancels what hangs
    assert hanging.end().code == 7


_HANG = """
import http.client, json, sys
from urllib.parse import urlsplit
url = urlsplit(sys.argv[1])
connection = http.client.HTTPConnection(url.hostname, url.port)
body = json.dumps({"prompt": "x", "init_image": sys.argv[2]})
connection.request("POST", url.path, body, {"API-Key": "a-secret-key"})
try:
    connection.getresponse()
except ConnectionError:
    sys.exit(7)
"""


def test_it_ends_with_its_parent() -> None:
    """With --die-with-parent the port is free again soon after the parent was killed."""
    code = (
        "import subprocess, sys; "
        "subprocess.Popen([sys.executable, '-m', 'workers.endpoint', '--die-with-parent']).wait()"
    )
    with Process([sys.executable, "-c", code], env=os.environ | {"RETOUCH_API_KEY": "k"}) as parent:
        assert json.loads(parent.out.line())["url"]
        parent.signal(signal.SIGKILL)
        assert parent.out.rest() == ""  # the endpoint holds the other end: this returns when it has ended


def test_a_key_is_made_where_none_is_set() -> None:
    """Without RETOUCH_API_KEY the key of this run is told on stderr, and stdout stays one line of JSON."""
    env = {name: value for name, value in os.environ.items() if name != "RETOUCH_API_KEY"}
    with Process([sys.executable, "-m", "workers.endpoint"], env=env) as process:
        url = json.loads(process.out.line())["url"]
        key = process.err.line().split()[-1]
        assert httpx.get(f"{url}/status/x", headers={"API-Key": key}).status_code == 404


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--latency", "soon"], 2, "'soon' is not seconds"),
        (["--private-hosts", "http://x/"], 2, "is not a host or host:port"),
        (["--public-url", "example.org"], 2, "is not an http or https URL"),
        (["--capacity", "0"], 2, "--capacity"),
        (["--engine", "crayon"], 2, "'crayon' is not"),
        (["--record", "/nowhere/at/all"], 6, "No such file or directory"),
        (["--port", "{taken}"], 6, "Address already in use"),
    ],
)
def test_trouble_is_told_in_a_sentence(options: list[str], code: int, said: str) -> None:
    """No traceback for what a person may mistype, or find taken."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = CliRunner().invoke(cli, [option.format(taken=port) for option in options], env={"RETOUCH_API_KEY": "k"})
    assert (done.exit_code, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_engine_that_does_not_start_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """With exit code 6, and no traceback."""

    class Weightless(Copy):
        async def load(self) -> None:
            raise EngineError("there are no weights at /x")

    monkeypatch.setattr("workers.endpoint.command.choose_engine", lambda *_args, **_options: Weightless())
    done = CliRunner().invoke(cli, [], env={"RETOUCH_API_KEY": "k"})
    assert done.exit_code == 6
    assert done.stderr == "endpoint: there are no weights at /x\n"


@pytest.mark.anyio
async def test_the_server_ends_when_its_engine_breaks(picture_url: str) -> None:
    """By itself, with the engine closed; whoever has started it can start it anew."""

    class Breaking(Copy):
        async def render(self, params: Parameters, init: bytes, progress: Progress) -> Rendered:
            raise EngineError("the GPU is gone")

    engine = Breaking()
    with listen("127.0.0.1", 0) as sock:
        options = Options(api_keys=[b"a-secret-key"], public_url=address_of(sock))
        server = asyncio.create_task(serve(sock, options, PrivateHosts.parse("127.0.0.1"), engine))
        async with httpx.AsyncClient(headers=HEADERS, base_url=address_of(sock)) as http:
            while (await http.get("/healthz")).status_code != 200:  # noqa: ASYNC110 - the server's own answer
                await asyncio.sleep(0)
            (await http.post(BASE, json=body(init_image=picture_url))).raise_for_status()
            with pytest.raises(EngineError, match="the GPU is gone"):
                await asyncio.wait_for(server, 30)
    assert engine.closed
