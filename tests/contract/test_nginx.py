"""The gateway behind nginx, as docs/gateway.md sets it up; skipped where nginx is not installed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from config.gateway import GatewaySettings
from retouch import EditQueue
from retouch.access_keys import AccessKeys, Scope
from retouch.ledger import Ledger
from tests.harness.processes import Process
from tests.harness.redis_client import connect
from tests.harness.waiting import LIMIT_S, until
from tests.unit.producing import edit, finish_all
from tests.unit.workers.gateway.conftest import serving
from workers.gateway.context import Gateway
from workers.stack.child import ROOT
from workers.stack.ports import free_ports

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
GZIP = "gzip on; gzip_types *; gzip_proxied any; gzip_min_length 0;"  # as many have it for all that they serve
PAGE = ROOT / "docs" / "gateway.md"
pytestmark = pytest.mark.skipif(not Path(NGINX).exists(), reason="nginx is not installed (apt-get install nginx-light)")
WHOLE = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log; events {{}}
http {{
    access_log off; {more}
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {server}
}}
"""


def server(gateway: str, port: int) -> str:
    """The page's own lines, on a port of ours and without its certificate."""
    [lines] = re.findall(r"```text nginx.conf\n(.*?)```", PAGE.read_text(), re.DOTALL)
    lines = re.sub(r" *ssl_.*\n", "", lines).replace("listen 443 ssl", f"listen 127.0.0.1:{port}")
    assert "http://127.0.0.1:8080" in lines
    return lines.replace("http://127.0.0.1:8080", gateway)


@pytest.fixture
def ledger(redis_url: str) -> Iterator[Ledger]:
    """An empty ledger on a real server."""
    with connect(redis_url) as client:
        yield Ledger(client)


@pytest.fixture
def token(ledger: Ledger) -> str:
    """A key."""
    return AccessKeys(ledger, "here").create("caller", tuple(Scope))


@pytest.fixture(params=["", GZIP], ids=["plain", "gzip"])
def url(ledger: Ledger, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """That of nginx before a gateway."""
    [port] = free_ports(1)
    with serving(Gateway(GatewaySettings(bucket="bucket"), ledger)) as gateway:
        path = tmp_path / "nginx.conf"
        path.write_text(WHOLE.format(folder=tmp_path, more=request.param, server=server(gateway, port)))
        command = [NGINX, "-e", str(tmp_path / "error.log"), "-c", str(path)]
        with Process(command):
            until(lambda: listens(f"http://127.0.0.1:{port}"), "nginx listens")
            yield f"http://127.0.0.1:{port}"


def listens(url: str) -> bool:
    """Whether the gateway answers through it."""
    try:
        return requests.get(f"{url}/healthz", timeout=LIMIT_S).ok
    except requests.ConnectionError:
        return False


def test_a_producer_needs_no_more_than_the_page_says(url: str, token: str, ledger: Ledger) -> None:
    """A body of some megabytes, results in pieces, and events as they come, though nginx keeps answers back."""
    with EditQueue.from_url(url, token=token) as queue:
        edits = [edit(f"e{n}", prompt=f"{n} {'cat ' * 60}", metadata={"note": "x" * 400}) for n in range(4000)]
        assert queue.enqueue(edits, batch="b").accepted == 4000
        headers = {"Authorization": f"Bearer {token}"}
        with requests.get(f"{url}/v1/batches/b/events", headers=headers, stream=True, timeout=LIMIT_S) as stream:
            lines = stream.iter_lines(chunk_size=1)
            assert next(lines) == b"retry: 2000"
            finish_all(ledger)
            assert next(line for line in lines if line.startswith(b"event: ")) == b"event: retouch.edit.completed"
        assert sum(1 for _ in queue.results("b")) == 4000


def test_what_is_known_is_not_sent_again(url: str, token: str, ledger: Ledger) -> None:
    """Compressed or not, which weakens its tag; and the page's files are kept by the browser."""
    EditQueue(ledger).enqueue([edit("a")], batch="b")
    headers = {"Authorization": f"Bearer {token}"}
    for path in ("/v1/batches/b", "/v1/batches/b/strip"):
        first = requests.get(f"{url}{path}", headers=headers, timeout=LIMIT_S)
        assert (first.status_code, first.headers["Cache-Control"]) == (200, "no-store")
        assert first.headers["ETag"].startswith("W/") == ("Content-Encoding" in first.headers)
        again = requests.get(
            f"{url}{path}", headers=headers | {"If-None-Match": first.headers["ETag"]}, timeout=LIMIT_S
        )
        assert (again.status_code, again.content) == (304, b"")
    [main] = re.findall(r'src="(/page/files/[^"]+main[.]js)"', requests.get(url, timeout=LIMIT_S).text)
    assert "immutable" in requests.get(f"{url}{main}", timeout=LIMIT_S).headers["Cache-Control"]
