"""Enemies: hosts of results, an API and manifests that mean harm. Each edit fails with a reason; the worker goes on."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import socketserver
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from retouch.errors import InputError
from tests.harness.growing import Record
from tests.harness.scene import Scene
from tests.harness.web import Request, Web
from workers.stack.worker import Worker

MEMORY_MIB = 220  # by which a worker's peak may grow while it is attacked: the buffers of MAX_LARGE copies


def chunk(name: bytes, body: bytes) -> bytes:
    """A PNG chunk with a true checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(side: int) -> bytes:
    """A whole PNG that declares a square of this side and holds next to nothing."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def told(body: bytes, *headers: str, length: int | None = None) -> bytes:
    """A 200 with these headers and a length, true or not."""
    lines = ["HTTP/1.1 200 OK", "Content-Type: image/png", f"Content-Length: {length or len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


# What the villain answers to a request for a path: once the first, then the second without end.
VILLAINY = {
    "endless": (b"HTTP/1.1 200 OK\r\n\r\n" + png(64)[:60], bytes(1 << 16)),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + bytes(1 << 16) + b"\r\n"),
    "10-gb": (told(png(64)[:60], length=10_000_000_000), bytes(1 << 16)),
    "huge-sides": (told(png(60_000)), b""),
    "gzip-bomb": (told(gzip.compress(bytes(1 << 26)), "Content-Encoding: gzip"), b""),
    "gzip-bomb-of-a-picture": (told(gzip.compress(png(64) + bytes(1 << 26)), "Content-Encoding: gzip"), b""),
    "brotli": (told(b"\x0b\x02\x80" + bytes(100), "Content-Encoding: br"), b""),
    "fillers": (told(b"\xff\xd8" + b"\xff\xfe\x00\x02" * 100_000), b""),
    "html": (told(b"<!doctype html><title>you won</title>"), b""),
    "gif": (told(b"GIF89a" + bytes(100)), b""),
    "zip": (told(b"PK\x03\x04" + bytes(100)), b""),
    "not-http": (b"SSH-2.0-OpenSSH_9.6\r\n", b""),
    "two-lengths": (told(png(64), "Content-Length: 5"), b""),
    "hints": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 1000),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-A: aaaaaaaa\r\n" * 1000),
    "loop": (b"HTTP/1.1 302 Found\r\nLocation: /loop?again\r\nContent-Length: 0\r\n\r\n", b""),
    "odd-port": (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:99999/\r\nContent-Length: 0\r\n\r\n", b""),
}  # fmt: skip


class _Villain(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with suppress(OSError):
            path = self.request.recv(65536).split(b" ")[1].decode()
            first, flood = VILLAINY[path.strip("/").partition("?")[0]]
            self.request.sendall(first)
            while flood:
                self.request.sendall(flood)
            self.request.shutdown(socket.SHUT_WR)
            self.request.recv(65536)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64


@pytest.fixture(scope="module")
def villain() -> Iterator[str]:
    """A host of results that means harm, as ``host:port``; workers may call it."""
    with _Server(("127.0.0.1", 0), _Villain) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def peak_mib(worker: Worker) -> float:
    """The most memory that a worker has had so far."""
    status = Path(f"/proc/{worker.child.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def allowed(scene: Scene, host: str) -> dict[str, str]:
    """The settings of a worker that may call one more private host."""
    return {"private_hosts": f"{scene.environment['RETOUCH_PRIVATE_HOSTS']},{host}"}


def assert_refused(results: dict[str, Record], code: str = "broken_result") -> None:
    """Every edit has failed with this code and some words, and keeps nothing."""
    assert {n: (r["state"], (r["error"] or {}).get("code"), r["outputs"]) for n, r in results.items()} == dict.fromkeys(
        results, ("failed", code, [])
    )
    assert all(r["error"]["message"] for r in results.values())


@pytest.mark.slow
def test_results_that_mean_harm_fail_and_the_worker_goes_on(scene: Scene, villain: str) -> None:
    """Endless, enormous, packed, lying and broken results: no object, one submit each, little memory, and then on."""
    worker = scene.worker(**allowed(scene, villain), patience="0.1")
    assert scene.run()["state"] == "completed"
    before_mib, pid = peak_mib(worker), worker.child.pid
    rules: dict[str, Record] = {
        name: {"fault": "redirect", "location": f"http://{villain}/{name}"} for name in VILLAINY
    }
    batch = scene.cases(rules)
    assert_refused(scene.finish_beside_another(batch, rules))
    assert scene.images(batch) == []
    assert len(scene.api.submits()) == 2 + len(rules)
    scene.api.clear()
    assert scene.run()["state"] == "completed"
    assert (worker.child.running, worker.child.pid) == (True, pid)
    assert peak_mib(worker) - before_mib < MEMORY_MIB


@pytest.mark.slow
def test_many_endless_results_at_once_fit_into_little_memory(scene: Scene, villain: str) -> None:
    """Twenty bodies without end at the same time cost no more memory than a few."""
    worker = scene.worker(**allowed(scene, villain), max_in_flight="64", deadline="2")
    assert scene.run()["state"] == "completed"
    before_mib = peak_mib(worker)
    scene.api.trouble("redirect", location=f"http://{villain}/endless", match="[endless]")
    batch = scene.enqueue(20, prompt="oil [endless]")
    assert_refused(scene.finish(batch))
    assert scene.images(batch) == []
    scene.api.clear()
    assert scene.run()["state"] == "completed"
    assert peak_mib(worker) - before_mib < MEMORY_MIB


class Liar(Web):
    """An API that answers a status request with whatever ``replies`` has under the edit's name, or that it has none."""

    def __init__(self, replies: dict[str, Any]) -> None:
        super().__init__(self._take)
        self._replies = replies

    def _take(self, request: Request) -> tuple[int, bytes]:
        if request.body:
            name = json.loads(request.body)["prompt"]
            return 200, json.dumps({"status": "PENDING", "id": name}).encode()
        name = request.path.rpartition("/")[2]
        if name not in self._replies:
            return 404, b'{"detail": "no edit has this id"}'
        reply = self._replies[name]
        return 200, reply if isinstance(reply, bytes) else json.dumps(reply).encode()

    def settings(self, scene: Scene) -> dict[str, str]:
        """The settings of a worker of this API, that soon gives an edit up whose results alone are refused."""
        return {"api_url": f"{self.url}/v1", "patience": "0.1", "deadline": "2"}

    def edits(self, scene: Scene) -> list[Record]:
        """One edit for each reply."""
        return [{"custom_id": name, "prompt": name, "init_image": scene.init_image} for name in self._replies]


def run_with(scene: Scene, replies: dict[str, Any]) -> tuple[dict[str, Record], str]:
    """Run one edit for each reply of a lying API; returns the results by name, and the batch's id."""
    with Liar(replies) as liar:
        worker = scene.another_worker(**liar.settings(scene))
        batch = "lies"
        scene.queue.enqueue(liar.edits(scene), batch=batch)
        results = scene.finish(batch)
        assert worker.child.running
    return results, batch


def success(link: str) -> Record:
    """A reply with one link."""
    return {"status": "SUCCESS", "download_urls": [link]}


def test_links_to_private_addresses_are_never_called(scene: Scene, stranger: Web, pictures: Web) -> None:
    """Links that the API gives, in every notation of a private address, fail the edit; the next one completes."""
    port = stranger.port
    links = {
        "loopback": f"http://127.0.0.1:{port}/0.png",
        "name": f"http://localhost:{port}/0.png",
        "short": f"http://127.1:{port}/0.png",
        "hex": f"http://0x7f000001:{port}/0.png",
        "number": f"http://2130706433:{port}/0.png",
        "octal": f"http://0177.0.0.1:{port}/0.png",
        "zero": f"http://0:{port}/0.png",
        "ipv6": f"http://[::1]:{port}/0.png",
        "mapped": f"http://[::ffff:127.0.0.1]:{port}/0.png",
        "wide": f"http://\uff11\uff12\uff17.0.0.1:{port}/0.png",
        "user": f"http://{pictures.host}@127.0.0.1:{port}/0.png",
        "metadata": "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
        "file": "file:///etc/passwd",
        "none": "0.png",
        "long": "https://example.com/" + "a" * 100_000,
    }
    replies = {name: success(link) for name, link in links.items()} | {"good": success(f"{pictures.url}/0.png")}
    results, batch = run_with(scene, replies)
    assert results.pop("good")["state"] == "completed"
    assert_refused(results)
    assert stranger.requests == []
    assert scene.images(batch) == ["good/0.png"]


def test_an_api_that_lies_fails_its_edits_with_reasons(scene: Scene, pictures: Web) -> None:
    """Words that fit into no encoding, a megabyte made to be slow, our own key: each edit ends, and tells no secret."""
    key = scene.environment["RETOUCH_API_KEY"]
    words = {
        "half": "\ud800 is half a character",
        "slow": "http://" * 140_000,
        "echo": f"no such key: {key}",
        "quoted": "no such key: " + "".join(f"%{byte:02X}" if byte in b"/+" else chr(byte) for byte in key.encode()),
        "lines": 'a\r\n{"event": "edit.completed"}\x1b[2J\u202e',
        "deep": [[[[{"msg": "x"}]]]],
    }
    failures = {name: {"status": "FAILURE", "error": text} for name, text in words.items()}
    results, _ = run_with(scene, failures | {"good": success(f"{pictures.url}/0.png")})
    assert results.pop("good")["state"] == "completed"
    assert_refused(results, "failure")
    assert results["half"]["error"]["message"] == "is half a character"
    assert key not in json.dumps(results)


def test_a_webhook_on_a_private_address_is_never_called(scene: Scene, stranger: Web) -> None:
    """Events for a receiver on a private address stay here, with the reason in the log; the edits complete."""
    secret = "whsec_" + base64.b64encode(bytes(32)).decode()
    worker = scene.worker(webhook_url=f"http://127.0.0.1:{stranger.port}/hook?k=1", webhook_secret=secret)
    assert scene.run()["state"] == "completed"
    scene.until(lambda: "is not a public address" in worker.child.output(), "the worker says so")
    assert stranger.requests == []


NAMES = ["..", ".", "../x", "a/b", "/a", "a\\b", "a\n", "a\x00", "%2e%2e", "_SUCCESS"]


def test_a_name_that_tries_to_leave_its_folder_is_not_enqueued(scene: Scene) -> None:
    """Neither as a custom_id nor as a batch does a path get in; what is beside it is done, in its own folder."""
    scene.worker()
    edit = {"custom_id": "good", "prompt": "x", "init_image": scene.init_image}
    edits = [edit, *(edit | {"custom_id": name} for name in NAMES)]
    receipt = scene.queue.enqueue(edits, batch="names", on_invalid="skip")
    assert (receipt.accepted, [rejection.custom_id for rejection in receipt.rejected]) == (1, NAMES)
    for name in NAMES:
        with pytest.raises(InputError, match="is not a valid id"):
            scene.queue.enqueue([edit], batch=name)
    assert scene.finish("names")["good"]["state"] == "completed"
    pages = scene.s3.client().get_paginator("list_objects_v2").paginate(Bucket=scene.s3.bucket)  # others have thousands
    assert {item["Key"] for page in pages for item in page["Contents"] if "names" in item["Key"]} == {
        f"{scene.prefix}names/{name}" for name in ("good/0.png", "manifest.jsonl", "_SUCCESS")
    }
