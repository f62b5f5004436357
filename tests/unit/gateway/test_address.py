"""Where the gateway is, and which way a producer takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from retouch import EditQueue, InputError
from retouch.environment import Environment, check_names
from retouch.net.gateway_address import GatewayAddress

TOKEN = "rt_caller_secret-that-nobody-may-see"
URL = "https://retouch.example.com/team/"


def test_the_key_is_in_no_text() -> None:
    """Neither that of the address nor of the environment."""
    found = Environment.read({"RETOUCH_URL": URL, "RETOUCH_TOKEN": TOKEN})
    assert found.gateway == GatewayAddress("https://retouch.example.com/team", TOKEN, loopback=False)
    assert TOKEN not in f"{found!r}{found.gateway}"


def test_redis_is_taken_where_both_are_named() -> None:
    """It offers everything; whoever has it, and a gateway beside it, need not choose."""
    both = {"RETOUCH_URL": URL, "RETOUCH_TOKEN": TOKEN, "RETOUCH_REDIS_URL": "redis://example.com/3"}
    assert Environment.read(both).gateway is None
    assert Environment.read({**both, "RETOUCH_REDIS_URL": ""}).gateway is not None


def test_the_key_may_stand_in_a_file(tmp_path: Path) -> None:
    """As the other secrets."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    named = {"RETOUCH_URL": URL, "RETOUCH_TOKEN_FILE": str(tmp_path / "token")}
    found = Environment.read(named).gateway
    assert found is not None
    assert found.token == TOKEN
    check_names(named)
    with pytest.raises(InputError, match="RETOUCH_TOKEN and RETOUCH_TOKEN_FILE are both set"):
        Environment.read({**named, "RETOUCH_TOKEN": TOKEN})


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://[::1]:80", "http://localhost", "http://127.9.9.9"])
def test_to_this_machine_the_key_may_go_in_clear(url: str) -> None:
    """A gateway that is tried here has no certificate."""
    assert GatewayAddress.parse(url, TOKEN).loopback


@pytest.mark.parametrize("url", ["http://retouch.example.com", "HTTP://10.0.0.5:8080", "http://localhost.example.com"])
def test_to_another_machine_only_if_that_is_said(url: str) -> None:
    """And only by the words that allow it."""
    with pytest.raises(InputError, match="RETOUCH_PLAIN_HTTP=yes"):
        EditQueue.from_url(url, token=TOKEN)
    assert EditQueue.from_url(url, token=TOKEN, plain_http=True).remote
    allowed = {"RETOUCH_URL": url, "RETOUCH_TOKEN": TOKEN, "RETOUCH_PLAIN_HTTP": "yes"}
    assert Environment.read(allowed).gateway
    with pytest.raises(InputError, match="must be yes or no"):
        Environment.read({**allowed, "RETOUCH_PLAIN_HTTP": "1"})


@pytest.mark.parametrize(
    ("url", "token", "told"),
    [
        ("https://", TOKEN, "no address of a gateway"),
        ("https://a b", TOKEN, "no address of a gateway"),
        ("https://[::1", TOKEN, "no address of a gateway"),
        ("https://x:99999", TOKEN, "no address of a gateway"),
        (f"https://me:{TOKEN}@x", TOKEN, "the key goes into RETOUCH_TOKEN"),
        (f"https://x/?key={TOKEN}", TOKEN, "the key goes into RETOUCH_TOKEN"),
        ("https://x?", TOKEN, "more than a host and a path"),
        ("https://x/#", TOKEN, "more than a host and a path"),
        ("https://@x", TOKEN, "more than a host and a path"),
        (URL, "", "needs RETOUCH_TOKEN"),
        (URL, f"{TOKEN}\n{TOKEN}", "characters that none has"),
        (URL, f"{TOKEN}é", "characters that none has"),
    ],
)
def test_what_is_wrong_is_said_without_the_key(url: str, token: str, told: str) -> None:
    """In one sentence."""
    with pytest.raises(InputError, match=told) as raised:
        EditQueue.from_url(url, token=token)
    assert TOKEN not in str(raised.value)
