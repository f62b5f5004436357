"""How ``RETOUCH_REDIS_URL`` is read, by the ledger and by the broker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trustme
from redis.sentinel import SentinelConnectionPool

from retouch.errors import InputError
from retouch.ledger import Address

SECRET = "hush"
READ: dict[str, tuple[str, int, dict[str, object]]] = {
    "redis://localhost:6379/0": ("redis://localhost:6379/0", 0, {}),
    "redis://": ("redis://localhost:6379/0", 0, {}),
    " REDIS://h \n": ("redis://h:6379/0", 0, {}),
    "redis://h/3": ("redis://h:6379/3", 3, {}),
    "redis://h/3?db=4": ("redis://h:6379/4", 4, {}),
    "redis://[::1]:7/0": ("redis://[::1]:7/0", 0, {}),
    "redis://:hush@h": ("redis://h:6379/0", 0, {"password": SECRET}),
    "redis://me:hush@h": ("redis://h:6379/0", 0, {"username": "me", "password": SECRET}),
    "redis://:a%2Fb%23c%3Fd%40e%25@h": ("redis://h:6379/0", 0, {"password": "a/b#c?d@e%"}),
    "redis://:a@b[@h": ("redis://h:6379/0", 0, {"password": "a@b["}),
    "redis://h?username=me&password=hush": ("redis://h:6379/0", 0, {"username": "me", "password": SECRET}),
    "redis://h?socket_timeout=1.5": ("redis://h:6379/0", 0, {"socket_timeout": 1.5}),
    "rediss://h": ("rediss://h:6379/0", 0, {"ssl_check_hostname": True}),
    "rediss://h?ssl_cert_reqs=CERT_REQUIRED": (
        "rediss://h:6379/0",
        0,
        {"ssl_cert_reqs": "required", "ssl_check_hostname": True},
    ),
    "rediss://h?ssl_cert_reqs=none": (
        "rediss://h:6379/0",
        0,
        {"ssl_cert_reqs": "none", "ssl_check_hostname": False},
    ),
    "unix:///run/redis.sock?db=2": ("unix:///run/redis.sock", 2, {}),
    "unix://:hush@/run/redis.sock": ("unix:///run/redis.sock", 0, {"password": SECRET}),
    "sentinel://:hush@a,b:7/1?service=m": ("sentinel://a:26379,b:7/1?service=m", 1, {"password": SECRET}),
    "rediss+sentinel://a?service=m": ("rediss+sentinel://a:26379/0?service=m", 0, {"ssl_check_hostname": True}),
}
WRONG: dict[str, str] = {
    "http://h": "is not a Redis URL",
    "h:6379": "is not a Redis URL",
    "": "is not a Redis URL",
    "redis+cluster://h": "a cluster cannot be used",
    "redis://a:1,b:2/0": "a cluster cannot be used",
    "redis://:hush/hush@h:6379/0": "write # as %23, / as %2F",
    "redis://:hush#hush@h:6379/0": "write # as %23, / as %2F",
    "redis://:hush?hush@h:6379/0": "write # as %23, / as %2F",
    "redis://:hush?db=hush@h:6379/0": "write # as %23, / as %2F",
    "redis://:hush@h:hush": "no host, or a port",
    "redis://:hush@h:0": "no host, or a port",
    "redis://:hush@h:99999": "no host, or a port",
    "redis://:hush@h/hush": "no number of a database",
    "redis://h?db=hush": "wrong at db: that must be a number",
    "redis://:hush@a..b": "a host that cannot be one",
    f"redis://:hush@{'a' * 64}": "a host that cannot be one",
    f"redis://h/{'9' * 5000}": "no number of a database",
    "redis://h?socket_timeout=1e12": "that must be a number of seconds",
    f"rediss://h?ssl_keyfile={__file__}": "names an ssl_keyfile and no ssl_certfile",
    f"rediss://h?ssl_ca_certs={__file__}": "certificates that cannot be read",
    "redis://me@h?hush@=1": "a special character in its password",
    "redis://:hu@sh?hush@h/0": "a special character in its password",
    "redis://h?retries=1": r"an option that is not known \(retries\)",
    "redis://h?ssl_cert_reqs=none": "write rediss://",
    "rediss://h?ssl_ca_certs=/no/such/hush": "wrong at ssl_ca_certs: that must be a file that is there",
    "rediss://h?ssl_cert_reqs=maybe": "none, optional or required",
    "redis://h?service=m": "write sentinel://",
    "redis://h?sentinel_password=hush": "write sentinel://",
    "sentinel://a,b/0": "names no service",
    "unix://": "names no Unix socket",
    "unix://h/run/redis.sock": "a Unix socket has none",
}


@pytest.mark.parametrize("url", READ)
def test_a_url_is_read(url: str) -> None:
    """What is shown of it holds no secret; a pool can be made without connecting."""
    shown, db, options = READ[url]
    address = Address.parse(url)
    assert (address.shown, address.db, dict(address.options)) == (shown, db, options)
    assert SECRET not in repr(address) + address.shown
    pool = address.pool(socket_timeout=9.0, socket_connect_timeout=9.0, socket_keepalive=True)
    assert pool.connection_kwargs["socket_timeout"] == options.get("socket_timeout", 9.0)
    assert pool.connection_kwargs["db"] == db


@pytest.mark.parametrize("url", WRONG)
def test_a_url_that_cannot_be_read_says_why(url: str) -> None:
    """In a sentence that names the variable and holds no part of a password."""
    with pytest.raises(InputError, match=WRONG[url]) as told:
        Address.parse(url)
    assert str(told.value).startswith("RETOUCH_REDIS_URL ")
    assert SECRET not in str(told.value)


def test_sentinels_are_asked_with_their_own_password() -> None:
    """The one before the hosts is that of Redis."""
    address = Address.parse("sentinel://:hush@a,b/0?service=m&sentinel_password=theirs")
    pool = address.pool(socket_timeout=1.0)
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.connection_kwargs["password"] == SECRET
    assert pool.sentinel_manager.sentinel_kwargs["password"] == "theirs"
    assert set(address.secrets) == {SECRET, "theirs"}


def test_certificates_are_checked_unless_the_url_says_otherwise(tmp_path: Path) -> None:
    """Also by the broker, whose library does not by itself."""
    authorities = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(authorities))
    for url, required in {
        "rediss://h": True,
        f"rediss://h?ssl_ca_certs={authorities}": True,
        "rediss://h?ssl_cert_reqs=none": False,
    }.items():
        connection: Any = Address.parse(url).pool().make_connection()
        assert (connection.cert_reqs.name == "CERT_REQUIRED") is required
        assert connection.check_hostname is required
