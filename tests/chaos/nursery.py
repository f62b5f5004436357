"""A process that has imported everything a worker needs, and forks workers: ``python -m tests.chaos.nursery``.

A worker is up in a third of a second instead of two, so that hundreds can be killed in minutes. What runs in the fork
is the product's own ``celery -A workers worker``. Orders come on stdin, a line of JSON each: ``{name, env, log}``;
stdout tells ``{"born": pid, "name"}`` and ``{"dead": pid, "code"}``.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import random
import select
import signal
import sys
from types import FrameType
from typing import Any

import boto3
import celery.apps.worker
import celery.bin.worker
import celery.concurrency.thread
import celery.worker.worker
import kombu.transport.redis
from celery import signals

import tasks.announce
import tasks.finish
import tasks.poll
import tasks.submit
from tests.chaos import boundaries, bugs
from workers.stack.leash import PR_SET_PDEATHSIG

WARM = (boto3, celery.apps.worker, celery.bin.worker, celery.concurrency.thread, celery.worker.worker)
WARM_TOO = (kombu.transport.redis, tasks.announce, tasks.finish, tasks.poll, tasks.submit)


def main() -> None:
    """Serve orders until stdin ends; then every worker ends as well."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, _noted)
    gc.freeze()
    orders = sys.stdin.buffer.raw  # type: ignore[union-attr]
    text = b""
    while True:
        ready, _, _ = select.select([orders, wake_read], [], [])
        if wake_read in ready:
            os.read(wake_read, 4096)
            _bury()
        if orders in ready:
            piece = orders.read(65536)
            if not piece:
                return
            *lines, text = (text + piece).split(b"\n")
            for line in lines:
                _bear(json.loads(line))


def _noted(_number: int, _frame: FrameType | None) -> None:
    """The wake-up pipe says it."""


def _bear(order: dict[str, Any]) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            _live(order)
        finally:
            os._exit(70)
    _tell({"born": pid, "name": order["name"]})


def _bury() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _tell({"dead": pid, "code": os.waitstatus_to_exitcode(status)})


def _tell(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _live(order: dict[str, Any]) -> None:
    """Become the worker."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setpgid(0, 0)
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(order["env"])
    name = order["name"]
    random.seed(f"{os.environ['CHAOS_SEED']} {name}")  # no two forks draw the same jitter
    bugs.plant(os.environ.get("CHAOS_BUG", ""))
    trace = boundaries.install(
        name,
        os.environ["CHAOS_TRACE"],
        os.environ.get("CHAOS_CRASH", ""),
        lies=float(os.environ.get("CHAOS_LIES", "0")),
        again=float(os.environ.get("CHAOS_AGAIN", "0")),
        head_bytes=int(os.environ.get("CHAOS_HEAD", "0")),
        connections=int(os.environ.get("CHAOS_CONNECTIONS", "0")),
    )
    signals.worker_ready.connect(lambda **_: trace.tell("ready", {"pid": os.getpid()}), weak=False)
    app = importlib.import_module("workers.celery").app  # it reads the environment when it is imported
    app.worker_main(["worker", "--hostname", f"{name}@%h"])
    os._exit(0)


if __name__ == "__main__":
    main()
