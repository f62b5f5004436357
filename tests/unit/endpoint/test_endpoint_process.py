"""``python -m workers.endpoint``: how it begins, tells where it is, and ends."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from typer.testing import CliRunner

from workers.endpoint.__main__ import cli

ROOT = Path(__file__).parents[3]
HEADERS = {"API-Key": "a-secret-key"}


def test_an_edit_from_end_to_end(start: Any, picture_url: str, tmp_path: Path) -> None:
    """A picture from a real host comes back edited; the record on disk has every request."""
    _, url = start("--record", str(tmp_path / "record.jsonl"))
    fields = {"prompt": "an oil painting", "init_image": picture_url, "samples": 2, "width": 96, "height": 64}
    with httpx.Client() as http:
        answer = http.post(url, json=fields, headers=HEADERS).json()
        while answer["status"] == "PENDING":
            answer = http.get(f"{url}/status/{answer['id']}", headers=HEADERS).json()
        pictures = [http.get(link).content for link in answer["download_urls"]]
    assert pictures[0] != pictures[1]
    for data in pictures:
        picture = Image.open(io.BytesIO(data))
        assert (picture.format, picture.size) == ("PNG", (96, 64))
        assert picture.text["Software"].startswith("retouch-stand-in")
    kinds = [json.loads(line)["kind"] for line in (tmp_path / "record.jsonl").read_text().splitlines()]
    assert (kinds[0], kinds[-2:]) == ("submit", ["result", "result"])


def test_private_hosts_are_refused_unless_listed(start: Any, picture_url: str) -> None:
    """The image's host is private and not on the list: FAILURE, and nothing is read from it."""
    _, url = start("--private-hosts", "10.1.2.3")
    with httpx.Client(headers=HEADERS) as http:
        answer = http.post(url, json={"prompt": "x", "init_image": picture_url}).json()
        while answer["status"] == "PENDING":
            answer = http.get(f"{url}/status/{answer['id']}").json()
    assert answer["status"] == "FAILURE"
    assert "not a public address" in answer["error"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_while_requests_hang(start: Any, picture_url: str, number: signal.Signals) -> None:
    """A request that hangs for ever is cut, an edit under way is dropped; the end is clean: 0 and a silent stderr."""
    process, url = start("--latency", "60")
    root = httpx.URL(url).join("/")
    with httpx.Client(headers=HEADERS) as http:
        http.put(root.join("/_faults"), json=[{"fault": "hang"}]).raise_for_status()
        hanging = subprocess.Popen([sys.executable, "-c", _HANG, url, picture_url])
        while not http.get(root.join("/_record?kind=submit")).json():
            pass
    process.send_signal(number)
    _, stderr = process.communicate(timeout=5)
    assert (process.returncode, stderr) == (0, "")
    assert hanging.wait(timeout=5) == 7


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
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"RETOUCH_API_KEY": "k"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout
    assert json.loads(parent.stdout.readline())["url"]
    parent.kill()
    assert parent.stdout.read() == ""  # the endpoint holds the other end: this returns when it has ended
    parent.wait()


def test_a_key_is_made_where_none_is_set() -> None:
    """Without RETOUCH_API_KEY the key of this run is told on stderr, and stdout stays one line of JSON."""
    process = subprocess.Popen(
        [sys.executable, "-m", "workers.endpoint"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "RETOUCH_API_KEY"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        assert process.stderr
        url = json.loads(process.stdout.readline())["url"]
        key = process.stderr.readline().split()[-1]
        assert httpx.get(f"{url}/status/x", headers={"API-Key": key}).status_code == 404
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--latency", "soon"], 2, "'soon' is not seconds"),
        (["--private-hosts", "http://x/"], 2, "is not a host or host:port"),
        (["--public-url", "example.org"], 2, "is not an http or https URL"),
        (["--capacity", "0"], 2, "--capacity"),
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
