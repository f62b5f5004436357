"""``python -m workers.gateway.page``: the page alone, for whoever has started it."""

from __future__ import annotations

import os
import signal
import sys

import pytest
import requests

from tests.harness.processes import Process

COMMAND = [sys.executable, "-m", "workers.gateway.page"]
PAGE = {"Sec-Fetch-Site": "same-origin"}


def sign_in(printed: str) -> tuple[requests.Session, str]:
    """Use a link as a browser does."""
    url, _, link = printed.strip().partition("/#link=")
    caller = requests.Session()
    caller.trust_env = False
    answer = caller.post(f"{url}/page/session", json={"by": "link", "secret": link}, headers=PAGE, timeout=30)
    assert answer.status_code == 200
    return caller, url


@pytest.mark.slow
def test_it_prints_a_link_then_the_next_and_ends_well(redis_url: str) -> None:
    """Without a bucket: its links to pictures alone need one. It listens on this machine alone, and logs no request."""
    with Process(COMMAND, env=os.environ | {"RETOUCH_REDIS_URL": redis_url}) as process:
        first = process.out.line("#link=")
        assert first.startswith("http://127.0.0.1:")
        caller, url = sign_in(first)
        assert caller.get(f"{url}/v1/batches", headers=PAGE, timeout=30).json() == {"batches": [], "next": None}
        another, _ = sign_in(process.out.line("#link="))
        assert another.get(f"{url}/", timeout=30).status_code == 200
        process.signal(signal.SIGTERM)
        ended = process.end()
        assert (ended.code, ended.err) == (0, "")


@pytest.mark.slow
def test_a_wrong_setting_is_one_sentence() -> None:
    """With exit code 2."""
    with Process(COMMAND, env=os.environ | {"RETOUCH_REDIS_URL": "nonsense"}) as process:
        ended = process.end()
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert ended.err.startswith("page: RETOUCH_REDIS_URL")
