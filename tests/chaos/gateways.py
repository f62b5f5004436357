"""Gateways that die, stop and are cut off, and producers that send through them until they are answered.

``python -m tests.chaos.gateways …`` is ``python -m workers.gateway …`` with the bug that ``CHAOS_BUG`` names.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests

from retouch.access_keys import AccessKeys, Scope
from retouch.errors import ServiceError
from retouch.intake.admission import Intake
from retouch.intake.checked import check
from retouch.intake.manifest import Columns
from retouch.intake.manifest.jsonl import JsonList
from retouch.net.addresses import PrivateHosts
from retouch.queue import EditQueue
from tests.chaos.bugs_of_gateways import plant
from tests.chaos.provocations import pass_time
from tests.chaos.stage import Run
from tests.harness.growing import Record
from tests.harness.proxy import Mode, Proxy
from workers.gateway.__main__ import cli
from workers.gateway.intake import DIGITS
from workers.stack.child import Child, clean_environment
from workers.stack.ports import LOOPBACK, free_ports

ANSWER_S = 4.0  # less than a gateway is stopped for
STOPPED_S = 5.0
AGAIN_S = 0.2
DRIP_S = 0.02  # between two pieces of a body, so that troubles come in between
PIECES = 20
AGAIN = (408, 409, 429, 500, 502, 503, 504)
LARGE = 520  # edits: more than a page, so that a batch is written in several moves


class Gateway:
    """A gateway at an address that stays, behind a proxy that can be cut."""

    def __init__(self, run: Run, bug: str = "") -> None:
        self._run, self._bug = run, bug
        [self._port] = free_ports(1)
        self.proxy = Proxy(f"{LOOPBACK}:{self._port}")
        self.url = f"http://{self.proxy.host}"
        self.child = Child("the gateway", run.stage.folder / f"gateway-{secrets.token_hex(4)}.log")
        keys = AccessKeys(run.ledger, "the stage")
        self.token = keys.create(f"producer-{secrets.token_hex(4)}", [Scope.SUBMIT, Scope.READ], rate="100000/m")

    def start(self) -> None:
        """Start it, and wait until it listens."""
        env = clean_environment(**self._run.environment, CHAOS_BUG=self._bug)
        self.child.launch([sys.executable, "-m", "tests.chaos.gateways", "--port", str(self._port)], env=env)
        self.child.wait_until(lambda: '{"url"' in self.child.output() or None)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """It serves for as long as the block lasts."""
        self.start()
        try:
            with self.proxy:
                yield
        finally:
            self.child.kill()

    def killed(self) -> None:
        """SIGKILL, and another one at the same address."""
        self.child.kill()
        self.start()

    def stopped(self) -> None:
        """SIGSTOP for longer than its callers wait, then SIGCONT."""
        os.kill(self.child.pid, signal.SIGSTOP)
        pass_time(STOPPED_S)
        os.kill(self.child.pid, signal.SIGCONT)

    def cut(self) -> None:
        """All its connections are cut, and none is taken for a moment."""
        self.proxy.become(Mode.REFUSE)
        pass_time(AGAIN_S)
        self.proxy.become(Mode.PASS)


@dataclass
class Order:
    """What a producer sends. ``named``: it says the batch's id; else the gateway makes it of the edits."""

    batch: str
    edits: list[Record]
    named: bool

    @classmethod
    def of(cls, run: Run, count: int, *, named: bool) -> Order:
        """So many edits that no other order has; the run waits for their ends."""
        edits = run.edits(count, seed=secrets.randbits(40))
        batch = f"n{secrets.token_hex(4)}" if named else id_of(edits)
        run.expect(batch, count)
        return cls(batch, edits, named)

    @property
    def body(self) -> bytes:
        """In JSON Lines."""
        return "".join(json.dumps(edit) + "\n" for edit in self.edits).encode()


def id_of(edits: list[Record]) -> str:
    """What a gateway calls a batch of these edits."""
    intake = Intake({}, PrivateHosts.parse(LOOPBACK))
    return check(JsonList(list(edits), "edits", Columns.parse([])), "batch", intake).batch_id(DIGITS)


@dataclass
class Producer:
    """Sends its orders one after the other, each again and again until it is taken."""

    gateway: Gateway
    orders: list[Order]
    remote: bool  # by EditQueue; else as a script would, by HTTP
    met: Counter[str] = field(default_factory=Counter)  # what came in place of an answer
    wrong: list[str] = field(default_factory=list)

    def work(self) -> None:
        """Send all."""
        send = self._by_queue if self.remote else self._by_http
        try:
            for order in self.orders:
                while not send(order):
                    pass_time(AGAIN_S)
        except Exception as error:  # whatever it is, the rest is not sent
            self.wrong.append(f"a producer ended with {type(error).__name__}: {error}")

    def _by_queue(self, order: Order) -> bool:
        try:
            with EditQueue.from_url(self.gateway.url, token=self.gateway.token, private_hosts=LOOPBACK) as queue:
                receipt = queue.enqueue(order.edits, batch=order.batch)
        except ServiceError:
            self.met["no answer"] += 1
            return False
        return self._taken(order, receipt.batch, receipt.written)

    def _by_http(self, order: Order) -> bool:
        url = f"{self.gateway.url}/v1/batches{f'/{order.batch}' if order.named else ''}"
        headers = {"Authorization": f"Bearer {self.gateway.token}", "Content-Type": "application/jsonl"}
        headers["Idempotency-Key"] = order.batch
        try:
            answer = requests.post(url, data=_dripping(order.body), headers=headers, timeout=ANSWER_S)
        except requests.RequestException:
            self.met["no answer"] += 1
            return False
        if answer.status_code in AGAIN:
            self.met[str(answer.status_code)] += 1
            return False
        if not answer.ok:
            self.wrong.append(f"{order.batch} was answered {answer.status_code}: {answer.text[:200]}")
            return True
        told = answer.json()
        return self._taken(order, told["batch"], told["accepted"] + told["already"])

    def _taken(self, order: Order, batch: str, written: int) -> bool:
        if (batch, written) != (order.batch, len(order.edits)):
            self.wrong.append(f"{order.batch} of {len(order.edits)} edits was taken as {batch} with {written}")
        return True


def hang_up(gateway: Gateway, order: Order) -> None:
    """Send half of a body, and go for good."""
    body = order.body
    half = body[: body.rindex(b"\n", 0, len(body) // 2) + 1]
    head = f"POST /v1/batches/{order.batch} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {gateway.token}\r\n"
    head += "Content-Type: application/jsonl\r\nTransfer-Encoding: chunked\r\n\r\n"
    host, _, port = gateway.proxy.host.rpartition(":")
    with socket.create_connection((host, int(port)), ANSWER_S) as connection:
        connection.sendall(head.encode() + f"{len(half):x}\r\n".encode() + half + b"\r\n")
        pass_time(AGAIN_S)


@dataclass
class Outcome:
    """What came of it: troubles by kind, what producers met, and what is wrong."""

    troubles: Counter[str]
    met: Counter[str]
    wrong: list[str]

    def __str__(self) -> str:
        parts = [f"{n} times {kind}" for kind, n in {**self.troubles, **self.met}.items()]
        return ", ".join(parts)


def send_through(run: Run, gateway: Gateway, rng: random.Random, *, producers: int, orders: int) -> Outcome:
    """Producers send through a gateway that is in trouble until all are done; then it is well."""
    sizes = [LARGE, *(rng.choice((1, 20, 60)) for _ in range(producers * orders - 1))]
    made = [Order.of(run, size, named=number % 2 == 0) for number, size in enumerate(sizes)]
    crew = [Producer(gateway, made[number::producers], remote=number % 3 == 2) for number in range(producers)]
    for producer in crew:
        for order in producer.orders:
            order.named = order.named or producer.remote
    threads = [threading.Thread(target=producer.work, daemon=True) for producer in crew]
    kinds: dict[str, Callable[[], None]] = {"killed": gateway.killed, "stopped": gateway.stopped, "cut": gateway.cut}
    troubles: Counter[str] = Counter()
    with gateway.serving():
        left = [Order("left", run.edits(40), named=True) for _ in range(3)]
        for order in left:
            hang_up(gateway, order)
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            kind = next((kind for kind in kinds if not troubles[kind]), None) or rng.choice(list(kinds))
            pass_time(rng.uniform(0.2, 1.0))
            kinds[kind]()
            troubles[kind] += 1
    met = sum((producer.met for producer in crew), Counter[str]())
    return Outcome(troubles, met, [*_stray(run), *(wrong for producer in crew for wrong in producer.wrong)])


def _stray(run: Run) -> list[str]:
    there = {view.batch for view in run.queue.batches(10_000)}
    return [f"there is a batch {batch}, which nobody sent whole" for batch in sorted(there - run.enqueued.keys())]


def _dripping(body: bytes) -> Iterator[bytes]:
    size = max(1, len(body) // PIECES)
    for at in range(0, len(body), size):
        yield body[at : at + size]
        pass_time(DRIP_S)


if __name__ == "__main__":
    plant(os.environ.get("CHAOS_BUG", ""))
    cli(prog_name="python -m tests.chaos.gateways")
